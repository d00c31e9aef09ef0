"""Photo intake: a stranger's file in, an 8-bit RGB square out.

Every file is taken as hostile: its size in bytes and pixels is checked before anything is decoded, only
the formats named here are opened, and whatever goes wrong ends in one sentence without a path. Turning and
animations are settled here, colour modes in `colours`, so that the rest of the library sees plain RGB.
`Picture` is the one picture type of the public list. Neighbours: `colours`, `photoset`, the tokenizers.
"""

import contextlib
import functools
import importlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import DTypeLike
from PIL import Image
from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.colours import to_rgb

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "HEIF")
TURNS = {  # EXIF orientation -> what sets the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@runtime_checkable
class BinaryFile(Protocol):
    """Anything open for reading bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        ...


PhotoSource = str | Path | bytes | BinaryFile | Image.Image


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """An 8-bit RGB picture: `array` is (H, W, 3) uint8.

    `numpy.asarray` takes it, and a notebook shows it.
    """

    array: UInt8[np.ndarray, "H W 3"]

    def __post_init__(self) -> None:
        assert self.array.dtype == np.uint8, self.array.dtype
        assert self.array.shape[2:] == (3,), self.array.shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return hash((self.array.shape, self.array.tobytes()))

    def __repr__(self) -> str:
        return f"<Picture: {self.array.shape[1]} x {self.array.shape[0]}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """The levels; not a copy, unless one is asked for or another dtype needs one."""
        if copy is False and dtype not in (None, np.uint8):
            raise ValueError("A picture of another dtype is a copy.")
        levels = self.array if dtype is None else self.array.astype(dtype, copy=False)
        return levels.copy() if copy else levels

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        buffer = io.BytesIO()
        self.to_pil().save(buffer, "PNG")
        return buffer.getvalue()

    @classmethod
    def from_pixels(cls, pixels: Float[Tensor, "3 H W"]) -> "Picture":
        """Round pixels in [-1, 1] to 8 bit; what lies outside is clipped."""
        levels = ((pixels.detach().float() + 1) * 127.5).round().clamp(0, 255)
        return cls(levels.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy())

    def to_pixels(self) -> Float[Tensor, "1 3 H W"]:
        """The picture as float32 in [-1, 1]; `from_pixels(to_pixels()[0])` is the same picture."""
        levels = torch.tensor(self.array, dtype=torch.float32)
        return (levels / 127.5 - 1).permute(2, 0, 1)[None].contiguous()

    def to_pil(self) -> Image.Image:
        """The picture as a Pillow image in mode RGB."""
        return Image.fromarray(self.array)


def open_photo(source: PhotoSource) -> Image.Image:
    """Open a photo: upright, 8-bit RGB in sRGB, alpha on white, an animation's first frame.

    Args:
        source: a path, the bytes of a file, an open binary file, or a Pillow image.

    Returns:
        A decoded image in mode RGB, at most 60 megapixels, without any metadata. A JPEG is decoded at a half,
        a quarter or an eighth of its size where both sides stay at least 1,024: enough for a zoom of 4, and
        a phone's photo is open in a third of the time.

    Raises:
        TokenizerError: no such file, over 20 MB or 60 megapixels, an unknown format, damaged, or no pixels.
    """
    photo = source if isinstance(source, Image.Image) else _open_bytes(_read_bytes(source))
    if photo.width < 1 or photo.height < 1:
        raise TokenizerError("This picture has no pixels.")
    if photo.width * photo.height > MAX_PIXELS:
        raise TokenizerError(_too_many_pixels(photo.size))
    try:
        if getattr(photo, "is_animated", False):
            photo.seek(0)
        if photo is not source:
            photo.draft(None, (1024, 1024))
        photo.load()
        rgb = to_rgb(photo)
    except Exception:  # decoders of damaged files raise nearly anything
        raise TokenizerError("This picture is damaged or cut off; it cannot be decoded.") from None
    turn = TURNS.get(_orientation(photo))
    rgb = rgb if turn is None else rgb.transpose(turn)
    rgb.info.clear()  # nothing is applied twice when the photo comes back here
    return rgb


def square_crop(
    photo: Image.Image, size: int = 256, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
) -> Picture:
    """Cut a square out of a photo and resize it (Lanczos, antialiased).

    Args:
        photo: as `open_photo` returns it.
        size: pixels on each side of the result.
        center: x, y in 0..1 of the photo; the square comes as near as the borders allow.
        zoom: >= 1; the square's side is min(width, height) / zoom, at least one pixel.

    Returns:
        A Picture of `size` x `size`; the photo itself, bit for bit, when that is its size already.

    Raises:
        TokenizerError: `center` or `zoom` is not a number or out of range.
    """
    if not math.isfinite(zoom) or zoom < 1:
        raise TokenizerError("The zoom of a crop is a number from 1 up.")
    if not all(math.isfinite(part) and 0 <= part <= 1 for part in center):
        raise TokenizerError("The centre of a crop is two numbers from 0 to 1.")
    if photo.mode != "RGB":
        photo = open_photo(photo)
    side = max(min(photo.size) / zoom, 1.0)
    left = min(max(center[0] * photo.width - side / 2, 0.0), photo.width - side)
    top = min(max(center[1] * photo.height - side / 2, 0.0), photo.height - side)
    box = (left, top, min(left + side, photo.width), min(top + side, photo.height))
    return Picture(np.array(photo.resize((size, size), Image.Resampling.LANCZOS, box=box)))


def to_picture(
    photo: "PhotoSource | Picture", size: int, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
) -> Picture:
    """What every tokenizer's `encode` reads: a Picture of that size as it is, all else opened and cropped."""
    if isinstance(photo, Picture):
        return photo if photo.array.shape[:2] == (size, size) else square_crop(photo.to_pil(), size)
    return square_crop(open_photo(photo), size, center, zoom)


def _read_bytes(source: str | Path | bytes | BinaryFile) -> bytes:
    try:
        if isinstance(source, (str, Path)):
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        else:
            data = source if isinstance(source, bytes) else source.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise TokenizerError("There is no such photo.") from None
    except (OSError, ValueError):  # ValueError: a closed file, or a path with a zero byte
        raise TokenizerError("This photo cannot be read.") from None
    if not data:
        raise TokenizerError("This file is empty.")
    if len(data) > MAX_BYTES:
        raise TokenizerError(f"This file is larger than {MAX_BYTES // 1024**2} MB; please use a smaller one.")
    return data


@functools.cache
def _formats() -> list[str]:
    with contextlib.suppress(ImportError):  # without the package HEIC counts as an unknown format
        importlib.import_module("pillow_heif").register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _open_bytes(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TokenizerError(_too_many_pixels(None)) from None
    except Image.UnidentifiedImageError:
        known = "JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP and HEIC work."
        raise TokenizerError(f"This file is not a picture that can be opened here; {known}") from None
    except Exception:  # a header made to break its reader
        raise TokenizerError("This picture is damaged; it cannot be opened.") from None


def _too_many_pixels(size: tuple[int, int] | None) -> str:
    found = "" if size is None else f" ({size[0]} x {size[1]})"
    return f"This picture has more than {MAX_PIXELS // 10**6} megapixels{found}; please use a smaller one."


def _orientation(photo: Image.Image) -> int:
    try:
        return int(photo.getexif().get(0x0112, 1))  # the orientation tag
    except Exception:  # broken metadata: the photo stays as it is
        return 1
