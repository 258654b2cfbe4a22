"""`skviz train`: train a network of skviz on an image folder."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from skviz.numbers import count, number, percent
from skviz.reports.tables import Table

from .. import options
from ..echo import Echo
from ..exit_codes import INTERRUPTED, Failure
from ..options.training import RECIPE_FIELDS, recipe_options

if TYPE_CHECKING:
    from rich.progress import Progress

    from skviz.training import Step, TrainingResult
    from skviz.training.data import Unreadable

_SHOWN = 5


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@options.model
@options.path_option(
    "--weights",
    "FILE",
    "Weights of the same network to start from; a classifier of other classes is reset.",
)
@options.path_option(
    "--out", "DIR", "Folder for checkpoint, metrics and weights; created if needed.", required=True
)
@options.path_option(
    "--validation",
    "DIR",
    "Image folder of the same classes, or some of them, to test on after every epoch.",
)
@options.count_option(
    "--input-size",
    "PIXELS",
    "Input size of the network, also for validation.  [default: --size]",
    least=16,
)
@recipe_options
@options.device
@options.count_option(
    "--workers",
    None,
    "Processes that read images. Part of the recipe: each draws its own random numbers.",
    least=0,
    default=2,
    show_default=True,
)
@click.option(
    "--credit",
    "credits",
    multiple=True,
    metavar="TEXT",
    help="Source and licence of the photographs, kept with the weights. May be repeated.",
)
@click.option("--half", is_flag=True, help="Store the weights as float16: half the file.")
@click.option("--resume", is_flag=True, help="Continue after the last complete epoch in --out.")
@options.overwrite
@options.echo
def train(
    data: Path,
    model: str | None,
    out: Path,
    device: str,
    echo: Echo,
    **how: Any,
) -> None:
    """Train a network of skviz on DATA, a folder with one sub-folder of images per class.

    DIR gets checkpoint.pt and metrics.json after every epoch, and at the end
    model.safetensors, which every command takes as --weights. After Ctrl-C, the same command
    with --resume continues after the last complete epoch and ends with the same weights.
    """
    from skviz.hardware.devices import choose_device
    from skviz.models import DEFAULT_MODEL
    from skviz.training import Recipe, train as train_network

    given = {name: how.pop(name) for name in RECIPE_FIELDS}
    recipe = Recipe(**{name: value for name, value in given.items() if value is not None})
    display, interrupt = EpochLines(echo), Interrupt()

    def after_step(step: Step) -> None:
        display.step(step)
        interrupt.check()

    try:
        with interrupt, display:
            result = train_network(
                data,
                out,
                model=model or DEFAULT_MODEL,
                recipe=recipe,
                device=choose_device(device),
                report=after_step,
                say=display.epoch,
                found=lambda unreadable: _warn(echo, unreadable),
                note=lambda note: echo.warn(str(note)),
                **how,
            )
    except KeyboardInterrupt:
        raise Failure(_how_to_resume(out, display.epochs_done), INTERRUPTED) from None
    echo.document(
        {
            "out": str(result.out),
            "weights": str(result.weights),
            "classes": list(result.classes),
            "unreadable": [vars(image) for image in result.unreadable],
            "notes": [note.to_dict() for note in result.notes],
            "epochs": list(result.history),
        }
    )
    echo.result(_table(result), f"written: {result.weights}")
    named = ["--model", model or DEFAULT_MODEL, "--weights", result.weights]
    echo.next(["controls", "PHOTOGRAPHS", *named, "--out", "controls"])


class Interrupt:
    """Makes the first Ctrl-C end training behind the present step, and a second one at once.

    An exception at any other place would find the processes that read images half started.
    """

    def __init__(self) -> None:
        self.training = False
        self.asked = False

    def __enter__(self) -> Interrupt:
        self.previous = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self.previous)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Take note of Ctrl-C."""
        if self.asked or not self.training:
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Behind a step: stop if asked to."""
        self.training = True
        if self.asked:
            raise KeyboardInterrupt


class EpochLines:
    """One line on stderr per epoch: what a log file should hold.

    On a terminal a bar over the whole run stands below them.
    """

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.epochs_done: int | None = None
        self.progress = _bar() if sys.stderr.isatty() and not echo.quiet else None
        self.task: Any = None

    def __enter__(self) -> EpochLines:
        if self.progress is not None:
            self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.progress is not None:
            self.progress.stop()

    def step(self, step: Step) -> None:
        """Take note of one step."""
        self.epochs_done = step.epoch
        if self.progress is None:
            return
        shown: dict[str, Any] = {
            "epoch": f"{step.epoch + 1}/{step.epochs}",
            "loss": number(step.loss, 3),
            "accuracy": percent(step.accuracy),
        }
        done = step.epoch * step.steps + step.step
        if self.task is None:
            total = step.epochs * step.steps
            self.task = self.progress.add_task("", total=total, completed=done, **shown)
        else:
            self.progress.update(self.task, completed=done, **shown)

    def epoch(self, metrics: dict[str, Any]) -> None:
        """Say how an epoch went."""
        self.epochs_done = metrics["epoch"]
        if self.progress is None:
            self.echo.note(epoch_line(metrics))
        else:
            self.progress.console.print(epoch_line(metrics), highlight=False, markup=False)


def _bar() -> Progress:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("epoch {task.fields[epoch]}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("loss {task.fields[loss]}  accuracy {task.fields[accuracy]}"),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=600,
    )


def epoch_line(metrics: dict[str, Any]) -> str:
    """Return the metrics of an epoch as a line of text."""
    parts = [
        f"epoch {metrics['epoch']}",
        f"loss {number(metrics['loss'])}",
        f"accuracy {percent(metrics['accuracy'])}",
    ]
    if "validation_top1" in metrics:
        parts.append(f"validation top-1 {percent(metrics['validation_top1'])}")
        parts.append(f"top-5 {percent(metrics['validation_top5'])}")
    if metrics["skipped_steps"]:
        parts.append(f"{metrics['skipped_steps']} steps without finite gradients skipped")
    parts.append(f"{metrics['images_per_second']:g} images/s")
    return ", ".join(parts)


def _warn(echo: Echo, unreadable: Sequence[Unreadable]) -> None:
    echo.warn(f"{len(unreadable)} images cannot be read and are left out:")
    for image in unreadable[:_SHOWN]:
        echo.warn(image.reason)
    if len(unreadable) > _SHOWN:
        echo.warn(f"... and {len(unreadable) - _SHOWN} more; --json lists them all at the end")


def _how_to_resume(out: Path, epochs_done: int | None) -> str:
    if epochs_done is None:
        return "interrupted before the first step; nothing of this run was changed"
    return (
        f"interrupted; {out / 'checkpoint.pt'} holds {epochs_done} whole epochs. Run the same "
        "command with --resume to go on"
    )


def _table(result: TrainingResult) -> Table:
    last = result.history[-1]
    rows = [["classes", count(len(result.classes))], ["epochs", str(last["epoch"])]]
    rows.append(["loss", number(last["loss"])])
    if "validation_top1" in last:
        rows.append(["validation top-1", percent(last["validation_top1"])])
        rows.append(["validation top-5", percent(last["validation_top5"])])
    return Table.of(["training", ""], rows)
