"""Files of odd kinds, drawn for the tests: PNGs by chunks, profiles by tags, archives by members."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RAMP = np.array([[5, 10, 20, 40, 80, 128, 200, 250]], np.uint8)
COLOURS = np.array(
    [[[30, 200, 60], [200, 30, 60], [60, 30, 200], [255, 0, 0], [0, 255, 0], [0, 0, 255], [120, 130, 140]]],
    np.uint8,
)
D65 = (0.3127, 0.329)
WIDE = {
    "srgb": (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    "p3": (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    "prophoto": (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001),
}
Chunk = tuple[bytes, bytes]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(rows: list[bytes], width: int, depth: int, kind: int, extra: tuple[Chunk, ...] = ()) -> bytes:
    """A PNG of packed rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*c) for c in extra) + body + chunk(b"IEND", b"")


def png(levels: np.ndarray, *extra: Chunk, palette: bool = False) -> bytes:
    """A PNG of 8 or 16 bits: (H, W) grey or a palette's numbers, (H, W, 2..4) with alpha or colours."""
    height, width = levels.shape[:2]
    colours = 1 if levels.ndim == 2 else levels.shape[2]
    kind = 3 if palette else {1: 0, 2: 4, 3: 2, 4: 6}[colours]
    depth = 16 if levels.dtype == np.uint16 else 8
    rows = levels.reshape(height, width * colours).astype(">u2" if depth == 16 else np.uint8)
    return png_of([row.tobytes() for row in rows], width, depth, kind, extra)


def gama(light: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(light * 100_000))


def chrm(name: str) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(part * 100_000) for part in WIDE[name]))


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> Chunk:
    return b"cICP", bytes([primaries, transfer, matrix, full])


def iccp(profile: bytes) -> Chunk:
    return b"iCCP", b"p\0\0" + zlib.compress(profile)


GREYS = (b"PLTE", bytes(np.arange(256).repeat(3).astype(np.uint8)))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def icc(space: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    """An ICC profile (version 2, a display's) of these tags."""
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    head += bytes(28) + white
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def text_tag(text: str) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode() + bytes(79)


def linear_profile(grey: bool = False, name: str = "made for a test") -> bytes:
    """What it calls 128 is a brighter 188 in sRGB."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, 256)
    first = [(b"desc", text_tag(name)), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    if grey:
        return icc(b"GRAY", *first, (b"kTRC", curve))
    primaries = {
        b"rXYZ": xyz(0.43607, 0.22249, 0.01392),
        b"gXYZ": xyz(0.38515, 0.71687, 0.09708),
        b"bXYZ": xyz(0.14307, 0.06061, 0.7141),
    }
    return icc(b"RGB ", *first, *primaries.items(), *((t, curve) for t in (b"rTRC", b"gTRC", b"bTRC")))


def saved(photo: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    photo.save(file, kind, **options)
    return file.getvalue()


def blocks(levels: np.ndarray, side: int = 16) -> Image.Image:
    """Every pixel as a square, for formats that smear."""
    return Image.fromarray(levels.repeat(side, 0).repeat(side, 1))


def renamed_colours(data: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF or HEIC whose `nclx` names other colours; its pixels stay."""
    start = data.index(b"colrnclx") + 8
    return data[:start] + struct.pack(">HH", primaries, transfer) + data[start + 4 :]


def tiff(
    levels: np.ndarray,
    order: str = "<",
    *,
    big: bool = False,
    planes: bool = False,
    compression: int = 1,
    bits: int | None = None,
) -> bytes:
    """An uncompressed TIFF of (H, W) or (H, W, C) of any number type, in one strip a plane."""
    height, width = levels.shape[:2]
    colours = 1 if levels.ndim == 2 else levels.shape[2]
    form = {"u": 1, "i": 2, "f": 3}[levels.dtype.kind]
    depth = bits or levels.dtype.itemsize * 8
    layers = np.moveaxis(levels, 2, 0) if planes else levels[None]
    body = [layer.astype(levels.dtype.newbyteorder(order)).tobytes() for layer in layers]
    start = 16 if big else 8
    places = [start + sum(map(len, body[:i])) for i in range(len(body))]
    tags = {256: [width], 257: [height], 258: [depth] * colours, 259: [compression]}
    tags |= {262: [2 if colours == 3 else 1], 273: places, 277: [colours], 278: [height]}
    tags |= {279: [len(part) for part in body], 284: [2 if planes else 1], 339: [form] * colours}
    width_of_a_field, number = (8, "Q") if big else (4, "I")
    where = start + sum(map(len, body))
    end = where + (8 if big else 2) + (20 if big else 12) * len(tags) + width_of_a_field
    entries, extra = b"", b""
    for tag, values in tags.items():
        wide = tag in (256, 257, 273, 278, 279)
        kind, letter = ((16, "Q") if big else (4, "I")) if wide else (3, "H")
        content = struct.pack(f"{order}{len(values)}{letter}", *values)
        field = content.ljust(width_of_a_field, b"\0")
        if len(content) > width_of_a_field:
            field = struct.pack(f"{order}{number}", end + len(extra))
            extra += content
        entries += struct.pack(f"{order}HH{number}", tag, kind, len(values)) + field
    count = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    head = b"II" if order == "<" else b"MM"
    head += struct.pack(f"{order}HHHQ", 43, 8, 0, where) if big else struct.pack(f"{order}HI", 42, where)
    return head + b"".join(body) + count + entries + bytes(width_of_a_field) + extra


def bmp(bits: int, rows: bytes, compression: int = 0, masks: tuple[int, ...] = (), head: int = 40) -> bytes:
    """A BMP of 4 x 4 pixels."""
    dib = struct.pack("<IiiHHIIiiII", head, 4, 4, 1, bits, compression, len(rows), 0, 0, 0, 0)
    dib = (dib + b"".join(struct.pack("<I", mask) for mask in masks)).ljust(head, b"\0")
    start = 14 + len(dib)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + dib + rows
