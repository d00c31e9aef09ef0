"""Photo intake: a stranger's file in, an 8-bit RGB square out.

Whatever goes wrong ends in one sentence without a path. Turning and animations are settled here, limits in
`files`, colour modes in `colours`, so that the rest of the library sees plain RGB. `Picture` is the one
picture type of the public list. Neighbours: `files`, `colours`, `memory`, `photoset`, the tokenizers.
"""

import io
import math
import os
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import DTypeLike
from PIL import Image
from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.colours import to_rgb
from tokenizer_core.photos.files import (
    CUT_OFF,
    MAX_BYTES,
    MAX_PIXELS,
    BinaryFile,
    OpenedFile,
    check_pixels,
    open_bytes,
    read_bytes,
    reason_of,
)
from tokenizer_core.photos.memory import MOST, need_of, opening

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "BinaryFile",
    "PhotoSource",
    "Picture",
    "open_photo",
    "square_crop",
    "to_picture",
]

ZOOMABLE = 1024  # pixels that each side keeps where a zoom may follow
TURNS = {  # EXIF orientation -> what sets the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


PhotoSource = str | os.PathLike | bytes | bytearray | memoryview | BinaryFile | Image.Image | np.ndarray


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
        return cls(to_levels(pixels[None])[0].cpu().numpy())

    def to_pixels(self) -> Float[Tensor, "1 3 H W"]:
        """The picture as float32 in [-1, 1]; `from_pixels(to_pixels()[0])` is the same picture."""
        levels = torch.tensor(self.array).permute(2, 0, 1)[None].contiguous()
        return levels.float().div_(127.5).sub_(1)

    def to_pil(self) -> Image.Image:
        """The picture as a Pillow image in mode RGB."""
        return Image.fromarray(self.array)


def to_levels(pixels: Float[Tensor, "B 3 H W"]) -> UInt8[Tensor, "B H W 3"]:
    """Pixels in [-1, 1] rounded to 8 bit on their own device, as pictures hold them."""
    levels = ((pixels.detach().float() + 1) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def open_photo(
    source: "PhotoSource | Picture | object", at_least: int = ZOOMABLE, exact: bool = False
) -> Image.Image:
    """Open a photo: upright, 8-bit RGB in sRGB, alpha on white, an animation's first frame.

    Photos that are opened at once, in several threads, share one limit of memory and wait for one another.

    Args:
        source: a path, the bytes of a file, an open binary file, a Pillow image, a Picture, or an array or
            tensor (H, W, 3) or (H, W) of uint8.
        at_least: a JPEG is decoded at a half, a quarter or an eighth of its size where both sides keep this
            many pixels. The usual 1,024 is enough for a zoom of 4 into a square of 256; twice the square is
            enough where no zoom can follow.
        exact: keep 1,024 whatever `at_least` says, as older figures did.

    Returns:
        A decoded image in mode RGB, at most 60 megapixels, without any metadata.

    Raises:
        TokenizerError: no such file, over 20 MB or 60 megapixels, an unknown format, of a kind that cannot be
            opened, damaged, no pixels, needs over 0.5 GB, or no photo at all.
    """
    opened = _opened(source)
    photo, own = opened.photo, opened.photo is not source
    check_pixels(photo.size)
    turn = TURNS.get(_orientation(photo))
    try:
        if own:
            side = max(at_least, ZOOMABLE) if exact else max(at_least, 1)
            photo.draft(None, (side, side))
        elif getattr(photo, "is_animated", False):
            photo.seek(0)
    except Exception:  # decoders of damaged files raise nearly anything
        raise TokenizerError(CUT_OFF) from None
    need = need_of(photo, opened.beside)
    if own and need > MOST:
        megapixels = MOST / (need / (photo.width * photo.height)) / 1e6
        limit = f"one of its kind may have {megapixels:.0f} megapixels"
        raise TokenizerError(f"This picture needs too much memory to be opened; {limit}.")
    with opening.hold(need):
        try:
            clear = opened.decode()
            rgb = to_rgb(opened.photo, opened.header, clear=clear, turn=turn, release=own)
        except Exception as error:
            raise TokenizerError(reason_of(error, opened.data) or CUT_OFF) from None
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
    photo: "PhotoSource | Picture",
    size: int,
    center: tuple[float, float] = (0.5, 0.5),
    zoom: float = 1.0,
    exact: bool = False,
) -> Picture:
    """What every tokenizer's `encode` reads: a Picture of that size as it is, all else opened and cropped.

    A JPEG is decoded at twice the size of the crop or more; `exact` is `open_photo`'s.
    """
    if isinstance(photo, Picture):
        return photo if photo.array.shape[:2] == (size, size) else square_crop(photo.to_pil(), size)
    wanted = 2 * size * zoom if math.isfinite(zoom) else 0
    return square_crop(open_photo(photo, math.ceil(min(wanted, 1e6)), exact), size, center, zoom)


def _opened(source: "PhotoSource | Picture | object") -> OpenedFile:
    if isinstance(source, Image.Image):
        return OpenedFile(source, b"")
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        return open_bytes(read_bytes(source))
    if hasattr(source, "__array__"):
        return OpenedFile(_from_array(source), b"")
    if isinstance(source, BinaryFile):
        return open_bytes(read_bytes(source))
    kind = type(source).__name__
    raise TokenizerError(f"A photo is a path, bytes, an open file, an image or an array, not {kind}.")


def _from_array(source: object) -> Image.Image:
    try:
        array = np.asarray(source)
    except Exception:  # a tensor of another device, or a class of its own
        raise TokenizerError("This array or tensor cannot be read; bring it to the CPU first.") from None
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        found = f"{array.dtype} of {tuple(array.shape)}"
        raise TokenizerError(f"An array is a photo when it is uint8 of (H, W, 3) or (H, W), not {found}.")
    check_pixels((array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _orientation(photo: Image.Image) -> int:
    try:
        return int(photo.getexif().get(0x0112, 1))  # the orientation tag
    except Exception:  # broken metadata: the photo stays as it is
        return 1
