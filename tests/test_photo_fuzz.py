"""Headers, profiles and archives made at random, whole enough to get far: a picture or a sentence."""

import io
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.drawn import chunk, icc, png, saved
from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.headers import classic_tiff, coded_header, kind_of
from tokenizer_core.photos.photo import open_photo
from tokenizer_core.photos.photoset import iter_photos

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8))
IN_ORDER = settings(max_examples=80, deadline=None, derandomize=True)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.lists(st.integers(0, 2**32 - 1), max_size=9).map(lambda v: struct.pack(f">{len(v)}I", *v)),
    st.lists(st.sampled_from([0, 1, 2, 8, 16, 255]), max_size=8).map(bytes),
)


def a_picture_or_a_sentence(data: bytes) -> None:
    try:
        photo = open_photo(data)
    except TokenizerError as error:
        text = str(error)
        assert text.endswith(".")
        assert text.isprintable()
    else:
        assert photo.mode == "RGB"
        assert not photo.info


NAMES = [
    b"gAMA",
    b"cHRM",
    b"cICP",
    b"iCCP",
    b"sRGB",
    b"tRNS",
    b"PLTE",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"tEXt",
    b"IHDR",
]


@IN_ORDER
@given(
    size=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    depth=st.sampled_from([1, 2, 4, 8, 16, 3]),
    kind=st.sampled_from([0, 2, 3, 4, 6, 5]),
    chunks=st.lists(st.tuples(st.sampled_from(NAMES), BODIES), max_size=5),
    pixels=st.binary(max_size=300),
)
def test_pngs(size: tuple, depth: int, kind: int, chunks: list, pixels: bytes) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0))
    middle = b"".join(chunk(name, body) for name, body in chunks)
    colours = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 1)
    row = 1 + (size[0] * depth * colours + 7) // 8
    body = zlib.compress(pixels.ljust(row * size[1], b"\0"))
    data = b"\x89PNG\r\n\x1a\n" + header + middle + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    a_picture_or_a_sentence(data)


TAGS = [b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"cicp", b"A2B0", b"desc"]
HEADS = [b"curv\0\0\0\0", b"para\0\0\0\0", b"XYZ \0\0\0\0", b"cicp\0\0\0\0", b"mft2\0\0\0\0", b""]


@IN_ORDER
@given(
    space=st.sampled_from([b"RGB ", b"GRAY", b"CMYK", b"Lab ", b"????"]),
    tags=st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(HEADS), BODIES), max_size=8),
    mode=st.sampled_from(["L", "RGB", "RGBA", "LA", "I;16"]),
)
def test_profiles(space: bytes, tags: list, mode: str) -> None:
    profile = icc(space, *((name, head + body) for name, head, body in tags))
    photo = PHOTO.convert("L").convert("I").convert(mode) if mode == "I;16" else PHOTO.convert(mode)
    assert open_photo(saved(photo, "PNG", icc_profile=profile)).size == PHOTO.size


PARTS = st.one_of(
    st.integers(0, 2**32 - 1), st.integers(0, 100_000), st.sampled_from([0, 31_270, 32_900, 64_000])
)


@IN_ORDER
@given(
    gamma=PARTS, parts=st.lists(PARTS, min_size=7, max_size=9), numbers=st.tuples(*[st.integers(0, 30)] * 2)
)
def test_named_colours(gamma: int, parts: list, numbers: tuple) -> None:
    """However odd what is said of them, the pixels are there."""
    said = (b"gAMA", struct.pack(">I", gamma)), (b"cHRM", struct.pack(f">{len(parts)}I", *parts))
    for extra in (said, ((b"cICP", bytes([*numbers, 0, 1])),)):
        assert open_photo(png(np.asarray(PHOTO), *extra)).size == PHOTO.size


def boxed(name: bytes, body: bytes, wrong: int = 0) -> bytes:
    return struct.pack(">I4s", (len(body) + 8 + wrong) % 2**32, name) + body


