"""Figure styles: those that skviz ships, and every one that Matplotlib knows.

Each style of skviz, and so each place that a figure goes to, is a sheet of `skviz.assets.styles`,
which Matplotlib takes too:
`plt.style.use(["skviz.assets.styles.default", "skviz.assets.styles.talk"])`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

import matplotlib
import matplotlib.style

from skviz.errors import UsageError, did_you_mean
from skviz.figures.style.fonts import fallback_fonts
from skviz.figures.style.palette import COLORBLIND, in_palette, palette_colours

# Name and what it is for, as help says it.
PLACES = {
    "paper": "a column of 3.5 in, or with two columns 7.16 in",
    "thesis": "6 in",
    "talk": "a 16:9 slide, 13.33 x 7.5 in",
    "poster": "14 in",
    "web": "8 in at 192 dpi",
}
PALETTE = "palette:"  # before the name of a palette among the names of styles
STYLES = ("default", "paper", "paper-wide", "thesis", "talk", "poster", "web", "dark")


@contextmanager
def figure_style(name: str = "default", palette: str | None = None) -> Iterator[None]:
    """Draw in a style within a `with` block, and restore the settings behind it.

    All styles go over skviz's "default", and this over Matplotlib's own defaults: a matplotlibrc
    and settings made before change nothing. Whatever the style, text in PDF and SVG files stays
    text, and installed fonts help out for characters that the style's font lacks.

    Parameters
    ----------
    name
        One of `STYLES`, the name of a Matplotlib style, or several with commas between them, later
        ones over earlier ones: "talk,dark".
    palette
        The colours of the scales: "colorblind" (the usual ones), "paper" (the paper's blue, green
        and red), or a name that `seaborn.color_palette` takes. As part of the name it is
        "palette:NAME": "talk,dark,palette:Set2".

    Yields
    ------
    None
        Within the block the style holds.

    Raises
    ------
    UsageError
        For an unknown name.

    Examples
    --------
    >>> from skviz.figures import scale_styles
    >>> with figure_style("talk", palette="paper"):
    ...     [style.colour for style in scale_styles((1.0, 1.5, 2.0))]
    ['#1F4EAD', '#1B8A3A', '#C8171E']
    """
    if palette is not None:
        name = f"{name},{PALETTE}{palette}"
    names = style_names(name)
    chosen = [part.removeprefix(PALETTE) for part in names if part.startswith(PALETTE)]
    with matplotlib.rc_context(), in_palette(chosen[-1] if chosen else COLORBLIND):
        matplotlib.style.use("default")  # Matplotlib's own; it leaves the backend as it is.
        for one in ("default", *names):
            if not one.startswith(PALETTE):
                _apply(one)
        matplotlib.rcParams.update({"pdf.fonttype": 42, "svg.fonttype": "none"})
        # Matplotlib asks fonts named one by one; of "sans-serif" it takes the first only.
        named = [*matplotlib.rcParams["font.family"], *fallback_fonts()]
        matplotlib.rcParams["font.family"] = list(dict.fromkeys(named))
        yield


def style_names(name: str) -> tuple[str, ...]:
    """Return the names in "talk,dark".

    Parameters
    ----------
    name
        That of `figure_style`.

    Returns
    -------
    tuple of str
        One by one, without spaces.

    Raises
    ------
    UsageError
        If one of them is unknown.

    Examples
    --------
    >>> style_names("talk, dark")
    ('talk', 'dark')
    """
    names = tuple(part.strip() for part in name.split(","))
    known = [*STYLES, *(style for style in matplotlib.style.available if style not in STYLES)]
    for one in names:
        if one.startswith(PALETTE):
            palette_colours(one.removeprefix(PALETTE))
        elif one not in known:
            hint = did_you_mean(one, known)
            raise UsageError(
                f"unknown style '{one}'.{hint} skviz has {', '.join(STYLES)};"
                f" Matplotlib has {', '.join(known[len(STYLES) :])}"
            )
    return names


def place_style(
    place: str | None = None,
    *,
    columns: int = 1,
    dark: bool = False,
    style: str = "default",
    palette: str | None = None,
) -> str:
    """Return the style, for `figure_style`, of a figure that goes to a place.

    Parameters
    ----------
    place
        One of `PLACES`, or None for the sizes of `style`.
    columns
        How many columns of a paper the figure spans, 1 or 2.
    dark
        Light on dark.
    style
        What the place goes over.
    palette
        That of `figure_style`.

    Returns
    -------
    str
        Names with commas between them.

    Raises
    ------
    UsageError
        For an unknown place, and for `columns` outside of a paper.

    Examples
    --------
    >>> place_style("talk", dark=True)
    'default,talk,dark'
    """
    if place is not None and place not in PLACES:
        hint = did_you_mean(place, PLACES)
        raise UsageError(f"expected a place out of {', '.join(PLACES)}, got '{place}'.{hint}")
    if columns not in (1, 2):
        raise UsageError(f"expected 1 or 2 columns, got {columns}")
    if columns == 2 and place != "paper":
        raise UsageError(
            f"expected one column for {place or 'no place'}, got {columns}: only a paper has two"
            " (--for paper)"
        )
    sheet = "paper-wide" if columns == 2 else place
    colours = f"palette:{palette}" if palette else None
    return ",".join(filter(None, [style, sheet, "dark" if dark else None, colours]))


def _apply(name: str) -> None:
    if name not in STYLES:
        matplotlib.style.use(name)
        return
    with as_file(files("skviz.assets.styles") / f"{name}.mplstyle") as path:
        settings = matplotlib.rc_params_from_file(path, use_default_template=False)
    matplotlib.rcParams.update(settings)
