"""What a report holds, independent of its form: of a run, or of single images.

The writers (`skviz.reports.html` and its neighbours) take a `Contents` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.reports.parts import Contents, FigurePart, ImagePart, TablePart

if TYPE_CHECKING:
    from skviz.runs.records import Run
    from skviz.studies.image import ImageResult

__all__ = ["Contents", "FigurePart", "ImagePart", "TablePart", "image_contents", "run_contents"]


def run_contents(
    run: Run, controls: str | Path | None = None, *, resamples: int | None = None
) -> Contents:
    """Return the figures and tables of a run; its records are read, no network is touched.

    `controls` is a folder that `skviz controls` made: it adds the table of verdicts and their
    figure. `resamples` is the number of bootstrap resamples (0: no intervals).

    Raises `RunError` for a run without images or with damaged files, and `UsageError` where
    `controls` is no such folder.
    """
    from skviz.reports.of_run import contents_of_run

    return contents_of_run(run, None if controls is None else Path(controls), resamples)


def image_contents(results: Sequence[ImageResult]) -> Contents:
    """Return the figures and tables of single images, analysed or read back.

    Raises `UsageError` for no result at all.
    """
    from skviz.reports.of_images import contents_of_images

    return contents_of_images(results)
