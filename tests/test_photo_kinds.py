"""Kinds of pictures that are rare: the right picture where it can be decoded, else the true reason."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tokenizer_core as tc
from tests.drawn import bmp, chunk, png, png_of, saved, tiff
from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.photo import Picture, open_photo, to_picture

HALVES = np.zeros((20, 30, 3))
HALVES[:10], HALVES[10:] = (0.2, 0.5, 0.9), (0.9, 0.1, 0.3)
DECODED = {
    "BigTIFF, upper bytes first": tiff((HALVES * 255).astype(np.uint8), ">", big=True),
    "BigTIFF, upper bytes first, 16 bit": tiff((HALVES * 65535).astype(np.uint16), ">", big=True),
    "BigTIFF, upper bytes first, planes": tiff((HALVES * 255).astype(np.uint8), ">", big=True, planes=True),
    "16 bit planes": tiff((HALVES * 65535).astype(np.uint16), planes=True),
    "16 bit planes, upper bytes first": tiff((HALVES * 65535).astype(np.uint16), ">", planes=True),
}


@pytest.mark.parametrize("kind", DECODED)
def test_decoded(kind: str) -> None:
    shown = np.asarray(open_photo(DECODED[kind]))
    np.testing.assert_allclose(shown[[0, -1], 3], np.array([(0.2, 0.5, 0.9), (0.9, 0.1, 0.3)]) * 255, atol=1)


def test_grey_of_a_big_tiff_with_upper_bytes_first() -> None:
    data = tiff(np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, 0), ">", big=True)
    np.testing.assert_array_equal(np.asarray(open_photo(data))[2, :, 0], np.arange(256))


TIFF, BMP = "^This TIFF cannot be opened here: ", "^This is a kind of BMP that cannot be opened here"
REASONS = {
    "float RGB": (tiff(HALVES.astype(np.float32)), TIFF + "its pixels are 3 x 32-bit floating point numbers"),
    "float RGB, big": (
        tiff(HALVES.astype(np.float32), ">", big=True),
        TIFF + "its pixels are 3 x 32-bit floating point numbers",
    ),
    "double RGB": (tiff(HALVES), TIFF + "its pixels are 3 x 64-bit floating point numbers"),
    "half RGB": (tiff(HALVES.astype(np.float16)), TIFF + "its pixels are 3 x 16-bit floating point numbers"),
    "half grey": (tiff(HALVES[..., 0].astype(np.float16)), TIFF + "its pixels are 1 x 16-bit floating point"),
    "32-bit RGB": (tiff((HALVES * 2**32).astype(np.uint32)), TIFF + "its pixels have 32 bits a colour"),
    "24-bit grey": (tiff((HALVES[..., 0] * 255).astype(np.uint8), bits=24), TIFF + "its pixels have 24 bits"),
    "unknown packing": (
        tiff((HALVES * 255).astype(np.uint8), compression=60_000),
        TIFF + "it is compressed by method 60000",
    ),
    "BMP 4 bits a colour": (bmp(16, bytes(32), 3, (0xF00, 0xF0, 0xF)), BMP),
    "BMP 10 bits a colour": (bmp(32, bytes(64), 3, (0x3FF00000, 0xFFC00, 0x3FF)), BMP),
    "BMP of 2 bits": (bmp(2, bytes(16)), BMP),
    "BMP of 64 bits": (bmp(64, bytes(128)), BMP),
    "BMP around a JPEG": (bmp(24, saved(Image.new("RGB", (4, 4)), "JPEG"), 4), BMP),
    "BMP with a head of 60 bytes": (bmp(24, bytes(48), head=60), BMP),
}


@pytest.mark.parametrize("kind", REASONS)
def test_the_true_reason(kind: str) -> None:
    data, sentence = REASONS[kind]
    with pytest.raises(TokenizerError, match=sentence) as caught:
        open_photo(data)
    assert str(caught.value).endswith(".")


DAMAGED = {
    "JPEG": saved(Image.effect_noise((300, 200), 60), "JPEG")[:-4000],
    "TIFF without its directory": tiff((HALVES * 255).astype(np.uint8))[:40],
    "BMP": bmp(24, bytes(20)),
    "PNG of a name alone": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(4)),
    "HEIC of a name alone": struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic"),
    "AVIF of a name alone": struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"avif", 0, b"mif1", b"avif"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_called_damaged(kind: str) -> None:
    with pytest.raises(TokenizerError, match="This picture is damaged"):
        open_photo(DAMAGED[kind])


ARRAY = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "source",
    [ARRAY, torch.from_numpy(ARRAY), ARRAY[::-1][::-1], Picture(ARRAY)],
    ids=["array", "tensor", "view", "picture"],
)
def test_arrays_are_photos(source: object) -> None:
    np.testing.assert_array_equal(np.asarray(open_photo(source)), ARRAY)


def test_a_grey_array_is_a_photo() -> None:
    np.testing.assert_array_equal(np.asarray(open_photo(ARRAY[..., 0]))[..., 2], ARRAY[..., 0])
    assert to_picture(ARRAY, 16).array.shape == (16, 16, 3)


def test_other_ways_to_give_bytes(tmp_path: Path) -> None:
    data = png(ARRAY)
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (bytearray(data), memoryview(data), str(path), path, file, io.BytesIO(data)):
            np.testing.assert_array_equal(np.asarray(open_photo(source)), ARRAY)


NO_PHOTO = {
    "None": (None, "not NoneType"),
    "number": (3, "not int"),
    "list": ([1, 2], "not list"),
    "object": (object(), "not object"),
    "float array": (ARRAY / 255, "not float64 of"),
    "array with alpha": (ARRAY[..., [0, 1, 2, 0]], "not uint8 of"),
    "batch": (ARRAY[None], "not uint8 of"),
    "float tensor": (torch.zeros(3, 8, 8), "not float32 of"),
    "tensor without data": (torch.zeros(8, 8, 3, device="meta"), "cannot be read"),
    "empty array": (ARRAY[:0], "no pixels"),
    "text file": (io.StringIO("hello"), "open as text"),
}


@pytest.mark.parametrize("kind", NO_PHOTO)
def test_what_is_no_photo_is_one_sentence(kind: str) -> None:
    source, sentence = NO_PHOTO[kind]
    with pytest.raises(tc.TokenizerError, match=sentence) as caught:
        open_photo(source)
    assert str(caught.value).endswith(".")


def test_one_line_of_many_pixels() -> None:
    assert open_photo(png_of([bytes(8)], 60, 1, 0)).size == (60, 1)


def test_a_jpeg_keeps_as_many_pixels_as_are_asked_for() -> None:
    large = saved(Image.fromarray(ARRAY).resize((3200, 2400)), "JPEG")
    assert open_photo(large).size == (1600, 1200)
    assert open_photo(large, at_least=512).size == (800, 600)
    assert open_photo(large, at_least=512, exact=True).size == (1600, 1200)
    assert open_photo(large, at_least=2400).size == (3200, 2400)
    assert open_photo(large, at_least=0).size == (400, 300)
    small = np.asarray(to_picture(large, 32))
    old = np.asarray(to_picture(large, 32, exact=True))
    assert not np.array_equal(small, old)
    assert np.abs(small.astype(int) - old).max() < 16
