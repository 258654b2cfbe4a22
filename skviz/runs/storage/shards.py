"""Records in shards: tables of rows in a folder, of which some are done."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skviz.errors import RunError, UsageError
from skviz.runs.storage.checksums import files_of, shard_file
from skviz.runs.storage.folder import RunFolder, Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHARDS = "shards"


def table_file(folder: Path, number: int) -> Path:
    """Path of a shard's table: the file that says that the shard is done."""
    return shard_file(folder, SHARDS, number)


class ShardedRecords:
    """A folder of the kind `FOLDER`, with one table per shard, read when it is asked.

    Raises `UsageError` where the folder is of another kind, and `RunError` for a file that is
    missing or damaged.
    """

    FOLDER: ClassVar[RunFolder]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.settings: Settings = self.FOLDER.read(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def shards(self) -> int:
        """Number of shards, done or not."""
        return int(self.settings["shards"])

    @property
    def shard_size(self) -> int:
        """Number of images in every shard but the last."""
        return int(self.settings["shard_size"])

    @property
    def done(self) -> list[int]:
        """Numbers of the shards that are done, in order."""
        folder = self.path / SHARDS
        there = set(os.listdir(folder)) if folder.is_dir() else set()
        return [n for n in range(self.shards) if table_file(self.path, n).name in there]

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that are not done, in order."""
        done = set(self.done)
        return [n for n in range(self.shards) if n not in done]

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return not self.missing

    @property
    def rows(self) -> int:
        """Number of rows in the records."""
        import pyarrow.parquet as pq

        count = 0
        for number in self.done:
            with self.FOLDER.open(table_file(self.path, number)) as file:
                count += pq.read_metadata(file).num_rows
        return count

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the records' columns; older runs have fewer. Raises `RunError`."""
        import pyarrow.parquet as pq

        with self.FOLDER.open(table_file(self.path, self._some_done()[0])) as file:
            return tuple(pq.read_schema(file).names)

    def records(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the records as a pandas frame.

        Parameters
        ----------
        columns
            Which columns, all by default; fewer read faster.

        Raises
        ------
        UsageError
            For a column that is not there.
        RunError
            Where no shard is done, or a file is damaged.
        """
        frame: pd.DataFrame = self.table(columns).to_pandas()
        return frame

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records as a PyArrow table; see `records`."""
        import pyarrow as pa

        tables = list(self.shard_tables(columns))
        # Shards of an older version of skviz lack the newest columns: null there.
        return pa.concat_tables(tables, promote_options="default").unify_dictionaries()

    def shard_tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the table of one shard after another: for work in constant memory."""
        import pyarrow.parquet as pq

        done = self._some_done()
        if columns is not None:
            known = self.columns
            unknown = [name for name in columns if name not in known]
            if unknown:
                raise UsageError(
                    f"expected columns out of {', '.join(known)}, got {', '.join(unknown)}"
                )
        for number in done:
            with self.FOLDER.open(table_file(self.path, number)) as file:
                table = pq.ParquetFile(file).read(columns=columns and list(columns))
            yield table

    def check(self) -> list[str]:
        """Read every file of every shard, and compare it with its checksum.

        Returns
        -------
        list of str
            One sentence per file that is missing or was changed, and per shard that an older
            version of skviz wrote without checksums; empty where all is as it was written.
        """
        found = []
        for number in self.done:
            table = table_file(self.path, number)
            try:
                files = list(files_of(self.path, number))
            except ValueError as error:
                found.append(str(error))
                continue
            if table not in files:
                found.append(f"shard {number} has no checksums: its files cannot be compared")
            for file in files:
                try:
                    with self.FOLDER.open(file, whole=True):
                        pass
                except RunError as error:
                    found.append(str(error))
        return found

    def _some_done(self) -> list[int]:
        done = self.done
        if not done:
            again = " ".join(self.FOLDER.command.split()[:2])
            raise RunError(
                f"expected records in '{self.path}', there are none yet; run the same "
                f"`{again}` again to go on"
            )
        return done


@dataclass(frozen=True)
class Cells:
    """Columns of a table with one row per cell of an array of `shape`."""

    shape: tuple[int, ...]

    def numbers(
        self, values: NDArray[Any], kind: pa.DataType, null: NDArray[np.bool_] | None = None
    ) -> pa.Array:
        """Return values that broadcast against the shape; null where they are nan, or `null`."""
        import pyarrow as pa

        full = np.broadcast_to(values, self.shape).reshape(-1)
        if null is not None:
            null = np.broadcast_to(null, self.shape).reshape(-1)
        elif full.dtype.kind == "f":
            null = np.isnan(full)
        full = full == 1 if pa.types.is_boolean(kind) else full.astype(kind.to_pandas_dtype())
        return pa.array(full, type=kind, mask=null)

    def words(self, values: Sequence[str], axis: int) -> pa.Array:
        """Return one word for every index of an axis."""
        import pyarrow as pa

        index = np.arange(self.shape[axis], dtype=np.int32)
        index = index.reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        codes = pa.array(np.broadcast_to(index, self.shape).reshape(-1), pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(list(values), pa.string()))


def table_bytes(columns: Mapping[str, pa.Array], words: Sequence[str] | None = None) -> bytes:
    """Return the table of a shard as a Parquet file.

    `words` are the columns of few values, which a dictionary makes smaller; None for all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    dictionary = True if words is None else list(words)
    pq.write_table(pa.table(columns), buffer, compression="zstd", use_dictionary=dictionary)
    return buffer.getvalue()
