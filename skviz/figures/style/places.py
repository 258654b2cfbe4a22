"""Where a figure goes: size, fonts, line widths and resolution for a paper, a talk, the web.

Each place is a style sheet of `skviz.assets.styles`, which Matplotlib takes too:
`plt.style.use(["skviz.assets.styles.default", "skviz.assets.styles.talk"])`.
"""

from __future__ import annotations

from skviz.errors import UsageError, did_you_mean

# Name and what it is for, as help says it.
PLACES = {
    "paper": "a column of 3.5 in, or with two columns 7.16 in",
    "thesis": "6 in",
    "talk": "a 16:9 slide, 13.33 x 7.5 in",
    "poster": "14 in",
    "web": "8 in at 192 dpi",
}


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
