"""A caption, and the phrases that captions have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from skviz.figures.provenance import Provenance
from skviz.figures.style.text import storable
from skviz.figures.wording import (
    DIGITS,
    MOST_LISTED,
    UNCHANGED,
    ends,
    extremes,
    from_to,
    number,
    per_scale,
    shifts,
    signed,
    trend,
    upper_first,
)
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.numbers import counted
from skviz.scales import scale_labels
from skviz.typing import FloatArray

DEVIATION = "\N{PLUS-MINUS SIGN} one standard deviation over images (n \N{MINUS SIGN} 1)"


@dataclass(frozen=True)
class Caption:
    """The words of a figure or table, as fields: they are joined where they are written.

    Attributes
    ----------
    title
        One line that says what the data shows.
    drawn
        The sentences on what is drawn, of which images and scales.
    details
        Those on what bars, bands and marks are, which also stand in the picture; of a table, on
        columns that need not be shown.
    provenance
        The network, the weights and the images, or None where nothing is known of them.
    alt
        The alternative text for who cannot see the figure: in numbers, what is to be seen.

    Examples
    --------
    >>> Caption("SK_3_4 rises", ("Mean over 500 images.",), ("Bars: deviations.",)).text
    'Mean over 500 images. Bars: deviations.'
    """

    title: str
    drawn: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    provenance: Provenance | None = None
    alt: str = ""

    @property
    def shown(self) -> str:
        """What is drawn and what its marks are, where the provenance stands elsewhere."""
        return " ".join([*self.drawn, *self.details])

    @property
    def text(self) -> str:
        """The whole caption, at whose end stands what is known of network and images."""
        known = self.provenance.sentences if self.provenance else ""
        return " ".join(filter(None, (self.shown, known)))

    @property
    def note(self) -> str:
        """What `with_note` writes into the picture: network and images, and what marks are."""
        known = (f"{self.provenance.note}.",) if self.provenance else ()
        return " ".join([*known, *self.details])

    @property
    def warning(self) -> str:
        """What nobody may miss who sees the picture; empty where there is nothing."""
        return self.provenance.warning if self.provenance else ""

    @property
    def description(self) -> str:
        """Caption and alternative text in one, as files store it."""
        return f"{self.text}\nAlternative text: {self.alt}"


def together(parts: Sequence[Caption], *, alike: bool) -> Caption:
    """Join the captions of charts on one page; what is said of all is said once.

    Charts that are `alike` show one unit each; others show the same in several ways.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    more = f" (and {counted(len(parts) - 1, 'more unit')})" if alike else ""
    return Caption(
        title=f"{first.title}{more}",
        drawn=tuple(chain(*dict.fromkeys(part.drawn for part in parts))),
        details=tuple(dict.fromkeys(chain(*(part.details for part in parts)))),
        provenance=first.provenance,
        alt=" ".join(f"Chart {index}: {part.alt}" for index, part in enumerate(parts, 1)),
    )


def null_words(scales: Sequence[float] | None) -> str:
    """Say what a hatched band is, at the scale that it belongs to."""
    where = f" at {scale_labels(scales)[-1]}" if scales else ""
    return f"Hatched: where this network would lie{where} if it shifted like random networks."


def mean_of(about: Provenance, what: str) -> str:
    """Return "Attention ... of the image 'dog.jpg'" or "Mean over 500 images ... of the ..."."""
    if about.single:
        return f"{upper_first(what)}, of {about.source}"
    return f"Mean over {about.source} of the {what}"


def message(
    unit: str,
    quantity: str,
    values: object,
    scales: Sequence[float],
    digits: int = DIGITS,
    change: FloatArray | None = None,
) -> str:
    """Return what a few numbers, one per scale, say: a title.

    `change` (2,) is the interval of the change over the scales, where there is one.
    """
    numbers = np.asarray(values, np.float64)
    if change_name(change) == NO_CLEAR_CHANGE:
        return f"{unit}: {NO_CLEAR_CHANGE} of {quantity} {from_to(scales)}"
    direction = trend(numbers, scales, digits)
    if not direction:
        return f"{unit}: {quantity} is {per_scale(numbers[:1], scales[:1], digits)}"
    labels, places = scale_labels(scales), ends(scales)
    start, end = (number(numbers[place], digits) for place in places)
    first, last = (labels[place] for place in places)
    if direction == UNCHANGED:
        return f"{unit}: {quantity} stays at {end} {from_to(scales)}"
    if start == end:
        return f"{unit}: {quantity} is {end} at {first} and again at {last}"
    return f"{unit}: {quantity} {direction} from {start} at {first} to {end} at {last}"


def unit_title(
    values: FloatArray,
    units: Sequence[str],
    scales: Sequence[float],
    quantity: str,
    change: FloatArray | None = None,
) -> str:
    """Return what a quantity of U units at V scales, (U, V), says: a title.

    `change` (U, 2) are the intervals of the changes over the scales, where there are any.
    """
    names = [storable(name) for name in units]
    quantity = quantity.partition(" (")[0]
    if len(names) == 1:
        only = None if change is None else change[0]
        return message(names[0], f"the {quantity}", values[0], scales, change=only)
    if len(scales) == 1:
        found = extremes(values[:, 0])
        where = f"is largest in {names[found[1]]}" if found else "has no values"
        return f"At {scale_labels(scales)[0]} the {quantity} {where}"
    if change is None or np.isnan(change).all():
        rising = int((shifts(values, scales) > 0).sum())
        return f"The {quantity} rises in {rising} of {len(names)} units {from_to(scales)}"
    counts = Counter(change_name(each) for each in change)
    if counts[NO_CLEAR_CHANGE] == len(names):
        return f"No clear change of the {quantity} {from_to(scales)} in any of {len(names)} units"
    unclear = f"; {NO_CLEAR_CHANGE} in {counts[NO_CLEAR_CHANGE]}" if counts[NO_CLEAR_CHANGE] else ""
    return (
        f"{upper_first(from_to(scales))} the {quantity} rises in {counts['rises']} of {len(names)}"
        f" units and falls in {counts['falls']}{unclear}"
    )


def units_in_words(
    values: FloatArray,
    units: Sequence[str],
    scales: Sequence[float],
    change: FloatArray | None = None,
) -> list[str]:
    """Say the values of every unit, or of many units what stands out; `change` as above."""
    names = [storable(name) for name in units]
    if len(names) <= MOST_LISTED:
        lines = []
        for index, (name, row) in enumerate(zip(names, values, strict=True)):
            unclear = change is not None and change_name(change[index]) == NO_CLEAR_CHANGE
            direction = NO_CLEAR_CHANGE if unclear else trend(row, scales)
            line = f"{name}: {per_scale(row, scales)}"
            lines.append(f"{line}; {direction}." if direction else line)
        return lines
    lines = []
    for label, column in zip(scale_labels(scales), values.T, strict=True):
        if found := extremes(column):
            low, high = found
            lines.append(
                f"At {label} values go from {number(column[low])} in {names[low]}"
                f" to {number(column[high])} in {names[high]}."
            )
    shift = shifts(values, scales)
    if len(scales) > 1 and (found := extremes(shift)):
        low, high = found
        lines.append(
            f"{upper_first(from_to(scales))} values rise in {int((shift > 0).sum())} of"
            f" {len(names)} units, most in {names[high]} ({signed(shift[high])}), least in"
            f" {names[low]} ({signed(shift[low])})."
        )
    return lines
