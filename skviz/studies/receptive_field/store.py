"""Receptive fields on disk: an archive with the maps, and the results as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from skviz.errors import SkvizError
from skviz.files import check_output, write_atomic, write_json
from skviz.runs.storage.settings import unit_from_dict, unit_to_dict
from skviz.studies.receptive_field.result import FORMAT, Field, ReceptiveField

_ARRAYS = ("maps", "moments", "attention", "expected")


def save_field(
    field: ReceptiveField,
    folder: str | os.PathLike[str],
    stem: str = "field",
    *,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write a receptive field: maps and values of each image, and the results.

    Each file is written whole or not at all.

    Parameters
    ----------
    field
        What `receptive_field` measured.
    folder
        Where the files go; it is there already.
    stem
        Their name without ".npz" and ".json".
    overwrite
        Whether files of these names are replaced.

    Returns
    -------
    tuple of Path
        The .npz and the .json file.

    Raises
    ------
    OutputError
        Where a file exists and `overwrite` is not set.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> [path.name for path in skviz.save_field(field, ".", overwrite=True)]
    ['field.npz', 'field.json']
    """
    arrays, document = Path(folder) / f"{stem}.npz", Path(folder) / f"{stem}.json"
    for path in (arrays, document):
        check_output(path, overwrite)
    about = {
        "format": FORMAT,
        "unit": unit_to_dict(field.unit),
        "fields": [vars(one) for one in field.fields],
        "about": dict(field.about),
        "errors": list(field.errors),
        "notes": list(field.notes),
    }

    def write(file: Any) -> None:
        np.savez_compressed(
            file,
            **{name: getattr(field, name) for name in _ARRAYS},
            scales=np.array(field.scales),
            images=np.array(field.images, dtype=np.str_),
            about=np.array(json.dumps(about)),
        )

    write_atomic(arrays, write, overwrite=overwrite)
    write_json(document, field.to_dict(), overwrite=overwrite)
    return arrays, document


def load_field(path: str | os.PathLike[str]) -> ReceptiveField:
    """Read a receptive field from the .npz file that `save_field` wrote.

    Parameters
    ----------
    path
        The .npz file.

    Returns
    -------
    ReceptiveField
        As it was saved.

    Raises
    ------
    SkvizError
        For a file that is missing or is something else.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> files = skviz.save_field(field, ".", overwrite=True)
    >>> skviz.load_field(files[0]).labels
    ('1.0x',)
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["format"] != FORMAT:
                raise ValueError(f"its format is {about['format']!r}")
            return ReceptiveField(
                unit=unit_from_dict(about["unit"]),
                scales=tuple(file["scales"].tolist()),
                fields=tuple(Field(**one) for one in about["fields"]),
                images=tuple(file["images"].tolist()),
                **{name: file[name] for name in _ARRAYS},
                about=about["about"],
                errors=tuple(about["errors"]),
                notes=tuple(about["notes"]),
            )
    except Exception as error:  # A damaged archive raises anything.
        raise SkvizError(
            f"expected a receptive field written by skviz in '{os.fspath(path)}': {error}"
        ) from error
