"""Colours: any Pillow mode (CMYK, Lab, 16 bit, palettes, alpha, floats) as 8-bit RGB in sRGB; luma of pixels.

Deep modes are scaled to 8 bit, never clipped; what a file says of its colours is applied where it is sound
(`profiles`); what is transparent shows white. What is not plain RGB is done in strips, so that a photo needs
little more memory than before and after. Neighbours: `photo`; `spectrum` and `metrics`, which look at luma.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from tokenizer_core.photos.headers import CodedHeader, PngHeader
from tokenizer_core.photos.profiles import Transform, transform_of

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
STRIP = 2**19  # pixels that are converted at a time
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")

Clear = Bool[np.ndarray, "H W"]


def luma(pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W"]:
    """Brightness in [0, 1] of pixels in [-1, 1], in float32."""
    red, green, blue = pixels.float().unbind(1)
    share = [weight / 2 for weight in LUMA]  # their sum is a half
    return (share[0] * red).add(green, alpha=share[1]).add(blue, alpha=share[2]) + 0.5


def to_rgb(
    photo: Image.Image,
    header: PngHeader | CodedHeader | None = None,
    *,
    clear: Clear | None = None,
    turn: Image.Transpose | None = None,
    release: bool = False,
) -> Image.Image:
    """A decoded image of any Pillow mode as 8-bit RGB in sRGB, alpha laid on white.

    Args:
        photo: decoded.
        header: what its file says beyond Pillow's `info`.
        clear: pixels that are transparent beyond what Pillow knows of.
        turn: how the result is turned.
        release: close `photo` as soon as its pixels are taken. Else both are in memory together.

    Raises:
        ValueError: Pillow knows no way from this mode to RGB.
    """
    transform = transform_of(photo, header)
    to_8_bit = _depth_of(photo, transform)
    if photo.mode == "RGB" and transform is None and clear is None and "transparency" not in photo.info:
        return _plain(photo, turn, release)
    size, packed = photo.size, []
    for top, strip in _strips(photo):
        rgb = _strip_to_rgb(strip, transform, to_8_bit)
        if clear is not None:
            rgb.paste("white", mask=Image.fromarray(clear[top : top + strip.height]))
        packed.append((top, rgb.size, rgb.tobytes()))
    if release:
        photo.close()
    return _unpack(packed, size, turn)


def _plain(photo: Image.Image, turn: Image.Transpose | None, release: bool) -> Image.Image:
    """What is RGB in sRGB already, as most photos are: one copy, where strips make five."""
    photo.load()
    rgb = photo.copy() if turn is None else photo.transpose(turn)
    rgb.info = {}
    if release:
        photo.close()
    return rgb


def _strips(photo: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(STRIP // photo.width, 1)
    for top in range(0, photo.height, rows):
        yield top, photo.crop((0, top, photo.width, min(top + rows, photo.height)))


def _unpack(
    packed: list[tuple[int, tuple[int, int], bytes]], size: tuple[int, int], turn: Image.Transpose | None
) -> Image.Image:
    """One picture of strips, turned; each strip's bytes go as soon as it has its place."""
    wide, high = size
    whole = Image.new("RGB", size if turn is None or turn in KEEPS_SIZE else (high, wide))
    while packed:
        top, strip_size, content = packed.pop()
        strip = Image.frombytes("RGB", strip_size, content)
        whole.paste(strip if turn is None else strip.transpose(turn), _place(top, strip_size[1], size, turn))
    return whole


KEEPS_SIZE = (
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_180,
)
FROM_THE_END = (  # the photo's first rows come last
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
)


def _place(top: int, rows: int, size: tuple[int, int], turn: Image.Transpose | None) -> tuple[int, int]:
    """Where in the turned picture a strip of the photo begins: x, y."""
    start = size[1] - top - rows if turn in FROM_THE_END else top
    return (0, start) if turn is None or turn in KEEPS_SIZE else (start, 0)


def _strip_to_rgb(
    strip: Image.Image, transform: Transform | None, to_8_bit: Callable[[Image.Image], Image.Image] | None
) -> Image.Image:
    if to_8_bit is not None:
        rgb = _opaque(to_8_bit(strip), transform)
        clear = strip.info.get("transparency")
        if isinstance(clear, int):
            rgb.paste("white", mask=Image.fromarray(np.asarray(strip) == clear))
        return rgb
    if strip.mode in ("La", "RGBa"):  # premultiplied alpha
        strip = strip.convert({"La": "LA", "RGBa": "RGBA"}[strip.mode])
    if strip.mode in ("RGBA", "LA", "PA") or "transparency" in strip.info:
        rgba = strip.convert("RGBA")
        flat = Image.new("RGB", strip.size, "white")
        flat.paste(_opaque(rgba.convert("RGB"), transform), mask=rgba.getchannel("A"))
        return flat
    return _opaque(strip, transform)


def _opaque(strip: Image.Image, transform: Transform | None) -> Image.Image:
    """Pixels without alpha, in sRGB."""
    if transform is None:
        return (strip.getchannel("L") if strip.mode == "LAB" else strip).convert("RGB")
    return transform.apply(strip if strip.mode == transform.mode else strip.convert(transform.mode))


def _depth_of(photo: Image.Image, transform: Transform | None) -> Callable[[Image.Image], Image.Image] | None:
    """What brings a deep mode's strips to 8 bits; None where they have them."""
    if photo.mode in SIXTEEN_BITS:
        # A profile counts for the upper 8 bits, as in browsers, and as Pillow opens 16 bits of three colours.
        levels = np.arange(2**16)
        table = (levels >> 8 if transform else (levels * (255 / 65535)).round()).astype(np.uint8)
        return lambda strip: Image.fromarray(table[np.asarray(strip)])
    if photo.mode == "F" or photo.mode.startswith("I"):
        factor = 255 / _usual_top(photo)
        return lambda strip: Image.fromarray((_finite(strip) * factor).round().clip(0, 255).astype(np.uint8))
    return None


def _finite(strip: Image.Image) -> Float[np.ndarray, "h W"]:
    levels = np.asarray(strip).astype(np.float64)
    return np.where(np.isfinite(levels), levels, 0)


def _usual_top(photo: Image.Image) -> float:
    """The smallest usual range that holds all levels of a 32-bit or floating point picture."""
    largest = max(float(_finite(strip).max()) for _, strip in _strips(photo))
    usual = (1.0, 255.0, 65535.0) if photo.mode == "F" else (255.0, 65535.0)
    return next((value for value in usual if largest <= value), largest)
