"""What a report is made of, whatever its form: figures, tables and images with captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.figures.caption import Caption
from skviz.reports.tables import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from skviz.figures.display import Display
    from skviz.figures.provenance import Provenance
    from skviz.studies.image_result import ImageResult


@dataclass(frozen=True, eq=False)
class FigurePart:
    """One figure of a report.

    `name` is a file stem such as "lines_SK_3_4", `title` one message from the data, `display`
    the display object with its arrays. `draw(style)` draws it in a style that `figure_style`
    takes, `data()` returns the tidy data behind it.
    """

    name: str
    title: str
    caption: Caption
    display: Display
    draw: Callable[[str], Figure]
    data: Callable[[], pd.DataFrame]

    def save(
        self,
        files: Iterable[Path],
        style: str = "default",
        command: str | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Draw the figure once and write it to files; they hold its caption and the `command`.

        Raises `UsageError` for an unknown style, and `OutputError`.
        """
        from skviz.figures.metadata import figure_metadata
        from skviz.figures.save import save_figure
        from skviz.figures.style.sheets import figure_style

        figure, metadata = self.draw(style), figure_metadata(self.caption, command)
        with figure_style(style):  # which says how fine a PNG is
            return [save_figure(figure, file, metadata, overwrite=overwrite) for file in files]


@dataclass(frozen=True, eq=False)
class TablePart:
    """One table of a report: a frame of plain numbers and texts, and how to write them.

    `heads` has a column's words for a reader, `formats` how its values are written, by names in
    `tables.FORMATS`. A column without an entry is written as it is.

    `brief` names the columns that are enough where room is short: on slides and pages, whose
    texts are then wrapped rather than cut; the details of its caption are on the others.
    `prose` is True for a table of a name and a text per row: it is set as paragraphs, and stands
    in the notes of slides.
    """

    name: str
    title: str
    caption: Caption
    frame: pd.DataFrame
    heads: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    brief: tuple[str, ...] = ()
    prose: bool = False

    def in_brief(self) -> TablePart:
        """Return the table with the columns that are enough where room is short."""
        if not self.brief:
            return self
        caption = replace(self.caption, details=())
        return replace(self, frame=self.frame[list(self.brief)], caption=caption)

    @cached_property
    def table(self) -> Table:
        """The table as every writer takes it."""
        columns = (
            Column(self.heads.get(name, str(name)), self.formats.get(name, "text"))
            for name in self.frame.columns
        )
        return Table(tuple(columns), list(self.frame.itertuples(index=False, name=None)))


@dataclass(frozen=True, eq=False)
class ImagePart:
    """One image at all its scales, beside its figures and tables at a few of them.

    `result` has every scale that was computed: views (without pixels where the picture is
    gone), attention, classes. `shown` are the scales of the figures. `figures`
    and `tables` are also among those of the `Document`.
    """

    name: str
    title: str
    result: ImageResult
    shown: tuple[float, ...]
    figures: tuple[FigurePart, ...]
    tables: tuple[TablePart, ...]

    @property
    def parts(self) -> tuple[FigurePart | TablePart, ...]:
        """The figures and tables."""
        return (*self.figures, *self.tables)


@dataclass(frozen=True, eq=False)
class Document:
    """What a report holds. `facts` are pairs of a word and what it is; `notes` warnings."""

    title: str
    facts: list[tuple[str, str]]
    figures: list[FigurePart]
    tables: list[TablePart]
    notes: list[str]
    images: list[ImagePart]


def figure_part(
    name: str,
    display: Display,
    provenance: Provenance,
    data: Callable[[], pd.DataFrame] | None = None,
) -> FigurePart:
    """Return the part of a display; its data are the display's, or `data()` for more of them."""
    caption = display.caption(provenance)

    def draw(style: str = "default") -> Figure:
        from skviz.figures.layout.footer import with_note
        from skviz.figures.style.palette import of_scales
        from skviz.figures.style.sheets import figure_style

        with figure_style(style), of_scales(provenance.scales):
            return with_note(display.plot, caption)

    return FigurePart(name, caption.title, caption, display, draw, data or display.to_frame)


def table_part(
    name: str,
    title: str,
    text: str,
    frame: pd.DataFrame,
    provenance: Provenance,
    alt: str = "",
    details: tuple[str, ...] = (),
    **columns: Any,
) -> TablePart:
    """Return the part of a frame, whose caption is `text`; `columns` are `TablePart`'s."""
    if not alt:
        rows = frame.iloc[:, 0].astype(str).nunique()
        alt = f"Table of {len(frame)} rows and {len(frame.columns)} columns ({rows} in the first)."
    caption = Caption(title, (text,), details, provenance, alt)
    return TablePart(name, title, caption, frame, **columns)
