"""The summary of a run for the terminal: one screen of the units that matter, or every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from skviz.inference.changes import change_name
from skviz.inference.null import origin_of
from skviz.inference.verdicts import VERDICTS
from skviz.numbers import Writer, counted, number, percent, signed
from skviz.quantities import EXPECTED_KERNEL
from skviz.reports.tables import Column, Table
from skviz.scales import Scales, scale_label
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.inference.null import Place
    from skviz.inference.summary import Summary

Part = str | Table
DIFFERENCES = "attention difference, largest minus smallest kernel"
KERNELS = "expected kernel size in pixels"
_SCALES = 3  # columns of a screen of 80 characters


def head(found: Summary, columns: Sequence[int]) -> list[Part]:
    """Return what was measured, and the top-1 accuracy where images have labels.

    That is at the scales of `columns`.
    """
    about = found.measurements.about
    shares = [
        f"{scale_label(found.scales[column])} {percent(found.accuracy[column], 2)}"
        for column in columns
        if found.accuracy[column] is not None
    ]
    return [
        f"{about['run']}: {about['model']['name']}, weights: {about['model']['weights']}",
        f"{counted(len(found.measurements.difference), 'image')},"
        f" {counted(len(found.class_table.labels), 'class', 'classes')},"
        f" {about['unreadable']} unreadable",
        *([f"top-1 accuracy: {', '.join(shares)}"] if shares else []),
    ]


def screen(found: Summary, units: Sequence[Unit], verdicts: bool = False) -> list[Part]:
    """Return one table of the units: means, the change over all scales, and what to call it.

    With `verdicts` the table does not name the change: they follow. Expected kernel sizes are added
    where there are more than two branches and a screen has room for them.
    """
    kernels = found.quantity is EXPECTED_KERNEL
    columns = _columns(found)
    parts = [*head(found, columns), "", f"{KERNELS if kernels else DIFFERENCES}: mean over images"]
    parts.append(_means_and_change(found, units, columns, verdicts))
    if len(found.scales) > 1:
        ends = f"from {scale_label(found.scales[0])} to {scale_label(found.scales[-1])}"
        drawn = f"; {_resamples(found)}" if found.intervals else ""
        parts.append(f"change {ends}{drawn}")
    if not kernels and not verdicts and any(unit.branches > 2 for unit in units):
        parts += _kernels(found, units, columns)
    parts += _without_kernels(units)
    left_out = []
    if len(units) < len(found.units):
        left_out.append(f"{len(units)} of {len(found.units)} units (--units all shows the others)")
    if len(columns) < len(found.scales):
        left_out.append(f"{len(columns)} of {len(found.scales)} scales (--all shows the others)")
    return [*parts, f"shown: {', '.join(left_out)}"] if left_out else parts


def tables(found: Summary, units: Sequence[Unit]) -> list[Part]:
    """Return every table: means and deviations, the shifts between all scales, the trends."""
    kernels = found.quantity is EXPECTED_KERNEL
    subject = "the expected kernel size" if kernels else "the difference"
    parts = head(found, range(len(found.scales)))
    if not kernels:
        what = f"{DIFFERENCES}: mean (standard deviation)"
        parts += ["", what, _per_scale(found, units, signed, "mean", "std")]
    if kernels or any(unit.branches > 2 for unit in units):
        parts += _kernels(found, units)
    parts += _without_kernels(units)
    if len(found.scales) > 1:
        drawn = ""
        if found.intervals is not None:
            level = f"{100 * found.options.confidence:g} %"
            drawn = f", with {level} intervals ({_resamples(found)})"
        parts += ["", f"paired shift of {subject}{drawn}"]
        parts += ["p: Wilcoxon's test, which assumes independent images; Holm over units"]
        parts += [_shifts(found, units)]
    if len(found.scales) > 2:
        words = f"rise of {subject} over all scales (Page's test, one-sided)"
        parts += ["", words, _trends(found, units)]
    return parts


def null_tables(
    places: Mapping[str, Sequence[Place | None]], found: Summary, units: Sequence[Unit]
) -> list[Part]:
    """Return where each unit's shift lies among those of random networks."""
    columns = (
        Column("unit"),
        Column("mean", "signed"),
        Column("standard deviation", "plain"),
        Column("95 % interval", "interval"),
        Column("shift above", right=True),
        Column("p (Holm)", "p"),
    )
    origin = found.scales[origin_of(found.scales)]
    to = f"{scale_label(origin)} to {scale_label(found.scales[-1])}"
    words = {
        "raw": f"shift from {to} in random networks",
        "matched": "the same, scaled to this network's variation over images at 1.0x",
    }
    parts: list[Part] = []
    for kind, row in places.items():
        rows: list[list[Any]] = []
        for unit, place in zip(found.units, row, strict=True):
            if unit not in units:
                continue
            if place is None:
                rows.append([unit.name, None, None, (None, None), None, None])
                continue
            above = f"{place.above} of {place.seeds}"
            ends = (place.low, place.high)
            rows.append([unit.name, place.mean, place.std, ends, above, place.p_holm])
        parts += ["", words[kind], Table(columns, rows)]
    return parts


def verdict_table(claims: Sequence[Mapping[str, Any]], units: Sequence[Unit]) -> Table:
    """Return what each unit's shift is consistent with, of the claims of a verdict document."""
    names = {unit.name for unit in units}
    columns = (Column("unit"), Column("survives", partial(percent, digits=0)), Column("verdict"))
    rows = [
        [claim["unit"], claim["survives"], VERDICTS[claim["verdict"]]]
        for claim in claims
        if claim["unit"] in names
    ]
    return Table(columns, rows)


