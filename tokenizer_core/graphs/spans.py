"""Where each tensor lies in a safetensors file, so that a graph can point to its bytes.

A safetensors file is 8 bytes (the length of what follows, little-endian), a JSON object, and then the
tensors' bytes, one after another (https://github.com/huggingface/safetensors, "Format").
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizer_core.errors import TokenizerError

LENGTH_BYTES = 8


@dataclass(frozen=True)
class Span:
    """One tensor's bytes.

    Attributes:
        file: name of the weight file.
        offset: of the first byte, from the file's beginning.
        length: bytes.
        dtype: as safetensors call it: "I8", "F32", ...
        shape: of the tensor.
    """

    file: str
    offset: int
    length: int
    dtype: str
    shape: tuple[int, ...]


def read_spans(paths: Iterable[Path]) -> dict[str, Span]:
    """The spans of all tensors of some files, by name.

    Raises:
        TokenizerError: a file is missing or is no safetensors file.
    """
    spans = {}
    for path in paths:
        try:
            start, entries = _header(path)
        except (OSError, ValueError):
            raise TokenizerError(f"{path.name} is not a readable safetensors file.") from None
        for name, entry in entries.items():
            first, end = entry["data_offsets"]
            spans[name] = Span(path.name, start + first, end - first, entry["dtype"], tuple(entry["shape"]))
    return spans


def _header(path: Path) -> tuple[int, dict]:
    """Where the tensors' bytes begin, and what the JSON object says of each."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return LENGTH_BYTES + length, entries
