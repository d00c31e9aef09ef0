"""One shard as bytes of a file, and read again: Parquet, or safetensors where there is no pyarrow.

A row has a key, the labels that its source has, the crop (left, top, right, bottom in 0..1 of the upright
photograph), `count` (tokens of its code) and the tokens of `layout`. In Parquet the tokens of a row are one
fixed-size binary; in safetensors `tokens` is uint8 (rows, K, bytes), and keys and labels are lines of JSON in
a tensor of bytes. Neighbours: `layout`, `plan`, `reading`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tokenizer_core.errors import TokenizerError
from tokenizer_core.sets import tables
from tokenizer_core.sets.layout import Layout

OWN = ("key", "crop", "count")


@dataclass
class Rows:
    """The rows of a shard.

    Attributes:
        keys: of each.
        labels: column -> values; of Parquet and Arrow sources an Arrow table with the columns' own types.
        crops: (n, 4).
        counts: (n,).
        tokens: column -> (n, K, bytes).
    """

    keys: Sequence[str]
    labels: Any
    crops: Float[np.ndarray, "n 4"]
    counts: Int[np.ndarray, " n"]
    tokens: dict[str, UInt8[np.ndarray, "n K bytes"]]


def to_bytes(rows: Rows, form: str, about: dict[str, Any]) -> bytes:
    """A shard as a file's bytes, the same for the same rows.

    Args:
        rows: of the shard.
        form: "parquet" or "safetensors".
        about: goes into the file.
    """
    return _to_parquet(rows, about) if form == "parquet" else _to_safetensors(rows)


def label_name(name: str, layout_columns: Sequence[str]) -> str:
    """A label's column: its own name, or one beside it where a shard has such a column already."""
    return f"label_{name}" if name in (*OWN, *layout_columns) else name


def _to_parquet(rows: Rows, about: dict[str, Any]) -> bytes:
    pa = tables.arrow()
    columns: dict[str, Any] = {"key": pa.array(rows.keys, pa.string())}
    for name, values in _label_columns(pa, rows).items():
        columns[label_name(name, list(rows.tokens))] = values
    columns["crop"] = pa.FixedSizeListArray.from_arrays(pa.array(rows.crops.astype(np.float32).ravel()), 4)
    columns["count"] = pa.array(rows.counts.astype(np.uint16))
    for name, tokens in rows.tokens.items():
        width = tokens.shape[1] * tokens.shape[2]
        data = pa.py_buffer(np.ascontiguousarray(tokens))
        columns[name] = pa.Array.from_buffers(pa.binary(width), len(tokens), [None, data])
    table = pa.table(columns).replace_schema_metadata({"tokendial": json.dumps(about)})
    packed = {name: "none" if name in rows.tokens else "zstd" for name in columns}
    sink = pa.BufferOutputStream()
    words = {"compression": packed, "use_dictionary": False, "write_statistics": ["key"]}
    pa.parquet.write_table(table, sink, row_group_size=max(len(rows.keys), 1), **words)
    return sink.getvalue().to_pybytes()


def _label_columns(pa: Any, rows: Rows) -> dict[str, Any]:
    if isinstance(rows.labels, dict):
        return {name: pa.array(values, pa.string()) for name, values in rows.labels.items()}
    return {name: rows.labels.column(name) for name in rows.labels.column_names}


def _to_safetensors(rows: Rows) -> bytes:
    labels = rows.labels if isinstance(rows.labels, dict) else rows.labels.to_pydict()
    lines = [
        json.dumps([key, {name: values[i] for name, values in labels.items()}], default=str)
        for i, key in enumerate(rows.keys)
    ]
    text = "\n".join(lines).encode() + b"\n"
    tensors = {"crop": rows.crops.astype(np.float32), "count": rows.counts.astype(np.int32)}
    tensors |= {name: np.ascontiguousarray(tokens) for name, tokens in rows.tokens.items()}
    return save({**tensors, "rows": np.frombuffer(text, np.uint8)})


def read(path: Path, layout: Layout) -> Rows:
    """The rows of a shard; nothing in it is executed.

    Raises:
        TokenizerError: it is gone, damaged, or not of this layout.
    """
    try:
        if path.suffix == ".parquet":
            return _from_parquet(path, layout)
        return _from_safetensors(path, layout)
    except FileNotFoundError:
        raise TokenizerError(f"The shard {path.name} is missing.") from None
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        if isinstance(error, TokenizerError):
            raise
        raise TokenizerError(f"The shard {path.name} is damaged.") from None


def _from_parquet(path: Path, layout: Layout) -> Rows:
    pa = tables.arrow()
    table = pa.parquet.read_table(path, memory_map=True)
    width, found = layout.token_bytes, {}
    for name, length in layout.columns.items():
        column = table.column(name)
        if column.type != pa.binary(length * width):
            raise TokenizerError(f"The shard {path.name} has tokens of another model.")
        parts = [np.frombuffer(c.buffers()[1], np.uint8)[c.offset * length * width :] for c in column.chunks]
        sized = [p[: len(c) * length * width] for p, c in zip(parts, column.chunks, strict=True)]
        flat = sized[0] if len(sized) == 1 else np.concatenate([np.empty(0, np.uint8), *sized])
        found[name] = flat.reshape(-1, length, width)
    crops = np.array(table.column("crop").to_pylist(), np.float32).reshape(-1, 4)
    labels = table.drop_columns([*OWN, *layout.columns])
    counts = table.column("count").to_numpy().astype(np.int64)
    return Rows(table.column("key").to_pylist(), labels, crops, counts, found)


def _from_safetensors(path: Path, layout: Layout) -> Rows:
    tensors = load(path.read_bytes())
    lines = [json.loads(line) for line in tensors["rows"].tobytes().decode().splitlines()]
    names = lines[0][1] if lines else ()
    labels = {name: [line[1][name] for line in lines] for name in names}
    found = {name: tensors[name] for name in layout.columns}
    for name, length in layout.columns.items():
        if found[name].shape[1:] != (length, layout.token_bytes):
            raise TokenizerError(f"The shard {path.name} has tokens of another model.")
    counts = tensors["count"].astype(np.int64)
    return Rows([line[0] for line in lines], labels, tensors["crop"], counts, found)
