"""The receptive field of a unit as numbers: maps, widths with intervals, and what moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.frames import records
from skviz.runs.storage.settings import unit_to_dict
from skviz.scales import scale_label
from skviz.statistics.moments import nan_mean
from skviz.statistics.shifts import CONFIDENCE, FEWEST_CLUSTERS, _resampled_means, _tail
from skviz.studies.receptive_field.widths import map_extent, width_of
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    import pandas as pd

BRANCH, MIXED, CLAMPED, FIXED = "branch", "mixed", "clamped", "fixed"
FORMAT = "skviz receptive field 1"


@dataclass(frozen=True)
class Field:
    """What a field is of.

    `kind` is "branch" (the features U_m of one branch), "mixed" (the selected features V),
    "clamped" (V with all weight on one branch, in every unit up to this one), or "fixed" (V with
    the attention that every unit has at the reference scale). `label` names it for a reader.
    """

    kind: str
    label: str
    branch: int | None = None


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """Effective receptive field of a unit at S scales, for Q fields, over N images.

    Attributes
    ----------
    maps
        Shape (S, Q, H, W): the average over images of each image's map, which sums to 1.
    moments
        Those of each image's map, (N, S, Q, 4) (see `widths.moments`), nan where no gradient
        reached the input.
    attention
        The mean over channels of the attention of the largest kernel, (N, S).
    expected
        The expected kernel size in pixels of the feature map, (N, S), nan where it is unknown.
    about
        What was run.
    errors
        Which images could not be read.
    notes
        What a reader should know.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> field.maps.shape[0], field.labels
    (1, ('1.0x',))
    """

    unit: Unit
    scales: tuple[float, ...]
    fields: tuple[Field, ...]
    images: tuple[str, ...]
    maps: NDArray[np.float32]
    moments: FloatArray
    attention: FloatArray
    expected: FloatArray
    about: Mapping[str, Any]
    errors: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The scales as the paper writes them: "1.0x"."""
        return tuple(scale_label(scale) for scale in self.scales)

    @property
    def reference(self) -> int:
        """Index of the scale that changes are counted from: 1.0x, or else the first."""
        return self.scales.index(1.0) if 1.0 in self.scales else 0

    def index(self, kind: str, branch: int | None = None) -> int | None:
        """Return which of the Q fields is of this kind (and branch), or None."""
        for number, field in enumerate(self.fields):
            if field.kind == kind and branch in (None, field.branch):
                return number
        return None

    @cached_property
    def widths(self) -> FloatArray:
        """Width of the average map, shape (S, Q), in input pixels; see `widths.width_of`."""
        return width_of(nan_mean(self.moments))

    @property
    def image_widths(self) -> FloatArray:
        """Width of each image's own map, shape (N, S, Q), in input pixels."""
        return width_of(self.moments)

    @cached_property
    def extents(self) -> FloatArray:
        """Side of the square that holds 95 % of the average map, shape (S, Q), in input pixels."""
        return np.array([[map_extent(field) for field in row] for row in self.maps])

    @cached_property
    def _resampled(self) -> FloatArray:
        """Widths of the average maps of resampled images, shape (R, S, Q)."""
        n = len(self.images)
        table = self.moments.reshape(n, -1)
        drawn = _resampled_means(table, np.arange(n), n, resamples=2000, seed=0)
        return width_of(drawn.reshape(-1, *self.moments.shape[1:]))

    def interval(self, values: FloatArray) -> tuple[float, float]:
        """Return the 95 % bootstrap interval of resampled values (R,); nan for few images."""
        n = len(self.images)
        if n < FEWEST_CLUSTERS or np.isnan(values).any():
            return float("nan"), float("nan")
        tail = _tail(CONFIDENCE, n)
        low, high = np.quantile(values, (tail, 1 - tail))
        return float(low), float(high)

    def to_frame(self) -> pd.DataFrame:
        """Return the widths, one row per scale and field.

        Columns: `unit`, `scale`, `field`, `kind`, `branch`, `width` with `low` and `high` (95 %
        bootstrap over images), `extent` (both in input pixels), `change` of the width from the
        reference scale with `change_low` and `change_high`.
        """
        import pandas as pd

        rows = []
        base = self.reference
        for s, scale in enumerate(self.scales):
            for q, field in enumerate(self.fields):
                width, drawn = self.widths[s, q], self._resampled[:, :, q]
                low, high = self.interval(drawn[:, s])
                change = self.interval(drawn[:, s] - drawn[:, base])
                what = (self.unit.name, scale, field.label, field.kind, field.branch)
                measured = (width, low, high, self.extents[s, q])
                rows.append((*what, *measured, width - self.widths[base, q], *change))
        columns = ["unit", "scale", "field", "kind", "branch", "width", "low", "high", "extent"]
        columns += ["change", "change_low", "change_high"]
        frame = pd.DataFrame(rows, columns=columns)
        frame["branch"] = frame["branch"].astype("Int64")
        return frame

    def changes(self) -> pd.DataFrame:
        """Return what the change of the mixed field's width comes from, one row per scale and part.

        Parts, in input pixels, with 95 % bootstrap intervals over images: `total` from the
        reference scale; `picture`, with the attention kept at the reference scale; `attention`,
        the rest: what the attention's own change adds; `possible`, the width with all weight on
        the largest kernels minus that on the smallest: what attention could do at most.
        """
        import pandas as pd

        rows = []
        for s, scale in enumerate(self.scales):
            if s == self.reference:
                continue
            for part, (value, drawn) in self._parts(s).items():
                low, high = self.interval(drawn)
                rows.append((self.unit.name, scale, part, value, low, high))
        return pd.DataFrame(rows, columns=["unit", "scale", "part", "value", "low", "high"])

    def _parts(self, s: int) -> dict[str, tuple[float, FloatArray]]:
        base, mixed, fixed = self.reference, self.index(MIXED), self.index(FIXED)
        small = self.index(CLAMPED, self.unit.smallest)
        large = self.index(CLAMPED, self.unit.largest)
        pairs = {"total": ((s, mixed), (base, mixed))}
        if fixed is not None:
            pairs["picture"] = ((s, fixed), (base, mixed))
            pairs["attention"] = ((s, mixed), (s, fixed))
        if small is not None and large is not None:
            pairs["possible"] = ((s, large), (s, small))
        found = {}
        for part, ((s1, q1), (s2, q2)) in pairs.items():
            drawn = self._resampled[:, s1, q1] - self._resampled[:, s2, q2]
            found[part] = (float(self.widths[s1, q1] - self.widths[s2, q2]), drawn.reshape(-1))
        return found

    def relation(self) -> pd.DataFrame:
        """Return how the mixed field's width goes with attention over images, a row per scale.

        Columns: `scale`, `of` ("value", or "change" from the reference scale), `spearman` in
        [-1, 1] (rank correlation over images of the width of an image's map and the mean
        attention of the largest kernel in this unit), `p`, `n`. nan for fewer than 3 images.
        """
        import pandas as pd

        mixed = self.index(MIXED)
        widths, base = self.image_widths[:, :, mixed], self.reference
        rows = []
        for s, scale in enumerate(self.scales):
            pairs = {"value": (widths[:, s], self.attention[:, s])}
            if s != base:
                moved = self.attention[:, s] - self.attention[:, base]
                pairs["change"] = (widths[:, s] - widths[:, base], moved)
            for of, (x, y) in pairs.items():
                rows.append((scale, of, *_spearman(x, y)))
        return pd.DataFrame(rows, columns=["scale", "of", "spearman", "p", "n"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the maps, ready for JSON; numbers that are not known are null."""
        with_expected = not np.isnan(self.expected).all()
        return {
            "format": FORMAT,
            **self.about,
            "unit": unit_to_dict(self.unit),
            "scales": list(self.scales),
            "images": len(self.images),
            "errors": list(self.errors),
            "notes": list(self.notes),
            "fields": records(self.to_frame().drop(columns="unit")),
            "changes": records(self.changes().drop(columns="unit")),
            "relation": records(self.relation()),
            "attention": [float(mean) for mean in self.attention.mean(axis=0)],
            "expected_kernel": [float(m) for m in self.expected.mean(axis=0)]
            if with_expected
            else None,
        }


def _spearman(x: FloatArray, y: FloatArray) -> tuple[float, float, int]:
    from scipy import stats

    present = ~(np.isnan(x) | np.isnan(y))
    x, y = x[present], y[present]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan"), len(x)
    found = stats.spearmanr(x, y)
    return float(found.statistic), float(found.pvalue), len(x)
