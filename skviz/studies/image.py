"""One image through a network at several scales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skviz.errors import ImageError, NoInputError, ScaleError
from skviz.pictures.images import ImageSource
from skviz.pictures.scaling import enlarge
from skviz.scales import DEFAULT_SCALES
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import UnitChoice, choose_units

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skviz.capture.probe import Probe
    from skviz.models import ModelInfo


@dataclass(frozen=True)
class ImageAnalysis:
    """A network made ready for many images: its probe is set up once.

    `probe` captures the units of `choice`; `model` is what is known of the network.
    """

    probe: Probe
    choice: UnitChoice
    model: ModelInfo

    @classmethod
    def of(
        cls,
        model: nn.Module,
        stages: Iterable[str] = (),
        *,
        attention: str | Sequence[str] | None = None,
        photographs: Iterable[ImageSource] = (),
    ) -> ImageAnalysis:
        """Choose the units of a network by name; raises `UnitError` and `CaptureError`.

        `attention` tells where the attention is (see `Probe`). Where no input that is made up
        fits the network, it is looked into with the first of the photographs that can be read.
        """
        from skviz.capture.probe import Probe
        from skviz.capture.trained import settled

        try:
            probe = Probe(model, attention=attention)
        except NoInputError:
            example = _first_readable(photographs, model)
            if example is None:
                raise
            probe = Probe(model, attention=attention, example=example)
        choice = choose_units(probe.units, stages)
        probe = probe.only([unit.name for unit in choice.all])
        return cls(probe, choice, settled(probe))

    def __call__(
        self,
        source: ImageSource,
        scales: Iterable[float] = DEFAULT_SCALES,
        *,
        resample: str = "bicubic",
        fill: str = "mean",
        box: Sequence[float] | None = None,
        center: Sequence[float] | None = None,
        control: str | None = None,
    ) -> ImageResult:
        """Analyze one image; see `analyze_image`."""
        how = {"resample": resample, "fill": fill, "box": box, "center": center}
        if control is None:
            views = enlarge(source, scales, self.model.spec, **how)  # type: ignore[arg-type]
        else:
            from skviz.studies.controls.control import parse_control
            from skviz.studies.controls.views import controlled

            given = parse_control(control)
            views = controlled(source, given, scales, self.model.spec, **how)  # type: ignore[arg-type]
        # A trained classifier runs to its end: the reader sees what it takes the picture for.
        attention = self.probe(views, logits=self.model.classifies)
        return ImageResult(views, attention, self.choice, self.model, control)


def analyze_image(
    source: ImageSource,
    model: nn.Module,
    *,
    stages: Iterable[str] = (),
    scales: Iterable[float] = DEFAULT_SCALES,
    resample: str = "bicubic",
    fill: str = "mean",
    box: Sequence[float] | None = None,
    center: Sequence[float] | None = None,
    control: str | None = None,
) -> ImageResult:
    """Enlarge an image, run it through a network, and return the attention of its units.

    Parameters
    ----------
    source
        Anything that `read_image` takes.
    model
        The network, left as it was.
    stages
        The units to show channel by channel (see `choose_units`); the last unit of every stage
        is captured too.
    scales
        Sizes of the central object.
    resample, fill, box, center
        Those of `skviz.enlarge`.
    control
        A control of what the network sees, "blur", "object-blurred", "masked" and the like (see
        `skviz controls --help`), in place of plainly enlarged views.

    Returns
    -------
    ImageResult
        The attention, with a table and a JSON document of it.

    Raises
    ------
    ImageError, ScaleError, UnitError, CaptureError
        Each saying what to do.

    Examples
    --------
    >>> result = skviz.analyze_image(skviz.example_photo(), skviz.load_model(), stages=["3_4"])
    >>> result.views.labels
    ('1.0x', '1.5x', '2.0x')
    """
    return ImageAnalysis.of(model, stages)(
        source,
        scales,
        resample=resample,
        fill=fill,
        box=box,
        center=center,
        control=control,
    )


def _first_readable(photographs: Iterable[ImageSource], model: nn.Module) -> Tensor | None:
    """The first photograph that can be read, (1, 3, H, W), as the network takes it."""
    import torch

    from skviz.models import model_info

    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    for photograph in photographs:
        with suppress(ImageError, ScaleError):
            views = enlarge(photograph, (1.0,), model_info(model).spec)
            return views.images.to(like.device, like.dtype)
    return None