BOXES = st.recursive(
    st.builds(
        boxed,
        st.sampled_from([b"colr", b"pixi", b"av1C", b"ispe", b"pitm", b"ipma", b"iloc", b"iinf", b"free"]),
        BODIES,
        st.sampled_from([0, 0, 0, 1, -8, 2**31]),
    ),
    lambda inner: st.builds(
        boxed,
        st.sampled_from([b"meta", b"iprp", b"ipco", b"moov"]),
        st.lists(inner, max_size=4).map(b"".join).flatmap(lambda b: st.sampled_from([b, bytes(4) + b])),
    ),
    max_leaves=8,
)


@IN_ORDER
@given(brand=st.sampled_from([b"avif", b"heic", b"mif1", b"avis"]), boxes=st.lists(BOXES, max_size=4))
def test_boxes(brand: bytes, boxes: list) -> None:
    data = boxed(b"ftyp", brand + bytes(4) + b"mif1" + brand) + b"".join(boxes)
    assert kind_of(data) in ("AVIF", "HEIF")
    coded_header(data)
    a_picture_or_a_sentence(data)


@IN_ORDER
@given(
    place=st.integers(0, 10_000),
    body=BODIES,
    cut=st.integers(0, 60),
    kind=st.sampled_from(["AVIF", "HEIF", "WEBP"]),
)
def test_whole_files_with_something_else_in_them(place: int, body: bytes, cut: int, kind: str) -> None:
    data = WHOLE[kind]
    place %= len(data)
    a_picture_or_a_sentence(data[:place] + body + data[place + cut :])


def whole() -> dict[str, bytes]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return {kind: saved(PHOTO, kind) for kind in ("AVIF", "HEIF", "WEBP")}


WHOLE = whole()


@IN_ORDER
@given(
    order=st.sampled_from("<>"),
    is_big=st.booleans(),
    tags=st.lists(
        st.tuples(
            st.sampled_from([256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320, 338, 339, 34675]),
            st.sampled_from([1, 2, 3, 4, 12, 16, 0]),
            st.one_of(st.integers(0, 4), st.integers(0, 2**32 - 1)),
            st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
        ),
        max_size=12,
    ),
    pixels=st.binary(max_size=200),
)
def test_tiffs(order: str, is_big: bool, tags: list, pixels: bytes) -> None:
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if is_big else struct.pack(f"{order}HI", 42, 8)
    form = f"{order}HHQQ" if is_big else f"{order}HHII"
    count = struct.pack(f"{order}{'Q' if is_big else 'H'}", len(tags))
    data = mark + head + count + b"".join(struct.pack(form, *tag) for tag in tags) + bytes(8) + pixels
    classic_tiff(data)
    a_picture_or_a_sentence(data)


def packed(is_zip: bool) -> bytes:
    file, photo = io.BytesIO(), saved(PHOTO, "JPEG")
    if is_zip:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("a.jpg", "b.jpg"):
                archive.writestr(name, photo)
        return file.getvalue()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("a.jpg", "b.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = len(photo)
            archive.addfile(entry, io.BytesIO(photo))
    return file.getvalue()


ARCHIVES = {is_zip: packed(is_zip) for is_zip in (True, False)}


@IN_ORDER
@given(
    is_zip=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    left=st.floats(0.3, 1),
)
def test_archives(is_zip: bool, changes: list, left: float) -> None:
    data = bytearray(ARCHIVES[is_zip])
    for place, value in changes:
        data[place % len(data)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        path.write_bytes(data[: int(len(data) * left)])
        damaged = []
        try:
            names = [name for name, _ in iter_photos(path, damaged=damaged)]
        except TokenizerError as error:
            assert str(error).endswith(".")  # noqa: PT017
            assert folder not in str(error)  # noqa: PT017
        else:
            assert names
        for _, sentence in damaged:
            assert sentence.endswith(".")
