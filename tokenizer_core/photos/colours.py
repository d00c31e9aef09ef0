"""Colours: any Pillow mode (CMYK, Lab, 16 bit, palettes, alpha, floats) as 8-bit RGB in sRGB; luma of pixels.

Deep modes are scaled to 8 bit, never clipped; a colour profile is applied where it is sound and ignored where
it is not; what is transparent shows white. Neighbours: `photo`; `spectrum` and `metrics`, which look at luma.
"""

import io

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageCms
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luma(pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W"]:
    """Brightness in [0, 1] of pixels in [-1, 1], in float32."""
    red, green, blue = (pixels.float() / 2 + 0.5).unbind(1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def to_rgb(photo: Image.Image) -> Image.Image:
    """A decoded image of any Pillow mode as 8-bit RGB in sRGB, alpha laid on white.

    Raises:
        ValueError: Pillow knows no way from this mode to RGB.
    """
    if photo.mode == "F" or photo.mode.startswith("I"):
        return _deep_to_8_bit(photo).convert("RGB")
    if photo.mode in ("La", "RGBa"):  # premultiplied alpha
        photo = photo.convert({"La": "LA", "RGBa": "RGBA"}[photo.mode])
    if photo.mode in ("RGBA", "LA", "PA") or "transparency" in photo.info:
        rgba = photo.convert("RGBA")
        flat = Image.new("RGB", photo.size, "white")
        colours = _to_srgb(rgba.convert("RGB"), photo.info.get("icc_profile"))
        flat.paste(colours, mask=rgba.getchannel("A"))
        return flat
    if photo.mode == "P":
        photo = photo.convert("RGB")
    return _to_srgb(photo, photo.info.get("icc_profile"))


def _deep_to_8_bit(photo: Image.Image) -> Image.Image:
    """16 bit is divided by 257; 32 bit and floats by the smallest usual range that holds their maximum."""
    levels = np.nan_to_num(np.asarray(photo).astype(np.float64), posinf=0, neginf=0)
    if photo.mode.startswith("I;16"):
        top = 65535.0
    else:
        largest = float(levels.max())
        usual = (1.0, 255.0, 65535.0) if photo.mode == "F" else (255.0, 65535.0)
        top = next((value for value in usual if largest <= value), largest)
    return Image.fromarray((levels * (255 / top)).round().clip(0, 255).astype(np.uint8))


def _to_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    source = None
    try:
        if photo.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(source):
                source = None
        if source is not None:
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(photo, source, target, outputMode="RGB")
            return photo.convert("RGB") if converted is None else converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        pass  # a broken profile, or one for another mode: the plain colours are the best guess
    return photo.getchannel("L").convert("RGB") if photo.mode == "LAB" else photo.convert("RGB")
