"""Effective receptive field of a unit: how a pixel of the input moves the unit's central output.

Luo et al. (2016), "Understanding the effective receptive field in deep convolutional neural
networks". Here per branch and mixed, per object scale, and with the attention replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from torch import nn

from skviz.capture.probe import Probe
from skviz.capture.trained import settled
from skviz.data import DataSource, ImageSet, open_dataset
from skviz.data.imageset import Names, no_labels
from skviz.data.loading import Plan, ViewMaker
from skviz.errors import ImageError, UsageError
from skviz.notes import Assumption, notes_on_pictures
from skviz.pictures.image_folders import is_image_name, starts_like_image
from skviz.runs.loop import read
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.studies.receptive_field.measure import FieldMeasure, Measured
from skviz.studies.receptive_field.result import ReceptiveField
from skviz.typing import FloatArray

LIMIT = 64
# In views. Gradients need all the features of a pass at once.
_CPU_BATCH, _GPU_BATCH = 12, 96
# Of the input's side: fields beyond it are cut off by the border to some part.
FAR = 0.8
Path_ = str | os.PathLike[str]
Images = Path_ | Sequence[Path_] | DataSource | ImageSet


def receptive_field(
    model: nn.Module | Probe,
    images: Images,
    unit: str = "3_4",
    scales: Iterable[float] = DEFAULT_SCALES,
    *,
    limit: int | None = LIMIT,
    batch_size: int | None = None,
    resample: str = "bicubic",
    fill: str = "mean",
    through_attention: bool = False,
    progress: bool = True,
) -> ReceptiveField:
    """Measure the effective receptive field of a unit, averaged over images (Luo et al. 2016).

    The map of an image is the absolute gradient of the unit's central output, summed over its
    channels, with respect to the input: summed over the colours, and divided by its own sum, so
    that every image counts alike. Fields: of each branch (U_m before it is weighed), mixed (the
    selected features V), clamped (all weight on the smallest, or the largest kernel, in every
    unit up to this one), and fixed (the attention of every unit as it is at 1.0x).

    Parameters
    ----------
    model
        The network or a probe of it, float32 or float64; left as it was.
    images
        A data set, an image file or a list of them.
    unit
        The name of one unit.
    scales
        Sizes of the central object.
    limit
        How many images are taken, evenly spread; None takes all.
    batch_size
        In images; by default what fits.
    resample, fill
        Those of `skviz.enlarge`.
    through_attention
        Whether the gradient of the branches and of the mixture goes through the attention too.
        By default it is held constant, for its global pooling reaches every pixel and would lay a
        flat background under the map.
    progress
        Whether to show on stderr how far it is.

    Returns
    -------
    ReceptiveField
        Maps and widths.

    Raises
    ------
    UnitError
        For an unknown unit, or one without branches to choose from.
    UsageError
        For wrong numbers.
    ImageError
        If no image can be read.
    CaptureError
        Where gradients or the attention of this network cannot be had.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> bool(abs(field.maps[0, 0].sum() - 1) < 1e-6)
    True
    """
    checked = Scales(scales)
    for name, value in (("limit", limit), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise UsageError(f"expected {name} of at least 1, got {value}")
    probe = model if isinstance(model, Probe) else Probe(model)
    info = settled(probe)
    measure = FieldMeasure.of(probe, unit, checked, info.spec, through_attention)
    chosen = spread(open_images(images), limit)
    views = ViewMaker(checked, info.spec, resample, fill)
    usual = _CPU_BATCH if measure.device.type == "cpu" else _GPU_BATCH
    at_once = batch_size or max(1, usual // len(checked))
    plan = Plan((0,), len(chosen), len(chosen), at_once)
    total: FloatArray = np.zeros(())
    count: FloatArray = np.zeros(())
    found: list[Measured] = []
    index: list[int] = []
    errors: list[dict[str, str]] = []
    assumed: list[tuple[str, Assumption]] = []
    with closing(read(chosen, views, plan, 0, measure.device, progress)) as loaded:
        for batch in loaded:
            errors += batch.errors
            assumed += batch.notes
            if len(batch.index):
                measured = measure(batch.pixels)
                # The maps of each image are summed up now: only their moments stay.
                total = total + np.nansum(measured.maps, axis=0)
                count = count + (~np.isnan(measured.maps).any(axis=(-2, -1))).sum(axis=0)
                index += batch.index.tolist()
                found.append(replace(measured, maps=measured.maps[..., :0, :0]))
    if not found:
        raise ImageError(
            f"expected images, none of {len(chosen)} could be read: {errors[0]['reason']}"
        )
    # nan where no image has a map.
    count = count[..., None, None]
    maps = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    field = ReceptiveField(
        unit=measure.unit,
        scales=checked,
        fields=measure.fields,
        images=tuple(chosen.shown_name(i) for i in index),
        maps=maps.astype(np.float32),
        moments=np.concatenate([part.moments for part in found]),
        attention=np.concatenate([part.attention for part in found]),
        expected=np.concatenate([part.expected for part in found]),
        about={
            "model": info.name,
            "weights": info.weights,
            "sha256": info.sha256,
            "trained": info.trained,
            "weights_notes": list(info.notes),
            "spec": asdict(info.spec),
            "resample": resample,
            "fill": fill,
            "through_attention": through_attention,
        },
        errors=tuple(errors),
        notes=(
            *(str(note) for note in chosen.notes),
            *measure.notes,
            *map(str, notes_on_pictures(assumed)),
        ),
    )
    return replace(field, notes=(*field.notes, *_cut_off(field)))


def open_images(images: Images) -> ImageSet:
    """Return a data set, an image file or a list of them as a set of images.

    Raises `UsageError` where there are none, or for what is none of these.
    """
    if isinstance(images, ImageSet):
        return images
    if isinstance(images, str | os.PathLike):
        path = Path(images)
        if not (is_image_name(path) or starts_like_image(path)) or path.is_dir():
            return open_dataset(images)
        images = [path]
    if isinstance(images, DataSource):
        return open_dataset(images)
    names = [os.fspath(image) for image in images]
    if not names:
        raise UsageError("expected images, got an empty list")
    return ImageSet("files", None, Names(names), no_labels(len(names)))


def spread(images: ImageSet, limit: int | None) -> ImageSet:
    """Return `limit` images, evenly spread: data sets come class by class."""
    count = len(images)
    if limit is None or count <= limit:
        return images
    return images.select(np.linspace(0, count - 1, limit).round().astype(np.int64))


def _cut_off(field: ReceptiveField) -> list[str]:
    """Say which fields reach the border of the picture: their widths are too small."""
    size = field.maps.shape[-1]
    reach = np.nanmax(field.extents, axis=0, initial=0)
    names = [one.label for one, far in zip(field.fields, reach, strict=True) if far > FAR * size]
    if not names:
        return []
    return [
        f"{field.unit.name}: 95 % of the field reach over more than {FAR:.0%} of the {size} pixels "
        f"of the input ({', '.join(names)}): the picture's border cuts these fields off, their "
        "true widths and differences are larger"
    ]
