"""How far an analysis is: a bar on a terminal or in a notebook, else a line now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar, TaskID

# Seconds between two lines where there is no terminal, and between two states of a notebook's bar.
EVERY = 30.0
EVERY_IN_NOTEBOOK = 0.5


class Progress:
    """Counts images; a context manager. Shows nothing unless `show`."""

    def __init__(self, images: int, show: bool = True, every: float = EVERY) -> None:
        self.images, self.show, self.every = images, show, every
        self.done = 0
        self._start = self._said = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._cell: Any = None  # IPython's handle of what it shows

    def __enter__(self) -> Self:
        self._start = self._said = time.monotonic()
        if self.show and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("analyze", total=self.images, rate="")
            self._bar.start()
        elif self.show and in_notebook():
            from IPython import display

            show: Any = display.display  # typed in part only
            self.every = EVERY_IN_NOTEBOOK
            self._cell = show(self._shown(), raw=True, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._cell is not None:
            self._cell.update(self._shown(), raw=True)

    @property
    def rate(self) -> float:
        """Images per second since the start."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    def advance(self, images: int) -> None:
        """Count images as done."""
        self.done += images
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=images, rate=f"{self.rate:.1f} images/s")
        elif self.show and time.monotonic() - self._said >= self.every:
            self._said = time.monotonic()
            if self._cell is not None:
                self._cell.update(self._shown(), raw=True)
                return
            print(f"skviz: {self.line()}", file=sys.stderr, flush=True)

    def _shown(self) -> dict[str, str]:
        """The state as a notebook's cell shows it."""
        bar = f'<progress value="{self.done}" max="{self.images}"></progress>'
        return {"text/plain": self.line(), "text/html": f"{bar} {self.line()}"}

    def line(self) -> str:
        """The state in words: "1,024 of 50,000 images, 85.3 images/s, 9:34 left"."""
        left = round((self.images - self.done) / self.rate) if self.done else None
        remaining = "" if left is None else f", {clock(left)} left"
        return f"{self.done:,} of {self.images:,} images, {self.rate:.1f} images/s{remaining}"


def in_notebook() -> bool:
    """Tell whether a notebook's kernel runs this; nothing is imported for it."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return getattr(running, "kernel", None) is not None


def clock(seconds: int) -> str:
    """Seconds as "9:34" or "1:09:34"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _bar() -> Bar:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
        console=Console(stderr=True),
    )
