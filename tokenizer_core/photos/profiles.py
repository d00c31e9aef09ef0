"""Profiles: what a file says its colours mean, and the way from there to sRGB.

A file says it by an ICC profile, by numbers of ITU-T H.273 (cICP in PNG, nclx in AVIF and HEIC), or by gAMA
and cHRM (PNG). A profile is judged by what it does to colours, never by its name; one that is broken, or made
for another kind of pixels, counts as not said. High dynamic range is brought down to what a screen shows.
Sources: ITU-T H.273 (primaries and transfers), ICC.1:2022, ITU-R BT.2100 (PQ, HLG), PNG third edition (which
of several counts). Where these leave a choice, Chromium 156 was measured. Neighbours: `headers`, `colours`.
"""

import functools
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageCms

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
PQ, CINEMA, HLG = 16, 17, 18
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
LARGE_PROFILE = 2**20  # bytes; one of them is not kept
A_WHITE, LIGHTS = 256, 4096  # steps of the tables up to a screen's white
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50 = np.array([0.9642, 1.0, 0.8249])
UNSOUND = (ImageCms.PyCMSError, OSError, ValueError, TypeError, ArithmeticError, struct.error)


@dataclass(frozen=True)
class Named:
    """Colours by primaries and a curve; `hdr` is PQ or HLG in place of a curve."""

    primaries: Chromaticities
    curve: Curve
    brightest: float = 1.0  # light of the highest level, in whites
    hdr: int | None = None


@dataclass(frozen=True)
class Transform:
    """The way to sRGB for pixels of one Pillow mode: "RGB", "CMYK" or "LAB"."""

    mode: str
    apply: Callable[[Image.Image], Image.Image]


def transform_of(photo: Image.Image, header: PngHeader | CodedHeader | None) -> Transform | None:
    """How this photo's colours become sRGB; None where they are sRGB or nothing sound is said of them.

    Args:
        photo: of any Pillow mode, decoded or not.
        header: what the file says beyond Pillow's `info`.
    """
    mode = "LAB" if photo.mode == "LAB" else "CMYK" if photo.mode == "CMYK" else "RGB"
    grey = _is_grey(photo, header)
    for said in _said(photo, header):
        try:
            is_large = isinstance(said, bytes) and len(said) > LARGE_PROFILE
            return (_new_transform if is_large else _kept_transform)(said, mode, grey)
        except UNSOUND:
            continue  # broken, or for another mode: the next one counts
    return None


def _new_transform(said: bytes | Named, mode: str, grey: bool) -> Transform | None:
    with np.errstate(all="ignore"):
        transform = _from_icc(said, mode, grey) if isinstance(said, bytes) else _from_named(said)
        return None if _is_plain(transform) else transform


_kept_transform = functools.lru_cache(16)(_new_transform)  # of many photographs most say the same


def srgb_to_light(levels: Levels) -> Levels:
    """Coded sRGB levels to light, both in 0..1. Source: IEC 61966-2-1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def light_to_srgb(light: Levels) -> Levels:
    """Light to coded sRGB levels; what lies outside 0..1 is clipped."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _smpte240_to_light(levels: Levels) -> Levels:
    return np.where(levels < 0.0913, levels / 4, ((levels + 0.1115) / 1.1115) ** (1 / 0.45))


@functools.lru_cache(32)
def _power(gamma: float) -> Curve:
    return lambda levels: levels**gamma


def _pq_to_light(levels: Levels) -> Levels:
    """In units of a screen's white. Source: BT.2100, table 4."""
    power = levels ** (32 / 2523)
    light = (power - 107 / 128).clip(0) / (2413 / 128 - 2392 / 128 * power)
    return light ** (8192 / 1305) * (10_000 / WHITE_NITS)


