"""The options that choose a data set, taken together: one object for every command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .. import options

if TYPE_CHECKING:
    from skviz.data import ImageSet

Command = TypeVar("Command", bound=Callable[..., Any])


class Part(click.ParamType):  # type: ignore[type-arg]
    """A share such as 2/10: the second of ten parts."""

    name = "part"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return both numbers."""
        first, _, second = str(value).partition("/")
        if not (first.isdecimal() and second.isdecimal()):
            self.fail(f"expected a part such as 2/10, got '{value}'.", param, ctx)
        return int(first), int(second)


@dataclass(frozen=True)
class Dataset:
    """Which data set, and what of it: what the argument and options said."""

    dataset: str
    labels: Path | None = None
    boxes: Path | None = None
    root: Path | None = None
    split: str | None = None
    classes: tuple[str, ...] | None = None
    shuffle: int | None = None
    per_class: int | None = None
    limit: int | None = None
    part: tuple[int, int] | None = None
    max_pixels: int | None = None

    def open(self, kept: Path) -> ImageSet:
        """Open the data set; see `skviz.open_dataset`."""
        from skviz.data import DataSource, Subset, open_dataset

        subset = Subset(self.classes or (), self.shuffle, self.per_class, self.limit, self.part)
        source = DataSource(self.dataset, self.labels, self.boxes, self.root, self.split, subset)
        if self.max_pixels is not None:
            source = replace(source, max_pixels=self.max_pixels)
        return open_dataset(source, kept)


_OPTIONS = options.together(
    click.argument("dataset"),
    options.path_option(
        "--labels",
        "PATH",
        "ImageNet's ground truth: the development kit, its text file, or Kaggle's CSV.  "
        "[default: found beside the images]",
    ),
    options.path_option(
        "--boxes", "DIR", "Folder of ImageNet's XML boxes: centre the crop on the object."
    ),
    options.path_option(
        "--root", "DIR", "Folder of a manifest's paths, or of a torchvision data set."
    ),
    click.option("--split", metavar="NAME", help="Part of a torchvision data set: train, test."),
    click.option(
        "--classes",
        type=options.CommaList(),
        metavar="LIST",
        default=None,
        help="Only these classes, by name or number, comma-separated.",
    ),
    click.option(
        "--shuffle", type=click.IntRange(min=0), metavar="SEED", help="Shuffle the images."
    ),
    click.option(
        "--per-class", type=click.IntRange(min=1), metavar="N", help="First N images per class."
    ),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="First N images."),
    click.option(
        "--part",
        type=Part(),
        metavar="I/N",
        help="Only the I-th of N parts, for separate runs that `skviz merge` joins.",
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        metavar="N",
        help="Do not read larger pictures; large JPEGs are reduced.  [default: 100 million]",
    ),
)


def dataset(command: Command) -> Command:
    """Add the argument and the options; the command gets them as one `images`."""

    @functools.wraps(command)
    def with_dataset(*args: Any, **others: Any) -> Any:
        given = {field.name: others.pop(field.name) for field in fields(Dataset)}
        return command(*args, images=Dataset(**given), **others)

    return _OPTIONS(cast(Command, with_dataset))
