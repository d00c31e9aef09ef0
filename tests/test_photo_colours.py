"""What a file says of its colours is what is shown.

The right values were read from Chromium 156's canvas, which got the same bytes. LINEAR and the like are what
it shows of the grey ramp of `drawn`; two levels are for rounding.
"""

import numpy as np
import pytest
from PIL import Image, features

from tests.drawn import (
    COLOURS,
    GREYS,
    RAMP,
    blocks,
    chrm,
    cicp,
    gama,
    iccp,
    linear_profile,
    png,
    png_of,
    renamed_colours,
    saved,
)
from tokenizer_core.photos.photo import open_photo

RGB_RAMP = RAMP[..., None].repeat(3, 2)
DEEP_RAMP = RAMP.astype(np.uint16) * 257
WITH_ALPHA = np.stack([RAMP, np.array([[128] * 4 + [255] * 4], np.uint8)], 2)
LINEAR = [38, 56, 79, 110, 152, 188, 229, 253]
LINEAR_ON_WHITE = [146, 155, 167, 182, 152, 188, 229, 253]
GAMMA_2_2 = [1, 3, 12, 35, 79, 129, 201, 250]
VIDEO = [0, 1, 7, 28, 70, 121, 197, 250]
GREY_LINEAR, RGB_LINEAR = linear_profile(grey=True), linear_profile()

MENDED_RAMPS = {
    "RGB profile with sRGB in its name": (png(RGB_RAMP, iccp(linear_profile(name="sRGB linear"))), LINEAR),
    "RGB profile, grey": (png(RAMP, iccp(RGB_LINEAR)), LINEAR),
    "grey profile, 16 bit": (png(DEEP_RAMP, iccp(GREY_LINEAR)), LINEAR),
    "grey profile, alpha": (png(WITH_ALPHA, iccp(GREY_LINEAR)), LINEAR_ON_WHITE),
    "RGB profile, 16 bit grey": (png(DEEP_RAMP, iccp(RGB_LINEAR)), LINEAR),
    "RGB profile, sRGB in its name, alpha": (
        png(WITH_ALPHA, iccp(linear_profile(name="Linear sRGB"))),
        LINEAR_ON_WHITE,
    ),
    "grey profile, 16 bit with alpha": (
        png(WITH_ALPHA.astype(np.uint16) * 257, iccp(GREY_LINEAR)),
        LINEAR_ON_WHITE,
    ),
    "gAMA": (png(RGB_RAMP, gama(1.0)), LINEAR),
    "gAMA, grey": (png(RAMP, gama(1.0)), LINEAR),
    "gAMA, 16 bit grey": (png(DEEP_RAMP, gama(1.0)), LINEAR),
    "gAMA, 16 bit RGB": (png(RGB_RAMP.astype(np.uint16) * 257, gama(1.0)), LINEAR),
    "gAMA, palette": (png(RAMP, gama(1.0), GREYS, palette=True), LINEAR),
    "gAMA, alpha": (png(WITH_ALPHA, gama(1.0)), LINEAR_ON_WHITE),
    "gAMA of 2.0": (png(RGB_RAMP, gama(0.5)), [1, 5, 18, 43, 88, 137, 206, 251]),
    "gAMA of 1.8": (png(RGB_RAMP, gama(0.55555)), [3, 10, 26, 53, 99, 146, 210, 251]),
    "gAMA of 3.3": (png(RGB_RAMP, gama(0.3)), [0, 0, 1, 7, 40, 89, 178, 248]),
    "gAMA and cHRM": (png(RGB_RAMP, chrm("srgb"), gama(0.45455)), GAMMA_2_2),
    "gAMA and a broken profile": (png(RGB_RAMP, gama(1.0), iccp(b"hello")), LINEAR),
    "cICP of video": (png(RGB_RAMP, cicp(1, 1)), VIDEO),
    "cICP of BT.2020's curve": (png(RGB_RAMP, cicp(9, 14)), VIDEO),
    "cICP gamma 2.2": (png(RGB_RAMP, cicp(1, 4)), GAMMA_2_2),
    "cICP gamma 2.8": (png(RGB_RAMP, cicp(1, 5)), [0, 0, 3, 17, 56, 106, 189, 249]),
    "cICP of SMPTE 240M": (png(RGB_RAMP, cicp(1, 7)), [15, 25, 38, 58, 97, 141, 206, 251]),
    "cICP linear": (png(RGB_RAMP, cicp(1, 8)), LINEAR),
    "cICP linear, 16 bit grey": (png(DEEP_RAMP, cicp(1, 8)), LINEAR),
    "cICP of cinema": (png(RGB_RAMP, cicp(1, 17)), [0, 1, 5, 23, 65, 118, 200, 255]),
    "cICP of PQ": (png(RGB_RAMP, cicp(9, 16)), [0, 0, 1, 9, 48, 132, 255, 255]),
    "cICP of HLG": (png(RGB_RAMP, cicp(9, 18)), [0, 1, 5, 21, 57, 99, 202, 251]),
}


