"""The attention that a probe returns: arrays and names, no tensors, no modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UnitError
from skviz.frames import Overview, ShowsTable
from skviz.numbers import number, plain, signed
from skviz.quantities import DIFFERENCE, EXPECTED_KERNEL
from skviz.scales import Scales
from skviz.typing import Float32Array
from skviz.units import Unit, select_units

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Attention(ShowsTable):
    """Soft attention per unit: arrays of shape (B, M, C) that sum to 1 over M.

    Attributes
    ----------
    units
        The units in the order of execution.
    arrays
        By the name of a unit its attention, (B, M, C), in [0, 1].
    scales
        The scale of each of the B entries, where they are views of one image.
    logits
        The network's output (B, K), where the forward pass went to its end.

    Examples
    --------
    >>> model = skviz.load_model()
    >>> views = skviz.enlarge(skviz.example_photo(), (1, 2), spec=model)
    >>> attention = skviz.Probe(model, "3_4")(views)
    >>> attention["3_4"].shape[:2], attention.difference("3_4").shape
    ((2, 2), (2,))
    """

    units: tuple[Unit, ...]
    arrays: Mapping[str, Float32Array]
    scales: tuple[float, ...] | None = None
    logits: Float32Array | None = None

    def unit(self, name: str) -> Unit:
        """Return the unit of that name; raises `UnitError` if it was not captured."""
        found = select_units(name, self.units)
        if len(found) != 1:
            names = ", ".join(unit.short for unit in found)
            raise UnitError(f"expected the name of one unit, got '{name}', which means {names}")
        return found[0]

    def __getitem__(self, name: str) -> Float32Array:
        return self.arrays[self.unit(name).name]

    def __iter__(self) -> Iterator[str]:
        return (unit.name for unit in self.units)

    def __len__(self) -> int:
        return len(self.units)

    def __contains__(self, name: object) -> bool:
        try:
            self.unit(str(name))
        except UnitError:
            return False
        return True

    def branch(self, name: str, branch: int | None = None) -> Float32Array:
        """Attention of one branch of a unit, shape (B, C); the largest kernel by default."""
        unit = self.unit(name)
        return self.arrays[unit.name][:, unit.checked_branch(branch)]

    def difference(self, name: str) -> Float32Array:
        """Attention difference, shape (B,): mean over channels of largest minus smallest kernel.

        In [-1, 1]; for two branches it is 2 * mean(largest) - 1 (section 4.4, figure 3).
        Raises `UnitError` for a gate: it has one branch, and nothing to subtract.
        """
        unit = self.unit(name)
        if unit.branches < 2:
            raise UnitError(
                f"expected a unit of two branches or more, {unit.name} is a gate with one: it has "
                "no attention difference, use its mean"
            )
        gap = DIFFERENCE.of(self.arrays[unit.name], unit, axis=1)
        difference: Float32Array = gap.mean(axis=-1).astype(np.float32)
        return difference

    def expected_kernel(self, name: str) -> Float32Array | None:
        """Expected effective kernel size per channel, shape (B, C), in pixels; None if unknown.

        The sum over branches of attention times effective kernel size.
        """
        unit = self.unit(name)
        if not unit.kernels_known:
            return None
        return EXPECTED_KERNEL.of(self.arrays[unit.name], unit, axis=1).astype(np.float32)

    def to_numpy(self) -> dict[str, Float32Array]:
        """Return a dictionary from unit name to its array (B, M, C)."""
        return {unit.name: self.arrays[unit.name] for unit in self.units}

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table, one row per unit, entry (scale), branch and channel.

        Columns: `unit`, `scale` (or `sample`, without scales), `branch`, `kernel` (its
        label), `channel`, `attention` in [0, 1].
        """
        import pandas as pd

        column = "sample" if self.scales is None else "scale"
        frames = []
        for unit in self.units:
            array = self.arrays[unit.name]
            entries = self.scales or range(len(array))
            frames.append(channel_frame(unit, column, entries, {"attention": array}))
        return pd.concat(frames, ignore_index=True)

    def overview(self) -> Overview:
        """Return the attention difference per unit and scale as it is shown in a notebook.

        Without scales the mean over the batch stands in one column; of a gate, which has no
        difference, the mean attention is shown.
        """
        import pandas as pd

        gates = any(unit.branches == 1 for unit in self.units)
        count = len(next(iter(self.arrays.values()))) if self.arrays else 0
        if self.scales is None:
            columns = [f"mean of {count}"]
            title = f"attention of {count} inputs"
        else:
            columns = list(Scales(self.scales).labels)
            title = "attention at each scale"
        rows = []
        for unit in self.units:
            if unit.branches == 1:
                values = self.arrays[unit.name].mean(axis=(1, 2))
            else:
                values = self.difference(unit.name)
            shown = [values.mean()] if self.scales is None else values
            kernels = " ".join(unit.branch_label(branch) for branch in range(unit.branches))
            write = number if unit.branches == 1 else signed
            texts = (plain(write(value)) for value in shown)
            rows.append((unit.name, kernels, unit.channels, *texts))
        what = "mean over channels of largest minus smallest kernel"
        if gates:
            what += "; for gates the mean"
        names = ["unit", "kernels", "channels", *columns]
        return Overview(f"{title}: {what}", pd.DataFrame(rows, columns=names))

    def __repr__(self) -> str:
        return self.overview().text


def channel_frame(
    unit: Unit, column: str, entries: Sequence[float], values: Mapping[str, NDArray[Any]]
) -> pd.DataFrame:
    """Return one row per entry (such as a scale), branch and channel of a unit.

    `values` are arrays (entries, M, C), each a column after `unit`, the entry's `column`,
    `branch`, `kernel` (its label) and `channel`.
    """
    import pandas as pd

    _, branches, channels = next(iter(values.values())).shape
    index = pd.MultiIndex.from_product(
        [entries, range(branches), range(channels)], names=[column, "branch", "channel"]
    )
    columns = {name: array.reshape(-1) for name, array in values.items()}
    frame = pd.DataFrame(columns, index=index).reset_index()
    frame.insert(0, "unit", unit.name)
    labels = {branch: unit.branch_label(branch) for branch in range(branches)}
    frame.insert(3, "kernel", frame["branch"].map(labels))
    return frame
