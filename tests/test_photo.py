"""Photo intake: every kind of file a visitor may send ends in the right picture or in one sentence."""

import io
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.photos.photo import MAX_BYTES, Picture, open_photo, square_crop, to_picture

MODES = ["1", "L", "P", "RGB", "RGBA", "LA", "PA", "La", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]
MODES += ["I", "F", "I;16", "I;16B", "I;16L"]


def make_photo(width: int = 40, height: int = 24) -> Image.Image:
    """Red left half, blue right half, a green first row."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, : width // 2, 0] = 255
    array[:, width // 2 :, 2] = 255
    array[0] = (0, 255, 0)
    return Image.fromarray(array)


def to_bytes(photo: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    photo.save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def mean_colours(photo: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of the left and of the right third, without the edges."""
    array = np.asarray(photo).astype(float)
    rows, third = slice(4, -4), array.shape[1] // 3
    return array[rows, 2:third].mean((0, 1)), array[rows, -third:-2].mean((0, 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_every_format(kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    photo = open_photo(to_bytes(make_photo(96, 64), kind))
    assert (photo.mode, photo.size) == ("RGB", (96, 64))
    left, right = mean_colours(photo)
    np.testing.assert_allclose(left, (255, 0, 0), atol=12)
    np.testing.assert_allclose(right, (0, 0, 255), atol=12)


def test_heic() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(make_photo(96, 64)).save(file)
    left, right = mean_colours(open_photo(file.getvalue()))
    np.testing.assert_allclose(left, (255, 0, 0), atol=12)
    np.testing.assert_allclose(right, (0, 0, 255), atol=12)


def test_every_source_gives_the_same(tmp_path: Path) -> None:
    data = to_bytes(make_photo(), "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    expected = make_photo().tobytes()
    for source in (data, path, str(path), io.BytesIO(data), Image.open(io.BytesIO(data)), make_photo()):
        assert open_photo(source).tobytes() == expected


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"dear photo, this is a text file", "not a picture that can be opened here; JPEG, PNG"),
        (b"", "This file is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%PDF-1.7 " + b"0" * 500, "not a picture"),
        (to_bytes(make_photo(), "PPM"), "not a picture"),
        (to_bytes(make_photo(), "ICO"), "not a picture"),
        (to_bytes(make_photo(400, 300), "JPEG")[:900], "damaged or cut off"),
        (to_bytes(make_photo(400, 300), "PNG")[:200], "damaged or cut off"),
        (to_bytes(make_photo(400, 300), "WEBP")[:60], "damaged|not a picture"),
        (b"\xff\xd8\xff", "damaged|not a picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged|not a picture"),
        (png_header(30_000, 30_000), "more than 60 megapixels"),
        (png_header(9_000, 7_000), r"more than 60 megapixels \(9000 x 7000\)"),
        (png_header(0, 5), "damaged|no pixels|not a picture"),
        (b"\xff\xd8\xff" + b"\0" * (MAX_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_one_sentence_for_what_cannot_be_opened(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "secret-folder-photo.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(TokenizerError, match=sentence) as caught:
            open_photo(source)
        text = str(caught.value)
        assert text.endswith((".", "!"))
        assert "secret" not in text
        assert "/" not in text


@pytest.mark.parametrize("name", ["missing.jpg", ".", "zero\0byte.jpg"])
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"^(There is no such photo|This photo cannot be read)\.$"):
        open_photo(tmp_path / name)


def test_a_bomb_is_refused_before_decoding() -> None:
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(TokenizerError):
        open_photo(png_header(30_000, 30_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert time.perf_counter() - began < 1


def test_an_undecoded_image_is_refused_by_its_size() -> None:
    with pytest.raises(TokenizerError, match="60 megapixels"):
        open_photo(Image.open(io.BytesIO(png_header(9_000, 7_000))))


def test_an_image_without_pixels() -> None:
    with pytest.raises(TokenizerError, match="no pixels"):
        open_photo(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # how a camera turned it
    stored = make_photo() if undo is None else make_photo().transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = open_photo(to_bytes(stored, "PNG", exif=exif.tobytes()))
    assert photo.tobytes() == make_photo().tobytes()
    assert open_photo(photo).tobytes() == photo.tobytes()  # not turned twice


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_that_is_plain_already_keeps_its_pixels_and_no_metadata(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A maker"
    file = io.BytesIO()
    make_photo(64, 48).save(file, "JPEG", exif=exif.tobytes(), comment=b"at home", dpi=(300, 300))
    stored = Image.open(io.BytesIO(file.getvalue()))
    photo = open_photo(file.getvalue())
    turned = stored if orientation == 1 else stored.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.asarray(photo), np.asarray(turned))
    assert type(photo) is Image.Image
    assert photo.info == {}
    assert not photo.getexif()


def test_broken_exif_is_ignored() -> None:
    photo = open_photo(to_bytes(make_photo(), "PNG", exif=b"Exif\0\0II*\0garbage"))
    assert photo.size == (40, 24)


def test_phone_jpeg_with_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = open_photo(to_bytes(make_photo(64, 48), "JPEG", exif=exif.tobytes()))
    assert photo.size == (48, 64)


def test_a_phone_s_jpeg_is_opened_at_half_its_size_or_less() -> None:
    y, x = np.mgrid[0:2400, 0:3200] / 400
    waves = np.stack([np.sin(9 * x), np.cos(7 * y), np.sin(5 * (x + y))], -1)
    large = Image.fromarray((128 + 90 * waves).round().astype(np.uint8))
    data = to_bytes(large, "JPEG", quality=92)
    photo, whole = open_photo(data), Image.open(io.BytesIO(data))
    assert photo.size == (1600, 1200), "no side under 1,024, enough for a zoom of 4"
    assert open_photo(whole).size == large.size, "an image that is open already stays as it is"
    for zoom in (1.0, 4.0):
        assert psnr(square_crop(photo, zoom=zoom), square_crop(whole, zoom=zoom)) > 45
    assert open_photo(to_bytes(large.resize((2000, 1500)), "JPEG")).size == (2000, 1500)


def test_cmyk_jpeg() -> None:
    left, right = mean_colours(open_photo(to_bytes(make_photo(96, 64).convert("CMYK"), "JPEG")))
    assert left[0] > 180
    assert left[2] < 60
    assert right[2] > 180
    assert right[0] < 60


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    photo = open_photo(to_bytes(Image.fromarray(np.tile(ramp, (16, 1))), kind))
    np.testing.assert_array_equal(np.asarray(photo)[3, :, 1], np.arange(256))


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0, 1e6])
def test_floating_point_tiff(top: float) -> None:
    ramp = np.tile(np.linspace(0, top, 256).astype(np.float32), (16, 1))
    ramp[0, :4] = (np.nan, np.inf, -np.inf, -5)
    photo = np.asarray(open_photo(to_bytes(Image.fromarray(ramp), "TIFF")))
    np.testing.assert_array_equal(photo[3, :, 0], np.arange(256))
    assert photo[0, :4].max() == 0


def test_palette_gif_with_transparency_shows_white() -> None:
    photo = Image.new("P", (20, 20), 1)
    photo.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    photo.paste(0, (0, 0, 10, 20))
    array = np.asarray(open_photo(to_bytes(photo, "GIF", transparency=0)))
    assert tuple(array[5, 2]) == (255, 255, 255)
    assert tuple(array[5, 15]) == (0, 0, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_laid_on_white(kind: str) -> None:
    photo = make_photo(40, 24).convert("RGBA")
    photo.putalpha(Image.new("L", (40, 24), 128))
    array = np.asarray(open_photo(to_bytes(photo, kind, **({"lossless": True} if kind == "WEBP" else {}))))
    np.testing.assert_allclose(array[12, 5], (255, 127, 127), atol=1)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    data = to_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
    opened = Image.open(io.BytesIO(data))
    opened.seek(2)
    for source in (data, opened):
        np.testing.assert_allclose(np.asarray(open_photo(source))[16, 16], (255, 0, 0), atol=8)


def swapped_profile() -> bytes:
    """A linear-light profile: what it calls 128 is a brighter 188 in sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = bytearray(profile.tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for index in range(count):
        tag, offset, size = struct.unpack(">4sII", data[132 + 12 * index : 144 + 12 * index])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            assert size >= 16
            data[offset : offset + 16] = b"para\0\0\0\0\0\0\0\0" + struct.pack(">I", 0x10000)
        if tag == b"desc":
            data[offset + 28 : offset + size] = b"\0x" * ((size - 28) // 2)
    return bytes(data)


def test_colour_profile_is_applied_and_a_broken_one_ignored() -> None:
    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    linear = np.asarray(open_photo(to_bytes(grey, "PNG", icc_profile=swapped_profile())))
    assert abs(int(linear[4, 4, 0]) - 188) <= 2
    broken = np.asarray(open_photo(to_bytes(grey, "PNG", icc_profile=b"no profile at all")))
    assert tuple(broken[4, 4]) == (128, 128, 128)


def test_one_pixel_works() -> None:
    picture = square_crop(open_photo(to_bytes(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG")))
    assert picture.array.shape == (256, 256, 3)
    assert (picture.array == (9, 8, 7)).all()


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 60_000)])
def test_extreme_shapes_need_little_memory(size: tuple[int, int]) -> None:
    tracemalloc.start()
    picture = square_crop(open_photo(Image.new("RGB", size, (1, 2, 3))), zoom=3.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (picture.array == (1, 2, 3)).all()
    assert peak < 8 * 2**20


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    mode=st.sampled_from(MODES),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.integers(0, 99),
    zoom=st.floats(1, 50),
    center=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_mode_and_size_gives_pixels_in_range(
    mode: str, width: int, height: int, seed: int, zoom: float, center: tuple[float, float]
) -> None:
    photo = Image.new(mode, (width, height))
    noise = np.random.default_rng(seed).bytes(len(photo.tobytes()))
    photo.frombytes(noise)
    if mode in ("P", "PA"):
        photo.putpalette(np.random.default_rng(seed).bytes(768))
    pixels = square_crop(open_photo(photo), size=16, center=center, zoom=zoom).to_pixels()
    assert pixels.shape == (1, 3, 16, 16)
    assert bool(pixels.isfinite().all())
    assert pixels.abs().max() <= 1


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    cut=st.integers(0, 400),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]),
)
def test_damage_gives_a_picture_or_a_sentence(cut: int, flips: list[tuple[int, int]], kind: str) -> None:
    data = bytearray(to_bytes(make_photo(), kind))
    for place, value in flips:
        data[place % len(data)] = value
    try:
        assert open_photo(bytes(data[: max(len(data) - cut, 0)])).mode == "RGB"
    except TokenizerError as error:
        assert str(error).endswith(".")  # noqa: PT017


def test_crop_moves_and_zooms() -> None:
    photo = make_photo(80, 40)
    assert (square_crop(photo, 8, center=(0.0, 0.5)).array[4, :, 0] > 230).all()
    assert (square_crop(photo, 8, center=(1.0, 0.5)).array[4, :, 2] > 230).all()
    middle = square_crop(photo, 8).array[4]
    assert middle[0, 0] > 230
    assert middle[-1, 2] > 230
    corner = square_crop(photo, 8, center=(1.0, 1.0), zoom=20.0).array
    assert (corner == (0, 0, 255)).all()


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    array = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    assert square_crop(open_photo(Image.fromarray(array))) == Picture(array)
    assert to_picture(Picture(array), 256) == Picture(array)
    assert to_picture(Picture(array), 64).array.shape == (64, 64, 3)


@pytest.mark.parametrize(
    "bad", [{"zoom": 0.5}, {"zoom": float("nan")}, {"center": (0.5, 1.5)}, {"center": (float("inf"), 0.5)}]
)
def test_crop_out_of_range(bad: dict) -> None:
    with pytest.raises(TokenizerError, match="of a crop is"):
        square_crop(make_photo(), **bad)


def test_picture_and_pixels_are_the_same_levels() -> None:
    array = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    picture = Picture(array)
    pixels = picture.to_pixels()
    assert pixels.min() == -1
    assert pixels.max() == 1
    assert Picture.from_pixels(pixels[0]) == picture
    assert hash(Picture.from_pixels(pixels[0])) == hash(picture)
    assert Picture.from_pixels(torch.full((3, 2, 2), 7.0)).array.min() == 255
    assert np.array_equal(np.asarray(picture.to_pil()), array)


def test_a_picture_is_an_array_to_numpy():
    array = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    picture = Picture(array)
    assert np.shares_memory(np.asarray(picture), array)
    assert np.array_equal(np.asarray(picture), array)
    assert np.asarray(picture, np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(picture, copy=True), array)
    assert repr(picture) == "<Picture: 6 x 4>"


def test_a_notebook_shows_a_picture():
    picture = Picture(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
    shown = Image.open(io.BytesIO(picture._repr_png_()))
    assert shown.format == "PNG"
    assert np.array_equal(np.asarray(shown), picture.array)