def row_of(data: bytes) -> np.ndarray:
    return np.asarray(open_photo(data)).astype(int)[0]


@pytest.mark.parametrize("kind", MENDED_RAMPS)
def test_greys_as_the_file_means_them(kind: str) -> None:
    data, right = MENDED_RAMPS[kind]
    np.testing.assert_allclose(row_of(data), np.array(right)[:, None].repeat(3, 1), atol=2)


BT_2020 = [[0, 211, 0], [249, 0, 55], [44, 14, 210], [255, 0, 0], [0, 255, 0], [0, 0, 255], [112, 131, 141]]
SMPTE_C = [
    [57, 197, 58],
    [195, 42, 60],
    [63, 42, 201],
    [248, 36, 0],
    [63, 251, 0],
    [26, 35, 255],
    [121, 130, 140],
]
P3 = [[0, 204, 13], [218, 0, 54], [65, 28, 208], [255, 0, 0], [0, 255, 0], [0, 0, 255], [118, 130, 141]]
MENDED_COLOURS = {
    "cHRM of P3": (
        png(COLOURS, chrm("p3"), gama(0.45455)),
        [[0, 205, 0], [220, 0, 51], [62, 21, 210], [255, 0, 0], [0, 255, 0], [0, 0, 255], [118, 131, 142]],
    ),
    "cHRM of P3, linear": (
        png(COLOURS, chrm("p3"), gama(1.0)),
        [
            [0, 233, 122],
            [247, 84, 133],
            [140, 94, 237],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [181, 189, 196],
        ],
    ),
    "cHRM of ProPhoto": (
        png(COLOURS, chrm("prophoto"), gama(0.55556)),
        [[0, 230, 0], [255, 0, 78], [0, 21, 224], [255, 0, 0], [0, 255, 0], [0, 0, 255], [124, 150, 159]],
    ),
    "cICP of 470M": (
        png(COLOURS, cicp(4, 13)),
        [[0, 196, 41], [237, 4, 50], [32, 65, 206], [255, 0, 0], [0, 250, 0], [0, 75, 255], [114, 131, 141]],
    ),
    "cICP of 470BG": (
        png(COLOURS, cicp(5, 13)),
        [[0, 200, 64], [204, 30, 60], [61, 30, 199], [255, 0, 0], [0, 255, 28], [0, 0, 254], [120, 130, 140]],
    ),
    "cICP of SMPTE C": (png(COLOURS, cicp(6, 13)), SMPTE_C),
    "cICP of 240M": (png(COLOURS, cicp(7, 13)), SMPTE_C),
    "cICP of film": (
        png(COLOURS, cicp(8, 13)),
        [[0, 206, 30], [228, 0, 53], [65, 3, 207], [255, 0, 0], [0, 255, 0], [0, 0, 255], [116, 130, 141]],
    ),
    "cICP of BT.2020": (png(COLOURS, cicp(9, 13)), BT_2020),
    "cICP of XYZ": (
        png(COLOURS, cicp(10, 13)),
        [[0, 255, 0], [255, 0, 83], [0, 11, 213], [255, 0, 71], [0, 255, 0], [0, 56, 255], [86, 139, 141]],
    ),
    "cICP of DCI": (
        png(COLOURS, cicp(11, 13)),
        [[0, 204, 13], [213, 0, 55], [62, 24, 208], [255, 0, 0], [0, 255, 0], [0, 0, 255], [118, 130, 141]],
    ),
    "cICP of P3": (png(COLOURS, cicp(12, 13)), P3),
    "cICP over a profile": (png(COLOURS, cicp(12, 13), iccp(linear_profile())), P3),
    "cICP of EBU 3213": (
        png(COLOURS, cicp(22, 13)),
        [
            [0, 196, 60],
            [202, 44, 59],
            [61, 50, 200],
            [255, 38, 0],
            [0, 249, 0],
            [4, 51, 255],
            [120, 130, 140],
        ],
    ),
    "cICP of BT.2020 in PQ": (
        png(COLOURS, cicp(9, 16)),
        [[0, 255, 0], [255, 0, 0], [0, 0, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [91, 139, 167]],
    ),
    "cICP of BT.2020 in HLG": (
        png(COLOURS, cicp(9, 18)),
        [[0, 208, 0], [229, 0, 41], [18, 1, 174], [255, 0, 0], [0, 255, 0], [0, 0, 249], [87, 102, 110]],
    ),
}


@pytest.mark.parametrize("kind", MENDED_COLOURS)
def test_colours_as_the_file_means_them(kind: str) -> None:
    data, right = MENDED_COLOURS[kind]
    np.testing.assert_allclose(row_of(data), right, atol=2)


NAMED = {
    "BT.2020": (9, 13, BT_2020),
    "P3": (12, 13, P3),
    "P3, video's curve": (12, 1, P3),
    "SMPTE C": (6, 13, SMPTE_C),
    "linear": (1, 8, None),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_colours_named_by_nclx(kind: str, name: str) -> None:
    primaries, transfer, right = NAMED[name]
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    source = blocks(RGB_RAMP if right is None else COLOURS)
    options = {"subsampling": "4:4:4"} if kind == "AVIF" else {"chroma": 444}
    data = saved(source, kind, quality=100, **options)
    shown = np.asarray(open_photo(renamed_colours(data, primaries, transfer))).astype(int)[8, 8::16]
    wanted = np.array(LINEAR)[:, None].repeat(3, 1) if right is None else np.array(right)
    # The encoder errs by a level or two, and colours at the border of sRGB by more.
    np.testing.assert_allclose(shown, wanted, atol=8 if kind == "HEIF" else 7)
    assert np.abs(shown - wanted).mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_grey_photo_with_an_rgb_profile(kind: str) -> None:
    data = saved(blocks(RAMP), kind, icc_profile=RGB_LINEAR)
    np.testing.assert_allclose(np.asarray(open_photo(data))[8, 8::16, 0], LINEAR, atol=4)


def packed(levels: list[int], depth: int) -> bytes:
    bits = "".join(format(level, f"0{depth}b") for level in levels)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def clear_colour(*levels: int) -> tuple[bytes, bytes]:
    return b"tRNS", b"".join(level.to_bytes(2, "big") for level in levels)


DEEP = np.array(
    [[[1000, 2000, 3000], [1001, 2000, 3000], [40_000, 2000, 3000], [1000, 2000, 3000]]], np.uint16
)
TRANSPARENT = {  # data, levels of red in the first row
    "16 bit grey": (png(DEEP[..., 0], clear_colour(40_000)), [4, 4, 255, 4]),
    "16 bit RGB": (png(DEEP, clear_colour(1000, 2000, 3000)), [255, 3, 156, 255]),
    "4 bit grey": (png_of([packed([0, 5, 7, 15], 4)], 4, 4, 0, (clear_colour(5),)), [0, 255, 119, 255]),
    "2 bit grey": (png_of([packed([0, 1, 2, 3], 2)], 4, 2, 0, (clear_colour(1),)), [0, 255, 170, 255]),
    "16 bit grey, linear": (png(DEEP[..., 0], gama(1.0), clear_colour(40_000)), [28, 28, 255, 28]),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_transparent_is_white_at_every_depth(kind: str) -> None:
    data, right = TRANSPARENT[kind]
    np.testing.assert_allclose(row_of(data)[:, 0], right, atol=1)


SAME = {  # nothing sound is said, or it is sRGB: the levels are shown as they are
    "nothing": png(RGB_RAMP),
    "gAMA of sRGB": png(RGB_RAMP, gama(0.45455)),
    "gAMA of zero": png(RGB_RAMP, gama(0.0)),
    "cHRM without gAMA": png(RGB_RAMP, chrm("p3")),
    "cHRM that is no triangle": png(RGB_RAMP, (b"cHRM", bytes(32)), gama(1.0)),
    "sRGB over gAMA": png(RGB_RAMP, gama(1.0), (b"sRGB", b"\0")),
    "grey profile, colours": png(RGB_RAMP, iccp(GREY_LINEAR)),
    "cICP unknown curve": png(RGB_RAMP, cicp(1, 9)),
    "cICP unknown primaries": png(RGB_RAMP, cicp(3, 8)),
    "cICP limited range": png(RGB_RAMP, cicp(12, 8, full=0)),
    "cICP with a matrix": png(RGB_RAMP, cicp(12, 8, matrix=1)),
    "cICP cut": png(RGB_RAMP, (b"cICP", b"\x01\x08")),
    "cICP of sRGB over a profile": png(RGB_RAMP, cicp(1, 13), iccp(RGB_LINEAR)),
}


@pytest.mark.parametrize("kind", SAME)
def test_what_stays_as_it_is(kind: str) -> None:
    np.testing.assert_array_equal(row_of(SAME[kind]), RGB_RAMP[0])


def test_an_srgb_profile_of_any_name_leaves_every_level() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    levels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    for known in (profile, profile.replace("sRGB".encode("utf-16-be"), "Mine".encode("utf-16-be"))):
        photo = open_photo(saved(Image.fromarray(levels), "PNG", icc_profile=known))
        np.testing.assert_array_equal(np.asarray(photo), levels)
