"""Parquet and Arrow files as sources: which column holds pictures, and the bytes of one row.

A column holds pictures if it is binary, or has a part `bytes` that is, as `datasets` writes them. pyarrow is
an extra, and is imported where a file of this kind is read. Neighbour: `sources`.
"""

import importlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.archives import shown_name
from tokenizer_core.photos.files import check_size

SUFFIXES = (".parquet", ".arrow")
NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp")  # of columns, likeliest first
NEEDED = "Parquet and Arrow files need the package pyarrow: pip install 'tokendial[parquet]'."


def arrow() -> Any:
    """The package pyarrow.

    Raises:
        TokenizerError: it is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError:
        raise TokenizerError(NEEDED) from None


class Table:
    """One file: groups of rows that are read at a time.

    Args:
        path: of a .parquet or an .arrow file.
    """

    def __init__(self, path: str) -> None:
        pa = arrow()
        self.path = path
        try:
            if path.endswith(".parquet"):
                self._file = pa.parquet.ParquetFile(path, memory_map=True)
                about = self._file.metadata
                self.sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
                self.schema = self._file.schema_arrow
                return
            self._batches = _batches(pa, path)
        except (pa.ArrowException, OSError):
            raise TokenizerError(f"{shown_name(Path(path).name)} is damaged or cut off.") from None
        self.sizes = [batch.num_rows for batch in self._batches]
        self.schema = self._batches[0].schema if self._batches else pa.schema([])

    def read(self, group: int, columns: list[str]) -> Any:
        """Some columns of one group, as an Arrow table."""
        pa = arrow()
        try:
            if self.path.endswith(".parquet"):
                return self._file.read_row_group(group, columns=columns)
            return pa.Table.from_batches([self._batches[group]]).select(columns)
        except (pa.ArrowException, OSError):
            raise TokenizerError(f"{shown_name(Path(self.path).name)} is damaged or cut off.") from None


def _batches(pa: Any, path: str) -> list[Any]:
    """Record batches of an Arrow stream (as `datasets` writes it) or file."""
    memory = pa.memory_map(path)
    try:
        return list(pa.ipc.open_stream(memory))
    except pa.ArrowInvalid:
        file = pa.ipc.open_file(memory)
        return [file.get_batch(i) for i in range(file.num_record_batches)]


@lru_cache(4)
def opened(path: str) -> Table:
    """A file, opened once a process."""
    return Table(path)


def count(path: str) -> int:
    """Rows of a file."""
    return sum(opened(path).sizes)


def picture_column(path: str) -> str:
    """The column that holds pictures.

    Raises:
        TokenizerError: there is none.
    """
    pa = arrow()
    found = []
    for field in opened(path).schema:
        kind = field.type
        inner = (
            kind.field("bytes").type
            if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
            else kind
        )
        if pa.types.is_binary(inner) or pa.types.is_large_binary(inner):
            found.append(field.name)
    if not found:
        raise TokenizerError(f"{shown_name(Path(path).name)} has no column of pictures.")
    return min(found, key=lambda name: NAMES.index(name) if name in NAMES else len(NAMES))


def label_columns(path: str, column: str) -> tuple[str, ...]:
    """The columns that are passed on: all but the pictures'."""
    return tuple(name for name in opened(path).schema.names if name != column)


def places(path: str, first: int, many: int) -> list[tuple[int, int]]:
    """(group, row in it) of `many` rows from `first` on."""
    found, start = list[tuple[int, int]](), 0
    for group, size in enumerate(opened(path).sizes):
        low, high = max(first, start), min(first + many, start + size)
        found += [(group, row - start) for row in range(low, high)]
        start += size
    if len(found) != many:
        raise TokenizerError(f"{shown_name(Path(path).name)} has fewer rows than when the work was planned.")
    return found


@lru_cache(2)
def _group(path: str, group: int, column: str) -> Any:
    """One group's column of pictures; rows are asked for in order, so that it is read about once."""
    chunks = opened(path).read(group, [column]).column(column).combine_chunks()
    chunk = chunks.chunk(0) if hasattr(chunks, "num_chunks") else chunks
    return chunk.field("bytes") if hasattr(chunk, "field") else chunk


def picture(path: str, group: int, row: int, column: str) -> bytes:
    """The bytes of one row's picture.

    Raises:
        TokenizerError: there are none, or too many.
    """
    value = _group(path, group, column)[row]
    if not value.is_valid:
        raise TokenizerError("This row holds no picture.")
    data = value.as_buffer()
    check_size(data.size)
    return data.to_pybytes()


def labels(path: str, first: int, many: int, columns: tuple[str, ...]) -> Any:
    """The label columns of a run of rows, as an Arrow table with their own types."""
    pa, table, parts, start = arrow(), opened(path), [], 0
    for group, size in enumerate(table.sizes):
        low, high = max(first, start), min(first + many, start + size)
        if low < high:
            parts.append(table.read(group, list(columns)).slice(low - start, high - low))
        start += size
    return pa.concat_tables(parts)
