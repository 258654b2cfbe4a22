"""What starting a command costs: over what it cannot do without."""

from __future__ import annotations

import time

from benchmarks.measuring import NOISE, Measured, Result, interleaved
from benchmarks.pictures import write_photographs
from benchmarks.setting import Setting, last_json, python

TITLE = "Start-up of commands"
ABOUT = (
    "Wall time of processes. `skviz --help` over `python -c 'import click'`; `skviz attention` "
    "on one photograph, figure and table written, over importing torch and matplotlib plus three "
    "forward passes of the bundled network (loading it is not counted)."
)
SHARE = 0.07
QUICK = True
HELP, ATTENTION = 4.0, 1.35
PASSES = """
import json, time
import torch
import matplotlib.pyplot
torch.set_num_threads({threads})
start = time.perf_counter()
import skviz
model = skviz.load_model()
view = torch.randn(1, 3, model.skviz.spec.size, model.skviz.spec.size)
loading = time.perf_counter() - start
with torch.no_grad():
    for _ in range(3):
        model(view)
print(json.dumps(loading))
"""
HEAVY = """
import sys
import skviz.cli.main
from click.testing import CliRunner
assert CliRunner().invoke(skviz.cli.main.cli, ["--help"]).exit_code == 0
print(sum(name in sys.modules for name in ("torch", "matplotlib", "pandas", "scipy", "numpy")))
"""


def run(setting: Setting) -> list[Measured]:
    threads, least = setting.threads, setting.size.least

    def process(*arguments: str) -> float:
        start = time.perf_counter()
        python(*arguments, threads=threads)
        return time.perf_counter() - start

    def passes() -> float:
        start = time.perf_counter()
        loading = float(last_json(python("-c", PASSES.format(threads=threads), threads=threads)))
        return time.perf_counter() - start - loading

    photo = str(write_photographs(setting.folder / "photos", 1)[0])
    out = str(setting.folder / "figure")
    attention = ("-m", "skviz.cli", "attention", photo, "--out", out, "--overwrite")
    process("-c", "import click")
    helped = interleaved(
        lambda: process("-c", "import click"),
        {"help": lambda: process("-m", "skviz.cli", "--help")},
        0.2 * setting.seconds,
        least=max(least, 3) if setting.size.checked else 1,
    )
    process(*attention)
    drawn = interleaved(
        passes, {"attention": lambda: process(*attention)}, 0.8 * setting.seconds, least
    )
    heavy = float(python("-c", HEAVY, threads=threads))
    return [
        Result(
            "skviz --help",
            tuple(helped.ratios["help"]),
            "of importing click",
            setting.bound(HELP),
        ),
        Result(
            "skviz --help: of torch, matplotlib, pandas, scipy and NumPy it loads",
            (heavy,),
            "packages",
            setting.bound(0),
        ),
        Result("skviz --help", tuple(helped.seconds["help"]), "s"),
        Result(
            "skviz attention, one photograph",
            tuple(drawn.ratios["attention"]),
            "of importing torch and matplotlib and three passes",
            setting.bound(ATTENTION),
            assumed=NOISE,
        ),
        Result("skviz attention, one photograph", tuple(drawn.seconds["attention"]), "s"),
    ]
