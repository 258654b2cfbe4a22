"""One callable for the engines of others: a batch of pictures in, flat columns out."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.data.imageset import ImageSet, Names, no_labels
from skviz.errors import ImageError, UsageError
from skviz.pictures.images import read_picture
from skviz.scales import DEFAULT_SCALES, Scales

if TYPE_CHECKING:
    from torch import nn

    from skviz.data.loading import ViewMaker
    from skviz.runs.attention import RecordOptions
    from skviz.runs.forward import Forward

# Columns beside those of a run's records: what `Run.from_frame` makes a run of.
BATCH, MOMENTS, SETTINGS, ERROR = "batch", "moments", "settings", "error"
_AT_ONCE = 96  # views


@dataclass(frozen=True)
class _Ready:
    """A network that is loaded in this process, with all that a batch needs."""

    forward: Forward
    views: ViewMaker
    record: RecordOptions
    settings: str


# One network per process, whatever number of copies of the callable it is sent.
_LOADED: dict[str, _Ready] = {}


class BatchAnalyzer:
    """Measures a batch of pictures; for `datasets.map`, Ray Data, Spark or a loop of one's own.

    It can be pickled and sent to any process, which loads the network once. A picture that
    cannot be read is a row with its `error`; it raises nothing.

    Parameters
    ----------
    model
        The network, or the name of one for `skviz.load_model`; a name travels lighter.
    scales
        Sizes of the central object.
    units
        Names or patterns of the units.
    classes
        Names of the data set's classes, which labels count into; without them labels are
        numbers, and `correct` stays empty.
    image, label, name
        Columns of the batch: pictures (bytes of a file, arrays of uint8, Pillow's, or
        dictionaries with `bytes` or `path`), labels (numbers or names) and names of the
        pictures. Only `image` must be there; without names those of the content are made.
    **load
        Arguments of `skviz.load_model` besides the name.

    Raises
    ------
    UsageError
        When it is called: for a batch without the column, and for labels that are not in
        `classes`.

    Examples
    --------
    >>> analyzer = skviz.BatchAnalyzer("sknet50_lite", scales=(1, 2), units="3_4")
    >>> photo = skviz.example_photo().read_bytes()
    >>> columns = analyzer({"image": [photo], "name": ["okapi"]})
    >>> list(columns["unit"]), list(columns["scale"])
    (['SK_3_4', 'SK_3_4'], [1.0, 2.0])
    """

    def __init__(
        self,
        model: str | nn.Module = "sknet50_lite",
        scales: Iterable[float] = DEFAULT_SCALES,
        units: str | Iterable[str] = "all",
        *,
        classes: Sequence[str] | None = None,
        image: str = "image",
        label: str = "label",
        name: str = "name",
        **load: Any,
    ) -> None:
        self.model, self.scales, self.load = model, tuple(Scales(scales)), load
        self.units = units if isinstance(units, str) else tuple(units)
        self.classes = None if classes is None else tuple(classes)
        self.image, self.label, self.name = image, label, name
        self._key = f"{os.getpid()}-{id(self)}-{os.urandom(8).hex()}"

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Measure a batch: a row per picture, scale and unit, in this order.

        Returns the columns of a run's records (`skviz.Run`), `error`, and `batch`, `moments`
        and `settings`, which `Run.from_frame` needs.
        """
        from skviz.data.loading import Chunk, ChunkReader
        from skviz.runs.attention import AttentionMeasurement, moments_bytes, table_columns

        if self._key not in _LOADED:
            _LOADED.clear()
            _LOADED[self._key] = self._prepare()
        ready = _LOADED[self._key]
        images = self._images(batch)
        read = ChunkReader(images, ready.views)[Chunk(0, 0, len(images), True)]
        measurement = AttentionMeasurement(images, ready.forward, ready.record)
        measurement.add(read)
        shard = measurement.finish()
        columns: dict[str, Any] = {
            name: values.to_pylist() for name, values in table_columns(shard).items()
        }
        rows = len(columns["unit"])
        columns[ERROR] = [None] * rows
        for error in read.errors:
            for name in columns:
                columns[name] = [*columns[name], None]
            columns["image"][-1], columns[ERROR][-1] = error["image"], error["reason"]
        total = len(columns["image"])
        digest = hashlib.sha256("\0".join(images.names).encode("utf-8", "surrogateescape"))
        columns[BATCH] = [digest.hexdigest()[:16]] * total
        columns[MOMENTS] = [moments_bytes(shard) if row == 0 else None for row in range(total)]
        columns[SETTINGS] = [ready.settings] * total
        return columns

    def _images(self, batch: Mapping[str, Any]) -> ImageSet:
        if self.image not in batch:
            raise UsageError(
                f"expected a column '{self.image}' in the batch, got {', '.join(batch)}; name "
                "yours with image="
            )
        cells = list(batch[self.image])
        names = [str(one) for one in batch.get(self.name, ())] or [_name(cell) for cell in cells]
        labels = self._labels(batch.get(self.label), len(cells))
        read = partial(_read, cells)
        return ImageSet("batch", None, Names(names), labels, self.classes or (), reader=read)

    def _labels(self, given: Any, count: int) -> NDArray[np.int32]:
        if given is None:
            return no_labels(count)
        index = {name: number for number, name in enumerate(self.classes or ())}
        found = []
        for label in given:
            if isinstance(label, str) and label not in index:
                raise UsageError(
                    f"expected labels out of classes=[...], got '{label}'; name all classes of the "
                    "data set, not only this batch's"
                )
            there = label is not None and label == label
            found.append(index[label] if isinstance(label, str) else int(label) if there else -1)
        return np.array(found, np.int32)

    def _prepare(self) -> _Ready:
        from skviz.capture.probe import Probe
        from skviz.capture.trained import settled
        from skviz.data.loading import ViewMaker
        from skviz.models import load_model
        from skviz.runs.attention import RecordOptions
        from skviz.runs.classes import class_map
        from skviz.runs.forward import Forward
        from skviz.runs.storage.settings import run_settings, state_digest

        model = load_model(self.model, **self.load) if isinstance(self.model, str) else self.model
        probe = Probe(model, self.units)
        info = settled(probe)
        predictions = not info.missing
        views = ViewMaker(Scales(self.scales), info.spec)
        forward = Forward(probe, info.spec, _AT_ONCE, "fp32", predictions)
        compared, mapping = class_map(self.classes or (), forward.outputs(), info.classes)
        dataset = {"kind": "batches", "root": None, "classes": list(self.classes or ())}
        settings = run_settings(
            probe.units,
            info,
            state_digest(probe.network),
            views,
            {**dataset, "labels": compared, "boxes": 0},
            predictions=predictions,
        )
        record = RecordOptions(probe.units, views.scales, (), False, mapping)
        return _Ready(forward, views, record, json.dumps(settings, sort_keys=True))


def _read(cells: Sequence[Any], index: int) -> Any:
    """Read what a cell of a column holds."""
    cell = cells[index]
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    if cell is None or (isinstance(cell, bytes) and not cell):
        raise ImageError("the cell is empty")
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell)
    if not isinstance(cell, np.ndarray):
        return read_picture(cell)
    grey = cell.ndim == 2
    if cell.dtype != np.uint8 or not (grey or (cell.ndim == 3 and cell.shape[2] in (3, 4))):
        raise ImageError(
            f"expected an array of uint8 of shape (H, W, 3), got {cell.dtype} {cell.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(cell))


def _name(cell: Any) -> str:
    if isinstance(cell, Mapping):
        cell = cell.get("path") or cell.get("bytes")
    if isinstance(cell, str | os.PathLike):
        return os.fspath(cell)
    if hasattr(cell, "tobytes"):
        cell = cell.tobytes()
    return hashlib.sha256(bytes(cell or b"")).hexdigest()[:16]


def read_moments(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a batch's moments."""
    with np.load(io.BytesIO(data)) as arrays:
        return dict(arrays)
