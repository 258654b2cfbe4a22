"""Put a run, a suite of controls or images together for a reader, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.errors import UsageError
from skviz.files import AnyPath
from skviz.reports.document import Document
from skviz.reports.writers import writer_of

if TYPE_CHECKING:
    from skviz.runs.records import Run
    from skviz.studies.controls.suite import ControlSuite
    from skviz.studies.image_result import ImageResult


def write_report(
    source: Run | ControlSuite | ImageResult | Sequence[ImageResult],
    to: AnyPath,
    *,
    title: str | None = None,
    style: str = "default",
    sections: Sequence[str] = (),
    appendix: bool = False,
    template: AnyPath | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write figures, tables and captions of what was measured, in the form of the ending.

    Parameters
    ----------
    source
        What was measured. A suite of controls is its plain run with the verdicts.
    to
        ".html" is one page, ".pptx" a talk, ".pdf" a document; without an ending it is a folder.
    title
        Title of the report, instead of the names of network and data.
    style
        Style of figures and slides, as `figure_style` takes it. A page takes none.
    sections
        Slides only: which, in this order; by default all that there is something for.
    appendix
        Slides only: all other figures and all tables as well.
    template
        Slides only: a PowerPoint file whose masters, fonts and colours are used.
    overwrite
        Whether a report that is there may be replaced.

    Returns
    -------
    list of Path
        What was written, the report itself first.

    Raises
    ------
    UsageError
        For another ending, for what another form takes, and where an extra is not installed.
    OutputError
        Where the file cannot be written, or exists.
    RunError
        For a run without images or with damaged files.

    Examples
    --------
    >>> skviz.write_report(skviz.Run("runs/example"), "report.html")
    [PosixPath('report.html')]
    """
    talk = {"sections": tuple(sections), "appendix": appendix,
            "template": None if template is None else Path(template)}  # fmt: skip
    chosen = {name: value for name, value in talk.items() if value}
    write = writer_of(Path(to), overwrite, style, talk=chosen)
    document = _document(source)
    return write(document if title is None else replace(document, title=title))


def _document(source: object) -> Document:
    from skviz.runs.records import Run
    from skviz.studies.controls.suite import ControlSuite
    from skviz.studies.image_result import ImageResult

    if isinstance(source, Run | ControlSuite):
        from skviz.reports.documents.of_run import run_document

        if isinstance(source, Run):
            return run_document(source)
        return run_document(source.plain, source.path)
    results = [source] if isinstance(source, ImageResult) else source
    if isinstance(results, Sequence) and all(isinstance(one, ImageResult) for one in results):
        from skviz.reports.documents.of_images import image_document

        return image_document(list(results))
    raise UsageError(
        "expected a Run, a ControlSuite, or results of analyze_image to report on, got"
        f" {type(source).__name__}"
    )