def _columns(found: Summary) -> list[int]:
    """Return which scales a screen shows: all, or the ends and one between, 1.0x if it can be."""
    last = len(found.scales) - 1
    if last < _SCALES:
        return list(range(last + 1))
    reference = Scales(found.scales).reference
    return [0, reference if 0 < reference < last else last // 2, last]


def _means_and_change(
    found: Summary, units: Sequence[Unit], shown: Sequence[int], verdicts: bool
) -> Table:
    if found.quantity is EXPECTED_KERNEL:
        table = _per_scale(found, units, _kernel_size, "expected_kernel", shown=shown)
    else:
        table = _per_scale(found, units, signed, "mean", shown=shown)
    if len(found.scales) == 1:
        return table
    columns = [Column("change", "signed")]
    if found.intervals is not None:
        columns.append(Column(f"{100 * found.options.confidence:g} % interval", "interval"))
        if not verdicts:
            columns.append(Column(""))
    shifts, ends = found.shifts.set_index("unit"), (found.scales[0], found.scales[-1])
    whole = shifts[(shifts["from_scale"] == ends[0]) & (shifts["to_scale"] == ends[1])]
    rows = []
    for row in table.rows:
        change = whole.loc[row[0]]
        interval = (change["low"], change["high"])
        more = (change["shift"], interval, change_name(interval) or change["note"])
        rows.append([*row, *more[: len(columns)]])
    return Table((*table.columns, *columns), rows)


def _per_scale(
    found: Summary,
    units: Sequence[Unit],
    write: Writer,
    *columns: str,
    shown: Sequence[int] | None = None,
) -> Table:
    """Return the means of the units at the scales `shown` (all), with deviations in brackets.

    `columns` are those of the means and of the deviations, if there are any.
    """
    frame = found.to_frame().set_index("unit")
    shown = range(len(found.scales)) if shown is None else shown

    def written(values: Sequence[float]) -> str:
        mean, *deviations = values
        return "".join([write(mean), *(f" ({number(value)})" for value in deviations)])

    rows = []
    for unit in units:
        values = frame.loc[[unit.name], [*columns]].to_numpy()
        rows.append([unit.name, *(values[v] for v in shown)])
    heads = [Column(scale_label(found.scales[v]), written) for v in shown]
    return Table((Column("unit"), *heads), rows)


def _kernels(
    found: Summary, units: Sequence[Unit], columns: Sequence[int] | None = None
) -> list[Part]:
    """Return the expected kernel sizes of the units that have them.

    Of the scales in `columns` the means, or of all of them the standard deviations as well.
    """
    known = [unit for unit in units if unit.kernels_known]
    if not known:
        return []
    if columns is None:
        table = _per_scale(found, known, number, "expected_kernel", "expected_kernel_std")
        return ["", f"{KERNELS}: mean (standard deviation)", table]
    table = _per_scale(found, known, _kernel_size, "expected_kernel", shown=columns)
    return ["", f"{KERNELS}: mean over images", table]


def _without_kernels(units: Sequence[Unit]) -> list[Part]:
    unknown = [unit.name for unit in units if not unit.kernels_known]
    which = "of no unit" if len(unknown) == len(units) else f"not of {', '.join(unknown)}"
    return [f"expected kernel size: {which}, for kernel sizes are not known"] if unknown else []


_kernel_size = partial(number, digits=3)


def _resamples(found: Summary) -> str:
    assert found.intervals is not None
    by = found.intervals.by
    drawn = counted(found.intervals.clusters, by, "classes" if by == "class" else None)
    return f"{found.options.resamples} bootstrap resamples of {drawn}, seed {found.options.seed}"


def _shifts(found: Summary, units: Sequence[Unit]) -> Table:
    shares = ("images", "classes", "channels")
    columns = (
        Column("unit"),
        Column("scales", right=True),
        Column("shift", "signed"),
        Column("interval", "interval"),
        Column("d_z", "effect"),
        Column("rank-bis.", "effect"),
        Column("p (Holm)", "p"),
        *(Column(f"{share} rise", "share") for share in shares),
        Column("", right=True),
    )
    frame = found.shifts[found.shifts["unit"].isin([unit.name for unit in units])]
    rows = []
    for row in frame.to_dict(orient="records"):
        scales = f"{scale_label(row['from_scale'])} to {scale_label(row['to_scale'])}"
        rest = [row[key] for key in ("dz", "rank_biserial", "p_holm", *shares, "note")]
        rows.append([row["unit"], scales, row["shift"], (row["low"], row["high"]), *rest])
    return _without_empty_notes(Table(columns, rows))


def _trends(found: Summary, units: Sequence[Unit]) -> Table:
    columns = (
        Column("unit"),
        Column("images", "count"),
        Column("correlation", partial(signed, digits=3)),
        Column("p (Holm)", "p"),
        Column("", right=True),
    )
    frame = found.trends[["unit", "n", "correlation", "p_holm", "note"]]
    frame = frame[frame["unit"].isin([unit.name for unit in units])]
    return _without_empty_notes(Table(columns, list(frame.itertuples(index=False, name=None))))


def _without_empty_notes(table: Table) -> Table:
    """Return the table without its last column where no row has a note."""
    if any(row[-1] for row in table.rows):
        return table
    return Table(table.columns[:-1], [row[:-1] for row in table.rows])
