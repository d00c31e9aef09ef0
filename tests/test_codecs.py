"""Codecs within a budget against trying every quality and every size."""

import io

import numpy as np
import pytest
from PIL import Image

from tokenizer_core.measure import codecs
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.photos.photo import Picture
from tokenizer_core.reports.bench import draw_picture

SIDES = (24, 12)
LANCZOS = Image.Resampling.LANCZOS


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> Picture:
    """32 x 32, which takes milliseconds; the sizes that are tried fit it."""
    monkeypatch.setattr(codecs, "SIDES", SIDES)
    return Picture(np.asarray(draw_picture(seed=3).to_pil().resize((32, 32), LANCZOS)))


class Rising(Image.Image):
    """A picture whose file has ten bytes a quality, and which keeps what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple] = []

    def save(self, buffer: io.BytesIO, kind: str, *, quality: int, **options: object) -> None:
        self.asked.append((kind, quality, options))
        buffer.write(bytes(10 * quality))


OPTIONS = {"WebP": {"method": 6}, "JPEG": {"optimize": True, "subsampling": "4:2:0"}}


@pytest.mark.parametrize(("codec", "lowest", "highest"), [("WebP", 0, 100), ("JPEG", 1, 95)])
def test_the_largest_file_that_fits_is_found_at_every_budget(codec: str, lowest: int, highest: int) -> None:
    image, files = Rising(), {}
    for budget in (*range(10 * highest + 15), 5000):
        data = codecs._largest(image, codec, budget, files)
        quality = min(budget // 10, highest)
        assert data == (bytes(10 * quality) if quality >= lowest else None)
    assert sorted(files) == list(range(lowest, highest + 1))
    assert all(len(data) == 10 * quality for quality, data in files.items())
    assert len(image.asked) == len(files), "no file is made twice"
    assert all(kind == codec and options == OPTIONS[codec] for kind, _, options in image.asked)


def test_a_budget_that_nothing_fits_costs_one_file() -> None:
    image = Rising()
    assert codecs._largest(image, "JPEG", 5, {}) is None
    assert len(image.asked) == 1


@pytest.mark.parametrize(("codec", "seed", "budget"), [("WebP", 0, 172), ("WebP", 1, 178), ("JPEG", 0, 394)])
def test_a_file_that_is_smaller_at_a_higher_quality_is_found(codec: str, seed: int, budget: int) -> None:
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image, files = Image.fromarray(colours).resize((24, 24), Image.Resampling.BICUBIC), {}
    low, high, _ = codecs.CODECS[codec]
    sizes = {quality: len(codecs._file(image, codec, quality, files)) for quality in range(low, high + 1)}
    fitting = [quality for quality, size in sizes.items() if size <= budget]
    assert max(fitting) > len(fitting) - 1 + low, "some lower quality takes more bytes"
    assert codecs._largest(image, codec, budget, {}) == files[max(fitting)]


def enlarged(data: bytes) -> Picture:
    return Picture(np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((32, 32), LANCZOS)))


@pytest.mark.parametrize("codec", ["WebP", "JPEG"])
def test_of_all_sizes_the_nearest_counts(codec: str, picture: Picture) -> None:
    budgets = [0, 400, 420, 600, 5000]
    found = codecs.best_pictures(picture, codec, budgets)
    sides: dict[int, int] = {}
    for budget in budgets:
        tried = {}
        for side in SIDES:
            data = codecs._largest(picture.to_pil().resize((side, side), LANCZOS), codec, budget, {})
            if data is not None:
                tried[side] = enlarged(data)
        assert (budget in found) == bool(tried)
        if tried:
            sides[budget] = max(tried, key=lambda side: psnr(tried[side], picture))
            assert found[budget] == tried[sides[budget]]
    assert sides[5000] == SIDES[0]
    assert 0 not in found


@pytest.mark.parametrize("codec", ["WebP", "JPEG"])
def test_no_file_is_made_twice(codec: str, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []
    save = Image.Image.save

    def spy(self: Image.Image, buffer: io.BytesIO, kind: str, **options: int) -> None:
        made.append((self.size[0], options["quality"]))
        save(self, buffer, kind, **options)

    monkeypatch.setattr(Image.Image, "save", spy)
    codecs.best_pictures(picture, codec, [400, 500, 500, 600, 10_000])
    assert len(made) == len(set(made))
    assert {side for side, _ in made} == set(SIDES)
    qualities = {quality for _, quality in made}
    assert min(qualities) >= codecs.CODECS[codec][0]
    assert max(qualities) == codecs.CODECS[codec][1], "a large budget has the highest quality"


def test_nothing_fits_nothing(picture: Picture) -> None:
    assert codecs.best_pictures(picture, "JPEG", [0, 10]) == {}
    assert codecs.best_pictures(picture, "JPEG", []) == {}
