"""What the controls of a suite show the network, drawn for one photograph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skviz.data import ImageSet
from skviz.data.loading import ViewMaker
from skviz.errors import ImageError, UsageError
from skviz.files import check_output
from skviz.pictures.scaling import InputSpec
from skviz.reports.document import figure_part
from skviz.studies.controls.suite import ControlSuite
from skviz.studies.controls.views import example_views

if TYPE_CHECKING:
    from skviz.figures.studies.control_views import ControlViews

VIEWS = "views.png"


def views_of(suite: ControlSuite, images: ImageSet, number: int | None = None) -> ControlViews:
    """Return the views of every control of a suite, for one image of its data set.

    `number` chooses the image; by default the first that can be read. Raises `UsageError` or
    `ImageError` where it cannot.
    """
    from skviz.figures.studies.control_views import ControlViews

    settings = suite.plain.settings
    spec = settings["spec"]
    plain = ViewMaker(
        suite.plain.scales,
        InputSpec(spec["size"], spec["crop"], tuple(spec["mean"]), tuple(spec["std"])),
        settings["resample"],
        settings["fill"],
    )
    controls = [suite.control(name) for name in suite.entries]
    for index in range(len(images)) if number is None else [number]:
        try:
            rows = example_views(images.read(index), images.box(index), controls, plain)
        except (ImageError, UsageError):
            if number is not None:
                raise
            continue
        return ControlViews(rows, title=images.shown_name(index))
    raise UsageError(f"expected an image of '{suite.path}' that can be read, there is none")


def write_views(
    suite: ControlSuite, images: ImageSet, *, overwrite: bool = False, command: str | None = None
) -> Path:
    """Draw `views_of` into views.png in the suite's folder; raises `OutputError`.

    The file holds its caption and the `command` that is said to have made it.
    """
    from skviz.figures.provenance import Provenance

    path = check_output(suite.path / VIEWS, overwrite)
    part = figure_part("views", views_of(suite, images), Provenance.of_run(suite.plain))
    (written,) = part.save([path], command=command, overwrite=overwrite)
    return written
