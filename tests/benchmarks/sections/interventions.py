"""Passes from the first replaced unit on, against whole passes for every target and kind."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.measuring import Measured, Result, rounds
from benchmarks.pictures import write_photographs
from benchmarks.setting import SCALES, Setting, network
from skviz.data import DataSource, Subset
from skviz.errors import CaptureError
from skviz.runs.options import Options
from skviz.studies.interventions import passes
from skviz.studies.interventions.measure import prepare_interventions

TITLE = "Interventions"
ABOUT = (
    "`skviz intervene` on 96 photographs at three scales, {bundled}, the paper's units and all "
    "kinds, one thread; including tracing, without the baseline. A network that cannot be "
    "traced needs whole passes."
)
SHARE = 0.005
QUICK = False
LIMIT = 0.45


def run(setting: Setting) -> list[Measured]:
    torch.set_num_threads(1)
    model = network(setting.size.bundled).eval()
    photos = setting.folder / "photos"
    count = 96 if setting.size.checked else 4
    write_photographs(photos, count)
    replay, ratios, seconds = passes.Replay, [], []

    def refuse(*given: object) -> None:
        raise CaptureError("whole passes are asked for")

    for number in rounds(setting.seconds, 1, 5):
        times = []
        for name, how in (("short", replay), ("whole", refuse)):
            passes.Replay = how  # type: ignore[assignment,misc]
            times.append(_seconds(model, photos, count, setting.folder / f"{name}-{number}"))
        ratios.append(times[0] / times[1])
        seconds.append(times[0])
    passes.Replay = replay  # type: ignore[misc]
    return [
        Result("from the unit on", tuple(ratios), "of whole passes", setting.bound(LIMIT)),
        Result("from the unit on, seconds", tuple(seconds), "s"),
    ]


def _seconds(model: torch.nn.Module, photos: Path, count: int, out: Path) -> float:
    source = DataSource(str(photos), subset=Subset((), None, None, count, None))
    units = "paper" if count > 4 else "all"
    options = Options(engine="tuned", workers=0)
    work = prepare_interventions(
        source, model, out=out, scales=SCALES, units=units, options=options
    )
    work(progress=False)
    return work.seconds["interventions"]
