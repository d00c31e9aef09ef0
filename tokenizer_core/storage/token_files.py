"""Encodings as files: what `encode` and the page write, and `decode` reads.

A file is a safetensors file with one tensor, `tokens`: the bytes of `Encoding.to_bytes`, which name model and
weights and carry a checksum. The same encoding always gives the same file. The page gives the bytes alone, a
link has them as text; all are read.
"""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tokenizer_core.codes.encoding import MAGIC, Encoding
from tokenizer_core.codes.text import tokens_of_text
from tokenizer_core.errors import TokenizerError
from tokenizer_core.storage.whole import write_whole

MAX_BYTES = 1 << 20  # a full code is a few thousand
TENSOR = "tokens"
# One entry: several are written in an order that changes from run to run.
ABOUT = {"format": "tokendial-tokens-1"}


def pack_tokens(encoding: Encoding) -> bytes:
    """What a file of tokens holds.

    Raises:
        TokenizerError: see `Encoding.to_bytes`.
    """
    return save({TENSOR: np.frombuffer(encoding.to_bytes(), np.uint8)}, ABOUT)


def save_tokens(encoding: Encoding, path: str | Path) -> int:
    """Write an encoding's packed bytes as a safetensors file, whole or not at all.

    Args:
        encoding: any encoding; K tokens stay K tokens.
        path: where to; an existing file is replaced.

    Returns:
        The number of bytes that the tokens themselves take.

    Raises:
        TokenizerError: the file cannot be written.
    """
    write_whole(path, pack_tokens(encoding))
    return len(encoding.to_bytes())


def load_tokens(source: str | Path | bytes) -> Encoding:
    """Read a file of tokens; nothing in it is executed.

    Args:
        source: a file that `save_tokens` or the page wrote, or of a link's text, at most 1 MiB; its bytes; or
            the link itself.

    Returns:
        The encoding. Whether the model at hand made it is for `decode` to say.

    Raises:
        TokenizerError: there is no such file, or it is damaged, or it is something else.
    """
    pasted = None if isinstance(source, bytes) else _pasted(str(source))
    if pasted is not None:
        return Encoding.from_bytes(pasted)
    name = "This" if isinstance(source, bytes) else Path(source).name
    data = source if isinstance(source, bytes) else _read(Path(source))
    if len(data) > MAX_BYTES:
        raise TokenizerError(f"{name} is too large to be a file of tokens.")
    data = _pasted(data.decode("utf-8", "replace")) or data
    if data[:3] == MAGIC[:3]:
        return Encoding.from_bytes(data)
    try:
        packed = load(data)[TENSOR]
    except (SafetensorError, KeyError, ValueError):
        raise TokenizerError(f"{name} is damaged, or is not a file of tokens.") from None
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise TokenizerError(f"{name} is not a file of tokens.")
    return Encoding.from_bytes(packed.tobytes())


def _pasted(text: str) -> bytes | None:
    """The packed tokens in a text or link; None of any other text, such as a file's name."""
    try:
        data = tokens_of_text(text)
    except TokenizerError:
        return None
    return data if data[:3] == MAGIC[:3] else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise TokenizerError(f"There is no file named {path.name}.") from None
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        raise TokenizerError(f"{path.name} cannot be read.") from None
