"""Captions and alternative texts, written from the data that a figure shows.

`caption_of` has one function per display, in `caption_charts` and `caption_controls`. A display
of another room joins with `@caption_of.register`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch
from itertools import chain

from skviz.errors import UsageError
from skviz.figures import caption_charts, caption_controls
from skviz.figures.caption import Caption
from skviz.figures.provenance import Provenance
from skviz.numbers import counted

__all__ = ["Caption", "Provenance", "caption_of"]


@singledispatch
def caption_of(display: object, about: Provenance) -> Caption:
    """Write the caption of a display, or of several on one page, from its data.

    Raises `UsageError` for what is no display of skviz.
    """
    if isinstance(display, Sequence) and display and not isinstance(display, str):
        alike = len({type(part) for part in display}) == 1
        return _together([caption_of(part, about) for part in display], about, alike)
    raise UsageError(
        "expected a display of skviz, such as ChannelLines or UnitBars, to write a caption for,"
        f" got {type(display).__name__}"
    )


def _together(parts: Sequence[Caption], about: Provenance, alike: bool) -> Caption:
    """Join the captions of charts on one page; what is said of all is said once.

    Charts that are `alike` show one unit each; others show the same in several ways.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    more = f" (and {counted(len(parts) - 1, 'more unit')})" if alike else ""
    return Caption(
        title=f"{first.title}{more}",
        drawn=_flat(dict.fromkeys(part.drawn for part in parts)),
        details=tuple(dict.fromkeys(_flat(part.details for part in parts))),
        provenance=about,
        alt=" ".join(f"Chart {index}: {part.alt}" for index, part in enumerate(parts, 1)),
    )


def _flat(sentences: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(sentences))


for _write in (
    caption_charts.lines,
    caption_charts.bars,
    caption_charts.depth,
    caption_charts.classes,
    caption_charts.heatmap,
    caption_charts.thumbnails,
    caption_charts.overview,
    caption_controls.compared,
    caption_controls.field_maps,
    caption_controls.field_widths,
    caption_controls.interventions,
    caption_controls.views,
    caption_controls.verdicts,
):
    caption_of.register(_write)
