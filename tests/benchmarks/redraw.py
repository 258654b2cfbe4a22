"""How long figure 4 and the summary take on a run of ImageNet's size, against plain reading.

Writes made-up records of 50,000 images, 3 scales, 16 units and 1,000 classes (about 2.4 million
rows) with the library's own writer, and times, in a fresh process each and the best of three:

    read      the Parquet files with PyArrow, and an empty Matplotlib figure saved as PNG
    figure    `Run.summary` and figure 4, saved as PNG
    summary   `skviz summary --no-bootstrap`: everything it prints
    bootstrap the same with intervals

    python tests/benchmarks/redraw.py [--images 50000] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]
CLASSES = 1000


def write(folder: Path, images: int, shard_size: int) -> None:
    """Write the run; channels are few, because only their number of arrays takes time."""
    from synthetic import make_run, stage_units

    labels = np.arange(images) % CLASSES
    units = stage_units((3, 4, 6, 3), channels=16)
    make_run(folder, units, classes=CLASSES, labels=labels, shard_size=shard_size)


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
    from skviz.analysis.records import Run
    from skviz.figures.redraw import draw_run
    from skviz.figures.save import save_figure

    drawn = draw_run(Run(folder).summary(), "classes", every=10)
    save_figure(drawn, folder / "classes.png", overwrite=True)


def summary(folder: Path, resamples: int = 0) -> None:
    from skviz.analysis.records import Run

    Run(folder).summary(resamples=resamples).to_dict()


def bootstrap(folder: Path) -> None:
    summary(folder, 2000)


PARTS = {part.__name__: part for part in (read, figure, summary, bootstrap)}


def timed(folder: Path, part: str) -> tuple[float, float, float]:
    """Return seconds, seconds of processor time (both without imports) and peak memory in MiB."""
    command = [sys.executable, __file__, "--part", part, "--keep", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, busy, memory = map(float, done.stdout.split())
    return seconds, busy, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--shard-size", type=int, default=512)
    parser.add_argument("--keep", type=Path, help="folder of the run; made if it is not there")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        import skviz.figures.redraw  # noqa: F401  (imports are not what is timed)

        start, busy = time.perf_counter(), time.process_time()
        PARTS[options.part](options.keep)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(time.perf_counter() - start, time.process_time() - busy, peak)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "run"
        if not folder.is_dir():
            write(folder, options.images, options.shard_size)
        # Interleaved, so that all parts see the same load of the machine.
        runs = [{part: timed(folder, part) for part in PARTS} for _ in range(3)]
        best = {part: min(run[part] for run in runs) for part in PARTS}
        for part, (seconds, busy, memory) in best.items():
            print(f"{part:10s} {seconds:7.3f} s, processor {busy:7.3f} s, peak {memory:5.0f} MiB")
        ratio = best["figure"][0] / best["read"][0]
        print(f"figure / read = {ratio:.2f} (at most 3)")


if __name__ == "__main__":
    main()
