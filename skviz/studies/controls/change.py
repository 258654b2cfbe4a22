"""A control as what is different in a run, and runs with one: see `skviz.runs.analyze`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from skviz.data import DataSource, ImageSet
from skviz.errors import UsageError
from skviz.runs.analyze import Change, Changed, prepare
from skviz.runs.options import OptionFields, Options
from skviz.runs.records import Run
from skviz.scales import DEFAULT_SCALES
from skviz.studies.controls.control import Control, parse_control
from skviz.studies.controls.views import control_views

if TYPE_CHECKING:
    from torch import nn

    from skviz.capture.probe import Probe
    from skviz.data.loading import ViewMaker
    from skviz.studies.controls.networks import Calibration


def change_of(control: Control | str | None, shared: Calibration | None = None) -> Change | None:
    """Return what a control, or the text that names it, changes in a run; None for none.

    `shared` are the images at 1.0x for the BN statistics of random networks, where several
    runs share them. What is returned raises `UnitError`, and `UsageError` without boxes.
    """
    if control is None:
        return None
    given = parse_control(control) if isinstance(control, str) else control

    def change(probe: Probe, images: ImageSet, plain: ViewMaker) -> Changed:
        if given == Control("masked", "box") and not images.boxed:
            raise UsageError(
                "expected a data set with boxes for the control 'masked-box', this one has none; "
                "pass --boxes, or use 'masked'"
            )
        control = given.for_units(probe.known)
        changed = Changed(control.to_dict(), control_views(control, plain))
        if not control.on_network:
            return changed
        # Takes seconds to import: only for those who need it.
        from skviz.studies.controls.networks import Calibration, random_network

        random = random_network(probe.network, control, probe.known, plain.spec)
        calibration = shared or Calibration(images, plain)
        kept = {"kept": list(random.kept)} if random.kept else {}
        return replace(
            changed,
            settings={**control.to_dict(), **kept},
            network=random.network,
            kept=random.kept,
            untrained=control.kind == "random",
            settle=lambda: random.settle(calibration, control.seed),
        )

    return change


def analyze(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = "all",
    progress: bool = True,
    control: Control | str | None = None,
    channels: str | Iterable[str] = (),
    **options: Unpack[OptionFields],
) -> Run:
    """Run a data set through a network at several scales; return the folder of records.

    Every image is enlarged as `skviz.enlarge` does, and the attention of the units is kept
    (figure 3 (c), figure 4). Unreadable images are skipped and listed in `Run.errors`.

    Parameters
    ----------
    dataset
        A folder of images, a manifest, "torchvision:NAME", a `DataSource` or an `ImageSet`.
    model
        The network, left as it was.
    out
        The folder of the run. An unfinished run goes on, a finished one is returned.
    scales
        Sizes of the central object; below 1 zooms out.
    units
        Names or patterns of the units to record.
    progress
        Whether to show on stderr how far it is.
    control
        Makes it a control of such a run: "blur", "random:7" (see `skviz controls --help`).
    channels
        Names or patterns of the units whose whole attention vectors are kept.
    **options
        The other fields of `skviz.runs.options.Options`, such as `batch_size` or `workers`.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    UsageError
        For wrong names, and for a run of other settings.
    OutputError
        For a folder that is something else or cannot be written.
    CaptureError, UnitError, ScaleError
        Where the network, its units or the scales do not fit.

    Examples
    --------
    >>> model = skviz.load_model()
    >>> run = skviz.analyze("images", model, out="runs/new", units="3_4", progress=False)
    >>> skviz.summarise(run, resamples=0).to_frame().shape
    (3, 7)
    """
    names = (channels,) if isinstance(channels, str) else tuple(channels)
    return prepare(
        dataset,
        model,
        out=out,
        scales=scales,
        units=units,
        options=Options(channels=names, **options),
        change=change_of(control),
    )(progress)
