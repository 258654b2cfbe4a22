"""The options that choose a data set, taken together: one object for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import options

if TYPE_CHECKING:
    from skviz.data import DataSource


def _part(text: str) -> tuple[int, int]:
    """Return both numbers of a share such as 2/10: the second of ten parts."""
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal()):
        raise ValueError(f"expected a part such as 2/10, got '{text}'.")
    return int(first), int(second)


def _source(max_pixels: int | None, **given: Any) -> DataSource:
    """Return where the data set lies and what of it is used, as the options say."""
    from skviz.data import DataSource, Subset

    names = ("classes", "shuffle", "per_class", "limit", "part")
    subset = Subset(**{name: given.pop(name) for name in names})
    if max_pixels is not None:
        given["max_pixels"] = max_pixels
    return DataSource(**given, subset=subset)


# The command gets the argument and the options as one `images`.
dataset = options.gathered(
    "images",
    _source,
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
    options.list_option(
        "--classes", "Only these classes, by name or number, comma-separated.", default=()
    ),
    options.count_option("--shuffle", "SEED", "Shuffle the images.", least=0),
    options.count_option("--per-class", "N", "First N images per class."),
    options.count_option("--limit", "N", "First N images."),
    click.option(
        "--part",
        type=options.Text("part", _part),
        metavar="I/N",
        help="Only the I-th of N parts, for separate runs that `skviz merge` joins.",
    ),
    options.count_option(
        "--max-pixels",
        "N",
        "Do not read larger pictures; large JPEGs are reduced.  [default: 100 million]",
    ),
)
