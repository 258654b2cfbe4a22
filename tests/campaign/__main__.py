"""Try to break skviz: `python -m tests.campaign --minutes 2`.

Every kind of harm (see `kinds`) gets its share of the time. What went wrong is kept, with its
input and what was said, in the folder that is named at the end. The same seed tries the same.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import random
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path


def main() -> int:
    """Run the campaign; returns 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, metavar="N", help="how long (2)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument("--only", metavar="LIST", help="kinds, with commas between them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for faulty inputs")
    options = parser.parse_args()
    os.environ["SKVIZ_NO_CONFIG"] = "1"
    _load()
    from tests.campaign import samples
    from tests.campaign.child import run
    from tests.campaign.kinds import KINDS

    samples.know_tiny()
    wanted = options.only.split(",") if options.only else [kind.name for kind in KINDS]
    unknown = sorted(set(wanted) - {kind.name for kind in KINDS})
    if unknown:
        parser.error(f"no kind {', '.join(unknown)}; {', '.join(kind.name for kind in KINDS)}")
    home = Path(tempfile.mkdtemp(prefix="skviz-campaign-"))
    home.chmod(0o755)
    keep = options.keep or Path(tempfile.mkdtemp(prefix="skviz-faults-"))
    keep.mkdir(parents=True, exist_ok=True)
    base = run(lambda: None, home).peak
    kinds = [
        kind(home / kind.name.replace(" ", "-"), base) for kind in KINDS if kind.name in wanted
    ]
    spent = dict.fromkeys(wanted, 0.0)
    rngs = {name: random.Random(f"{options.seed} {name}") for name in wanted}
    tries, faults = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    said: dict[str, int] = {}
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        kind = min(kinds, key=lambda one: spent[one.name] / one.weight)
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=home))
        count, found = kind.attempt(rngs[kind.name], folder)
        tries[kind.name] += count
        faults[kind.name] += bool(found)
        if found:
            kept = keep / f"{kind.name.replace(' ', '-')}-{faults[kind.name]:03}"
            shutil.move(folder, kept)
            (kept / ".faults").write_text("\n".join(found) + "\n", errors="backslashreplace")
            for one in found:
                said[f"{kind.name}: {one}"] = said.get(f"{kind.name}: {one}", 0) + 1
        else:
            _remove(folder)
        spent[kind.name] += time.monotonic() - began
    print(f"{'kind':<12} {'tries':>7} {'faults':>7} {'slowest':>9} {'most memory':>12}")
    for kind in kinds:
        print(
            f"{kind.name:<12} {tries[kind.name]:>7,} {faults[kind.name]:>7,}"
            f" {kind.slowest:>7.1f} s {kind.peak >> 20:>8,} MiB"
        )
    _remove(home)
    for one, times in sorted(said.items(), key=lambda item: -item[1]):
        print(f"{times:>4} x {one}".encode("unicode_escape").decode())
    if said:
        print(f"inputs and messages: {keep}")
    return int(bool(said))


def _load() -> None:
    """Load once, in the process that every try is forked from, what all of them need."""
    warnings.simplefilter("default")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import scipy.stats
    import torch

    import skviz
    import skviz.cli

    assert scipy.stats
    torch.set_num_threads(1)
    for package in (skviz, skviz.cli):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _remove(folder: Path) -> None:
    """Remove a folder, also with what may not be read in it."""
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
