"""A caption, and the phrases that captions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skviz.figures.about import About
from skviz.figures.palette import scale_labels
from skviz.figures.wording import DIGITS, UNCHANGED, number, per_scale, trend, upper_first

DEVIATION = "one standard deviation over images (n \N{MINUS SIGN} 1) to either side"


@dataclass(frozen=True)
class Caption:
    """The words of a figure.

    `title` is one line that says what the data shows. `text` is the caption: what is drawn,
    of which network, weights, scales and images, and what the error bars are. `alt` is the
    alternative text for who cannot see the figure: in numbers, what is to be seen. `note` and
    `warning` are what `with_note` writes into the picture: in short, network and images and what
    the error bars are; and that the numbers are those of an untrained network.
    """

    title: str
    text: str
    alt: str
    note: str = ""
    warning: str = ""

    @property
    def description(self) -> str:
        """Caption and alternative text in one, as files store it."""
        return f"{self.text}\nAlternative text: {self.alt}"


def null_words(scales: Sequence[float] | None) -> str:
    """Say what a hatched band is, at the scale that it belongs to."""
    where = f" at {scale_labels(scales)[-1]}" if scales else ""
    return f"Hatched: where 95 % of random networks would put the value{where}."


def written(
    title: str, text: Sequence[str], alt: Sequence[str], about: About, marks: Sequence[str] = ()
) -> Caption:
    """Join sentences to a caption, at whose end stands what is known of network and images.

    `marks` are those that say what error bars and bands are, which the picture says, too.
    """
    return Caption(
        title,
        " ".join([*text, *marks, about.sentences]),
        " ".join(alt),
        note=" ".join([f"{about.note}.", *marks]),
        warning=about.warning,
    )


def mean_of(about: About, what: str) -> str:
    """Return "Attention ... of the image 'dog.jpg'" or "Mean over 500 images ... of the ..."."""
    if about.single:
        return f"{upper_first(what)}, of {about.source}"
    return f"Mean over {about.source} of the {what}"


def message(
    unit: str, quantity: str, values: object, scales: Sequence[float], digits: int = DIGITS
) -> str:
    """Return what a few numbers, one per scale, say: a title."""
    numbers = np.asarray(values, np.float64)
    direction = trend(numbers, scales, digits)
    if not direction:
        return f"{unit}: {quantity} is {per_scale(numbers[:1], scales[:1], digits)}"
    order = np.argsort(scales, kind="stable")
    labels = scale_labels(scales)
    first, last = int(order[0]), int(order[-1])
    value = number(numbers[last], digits)
    if direction == UNCHANGED:
        return f"{unit}: {quantity} stays at {value} from {labels[first]} to {labels[last]}"
    if number(numbers[first], digits) == value:
        return f"{unit}: {quantity} is {value} at {labels[first]} and again at {labels[last]}"
    return (
        f"{unit}: {quantity} {direction} from {number(numbers[first], digits)} at {labels[first]}"
        f" to {value} at {labels[last]}"
    )
