"""Files: a stranger's bytes to a picture that is not decoded yet, or to one sentence that says why not.

Every file is taken as hostile: its size in bytes and pixels is checked before anything is decoded, and only
the formats named here are opened. Neighbours: `headers`, `memory`, and `photo`, which decodes.
"""

import contextlib
import functools
import importlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool
from PIL import Image, TiffImagePlugin

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.headers import (
    CodedHeader,
    PngHeader,
    classic_tiff,
    coded_header,
    kind_of,
    png_header,
)
from tokenizer_core.photos.memory import beside

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "HEIF")
LARGE = 8_000_000  # pixels from which the decoder's own memory counts
KNOWN = "JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP and HEIC work."
NAMES = {"WEBP": "WebP", "HEIF": "HEIC"}  # Pillow's names that people write otherwise
DAMAGED = "This picture is damaged; it cannot be opened."
CUT_OFF = "This picture is damaged or cut off; it cannot be decoded."
NOT_SUPPORTED = re.compile(
    r"unsupported|not supported|unknown pixel mode|unknown data organi|unknown raw mode|not available"
    r"|cannot handle|no codec|no decod|unrecognized|not implemented|bad mode",
    re.IGNORECASE,
)


@runtime_checkable
class BinaryFile(Protocol):
    """Anything open for reading bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        ...


@dataclass
class OpenedFile:
    """A picture that is not decoded yet.

    Args:
        photo: as Pillow opened it.
        data: the bytes of its file.
        header: what they say beyond Pillow's `info`.
        clear_colour: the transparent colour of a PNG with 16 bits a colour, which Pillow knows no way for.
        beside: bytes that decoding needs beside the picture.
    """

    photo: Image.Image
    data: bytes
    header: PngHeader | CodedHeader | None = None
    clear_colour: tuple[int, int, int] | None = None
    beside: float = 0.0

    def decode(self) -> Bool[np.ndarray, "H W"] | None:
        """Decode `photo`.

        Returns:
            Where it is transparent beyond what Pillow knows of.
        """
        lower = None if self.clear_colour is None else self._lower_bits()
        if self.photo.width * self.photo.height > LARGE and self.photo.format in ("AVIF", "WEBP"):
            self.photo = _decode_large(self.photo)
        self.photo.load()
        if lower is None or self.clear_colour is None:
            return None
        lower &= _equal(self.photo, [level >> 8 for level in self.clear_colour])
        return lower

    def _lower_bits(self) -> Bool[np.ndarray, "H W"]:
        """Where the lower 8 of 16 bits are the transparent colour's; Pillow keeps the upper ones only."""
        lower = Image.open(io.BytesIO(self.data), formats=["PNG"])
        lower.tile = [tile._replace(args="RGB;16L") for tile in lower.tile]
        lower.load()
        assert self.clear_colour is not None
        return _equal(lower, [level & 255 for level in self.clear_colour])


def read_bytes(source: "str | os.PathLike | bytes | bytearray | memoryview | BinaryFile") -> bytes:
    """All bytes of a file, never more than the limit.

    Raises:
        TokenizerError: there is no such file, it cannot be read, is empty, or over 20 MB.
    """
    try:
        if isinstance(source, (str, os.PathLike)):
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        else:
            data = source.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise TokenizerError("There is no such photo.") from None
    except (OSError, ValueError):  # ValueError: a closed file, or a path with a zero byte
        raise TokenizerError("This photo cannot be read.") from None
    except (TypeError, AttributeError, EOFError):  # an object that only looks like a file
        raise TokenizerError("This photo cannot be read.") from None
    if not isinstance(data, bytes):
        raise TokenizerError("This file is open as text; open it for reading bytes.")
    check_size(len(data))
    return data


def check_size(size: int) -> None:
    """Refuse a file by its size in bytes.

    Raises:
        TokenizerError: it is empty or over 20 MB.
    """
    if size == 0:
        raise TokenizerError("This file is empty.")
    if size > MAX_BYTES:
        raise TokenizerError(f"This file is larger than {MAX_BYTES // 1024**2} MB; please use a smaller one.")


def too_many_pixels(size: tuple[int, int] | None) -> str:
    """The sentence for a picture over the limit."""
    found = "" if size is None else f" ({size[0]} x {size[1]})"
    return f"This picture has more than {MAX_PIXELS // 10**6} megapixels{found}; please use a smaller one."


def check_pixels(size: tuple[int, int]) -> None:
    """Refuse a picture by its width and height.

    Raises:
        TokenizerError: it has no pixels, or over 60 million.
    """
    if size[0] < 1 or size[1] < 1:
        raise TokenizerError("This picture has no pixels.")
    if size[0] * size[1] > MAX_PIXELS:
        raise TokenizerError(too_many_pixels(size))


