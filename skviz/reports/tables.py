"""The tables of a run's summary as CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skviz.files import check_output, output_folder, write_text

if TYPE_CHECKING:
    from skviz.inference.summary import Summary

TABLES = ("units", "shifts", "trends", "classes", "channels", "channel-kernels")


def write_tables(summary: Summary, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write a CSV file for each of `TABLES`, which are those of `Summary`; return the paths.

    Nothing is written unless all of them may be. Raises `OutputError`.
    """
    output_folder(folder)
    files = [folder / f"{name}.csv" for name in TABLES]
    for file in files:
        check_output(file, overwrite)
    frames = (
        summary.to_frame(),
        summary.shifts,
        summary.trends,
        summary.classes,
        summary.channels,
        summary.channel_kernels,
    )
    for file, frame in zip(files, frames, strict=True):
        write_text(file, frame.to_csv(index=False), overwrite=overwrite)
    return files
