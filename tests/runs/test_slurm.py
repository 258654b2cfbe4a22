"""The scripts of the documentation under a stand-in for Slurm: an array, and tasks of `srun`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skviz.runs.records import Run
from tests.helpers.tiny_runs import TINY

pytestmark = pytest.mark.slow
# What Slurm does, for a script with `--array=1-N`, or with `srun` in it.
SBATCH = """#!/bin/bash
for i in $(seq 1 "$1"); do
  SLURM_ARRAY_TASK_ID=$i SLURM_PROCID=0 SLURM_NTASKS=1 bash "$2" & jobs="$jobs $!"
done
for job in $jobs; do wait $job || exit 1; done
"""
SRUN = """#!/bin/bash
for i in 0 1 2; do
  SLURM_PROCID=$i SLURM_NTASKS=3 SLURM_LOCALID=$i SLURM_STEP_TASKS_PER_NODE=3 "$@" & jobs="$jobs $!"
done
for job in $jobs; do wait $job || exit 1; done
"""
SKVIZ = f'#!/bin/bash\nexec {sys.executable} {TINY} "$@"\n'


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("skviz", SKVIZ)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    found = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    return {**found, "PATH": f"{folder}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def options(pictures: Path, weights: Path) -> str:
    return f"{pictures} --model tiny --weights {weights} --shard-size 4 --workers 0 --scales 1,2 -q"


@pytest.mark.parametrize("kind", ["shared", "parts", "srun"])
def test_jobs_make_one_run(
    kind: str, pictures: Path, tiny_weights: Path, tmp_path: Path, tools: dict[str, str]
) -> None:
    usual = options(pictures, tiny_weights)
    lines = {
        "shared": f"skviz analyze {usual} --out {tmp_path}/run",
        "parts": f"skviz analyze {usual} --out {tmp_path}/part-$SLURM_ARRAY_TASK_ID "
        "--part $SLURM_ARRAY_TASK_ID/3",
        "srun": f"srun skviz analyze {usual} --out {tmp_path}/run",
    }
    script = tmp_path / "job.sh"
    script.write_text(f"#!/bin/bash\n#SBATCH --array=1-3\n{lines[kind]}\n")
    count = "1" if kind == "srun" else "3"
    done = subprocess.run(
        ["sbatch", count, str(script)], env=tools, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    if kind == "parts":
        parts = [f"{tmp_path}/part-{number}" for number in (1, 2, 3)]
        merge = ["skviz", "merge", *parts, "--out", f"{tmp_path}/run"]
        subprocess.run(merge, env=tools, check=True, capture_output=True, timeout=120)
    run = Run(tmp_path / "run")
    assert run.complete and run.images == 60 and run.check() == []
    assert len(set(run.records(["image"])["image"])) == 60
    assert not (run.path / "claims").exists()