def _hlg_to_light(levels: Levels) -> Levels:
    """Light of the scene, 0..1. Source: BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(levels <= 0.5, levels**2 / 3, (np.exp((levels - c) / a) + b) / 12)


BT1886 = _power(2.4)  # how video is shown, which is not the inverse of how a camera codes it
CURVES: dict[int, Curve] = {
    1: BT1886,
    4: _power(2.2),
    5: _power(2.8),
    6: BT1886,
    7: _smpte240_to_light,
    8: _power(1.0),
    11: BT1886,
    13: srgb_to_light,
    14: BT1886,
    15: BT1886,
    PQ: _pq_to_light,
    17: _power(2.6),
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
    if isinstance(info.get("gamma"), float) and "srgb" not in info:
        yield from _from_gamma(info["gamma"], info.get("chromaticity"))
    numbers = header.named if isinstance(header, CodedHeader) else None
    if numbers is None and isinstance(info.get("nclx_profile"), dict):
        nclx = info["nclx_profile"]
        numbers = nclx.get("color_primaries", UNSAID), nclx.get("transfer_characteristics", UNSAID)
    if numbers:
        primaries, transfer = numbers
        primaries = primaries if primaries in PRIMARIES else 1
        yield from _named(int(primaries), 13 if transfer in LIKE_SRGB else int(transfer))


def _named(primaries: int, transfer: int) -> Iterator[Named]:
    if primaries in PRIMARIES and transfer in CURVES:
        hdr = transfer if transfer in (PQ, HLG) else None
        brightest = 52.37 / 48 if transfer == CINEMA else 1.0
        yield Named(PRIMARIES[primaries], CURVES[transfer], brightest, hdr)


def _from_gamma(gamma: float, chromaticity: object) -> Iterator[Named]:
    """Colours of gAMA and cHRM; cHRM alone, or one that is no triangle, says nothing."""
    if not 0 < gamma < 1000:
        return
    if chromaticity is None:
        low, high = GAMMA_OF_SRGB
        yield Named(SRGB, srgb_to_light if low < gamma < high else _power(1 / gamma))
    elif isinstance(chromaticity, tuple) and len(chromaticity) == 8 and chromaticity[1] > 0:
        yield Named(tuple(chromaticity), _power(1 / gamma))


def _cicp_of_icc(profile: bytes) -> tuple[int, int] | None:
    """Numbers of H.273 that a profile holds in its `cicp` tag. Source: ICC.1:2022, 9.2.17."""
    tag = _tag_of_icc(profile, b"cicp")
    return (tag[8], tag[9]) if len(tag) >= 10 else None


def _tag_of_icc(profile: bytes, name: bytes) -> bytes:
    """The content of one tag; empty where there is none."""
    count = int.from_bytes(profile[128:132], "big")
    for place in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        if profile[place : place + 4] == name:
            offset, size = struct.unpack(">II", profile[place + 4 : place + 12])
            return profile[offset : offset + size]
    return b""


def _from_icc(profile: bytes, mode: str, grey: bool) -> Transform:
    target = ImageCms.createProfile("sRGB")
    if mode == "LAB":
        way = ImageCms.buildTransform(ImageCms.createProfile("LAB"), target, "LAB", "RGB")
        return Transform("LAB", way.apply)
    if profile[16:20] == b"GRAY":
        if not grey:
            raise ValueError("a profile for one brightness, and colours")
        # LittleCMS is coarse in the darks of one brightness: three colours with its curve are exact.
        profile = _as_icc(SRGB, _tag_of_icc(profile, b"kTRC"))
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return Transform(mode, ImageCms.buildTransform(source, target, mode, "RGB").apply)


def _is_grey(photo: Image.Image, header: PngHeader | CodedHeader | None) -> bool:
    """Whether the file holds one brightness a pixel; Pillow opens some of these as RGB."""
    if isinstance(header, PngHeader):
        return header.kind in (0, 4)
    return isinstance(header, CodedHeader) or photo.mode in GREY_MODES or photo.mode.startswith("I")


def _from_named(named: Named) -> Transform:
    if named.hdr:
        return Transform("RGB", _hdr_way(named))
    light = (named.curve(np.arange(256) / 255).clip(0, 1) * 65535).round().astype(">u2").tobytes()
    curve = b"curv\0\0\0\0" + struct.pack(">I", 256) + light
    source = ImageCms.ImageCmsProfile(io.BytesIO(_as_icc(named.primaries, curve, named.brightest)))
    way = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    return Transform("RGB", way.apply)


def _is_plain(transform: Transform) -> bool:
    """Whether colours stay as they are, but for rounding."""
    if transform.mode in ("CMYK", "LAB"):
        return False
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    plain = np.concatenate([ramp, cube], 1)
    shown = np.asarray(transform.apply(Image.fromarray(plain))).astype(int)
    return bool(np.abs(shown - plain).max() <= 1)


def _to_xyz(primaries: Chromaticities, to_d50: bool = True) -> Float[np.ndarray, "3 3"]:
    """Light in these primaries to XYZ, white brought to D50 (Bradford) or left as it is."""
    x, y = np.array(primaries[0::2]), np.array(primaries[1::2])
    colours = np.stack([x, y, 1 - x - y])  # (XYZ, white and the three)
    white = colours[:, 0] / colours[1, 0]
    to_xyz = colours[:, 1:] * np.linalg.solve(colours[:, 1:], white)
    if not to_d50:
        return to_xyz
    cones = (BRADFORD @ D50) / (BRADFORD @ white)
    return np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ to_xyz


def _as_icc(primaries: Chromaticities, curve: bytes, brightest: float = 1.0) -> bytes:
    """A display profile (ICC version 2) of three primaries and one curve.

    Args:
        primaries: x and y of white, red, green, blue.
        curve: the content of a curve's tag.
        brightest: light of the highest level, in whites.
    """
    columns = [_xyz_tag(column) for column in brightest * _to_xyz(primaries).T]
    tags = [(b"wtpt", _xyz_tag(D50)), *zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    curve += bytes(-len(curve) % 4)
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
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


def _hdr_way(named: Named) -> Callable[[Image.Image], Image.Image]:
    """PQ or HLG to sRGB: light up to a screen's white is halved, light beyond it bends to white.

    The bend goes by the largest of the three colours in BT.2020, so that hues stay until sRGB is left.
    """
    to_xyz = _to_xyz(named.primaries)
    to_2020 = (np.linalg.inv(_to_xyz(PRIMARIES[9])) @ to_xyz).astype(np.float32)
    to_srgb = (np.linalg.inv(_to_xyz(SRGB)) @ to_xyz).astype(np.float32)
    luminance = _to_xyz(named.primaries, to_d50=False)[1].astype(np.float32)
    curve = named.curve(np.arange(256) / 255).astype(np.float32)
    # Tables in place of functions: they are quick enough for 60 megapixels.
    whites = np.arange(1, 50 * A_WHITE, dtype=np.float32) / A_WHITE
    gains = np.concatenate([[BEND[1, 1]], np.interp(whites, *BEND.T) / whites]).astype(np.float32)
    levels = (light_to_srgb(np.linspace(0, 1, LIGHTS + 1)) * 255).round().astype(np.uint8)

    def apply(strip: Image.Image) -> Image.Image:
        light = [curve[channel] for channel in np.moveaxis(np.asarray(strip), 2, 0)]
        if named.hdr == HLG:
            scene = _mix(luminance, light)
            light = [channel * scene**0.2 * (PEAK_NITS / WHITE_NITS) for channel in light]
        largest = functools.reduce(np.maximum, [_mix(row, light) for row in to_2020])
        gain = gains.take((largest * A_WHITE).astype(np.int32), mode="clip") * LIGHTS
        shown = [(_mix(row, light) * gain).astype(np.int32) for row in to_srgb]
        return Image.fromarray(np.stack([levels.take(channel, mode="clip") for channel in shown], -1))

    return apply


def _mix(weights: Float[np.ndarray, "3"], light: list[Levels]) -> Levels:
    return weights[0] * light[0] + weights[1] * light[1] + weights[2] * light[2]
