"""Measure what skviz costs, against the network alone and against other tools.

    python tests/benchmarks/bench.py [--quick] [--only SECTION] [--report FILE.md]

`make bench` runs it, and `make bench QUICK=1` the part of it that takes under a minute. Exit
code 1 if a median is beyond its bound by more than its spread, or a section fails. Sections
run one after the other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Run as a script, the folder above is not yet a place to import from.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import cores, machine
from benchmarks.measuring import NotRun, measured_from_dict
from benchmarks.report import Section, document, line, markdown
from benchmarks.setting import SIZES, Failed, Setting, last_json, python

SECTIONS = (
    "capture",
    "early_stop",
    "engines",
    "interventions",
    "controls",
    "preprocessing",
    "end_to_end",
    "bundled",
    "startup",
    "explore",
    "sources",
    "redraw",
    "memory",
    "load",
)
# What all sections take together, in seconds, as far as it can be chosen.
SECONDS = {"full": 900.0, "quick": 25.0, "tiny": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="under a minute, fewer sections")
    parser.add_argument("--size", choices=SIZES, help="full (default), quick, or tiny for tests")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be repeated")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--seconds", type=float, help="time for all sections together")
    parser.add_argument("--report", type=Path, help="write Markdown here, JSON beside it")
    parser.add_argument("--folder", type=Path, help="keep pictures and records here")
    parser.add_argument("--in-process", metavar="SECTION", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = options.size or ("quick" if options.quick else "full")
    seconds = options.seconds or SECONDS[size]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.in_process:
            print(json.dumps(in_process(options.in_process, size, options, folder)))
            return 0
        return run_all(options, size, seconds, folder)


def run_all(options: argparse.Namespace, size: str, seconds: float, folder: Path) -> int:
    """Run the sections, print and write what they found; 1 if one is behind or failed."""
    described = machine(options.threads)
    for name, text in described.items():
        print(f"{name}: {text}")
    sections, failed = [], False
    for name in options.only or SECTIONS:
        module = section_of(name)
        about = module.ABOUT.format(**fields(size, options.threads))
        if size == "quick" and not module.QUICK and not options.only:
            section = Section(module.TITLE, about, [NotRun("all", "the quick run leaves it out")])
        else:
            start = time.perf_counter()
            try:
                section = Section(module.TITLE, about, run(name, size, seconds, options, folder))
            except Failed as error:
                section, failed = Section(module.TITLE, about, [NotRun("all", str(error))]), True
            print(f"== {section.title} ({time.perf_counter() - start:.0f} s)", flush=True)
            print("\n".join(map(line, section.results)), flush=True)
        sections.append(section)
    if options.report:
        write(options.report, described, sections, size)
    behind = [result.name for section in sections for result in section.behind]
    if behind:
        print(f"behind: {'; '.join(behind)}", file=sys.stderr)
    return int(failed or bool(behind))


def run(
    name: str, size: str, seconds: float, options: argparse.Namespace, folder: Path
) -> list[Any]:
    """Run one section in a process of its own."""
    text = python(
        str(Path(__file__).resolve()), "--in-process", name, "--size", size, "--threads",
        str(options.threads), "--seconds", str(seconds), "--folder", str(folder),
        threads=options.threads,
    )  # fmt: skip
    return [measured_from_dict(entry) for entry in last_json(text)]


def in_process(
    name: str, size: str, options: argparse.Namespace, folder: Path
) -> list[dict[str, Any]]:
    """Run one section here."""
    module = section_of(name)
    seconds = module.SHARE * (options.seconds or SECONDS[size])
    setting = Setting(SIZES[size], options.threads, seconds, folder)
    return [result.to_dict() for result in module.run(setting)]


def section_of(name: str) -> Any:
    """The module of a section."""
    return importlib.import_module(f"benchmarks.sections.{name}")


def fields(size: str, threads: int) -> dict[str, Any]:
    """What a section's ABOUT may name."""
    chosen = SIZES[size]
    end_to_end = "sknet26" if size == "quick" else chosen.network
    return {**asdict(chosen), "threads": threads, "end_to_end": end_to_end}


def write(path: Path, described: dict[str, str], sections: list[Section], size: str) -> None:
    """Write the report as Markdown, and as JSON beside it."""
    path.write_text(markdown(described, sections, size))
    found = json.dumps(document(described, sections, size), indent=1)
    path.with_suffix(".json").write_text(found + "\n")
    print(f"written: {path}, {path.with_suffix('.json')}")


if __name__ == "__main__":
    sys.exit(main())
