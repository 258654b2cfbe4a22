"""Data sets of Hugging Face: by name ("hf:NAME@SPLIT"), or a folder of `save_to_disk`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from skviz.data.imageset import ImageSet
from skviz.data.samples import Samples
from skviz.errors import ImageError, UsageError, first_line

PREFIX = "hf:"
_SPLITS = ("validation", "val", "test", "train")


def is_saved(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def open_hub(name: str, split: str | None = None) -> ImageSet:
    """Open a data set of the hub, from its cache where it is there, or a saved folder.

    The hub's own rules for tokens, caches and work offline hold (`HF_TOKEN`, `HF_HOME`,
    `HF_HUB_OFFLINE`). Without a split the validation, test or training part is taken, the first
    that is there. Raises `UsageError`.
    """
    try:
        import datasets
    except ImportError:
        raise UsageError(
            "data sets of Hugging Face need the package datasets: pip install 'skviz[hf]'"
        ) from None
    try:
        if name.startswith(PREFIX):
            repository, _, asked = name.removeprefix(PREFIX).partition("@")
            found = datasets.load_dataset(repository)
            split = asked or split
        else:
            found = datasets.load_from_disk(name)
    except Exception as error:  # Its own errors, and those of five libraries below it.
        raise UsageError(
            f"cannot open '{name}': {first_line(error)}; is the name right, and is the hub "
            "reached from here? A data set that was loaded before is taken from its cache "
            "with HF_HUB_OFFLINE=1"
        ) from error
    return _image_set(_part(found, name, split), name)


def _part(found: Any, name: str, split: str | None) -> Any:
    if not isinstance(found, dict):
        if split is not None:
            raise UsageError(f"expected no split, '{name}' has no parts, got '{split}'")
        return found
    for wanted in (split,) if split is not None else _SPLITS:
        if wanted in found:
            return found[wanted]
    raise UsageError(
        f"expected a split out of {', '.join(found)} in '{name}'"
        + (f", got '{split}'" if split is not None else "; name one with --split")
    )


def _image_set(dataset: Any, name: str) -> ImageSet:
    import datasets

    features = dataset.features
    column = next((key for key, one in features.items() if isinstance(one, datasets.Image)), None)
    if column is None:
        raise UsageError(
            f"expected a column of pictures in '{name}', found {', '.join(features)}; "
            "cast it with datasets.Image()"
        )
    raw = dataset.cast_column(column, datasets.Image(decode=False))
    label = next((k for k, one in features.items() if isinstance(one, datasets.ClassLabel)), None)
    label = label or next((key for key in ("label", "class", "category") if key in features), None)
    labels: list[Any] = [None] * len(raw) if label is None else list(raw[label])
    names = getattr(features[label], "names", None) if label is not None else None
    samples = Samples()
    for row, value in enumerate(labels):
        samples.add(f"{row:07d}", row, value, classes=names)
    return samples.image_set("hugging face", name, partial(_read, raw, column))


def _read(dataset: Any, column: str, row: int) -> bytes:
    value = dataset[row][column]
    if value is None:
        raise ImageError("the row has no picture")
    if value.get("bytes"):
        return bytes(value["bytes"])
    try:
        return Path(value["path"]).read_bytes()
    except (OSError, TypeError) as error:
        raise ImageError(f"its picture is not there: {error}") from error
