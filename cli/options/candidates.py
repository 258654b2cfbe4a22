"""What the shell completes: names of networks, units, styles. Nothing heavy is imported.

Names come from small tables (tests compare them with the library), from files beside the code,
and from a run's own `run.json`.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

# Networks of skviz: units per stage, stages counted from 2 as in the paper.
UNITS_PER_STAGE = {
    "sknet26": (2, 2, 2, 2),
    "sknet50": (3, 4, 6, 3),
    "sknet101": (3, 4, 23, 3),
    "sknet29": (3, 3, 3),
    "sknet29_100": (3, 3, 3),
    "sknet50_lite": (3, 4, 6, 3),
}
DEFAULT = "sknet50_lite"
RESAMPLE = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
PALETTE = (
    "colorblind", "paper", "deep", "muted", "bright", "dark", "Set1", "Set2", "Dark2", "viridis",
    "rocket", "mako", "flare", "crest",
)  # fmt: skip
FILL = ("mean", "black", "white", "edge", "reflect")
ENGINE = ("auto", "eager", "tuned", "compile", "openvino")
PRECISION = ("fp32", "bf16", "fp16")
_STAGED = re.compile(r"SK_(?=\d+_\d+$)")


def listed(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Complete the last word of a list with commas; the words before it stay."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{word}")
        for word in words
        if word.startswith(last) and word not in taken
    ]


def one_of(words: Iterable[str]) -> Complete:
    """Make the completion of an option that takes one of some words, or several."""
    known = tuple(words)
    return lambda ctx, param, incomplete: listed(known, incomplete)


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of `skviz models`; a file where none of them fits: it may hold a factory."""
    names = [name for name in (*UNITS_PER_STAGE, "timm:") if name.startswith(incomplete)]
    if not names:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in names]


def units(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Units of the run or of the network that the line names so far."""
    names = unit_names(_run_of(ctx), ctx.params.get("model"))
    stages = dict.fromkeys(f"{name.split('_')[0]}_*" for name in names if "_" in name)
    return listed([*names, *stages, "paper", "all"], incomplete)


def _run_of(ctx: click.Context) -> Path | None:
    """The run that the line names so far, where the command takes one."""
    if "run" not in {param.name for param in ctx.command.params}:
        return None
    # Behind an option without its value, click leaves the arguments unread.
    named = ctx.params.get("run") or next(iter(ctx.args), None)
    return None if named is None else Path(named)


def unit_names(run: Path | None, model: str | None) -> list[str]:
    """Short names of the units of a run; else of a network of skviz; else none."""
    if run is not None:
        return _units_of_run(run)
    per_stage = UNITS_PER_STAGE.get(model or DEFAULT, ())
    return [
        f"{stage}_{position}"
        for stage, count in enumerate(per_stage, start=2)
        for position in range(1, count + 1)
    ]


def _units_of_run(run: Path) -> list[str]:
    try:
        settings = json.loads((run / "run.json").read_text("utf-8"))
        return [_STAGED.sub("", str(unit["name"])) for unit in settings["units"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # Half-typed lines are completed as well as can be, and never fail.


def styles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Styles of skviz, then those of Matplotlib."""
    return listed(style_names(), incomplete)


def style_names() -> list[str]:
    """Names of the style sheets that skviz and Matplotlib ship, from their files' names."""
    folders = [Path(str(files("skviz.assets"))) / "styles"]
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin:
        folders.append(Path(matplotlib.origin).parent / "mpl-data" / "stylelib")
    found = [sheet.stem for folder in folders for sheet in sorted(folder.glob("*.mplstyle"))]
    return [name for name in dict.fromkeys(found) if not name.startswith("_")]
