"""Every figure of a run, drawn from its summary: no network is touched."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from skviz.displays import ALIASES, DISPLAYS
from skviz.errors import UsageError, did_you_mean
from skviz.figures.style.palette import of_scales
from skviz.figures.style.sheets import figure_style
from skviz.quantities import DIFFERENCE, find_quantity

if TYPE_CHECKING:
    from skviz.figures.caption import Caption
    from skviz.figures.display import RunDisplay
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

RUN_FIGURES = tuple(DISPLAYS)


def draw_run(
    summary: Summary,
    kind: str,
    null: Sequence[AnyMeasurements] = (),
    *,
    style: str = "default",
    palette: str | None = None,
    paper: bool = False,
    **options: Any,
) -> Figure:
    """Draw a figure of a run from its summary.

    Parameters
    ----------
    summary
        Of the run: `skviz.summarise(run)`.
    kind
        A name of `skviz.figures.RUN_FIGURES`: "lines" (figure 3 (c), left), "bars" (its right),
        "3c" (both), "classes" (figure 4), "units" (all units along the depth) or "channels" (heat
        map of channels and scales).
    null
        Measurements of random networks on the same images: a band shows where they would put a
        value.
    style, palette
        Names for `figure_style`.
    paper
        Show the paper's values, too: over the figure, for lines in a panel beside it.
    **options
        `units` (names) and `scales` choose some of the run's; the others are those of the
        display's `from_summary`: `deviations`, `quantity`, `group`, `branch`, `every`, `smooth`,
        `sort`.

    Returns
    -------
    Figure
        With network, images and what error bars are below it.

    Raises
    ------
    UnitError, ScaleError
        For what the run does not have.
    UsageError
        For an unknown figure, and for options that do not fit the figure or the run.

    Examples
    --------
    >>> summary = skviz.summarise("runs/example", resamples=0)
    >>> figure = skviz.draw_run(summary, "bars", deviations=False)
    """
    return drawn_run(summary, kind, null, style=style, palette=palette, paper=paper, **options)[0]


def drawn_run(
    summary: Summary,
    kind: str,
    null: Sequence[AnyMeasurements] = (),
    *,
    style: str = "default",
    palette: str | None = None,
    paper: bool = False,
    **options: Any,
) -> tuple[Figure, Caption]:
    """Draw a figure of a run, and write its caption.

    Parameters
    ----------
    summary, kind, null, style, palette, paper, **options
        Those of `draw_run`.

    Returns
    -------
    Figure, Caption
        The figure, with a note below it, and its whole caption.

    Raises
    ------
    UnitError, ScaleError, UsageError
        As `draw_run` does.

    Examples
    --------
    >>> summary = skviz.summarise("runs/example", resamples=0)
    >>> figure, caption = drawn_run(summary, "bars")
    >>> caption.provenance.images
    6
    """
    from skviz.figures.display import caption_of
    from skviz.figures.layout.footer import with_note
    from skviz.figures.provenance import Provenance

    if paper:
        check_options(kind, {"paper": True})
        _check_paper(summary, options.get("quantity"))
    displays = run_displays(summary, kind, null, **options)
    caption = caption_of(displays, Provenance.of_summary(summary))
    shown = find_display(kind)
    if paper:
        details = (*caption.details, *shown.paper_details)
        caption = replace(caption, drawn=(*caption.drawn, shown.paper_words), details=details)
    with figure_style(style, palette), of_scales(summary.scales):
        return with_note(lambda: shown.page(displays, paper), caption), caption


def run_displays(
    summary: Summary, kind: str, null: Sequence[AnyMeasurements] = (), **options: Any
) -> list[RunDisplay]:
    """Return what `draw_run` draws: one display, or one per unit (lines and channels).

    Parameters
    ----------
    summary, kind, null, **options
        Those of `draw_run`.

    Returns
    -------
    list of RunDisplay
        With arrays, data and captions.

    Raises
    ------
    UnitError, ScaleError, UsageError
        As `draw_run` does.

    Examples
    --------
    >>> (bars,) = run_displays(skviz.summarise("runs/example", resamples=0), "bars")
    >>> bars.to_frame()["unit"].tolist()
    ['3_4', '3_4']
    """
    if null:
        options["null"] = null
    check_options(kind, options)
    return list(find_display(kind).of_run(summary, **options))


def find_display(name: str) -> type[RunDisplay]:
    """Return the display of a name; raises `UsageError` for an unknown one.

    Examples
    --------
    >>> find_display("bars").__name__, find_display("4").__name__
    ('UnitBars', 'ClassCurves')
    """
    name = ALIASES.get(name, name)
    if name not in DISPLAYS:
        hint = did_you_mean(name, DISPLAYS)
        raise UsageError(f"expected a figure out of {', '.join(DISPLAYS)}, got '{name}'.{hint}")
    module, _, cls = DISPLAYS[name].address.partition(":")
    found: type[RunDisplay] = getattr(importlib.import_module(module), cls)
    return found


def check_options(kind: str, options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option that the figure does not take, or an unknown quantity."""
    own = find_display(kind).options()
    for name in options:
        if name not in own:
            raise UsageError(_wrong_option(kind, name))
    if options.get("quantity") is not None:
        find_quantity(options["quantity"])


def _wrong_option(kind: str, name: str) -> str:
    takes = {other: find_display(other).options() for other in DISPLAYS}
    others = [other for other in DISPLAYS if name in takes[other]]
    if others:
        return f"'{name}' belongs to the figure {' or '.join(others)}, got '{kind}'; leave it out"
    known = sorted(set().union(*takes.values()))
    return f"expected options out of {', '.join(known)}, got '{name}'.{did_you_mean(name, known)}"


def _check_paper(summary: Summary, quantity: str | None) -> None:
    from skviz.figures.runs.published import require_sknet50

    quantity = quantity or summary.options.quantity
    if quantity != DIFFERENCE.key:
        raise UsageError(
            f"expected the attention difference, which the paper shows, got '{quantity}';"
            " leave the paper's values out"
        )
    require_sknet50(summary.units)
