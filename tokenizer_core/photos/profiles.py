"""Profiles: what a file says its colours mean, and the way from there to sRGB.

A file says it by an ICC profile, by numbers of ITU-T H.273 (cICP in PNG, nclx in AVIF and HEIC), or by gAMA
and cHRM (PNG). A profile is judged by what it does to colours, never by its name; one that is broken, or made
for another kind of pixels, counts as not said. High dynamic range is brought down to what a screen shows.
Sources: ITU-T H.273 (primaries and transfers), ICC.1:2022, ITU-R BT.2100 (PQ, HLG), PNG third edition (which
of several counts). Where these leave a choice, Chromium 156 was measured. Neighbours: `headers`, `colours`.
"""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageCms, ImageFilter

from tokenizer_core.photos.headers import CodedHeader, PngHeader

Levels = Float[np.ndarray, "*any"]
Curve = Callable[[Levels], Levels]  # coded levels to light, both in 0..1
Chromaticities = tuple[float, ...]  # x and y of white, red, green, blue: eight numbers
GREY_MODES = ("1", "L", "LA", "La", "F")  # and all that begin with I
D65 = (0.3127, 0.329)
SRGB: Chromaticities = (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SMPTE_C: Chromaticities = (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)
PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB,
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: SMPTE_C,
    7: SMPTE_C,
    8: (0.31, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, *P3),
    12: (*D65, *P3),
    22: (*D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
PQ, HLG = 16, 18
LIKE_SRGB = (
    1,
    2,
    6,
    11,
    14,
    15,
)  # video's transfers: browsers show an AVIF that names one as if it were sRGB
UNSAID = 2
GAMMA_OF_SRGB = (0.4325, 0.4775)  # gAMA between these, without cHRM, stands for sRGB
WHITE_NITS, PEAK_NITS = 203, 1000  # of a screen's white, and what HLG is graded for (BT.2408)
# Light beyond a screen's white bends towards its brightest: light in whites, what is shown of it. Measured on
# Chromium 156 with a grey ramp.
BEND = np.array(
    [
        (0.0, 0.0), (1.0, 0.5), (1.1157, 0.552), (1.2475, 0.5906), (1.3943, 0.6308), (1.5576, 0.6654),
        (1.7392, 0.7011), (1.9413, 0.7379), (2.1661, 0.7682), (2.4161, 0.7991), (2.6943, 0.8308),
        (3.0037, 0.8632), (3.3479, 0.8963), (3.7308, 0.9216), (4.1569, 0.956), (4.6312, 0.9823),
        (4.926, 1.0), (50.0, 1.0),
    ]
)  # fmt: skip
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50 = np.array([0.9642, 1.0, 0.8249])


@dataclass(frozen=True)
class Named:
    """Colours by primaries and a curve; `hdr` is PQ or HLG in place of a curve."""

    primaries: Chromaticities
    curve: Curve
    hdr: int | None = None


@dataclass(frozen=True)
class Transform:
    """The way to sRGB for pixels of one Pillow mode: "L", "RGB", "CMYK" or "LAB"."""

    mode: str
    apply: Callable[[Image.Image], Image.Image]


def transform_of(photo: Image.Image, header: PngHeader | CodedHeader | None) -> Transform | None:
    """How this photo's colours become sRGB; None where they are sRGB or nothing sound is said of them.

    Args:
        photo: of any Pillow mode, decoded or not.
        header: what the file says beyond Pillow's `info`.
    """
    for said in _said(photo, header):
        try:
            transform = _from_icc(said, photo, header) if isinstance(said, bytes) else _from_named(said)
            return None if transform is None or _is_plain(transform) else transform
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, np.linalg.LinAlgError):
            continue  # broken, or for another mode: the next one counts
    return None


def srgb_to_light(levels: Levels) -> Levels:
    """Coded sRGB levels to light, both in 0..1. Source: IEC 61966-2-1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def light_to_srgb(light: Levels) -> Levels:
    """Light to coded sRGB levels; what lies outside 0..1 is clipped."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _bt709_to_light(levels: Levels) -> Levels:
    return np.where(levels < 0.081, levels / 4.5, ((levels + 0.099) / 1.099) ** (1 / 0.45))


def _smpte240_to_light(levels: Levels) -> Levels:
    return np.where(levels < 0.0913, levels / 4, ((levels + 0.1115) / 1.1115) ** (1 / 0.45))


def _power(gamma: float, most: float = 1.0) -> Curve:
    return lambda levels: (most * levels**gamma).clip(0, 1)


def _pq_to_light(levels: Levels) -> Levels:
    """In units of a screen's white. Source: BT.2100, table 4."""
    power = levels ** (32 / 2523)
    light = (power - 107 / 128).clip(0) / (2413 / 128 - 2392 / 128 * power)
    return light ** (8192 / 1305) * (10_000 / WHITE_NITS)


def _hlg_to_light(levels: Levels) -> Levels:
    """Light of the scene, 0..1. Source: BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(levels <= 0.5, levels**2 / 3, (np.exp((levels - c) / a) + b) / 12)


CURVES: dict[int, Curve] = {
    1: _bt709_to_light,
    4: _power(2.2),
    5: _power(2.8),
    6: _bt709_to_light,
    7: _smpte240_to_light,
    8: _power(1.0),
    11: _bt709_to_light,
    13: srgb_to_light,
    14: _bt709_to_light,
    15: _bt709_to_light,
    PQ: _pq_to_light,
    17: _power(2.6, 52.37 / 48),
    HLG: _hlg_to_light,
}


def _said(photo: Image.Image, header: PngHeader | CodedHeader | None) -> Iterator[bytes | Named]:
    """All that the file says of its colours; the first sound one counts."""
    info: dict[Any, Any] = photo.info
    if photo.mode == "LAB":
        yield b""
        return
    if isinstance(header, PngHeader) and header.cicp:
        yield from _named(*header.cicp)
    profile = info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        numbers = _cicp_of_icc(profile)
        if numbers:
            yield from _named(*numbers)
        yield profile
    if "gamma" in info and "srgb" not in info:
        yield from _from_gamma(info["gamma"], info.get("chromaticity"))
    numbers = header.named if isinstance(header, CodedHeader) else None
    if numbers is None and isinstance(info.get("nclx_profile"), dict):
        nclx = info["nclx_profile"]
        numbers = nclx.get("color_primaries", UNSAID), nclx.get("transfer_characteristics", UNSAID)
    if numbers:
        primaries, transfer = numbers
        primaries = 1 if primaries == UNSAID else primaries
        yield from _named(int(primaries), 13 if transfer in LIKE_SRGB else int(transfer))


def _named(primaries: int, transfer: int) -> Iterator[Named]:
    if primaries in PRIMARIES and transfer in CURVES:
        hdr = transfer if transfer in (PQ, HLG) else None
        yield Named(PRIMARIES[primaries], CURVES[transfer], hdr)


def _from_gamma(gamma: float, chromaticity: Chromaticities | None) -> Iterator[Named]:
    """Colours of gAMA and cHRM; cHRM alone, or one that is no triangle, says nothing."""
    if not 0 < gamma < 1000:
        return
    if chromaticity is None:
        low, high = GAMMA_OF_SRGB
        yield Named(SRGB, srgb_to_light if low < gamma < high else _power(1 / gamma))
    elif len(chromaticity) == 8 and chromaticity[1] > 0:
        yield Named(tuple(chromaticity), _power(1 / gamma))


def _cicp_of_icc(profile: bytes) -> tuple[int, int] | None:
    """Numbers of H.273 that a profile holds in its `cicp` tag. Source: ICC.1:2022, 9.2.17."""
    count = int.from_bytes(profile[128:132], "big")
    for place in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        if profile[place : place + 4] == b"cicp":
            offset = int.from_bytes(profile[place + 4 : place + 8], "big")
            if offset + 10 <= len(profile):
                return profile[offset + 8], profile[offset + 9]
    return None


def _from_icc(profile: bytes, photo: Image.Image, header: PngHeader | CodedHeader | None) -> Transform:
    target = ImageCms.createProfile("sRGB")
    if photo.mode == "LAB":
        mode, source = "LAB", ImageCms.createProfile("LAB")
    else:
        mode, source = _mode_for(profile, photo, header), ImageCms.ImageCmsProfile(io.BytesIO(profile))
    way = ImageCms.buildTransform(source, target, mode, "RGB")
    return Transform(mode, way.apply)


def _mode_for(profile: bytes, photo: Image.Image, header: PngHeader | CodedHeader | None) -> str:
    """The mode that pixels are brought to before a profile is applied to them."""
    if profile[16:20] == b"GRAY":
        # Pillow opens some grey pictures as RGB.
        grey = isinstance(header, CodedHeader) or (isinstance(header, PngHeader) and header.kind in (0, 4))
        if grey or is_grey(photo):
            return "L"
    return "CMYK" if photo.mode == "CMYK" else "RGB"


def is_grey(photo: Image.Image) -> bool:
    """Whether the pixels are one brightness each."""
    return photo.mode in GREY_MODES or photo.mode.startswith("I")


def _from_named(named: Named) -> Transform:
    if named.hdr:
        table = hdr_table(named)
        return Transform("RGB", lambda strip: strip.filter(table))
    source = ImageCms.ImageCmsProfile(io.BytesIO(as_icc(named.primaries, named.curve)))
    way = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    return Transform("RGB", way.apply)


def _is_plain(transform: Transform) -> bool:
    """Whether colours stay as they are, but for rounding."""
    if transform.mode in ("CMYK", "LAB"):
        return False
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    colours = Image.fromarray(np.concatenate([ramp, cube], 1) if transform.mode == "RGB" else ramp)
    plain = colours.convert(transform.mode)
    shown = np.asarray(transform.apply(plain)).astype(int)
    return bool(np.abs(shown - np.asarray(plain.convert("RGB"))).max() <= 1)


def _to_xyz(primaries: Chromaticities) -> Float[np.ndarray, "3 3"]:
    """Light in these primaries to XYZ, white brought to D50 (Bradford)."""
    x, y = np.array(primaries[0::2]), np.array(primaries[1::2])
    colours = np.stack([x, y, 1 - x - y])  # (XYZ, white and the three)
    white = colours[:, 0] / colours[1, 0]
    to_xyz = colours[:, 1:] * np.linalg.solve(colours[:, 1:], white)
    cones = (BRADFORD @ D50) / (BRADFORD @ white)
    return np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ to_xyz


def as_icc(primaries: Chromaticities, curve: Curve) -> bytes:
    """A display profile (ICC version 2) of three primaries and one curve.

    Args:
        primaries: x and y of white, red, green, blue.
        curve: coded levels in 0..1 to light in 0..1; it is kept at the 256 levels of 8 bits.
    """
    light = (curve(np.arange(256) / 255).clip(0, 1) * 65535).round().astype(">u2").tobytes()
    columns = [_xyz_tag(column) for column in _to_xyz(primaries).T]
    tags = [(b"wtpt", _xyz_tag(D50)), *zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    tags += [(name, b"curv\0\0\0\0" + struct.pack(">I", 256) + light) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    white = struct.pack(">3i", *(round(part * 65536) for part in D50))
    return (
        head + bytes(28) + white + bytes(128 - len(head) - 40) + struct.pack(">I", len(tags)) + table + body
    )


def _xyz_tag(values: Levels) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def hdr_table(named: Named, steps: int = 65) -> ImageFilter.Color3DLUT:
    """PQ or HLG to sRGB as a table: light up to a screen's white is halved, light beyond it bends to white.

    The bend goes by luminance, so that colours keep their hue until they leave sRGB and are clipped.
    """
    axis = np.linspace(0, 1, steps)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    light = named.curve(np.stack([red, green, blue], -1).reshape(-1, 3))
    to_xyz = _to_xyz(named.primaries)
    if named.hdr == HLG:
        light = light * (light @ to_xyz[1])[:, None].clip(1e-9) ** 0.2 * (PEAK_NITS / WHITE_NITS)
    luminance = (light @ to_xyz[1]).clip(1e-9)
    shown = light * (np.interp(luminance, *BEND.T) / luminance)[:, None]
    colours = shown @ (np.linalg.inv(_to_xyz(SRGB)) @ to_xyz).T
    return ImageFilter.Color3DLUT(steps, light_to_srgb(colours).ravel().tolist())