@functools.cache
def formats() -> list[str]:
    """Pillow's names of the formats that can be opened here."""
    with contextlib.suppress(ImportError):  # without the package HEIC counts as an unknown format
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def open_bytes(data: bytes) -> OpenedFile:
    """Open a picture without decoding it; its size is checked.

    Raises:
        TokenizerError: an unknown format, damaged, of a kind that cannot be opened, or too large.
    """
    data = classic_tiff(data)
    try:
        photo = Image.open(io.BytesIO(data), formats=formats())
        # The primary picture of a HEIC with several need not be the first.
        if photo.format != "HEIF" and getattr(photo, "is_animated", False):
            photo.seek(0)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TokenizerError(too_many_pixels(None)) from None
    except Image.UnidentifiedImageError:
        raise TokenizerError(_why_not(data)) from None
    except Exception as error:  # a header made to break its reader
        raise TokenizerError(reason_of(error, data) or DAMAGED) from None
    check_pixels(photo.size)
    opened = OpenedFile(photo, data)
    if photo.format == "PNG":
        opened.header = png_header(data)
        _settle_transparency(opened, opened.header)
    elif photo.format in ("AVIF", "HEIF"):
        opened.header = coded_header(data)
    elif isinstance(photo, TiffImagePlugin.TiffImageFile):
        _settle_planes(photo)
    try:
        opened.beside = beside(photo, opened.header if isinstance(opened.header, CodedHeader) else None)
    except (TypeError, ValueError, AttributeError, ArithmeticError):  # tags that are no numbers
        raise TokenizerError(DAMAGED) from None
    return opened


def reason_of(error: Exception, data: bytes) -> str | None:
    """The sentence for a whole picture of a kind that cannot be opened here; None if it is damaged."""
    kind = kind_of(data)
    if kind is None:
        return None
    if kind == "TIFF":
        found = _odd_tiff(data)
        if found:
            return f"This TIFF cannot be opened here: {found}. Please save it with 8 or 16 bits a colour."
    if NOT_SUPPORTED.search(str(error)):
        name = NAMES.get(kind, kind)
        return f"This is a kind of {name} that cannot be opened here; please save it as a plain JPEG or PNG."
    return None


def _why_not(data: bytes) -> str:
    """The sentence for what no reader of Pillow took."""
    kind = kind_of(data)
    if kind is None:
        return f"This file is not a picture that can be opened here; {KNOWN}"
    if kind not in formats():
        return (
            f"This is a {NAMES.get(kind, kind)}, which cannot be opened on this machine; JPEG and PNG work."
        )
    try:
        Image.OPEN[kind][0](io.BytesIO(data), "")
    except Exception as error:  # what the reader has to say of this file
        return reason_of(error, data) or DAMAGED
    return DAMAGED


def _odd_tiff(data: bytes) -> str | None:
    """What about a TIFF's pixels Pillow has no way for, by its tags."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if 43 in data[2:4] else 8])
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        bits, colours = tags.get(258, (1,)), int(tags.get(277, 1))
        form, compression = tags.get(339, (1,)), int(tags.get(259, 1))
        depth, is_float = int(bits[0]), int(form[0]) == 3
    except Exception:  # no directory to read
        return None
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        return f"it is compressed by method {compression}"
    if len(set(bits)) > 1:
        return "its colours have different depths"
    if is_float and (colours > 1 or depth not in (32, 64)):
        return f"its pixels are {colours} x {depth}-bit floating point numbers"
    if depth > 16 and colours > 1:
        return f"its pixels have {depth} bits a colour"
    if (depth, colours) not in ((1, 1), (2, 1), (4, 1)) and depth not in (8, 16, 32, 64):
        return f"its pixels have {depth} bits a colour"
    return None


def _settle_planes(photo: TiffImagePlugin.TiffImageFile) -> None:
    """Tell Pillow that planes of 16 bits have 16 bits: of one colour after the other it reads bytes."""
    if photo.tag_v2.get(284) != 2 or max(photo.tag_v2.get(258, (1,))) != 16:
        return
    order = "L" if photo.tag_v2.prefix == b"II" else "B"
    photo.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
        if tile.codec_name == "raw" and isinstance(tile.args, tuple) and tile.args[0] in ("R", "G", "B", "A")
        else tile
        for tile in photo.tile
    ]


def _settle_transparency(opened: OpenedFile, header: PngHeader) -> None:
    """Make a PNG's transparent colour one of the levels that Pillow decodes to."""
    photo = opened.photo
    colour = photo.info.get("transparency")
    if photo.mode == "P" or colour is None or isinstance(colour, bytes):
        return
    mask = 2**header.depth - 1  # more than the depth's bits do not count
    if isinstance(colour, int):
        level = colour & mask
        photo.info["transparency"] = level if header.depth == 16 else level * 255 // mask
        return
    colour = tuple(level & mask for level in colour)
    if header.depth < 16:
        photo.info["transparency"] = colour
        return
    del photo.info["transparency"]
    opened.clear_colour = colour


def _equal(photo: Image.Image, colour: list[int]) -> Bool[np.ndarray, "H W"]:
    found = np.empty((photo.height, photo.width), bool)
    for row in range(0, photo.height, 64):
        strip = photo.crop((0, row, photo.width, min(row + 64, photo.height)))
        found[row : row + 64] = (np.asarray(strip) == np.array(colour, np.uint8)).all(-1)
    return found


def _decode_large(photo: Image.Image) -> Image.Image:
    """The first frame, its decoder gone before Pillow has the pixels: a third less at the worst moment."""
    decoder, raw = getattr(photo, "_decoder", None), getattr(photo, "rawmode", photo.mode)
    if decoder is None:
        return photo
    photo._decoder = None  # pyright: ignore[reportAttributeAccessIssue]
    content = decoder.get_frame(0)[0] if photo.format == "AVIF" else decoder.get_next()[0]
    del decoder
    decoded = Image.frombytes(photo.mode, photo.size, content, "raw", raw)
    decoded.info = photo.info
    return decoded
