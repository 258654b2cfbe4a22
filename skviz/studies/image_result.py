"""What was seen in one image at several scales: the numbers behind figure 3 (a) and (b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.capture.attention import Attention
from skviz.frames import Overview, ShowsTable
from skviz.names import escaped
from skviz.notes import Assumption
from skviz.pictures.scaling import Views
from skviz.runs.classes import finite_output, top_classes
from skviz.studies.unit_choice import UnitChoice
from skviz.units import Unit, notes_of

if TYPE_CHECKING:
    import pandas as pd

    from skviz.models import ModelInfo

# Share of a picture's area below which the usual crop is said to cut most of it away.
_MOSTLY_SEEN = 0.5


@dataclass(frozen=True, repr=False)
class ImageResult(ShowsTable):
    """The attention of one image at V scales.

    Attributes
    ----------
    views
        The enlarged images.
    attention
        Arrays of shape (V, M, C) for the units of `choice.all`.
    choice
        The units that are shown, and how.
    model
        Which network and weights they come from.
    control
        What is different from plainly enlarged views ("blur", see `skviz controls`), or None.

    Examples
    --------
    >>> result = skviz.analyze_image(skviz.example_photo(), skviz.load_model(), scales=(1, 2))
    >>> "attention" in result.to_frame().columns
    True
    """

    views: Views
    attention: Attention
    choice: UnitChoice
    model: ModelInfo
    control: str | None = None

    def __repr__(self) -> str:
        name, scales = self.image or "an image", ", ".join(self.views.labels)
        return f"{type(self).__name__}({name!r}, {self.model.name!r}, {scales})"

    def overview(self) -> Overview:
        """Return the attention difference per unit and scale as it is shown."""
        import pandas as pd

        rows = []
        for unit in self.choice.all:
            sign = "+" if unit.branches > 1 else ""
            values = [f"{value:{sign}.4f}" for value in self.values(unit)]
            rows.append((unit.name, " ".join(_kernels(unit)), *values))
        quantity = (
            "mean of the gate, in [0, 1]" if self.gates else "attention difference, in [-1, 1]"
        )
        title = f"{self.image or 'image'}: {self.model.name}, weights: {self.model.weights}"
        title = "\n".join([f"{title}; {quantity}", *self.notes])
        columns = ["unit", "kernels", *self.views.labels]
        return Overview(title, pd.DataFrame(rows, columns=columns))

    @property
    def image(self) -> str | None:
        """The image's file name, or None where it came from memory."""
        return self.views.source

    @property
    def reference(self) -> int:
        """Index of the scale that changes are counted from: 1.0x, or else the first."""
        return self.views.scales.reference

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the notes that nobody may miss who sees the numbers."""
        found = []
        if not self.model.trained:
            found.append("untrained network: this is the attention of random weights")
        if self._logits is not None and not finite_output(self._logits):
            found.append(
                "the class output is not finite (nan or inf), so no classes are shown; check the "
                "weights of the classifier"
            )
        if self.control is not None:
            found.append(f"control '{self.control}': these are not plainly enlarged views")
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to judge the numbers: of weights, pictures and units."""
        found = [*self.model.notes, *self.warnings]
        found += self._cut_away()
        labels = self.views.interpolated_labels
        if labels:
            found.append(
                f"interpolated at {', '.join(labels)}: the picture has fewer pixels there than "
                "the network's input"
            )
        return (*found, *notes_of(self.choice.all))

    def _cut_away(self) -> list[str]:
        """Say so where most of the picture is never seen, because nobody said where to look."""
        views = self.views
        if views.size is None or views.placed:
            return []
        widest = max(right - left for left, _, right, _ in views.boxes)
        share = widest**2 / (views.size[0] * views.size[1])
        if share >= _MOSTLY_SEEN:
            return []
        return [
            f"only the central {share:.0%} of the picture is seen; choose another part with --box "
            "or --center (in Python box, center)"
        ]

    @property
    def assumed(self) -> tuple[Assumption, ...]:
        """What had to be assumed to read the image."""
        return self.views.notes

    @property
    def classes(self) -> list[list[tuple[str, float]]] | None:
        """Per scale the three most probable classes with their probabilities.

        None for an untrained network, for one that is no classifier, and where its output is
        not finite.
        """
        logits = self._logits
        if logits is None or not finite_output(logits):
            return None
        names = self.model.classes
        return top_classes(logits, names if names and len(names) == logits.shape[1] else None)

    @property
    def _logits(self) -> NDArray[np.float32] | None:
        logits = self.attention.logits
        if logits is None or logits.ndim != 2 or not self.model.classifies:
            return None
        return logits

    @property
    def gates(self) -> bool:
        """Whether the units are gates of one branch: a mean applies, a difference does not."""
        return all(unit.branches == 1 for unit in self.choice.all)

    def values(self, unit: Unit) -> NDArray[np.float32]:
        """One number per scale, shape (V,): the attention difference, or the mean of a gate."""
        if unit.branches > 1:
            return self.attention.difference(unit.name)
        means: NDArray[np.float32] = self.attention[unit.name].mean(axis=(1, 2)).astype(np.float32)
        return means

    def rows(self) -> list[tuple[str, str, float, float, float]]:
        """Return the rows of `table`."""
        found = []
        for unit in self.choice.all:
            difference = self.values(unit)
            kernels = " ".join(_kernels(unit))
            for scale, value in zip(self.views.scales, difference.tolist(), strict=True):
                change = value - float(difference[self.reference])
                found.append((unit.name, kernels, scale, value, change))
        return found

    def table(self) -> pd.DataFrame:
        """Return the attention difference, one row per unit and scale.

        Columns: `unit`, `kernels`, `scale`, `difference` in [-1, 1] (section 4.4; for a gate,
        which has one branch, its mean in [0, 1]), and `change` from the reference scale.
        """
        import pandas as pd

        columns = ["unit", "kernels", "scale", "difference", "change"]
        return pd.DataFrame(self.rows(), columns=columns)

    def to_frame(self) -> pd.DataFrame:
        """Return the tidy attention, one row per unit, scale, branch and channel.

        Columns: `image`, `model`, `weights`, then those of `Attention.to_frame`.
        """
        frame = self.attention.to_frame()
        frame.insert(0, "image", None if self.image is None else escaped(self.image))
        frame.insert(1, "model", self.model.name)
        frame.insert(2, "weights", self.model.weights)
        return frame

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as the JSON document of `skviz attention --json`, without files.

        Per unit: `difference` (one per scale), `attention_mean` (per scale, per branch, each
        summing to 1), `kernels`, and `notes` on what was assumed. `classes` has per scale the
        most probable ones, or is None, `assumed` what had to be assumed to read the image.
        """
        classes = self.classes
        units = {
            unit.name: {
                "difference": _short(self.values(unit)) if unit.branches > 1 else None,
                "attention_mean": _short(self.attention[unit.name].mean(axis=-1, dtype=np.float64)),
                "kernels": _kernels(unit),
                "notes": list(unit.notes),
            }
            for unit in self.choice.all
        }
        return {
            "image": None if self.image is None else escaped(self.image),
            "model": self.model.name,
            "weights": {
                "name": self.model.weights,
                "sha256": self.model.sha256,
                "trained": self.model.trained,
                "notes": list(self.model.notes),
            },
            "note": "; ".join(self.notes) or None,
            "assumed": [str(note) for note in self.assumed],
            "scales": list(self.views.scales),
            "interpolated": list(self.views.interpolated),
            "classes": classes
            and [
                [{"class": name, "probability": round(p, 6)} for name, p in best]
                for best in classes
            ],
            "units": units,
        }


def _kernels(unit: Unit) -> list[str]:
    return [unit.branch_label(branch) for branch in range(unit.branches)]


def _short(values: NDArray[np.floating[Any]]) -> Any:
    """Nested lists of numbers, each with as many digits as a float32 has."""
    if values.ndim:
        return [_short(part) for part in values]
    return float(str(np.float32(values)))
