"""Headers: what a PNG, an AVIF or a HEIC says of its depth and colours, where Pillow does not tell.

Nothing is decoded here, every length is checked against the bytes that are there, and what is damaged counts
as not said. Sources: PNG third edition, chunks IHDR and cICP; ISO/IEC 14496-12 and 23008-12, boxes `meta`,
`pitm`, `ipco`, `ipma`, `colr`; ISO/IEC 14496-15, box `hvcC`; AV1 in ISOBMFF 1.2, box `av1C`. Neighbours:
`profiles` and `memory`, which read this.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MOST_PARTS = 10_000  # chunks or boxes that one file may have on one level
HEADS = {  # how files begin
    "JPEG": (0, b"\xff\xd8\xff"),
    "PNG": (0, b"\x89PNG\r\n\x1a\n"),
    "GIF": (0, b"GIF8"),
    "BMP": (0, b"BM"),
    "WEBP": (8, b"WEBP"),
}
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"mif1",
    b"mif2",
    b"msf1",
    b"j2ki",
    b"jpeg",
)


@dataclass(frozen=True)
class PngHeader:
    """`depth`: bits a colour; `kind`: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha."""

    depth: int
    kind: int
    cicp: tuple[int, int] | None  # primaries and transfer by their numbers in ITU-T H.273


@dataclass(frozen=True)
class CodedHeader:
    """What the boxes of an AVIF or HEIC say of the picture that is shown."""

    named: tuple[int, int] | None  # primaries and transfer by their numbers in ITU-T H.273
    deep: bool  # more than 8 bits a colour
    whole_chroma: bool  # 4:4:4


def kind_of(data: bytes) -> str | None:
    """The format that a file's first bytes promise, by Pillow's name; None if it is none of ours."""
    for kind, (place, head) in HEADS.items():
        if data[place : place + len(head)] == head:
            return kind
    if data[:4] in TIFF_HEADS:
        return "TIFF"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        if any(brand in AVIF_BRANDS for brand in brands):
            return "AVIF"
        if any(brand in HEIF_BRANDS for brand in brands):
            return "HEIF"
    return None


def png_header(data: bytes) -> PngHeader:
    """Depth, kind and named colours of a PNG."""
    depth, kind, cicp = data[24], data[25], None
    for name, body in _chunks(data):
        if name == b"IDAT":
            break
        # Matrix 0 and full range are the only ones that a PNG may have.
        if name == b"cICP" and len(body) == 4 and body[2:] == b"\0\1":
            cicp = (body[0], body[1])
    return PngHeader(depth, kind, cicp)


def coded_header(data: bytes) -> CodedHeader:
    """Named colours, depth and chroma of the picture that an AVIF or a HEIC shows."""
    try:
        properties = _shown_properties(data)
    except (struct.error, IndexError):
        properties = []
    named, deep, whole_chroma = None, False, False
    for name, body in properties:
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            named = struct.unpack(">HH", body[4:8])
        elif name == b"av1C" and len(body) >= 3:
            deep = bool(body[2] & 0x40)
            whole_chroma = not body[2] & 0x1C  # neither grey nor halved
        elif name == b"hvcC" and len(body) > 17:
            deep = bool(body[17] & 7)
            whole_chroma = body[16] & 3 == 3
        elif name == b"pixi" and len(body) > 5:
            deep = deep or max(body[5:]) > 8
    return CodedHeader(named, deep, whole_chroma)


def _brands(data: bytes) -> list[bytes]:
    size = min(int.from_bytes(data[:4], "big"), len(data), 4096)
    return [data[8:12], *(data[place : place + 4] for place in range(16, size - 3, 4))]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    for _ in range(MOST_PARTS):
        if place + 8 > len(data):
            return
        size, name = struct.unpack(">I4s", data[place : place + 8])
        yield name, data[place + 8 : place + 8 + min(size, 64)]
        place += 12 + size


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    for _ in range(MOST_PARTS):
        if place + 8 > len(data):
            return
        size, name = struct.unpack(">I4s", data[place : place + 8])
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        elif size == 0:
            size = len(data) - place
        if size < head:
            return
        yield name, data[place + head : place + size]
        place += size


def _first(boxes: bytes, wanted: bytes) -> bytes:
    return next((body for name, body in _boxes(boxes) if name == wanted), b"")


def _shown_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """The properties of the primary item, in their order."""
    meta = _first(data, b"meta")[4:]
    primary = _first(meta, b"pitm")
    item = int.from_bytes(primary[4:8] if primary[:1] == b"\1" else primary[4:6], "big")
    groups = _first(meta, b"iprp")
    properties = list(_boxes(_first(groups, b"ipco")))
    numbers = _numbers_of(_first(groups, b"ipma"), item)
    return [properties[number - 1] for number in numbers if 0 < number <= len(properties)]


def _numbers_of(table: bytes, wanted: int) -> list[int]:
    """Which properties belong to an item, counted from 1. Source: ISO/IEC 23008-12, 9.3."""
    long_items, long_numbers = table[0] > 0, bool(table[3] & 1)
    (count,) = struct.unpack(">I", table[4:8])
    place, width = 8, 4 if long_items else 2
    for _ in range(min(count, MOST_PARTS)):
        item = int.from_bytes(table[place : place + width], "big")
        several = table[place + width]
        place += width + 1
        step = 2 if long_numbers else 1
        numbers = [
            int.from_bytes(table[at : at + step], "big") & (0x7FFF if long_numbers else 0x7F)
            for at in range(place, place + step * several, step)
        ]
        if item == wanted:
            return numbers
        place += step * several
    return []


def classic_tiff(data: bytes) -> bytes:
    """A BigTIFF that begins with its upper bytes, as a plain TIFF, which Pillow reads; all else as it is.

    The first picture's directory is written anew at the end. Source: TIFF 6.0, and the BigTIFF design (Aware
    Systems), "What is needed".
    """
    if data[:8] != b"MM\0+\0\x08\0\0" or len(data) < 24:
        return data
    try:
        (start,) = struct.unpack(">Q", data[8:16])
        (count,) = struct.unpack(">Q", data[start : start + 8])
        entries, extra, end = b"", b"", len(data) + len(data) % 2
        after = end + 2 + 12 * min(count, 4096) + 4
        for place in range(start + 8, start + 8 + 20 * min(count, 4096), 20):
            tag, form, number = struct.unpack(">HHQ", data[place : place + 12])
            content = _tiff_values(data, form, number, data[place + 12 : place + 20])
            form = 4 if form == 16 else form
            if len(content) > 4:
                extra += b"\0" * (len(extra) % 2)
                field = struct.pack(">I", after + len(extra))
                extra += content
            else:
                field = content.ljust(4, b"\0")
            entries += struct.pack(">HHI", tag, form, number) + field
    except struct.error:
        return data
    body = b"MM\0*" + struct.pack(">I", end) + data[8:].ljust(end - 8, b"\0")
    return body + struct.pack(">H", len(entries) // 12) + entries + b"\0\0\0\0" + extra


TIFF_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}


def _tiff_values(data: bytes, form: int, number: int, field: bytes) -> bytes:
    """The content of one tag, 64-bit numbers as 32-bit ones."""
    size = TIFF_SIZES.get(form, 1) * number
    if size > 8:
        (offset,) = struct.unpack(">Q", field)
        field = data[offset : offset + size]
    if form == 16:
        return struct.pack(f">{number}I", *struct.unpack(f">{number}Q", field[:size]))
    return field[:size]
