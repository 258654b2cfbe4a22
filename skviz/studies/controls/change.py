"""A control as a change of a run: see `skviz.runs.change`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from skviz.data import DataSource, ImageSet
from skviz.errors import UsageError
from skviz.runs.analyze import prepare
from skviz.runs.change import Replacement
from skviz.runs.options import Options
from skviz.runs.records import Run
from skviz.scaling import DEFAULT_SCALES, InputSpec
from skviz.studies.controls.control import Control, parse_control
from skviz.studies.controls.views import control_views

if TYPE_CHECKING:
    from torch import nn

    from skviz.capture.probe import Probe
    from skviz.data.loading import ViewMaker
    from skviz.studies.controls.networks import Calibration


@dataclass(frozen=True)
class ControlChange:
    """What a control changes in a run.

    `calibration` are the images at 1.0x for the BN statistics of random networks, where several
    runs share them.
    """

    control: Control
    calibration: Calibration | None = None

    def bind(self, probe: Probe, images: ImageSet) -> ControlChange:
        """Give its unit the full name; raises `UnitError`, and `UsageError` without boxes."""
        if self.control == Control("masked", "box") and not images.boxed:
            raise UsageError(
                "expected a data set with boxes for the control 'masked-box', this one has none; "
                "pass --boxes, or use 'masked'"
            )
        return replace(self, control=self.control.for_units(probe.known))

    @property
    def untrained(self) -> bool:
        """Whether all weights are random."""
        return self.control.kind == "random"

    def to_dict(self) -> dict[str, Any]:
        """Return what `run.json` says of the control."""
        return self.control.to_dict()

    def views(self, plain: ViewMaker) -> ViewMaker:
        """Return what makes its views."""
        return control_views(self.control, plain)

    def replacement(
        self, probe: Probe, spec: InputSpec, images: ImageSet, plain: ViewMaker
    ) -> Replacement | None:
        """Return the network with random weights; None for a control of the views."""
        if not self.control.on_network:
            return None
        # Takes seconds to import: only for those who need it.
        from skviz.studies.controls.networks import Calibration, random_network

        random = random_network(probe.network, self.control, probe.known, spec)
        calibration = self.calibration or Calibration(images, plain)
        seed = self.control.seed
        return Replacement(random.network, random.kept, lambda: random.settle(calibration, seed))


def change_of(control: Control | str | None) -> ControlChange | None:
    """Return the change that a control, or the text that names it, makes; None for none."""
    if control is None:
        return None
    return ControlChange(parse_control(control) if isinstance(control, str) else control)


def analyze(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = "all",
    progress: bool = True,
    control: Control | str | None = None,
    **options: Any,
) -> Run:
    """Run a data set through a network at several scales; return the folder of records.

    `dataset` is a folder of images, a manifest, "torchvision:NAME", a `DataSource` or an
    `ImageSet`. Every image is enlarged as `skviz.enlarge` does, and the attention of `units` is
    kept in `out` (figure 3 (c), figure 4). Calling it again with an unfinished run goes on with
    it, with a finished one it returns it. `control` makes it a control of such a run ("blur",
    "random:7": see `skviz.studies.controls.parse_control`). `options` are the fields of
    `Options`.

    Unreadable images are skipped and listed in `Run.errors`. Raises `UsageError` for wrong
    names and for a run of other settings, `OutputError` for a folder that is something else or
    cannot be written, `CaptureError`, `UnitError`, `ScaleError`.
    """
    return prepare(
        dataset,
        model,
        out=out,
        scales=scales,
        units=units,
        options=Options(**_tuples(options)),
        change=change_of(control),
    )(progress)


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    names = options.get("channels", ())
    channels = (names,) if isinstance(names, str) else tuple(names)
    return {**options, "channels": channels}
