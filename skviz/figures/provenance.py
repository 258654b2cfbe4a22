"""What a figure is about: the network, the weights and the images behind its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.figures.wording import scales_in_words
from skviz.names import escaped
from skviz.numbers import counted, listed

if TYPE_CHECKING:
    from skviz.inference.compare import Comparison
    from skviz.inference.paper import PaperComparison
    from skviz.inference.summary import Summary
    from skviz.runs.records import Run
    from skviz.studies.image_result import ImageResult
    from skviz.studies.receptive_field.result import ReceptiveField

# What is different in the run of a control, by kind; {} stands for its word.
_CONTROLS = {
    "blur": "the 1.0x view reduced to 1/s and back: resolution is lost, nothing is enlarged",
    "object": "what the enlarged view shows at its 1.0x size, with a {} surround",
    "masked": "the object ({}) grows on a blank ground, without any change of context",
    "zoom-out": "the object is made smaller; the area outside the image is filled with {}",
    "resample": "images resized with the {} filter",
    "random": "all weights of the network are random",
    "cascade": "all weights from the classifier down to {} are random",
    "unit": "the weights of {} are random",
}
_AND = "' and '"  # between the data sets of two runs
_INCOMPLETE = "The run is not complete."


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of a figure come from.

    Attributes
    ----------
    network, weights
        Their names.
    trained
        Whether the weights are; untrained ones are warned of.
    images
        The number of images.
    classes
        That of the classes they are of, None without labels.
    dataset
        Its name.
    scales
        Those that were measured.
    image
        The file where the figure is about a single one, or None.
    control
        What `run.json` says of a control, or None.
    complete
        False for a run that is still under way.
    interpolated
        The scales, as labels, at which a single picture has fewer pixels than the network sees.
    notes
        What is to be known of the weights and inputs.

    Examples
    --------
    >>> Provenance.of_summary(skviz.summarise("runs/example", resamples=0)).images
    6
    """

    network: str
    weights: str
    trained: bool = True
    images: int = 1
    classes: int | None = None
    dataset: str | None = None
    scales: tuple[float, ...] = ()
    image: str | None = None
    control: Mapping[str, Any] | None = None
    complete: bool = True
    interpolated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of_run(cls, run: Run) -> Provenance:
        """Take it from a run's settings; raises `RunError` for a damaged run."""
        return cls._of_settings(run.settings, run.images, run.complete, len(run.present))

    @classmethod
    def of_summary(cls, summary: Summary) -> Provenance:
        """Take it from a summary's measurements."""
        measured = summary.measurements
        about = measured.about
        return cls._of_settings(
            {"model": {}, "dataset": {}, **about, "scales": summary.scales},
            len(measured.difference),
            bool(about.get("complete", True)),
            _classes(measured.labels),
        )

    @classmethod
    def of_image(cls, result: ImageResult) -> Provenance:
        """Take it from the result of a single image."""
        return cls(
            network=result.model.name,
            weights=result.model.weights,
            trained=result.model.trained,
            scales=result.views.scales,
            image=escaped(Path(result.image).name) if result.image else None,
            interpolated=result.views.interpolated_labels,
            notes=result.model.notes,
        )

    @classmethod
    def of_field(cls, field: ReceptiveField) -> Provenance:
        """Take it from a measured receptive field."""
        about, names = field.about, field.images
        return cls(
            network=str(about.get("model") or "unnamed network"),
            weights=str(about.get("weights") or "unknown"),
            trained=about.get("trained") is not False,
            images=len(names),
            scales=field.scales,
            image=Path(names[0]).name if len(names) == 1 else None,
            notes=tuple(about.get("weights_notes") or ()),
        )

    @classmethod
    def of_comparison(cls, comparison: Comparison | PaperComparison) -> Provenance:
        """Take it from a comparison, of two runs (both are named) or of one with the paper."""
        from skviz.inference.compare import Comparison

        if not isinstance(comparison, Comparison):
            return cls.of_summary(comparison.summary)
        common = comparison.common
        sides = [
            cls._of_settings({"model": {}, "dataset": {}, **about, "scales": ()}, 0, True)
            for about in (common.about_a, common.about_b)
        ]
        a, b = sides
        networks, weights = [_named(side) for side in sides], [side.weights for side in sides]
        return cls(
            network=_either(*networks),
            weights=_either(*weights),
            trained=a.trained or b.trained,
            images=common.images,
            classes=_classes(common.labels) or None,
            dataset=a.dataset if a.dataset == b.dataset else f"{a.dataset}{_AND}{b.dataset}",
            scales=comparison.scales,
            complete=a.complete and b.complete,
            notes=tuple(dict.fromkeys((*a.notes, *b.notes))),
        )

    @classmethod
    def _of_settings(
        cls, settings: Mapping[str, Any], images: int, complete: bool, classes: int = 0
    ) -> Provenance:
        model, data = settings["model"], settings["dataset"]
        return cls(
            network=str(model.get("name") or "unnamed network"),
            weights=str(model.get("weights") or "unknown"),
            trained=model.get("trained") is not False,
            images=images,
            classes=classes or None,
            dataset=data.get("root") or data.get("kind"),
            scales=tuple(settings["scales"]),
            control=settings.get("control"),
            complete=complete,
            notes=tuple(model.get("notes") or ()),
        )

    @property
    def single(self) -> bool:
        """Whether the numbers are those of one image, and no mean."""
        return self.dataset is None and self.images == 1

    @property
    def source(self) -> str:
        """The images in words: "the image 'dog.jpg'", "500 images of 'val' (10 classes)"."""
        if self.single:
            return f"the image '{self.image}'" if self.image else "one image"
        classes = f" ({counted(self.classes, 'class', 'classes')})" if self.classes else ""
        origin = f" of '{self.dataset}'" if self.dataset else ""
        return f"{counted(self.images, 'image')}{origin}{classes}"

    @property
    def note(self) -> str:
        """Network, weights and images, as short as a picture has room for."""
        if self.single:
            images = self.image or "one image"
        else:
            images = counted(self.images, "image")
            # "val" of "/data/imagenet/val": a picture has no room for a path.
            names = [Path(part).name or part for part in (self.dataset or "").split(_AND)]
            images += f" of '{_AND.join(names)}'" if self.dataset else ""
        control = [f"control: {control_in_words(self.control)}"] if self.control else []
        return "; ".join([f"{self.network}, weights: {self.weights}", images, *control])

    @property
    def warning(self) -> str:
        """What nobody may miss who sees the numbers; empty where there is nothing."""
        untrained = "" if self.trained else "Untrained network: its weights are random."
        return " ".join(filter(None, (untrained, "" if self.complete else _INCOMPLETE)))

    @property
    def sentences(self) -> str:
        """Network, weights, scales, and what a reader must know to judge the numbers."""
        parts = [f"Network: {self.network}; weights: {self.weights}."]
        if not self.trained:
            parts.append("The network is untrained: this is the attention of random weights.")
        parts += [f"Note: {note}." for note in self.notes]
        if self.scales:
            parts.append(f"Measured scales: {scales_in_words(self.scales)}.")
        if self.interpolated:
            labels = listed(self.interpolated)
            parts.append(f"Interpolated from fewer pixels than the network's input: {labels}.")
        if self.control:
            parts.append(f"This is a control: {control_in_words(self.control)}.")
        if not self.complete:
            parts.append(_INCOMPLETE)
        return " ".join(parts)


def _classes(labels: NDArray[Any] | None) -> int:
    """Return of how many classes images are; those without a label are of none."""
    return 0 if labels is None else len(np.unique(labels[labels >= 0]))


def _either(a: str, b: str) -> str:
    """Say what is the same of two runs once."""
    return a if a == b else f"a: {a}, b: {b}"


def _named(side: Provenance) -> str:
    """Return a network's name, and whether it is untrained or a control."""
    control = f"control {side.control.get('kind')}" if side.control else ""
    notes = ", ".join(filter(None, ("" if side.trained else "untrained", control)))
    return f"{side.network} ({notes})" if notes else side.network


def control_in_words(control: Mapping[str, Any]) -> str:
    """Say what is different in the run of a control (`run.json`'s entry)."""
    kind = str(control.get("kind"))
    words = [str(value) for key, value in control.items() if key not in ("kind", "seed", "kept")]
    text = _CONTROLS.get(kind, f"{kind} {{}}").format(words[0] if words else "").strip()
    return f"{text} (seed {control['seed']})" if "seed" in control else text
