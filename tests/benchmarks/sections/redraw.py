"""How long figure 4 and the summary take on a run of ImageNet's size, against plain reading.

    python -m benchmarks.sections.redraw PART FOLDER

does one part on the run in FOLDER, and prints its seconds without imports, the processor's, and
the peak memory in MiB as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measuring import NOISE, Measured, Result, interleaved
from benchmarks.setting import TESTS, Setting, last_json, python

TITLE = "Redraw from records"
ABOUT = (
    "Synthetic records of {records:,} images, 3 scales, 16 units and up to 1,000 classes, "
    "written by the library's own writer. Reading: the Parquet files with PyArrow, and an empty "
    "Matplotlib figure saved as PNG. Figure: `summarise` and figure 4, saved as PNG. Summary: "
    "what `skviz summary` prints, without intervals and with. Fresh processes, without imports."
)
SHARE = 0.09
QUICK = True
FIGURE, SUMMARY = 3.0, 10.0
# Of a run of ImageNet's size; the bounds are for it.
_IMAGES, _CLASSES, _START = 50_000, 1000, 1.5


def run(setting: Setting) -> list[Measured]:
    images, quick = setting.size.records, not setting.size.long
    folder = setting.folder / f"records-{images}"
    if not folder.is_dir():
        write(folder, images)
    parts = ["figure", "summary"] if quick else ["figure", "summary", "bootstrap"]

    def part(name: str) -> Callable[[], float]:
        return lambda: in_process(name, folder, setting.threads)["seconds"]

    found = interleaved(
        part("read"),
        {name: part(name) for name in parts},
        setting.seconds,
        setting.size.least,
        most=7,
    )
    # Of few images, most of the time is starting: that has a second and a half more.
    limit = setting.bound(_START + SUMMARY * images / _IMAGES if quick else SUMMARY)
    note = f"a share of the 10 s for {_IMAGES:,} images, for {images:,}" if quick else ""
    results: list[Measured] = [
        Result(
            "figure 4",
            tuple(found.ratios["figure"]),
            "of plain reading",
            setting.bound(FIGURE),
            assumed=NOISE,
        ),
        Result("summary", tuple(found.seconds["summary"]), "s", limit, note, NOISE),
        Result("figure 4", tuple(found.seconds["figure"]), "s"),
        Result("plain reading", tuple(found.base), "s"),
    ]
    if not quick:
        intervals = tuple(found.seconds["bootstrap"])
        results.append(Result("summary with bootstrap intervals", intervals, "s"))
    return results


def write(folder: Path, images: int, shard_size: int = 512) -> None:
    """Write the run; channels are few, because only their number of arrays takes time."""
    sys.path.insert(0, str(TESTS / "helpers"))
    from synthetic import make_run, stage_units

    classes = max(1, _CLASSES * images // _IMAGES)
    labels = np.arange(images) % classes
    units = stage_units((3, 4, 6, 3), channels=16)
    make_run(folder, units, classes=classes, labels=labels, shard_size=shard_size)


def read(folder: Path) -> None:
    import pyarrow.parquet as pq
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for file in sorted((folder / "shards").glob("*.parquet")):
        pq.ParquetFile(file).read()
    figure = Figure(figsize=(9, 7))
    FigureCanvasAgg(figure)
    figure.add_subplot()
    figure.savefig(folder / "empty.png", dpi=200)


def figure(folder: Path) -> None:
    from skviz.figures.redraw import draw_run
    from skviz.figures.save import save_figure
    from skviz.inference.summary import summarise
    from skviz.runs.records import Run

    run = Run(folder)
    # A hundred classes of a thousand, as figure 4 has them.
    drawn = draw_run(summarise(run), "classes", every=max(1, len(run.classes) // 100))
    save_figure(drawn, folder / "classes.png", overwrite=True)


def summary(folder: Path, resamples: int = 0) -> None:
    from skviz.inference.summary import summarise

    summarise(folder, resamples=resamples).to_dict()


def bootstrap(folder: Path) -> None:
    summary(folder, 2000)


PARTS = {part.__name__: part for part in (read, figure, summary, bootstrap)}


def in_process(part: str, folder: Path, threads: int = 1) -> dict[str, float]:
    """Do one part in a process of its own: `seconds`, `busy` seconds, `peak_mib`."""
    text = python("-m", "benchmarks.sections.redraw", part, str(folder), threads=threads)
    found: dict[str, float] = last_json(text)
    return found


def main() -> None:
    import skviz.figures.redraw  # noqa: F401  (imports are not what is timed)

    part, folder = sys.argv[1], Path(sys.argv[2])
    start, busy = time.perf_counter(), time.process_time()
    PARTS[part](folder)
    seconds, processor = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "busy": processor, "peak_mib": peak}))


if __name__ == "__main__":
    main()
