"""Choosing a length: criteria, the fewest tokens that reach one, and the report."""

import json
import math

import numpy as np
import pytest
import tiny_alit
import tiny_linear
import torch
import toy
from PIL import Image
from torch import nn

import tokenizer_core as tc
from demo.cli import main
from tokenizer_core.measure import criteria
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.criteria import Criterion, criterion_of, first_that_reaches
from tokenizer_core.reports.allocate import allocate, need_of
from tokenizer_core.reports.bench import draw_picture

pytestmark = pytest.mark.usefixtures("one_thread")


def flat(level, size=64):
    return tc.Picture(np.full((size, size, 3), level, np.uint8))


def noise(seed=0, size=64):
    return tc.Picture(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def moved(picture, levels):
    return tc.Picture((picture.array.astype(int) + levels).clip(0, 255).astype(np.uint8))


class TwoColours(LiteClassifier):
    """A classifier of two features, how red and how blue; the first label is red."""

    def __init__(self):
        nn.Module.__init__(self)
        self.register_buffer("head_weight", torch.eye(2))

    def pooled(self, pixels):
        return (pixels[:, [0, 2]].mean((2, 3)) + 1.01) / 2

    def logits_of(self, pooled):
        return 20 * pooled


def coloured(red, blue):
    return tc.Picture(np.broadcast_to(np.array([red, 0, blue], np.uint8), (8, 8, 3)).copy())


# Criteria


def test_l1_is_in_the_range_of_colours():
    near = criterion_of("l1", 0.1).judge(flat(100))
    assert near(flat(100)) == (0, True)
    score, reached = near(flat(151))
    assert score == pytest.approx(51 / 255)
    assert not reached
    assert criterion_of("l1", 0.2).judge(flat(100))(flat(151)).reached, "at most the threshold"


def test_psnr_is_in_dB_and_more_is_better():
    verdict = criterion_of("psnr", 20.0).judge(flat(100))(flat(110))
    assert verdict.score == pytest.approx(tc.psnr(flat(110), flat(100)))
    assert verdict.reached
    assert criterion_of("psnr", 20.0).judge(flat(100))(flat(100)) == (math.inf, True)
    assert not criterion_of("psnr", 30.0).judge(flat(100))(flat(110)).reached


def test_spectrum_is_the_mean_of_the_bands():
    original, other = noise(), noise(1)
    error = tc.spectrum_error(other, original)
    verdict = criterion_of("spectrum", 1.0).judge(original)(other)
    assert verdict.score == pytest.approx((error.low + error.middle + error.high) / 3, rel=1e-5)
    assert verdict.reached, "noise is noise, whatever its pixels are"
    assert not criterion_of("spectrum", 1.0).judge(original)(flat(100)).reached


def test_features_are_compared_by_their_angle():
    judge = criterion_of("feature", 0.1, TwoColours()).judge(coloured(200, 0))
    assert judge(coloured(100, 0)) == (pytest.approx(0, abs=1e-3), True)
    score, reached = judge(coloured(0, 200))
    assert score > 0.9
    assert not reached


def test_a_label_counts_where_it_comes_first():
    judge = criterion_of("label", classifier=TwoColours()).judge(coloured(200, 50))
    score, reached = judge(coloured(150, 100))
    assert 0.5 < score < 1
    assert reached
    assert judge(coloured(100, 150)) == (0, False)
    sure = criterion_of("label", 0.999, TwoColours()).judge(coloured(200, 50))
    assert not sure(coloured(150, 140)).reached


@pytest.mark.slow
def test_the_classifier_agrees_with_itself():
    judge = criterion_of("label").judge(noise(size=256))
    assert judge(noise(size=256)).reached
    assert criterion_of("feature", 1e-4).judge(noise(size=256))(noise(size=256)).reached


@pytest.mark.parametrize(
    ("name", "threshold", "words"),
    [
        ("ssim", 1.0, "There is no criterion ssim; there are l1, psnr, spectrum, feature, label"),
        ("l1", math.nan, "The threshold of a criterion is a number"),
        ("label", 0.0, "The threshold of a label is above 0"),
    ],
)
def test_what_is_no_criterion_is_a_sentence(name, threshold, words):
    with pytest.raises(tc.TokenizerError, match=words):
        criterion_of(name, threshold)


def test_every_kind_has_a_scorer_and_says_what_it_is():
    assert set(criteria.CRITERIA) == set(criteria._SCORERS)
    assert str(Criterion("l1", 0.07)) == "mean absolute error of colours in 0..1 <= 0.07"
    assert str(Criterion("psnr", 20.0)) == "peak signal-to-noise ratio in dB >= 20"
    assert criterion_of("l1").threshold == 0.07


# The fewest


def test_the_first_that_reaches_counts_and_none_behind_it_is_made():
    made = []

    def pictures():
        for level in (200, 140, 110, 100):
            made.append(level)
            yield flat(level)

    choice = first_that_reaches(criterion_of("l1", 0.05), flat(100), pictures())
    assert (choice.place, choice.reached) == (2, True)
    assert choice.scores == pytest.approx((100 / 255, 40 / 255, 10 / 255))
    assert made == [200, 140, 110]


def test_where_none_reaches_the_best_counts():
    pictures = [flat(level) for level in (200, 130, 160)]
    for criterion in (criterion_of("l1", 0.01), criterion_of("psnr", 60.0)):
        choice = first_that_reaches(criterion, flat(100), pictures)
        assert (choice.place, choice.reached, len(choice.scores)) == (1, False, 3)


def test_where_none_is_better_all_tokens_count():
    """Else a photo whose label is never found would pass for a simple one."""
    pictures = [coloured(50, 200), coloured(60, 200), coloured(70, 200)]
    choice = first_that_reaches(criterion_of("label", classifier=TwoColours()), coloured(200, 50), pictures)
    assert choice == (2, False, (0, 0, 0))


# The report


@pytest.fixture
def photos(tmp_path):
    """One of one colour, one of a few cells, one of noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    flat(100, 256).to_pil().save(folder / "a-flat.png")
    cells = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(cells).resize((256, 256), Image.Resampling.NEAREST).save(folder / "b-cells.png")
    noise(2, 256).to_pil().save(folder / "c-noise.png")
    return folder


def test_simple_photos_need_fewer_tokens(photos, tmp_path):
    with toy.installed(tmp_path / "checkpoints") as name:
        report = allocate(tc.load(name), photos, criterion_of("l1", 0.12))
    assert [(need.name, need.tokens, need.reached) for need in report.needs] == [
        ("a-flat.png", 4, True),
        ("b-cells.png", 16, True),
        ("c-noise.png", report.needs[2].tokens, False),
    ]
    assert [len(need.scores) for need in report.needs] == [1, 2, 3]
    assert [need.bytes for need in report.needs[:2]] == [3, 12]
    assert report.histogram() == {4: 1, 16: 1, 64: 0}
    assert report.share_reached == pytest.approx(2 / 3)
    assert report.mean_tokens == pytest.approx(sum(need.tokens for need in report.needs) / 3)
    assert report.lengths == toy.LENGTHS


def test_the_report_as_text_and_as_json(photos, tmp_path):
    with toy.installed(tmp_path / "checkpoints") as name:
        report = allocate(tc.load(name), photos, criterion_of("l1", 0.12), limit=2)
    lines = report.table().splitlines()
    assert "on 2 photos of photos; mean absolute error of colours in 0..1 <= 0.12; cpu" in lines[0]
    assert lines[1].startswith("10.0 tokens a photo; 100% reach it;")
    assert lines[3:7] == [
        "     4      1 " + "#" * 40,
        "    16      1 " + "#" * 40,
        "    64      0",
        " never      0",
    ]
    assert [line.split()[:4] for line in lines[9:]] == [
        ["a-flat.png", "4", "3", "1"],
        ["b-cells.png", "16", "12", "2"],
    ]
    found = json.loads(report.to_json())
    assert found["histogram"] == {"4": 1, "16": 1, "64": 0}
    assert found["mean_tokens"] == 10
    assert found["needs"][1]["tokens"] == 16
    assert (found["criterion"], found["threshold"]) == ("l1", 0.12)


def test_what_no_length_reaches_is_said(photos, tmp_path):
    with toy.installed(tmp_path / "checkpoints") as name:
        report = allocate(tc.load(name), photos, criterion_of("psnr", 90.0), lengths=(4, 16))
    assert report.share_reached == 0
    assert report.histogram() == {4: 0, 16: 0}
    assert all(line.endswith("not reached") for line in report.table().splitlines()[8:])


def test_by_command(photos, tmp_path, capsys):
    with toy.installed(tmp_path / "checkpoints"):
        out = str(tmp_path / "needs.json")
        words = ["allocate", str(photos), "--threshold", "0.12", "--limit", "2", "--json", out]
        assert main(words) == 0
        assert "a-flat.png" in capsys.readouterr().out
        assert json.loads((tmp_path / "needs.json").read_text())["histogram"] == {"4": 1, "16": 1, "64": 0}
        assert main(["allocate", str(photos), "--criterion", "psnr", "--lengths", "4,5"]) == 2
        assert capsys.readouterr().err == "The model mosaic-64 has no code of 5 tokens; try 4, 16, 64.\n"


def test_an_adaptive_model_runs_no_pass_that_is_not_needed():
    tokenizer, passes = tiny_alit.make_tokenizer(), []
    tokenizer.encoder.register_forward_hook(lambda *_: passes.append(1))
    for threshold, expected in ((1.0, 1), (0.0, 3)):
        passes.clear()
        need = need_of(tokenizer, noise(), criterion_of("l1", threshold))
        assert len(passes) == expected
        assert need.reached == (threshold > 0)
    assert need.tokens in tokenizer.info.lengths


def test_an_ordered_model_is_asked_in_the_same_way():
    tokenizer = tiny_linear.make_tokenizer()
    original = tokenizer.decode(tokenizer.encode(draw_picture()), 3)
    need = need_of(tokenizer, original, criterion_of("psnr", 45.0), lengths=(0, 1, 2, 3, 4))
    assert (need.tokens, need.reached) == (3, True)
    assert list(need.scores) == sorted(need.scores)


def test_wrong_wishes_are_sentences(photos, tmp_path):
    with toy.installed(tmp_path / "checkpoints") as name:
        tokenizer = tc.load(name)
        for options, words in (
            ({"limit": 0}, "number of photos is 1 or more"),
            ({"lengths": (5,)}, "has no code of 5 tokens; try 4, 16, 64"),
            ({"lengths": (16, 4)}, "the smallest first"),
        ):
            with pytest.raises(tc.TokenizerError, match=words):
                allocate(tokenizer, photos, criterion_of("l1"), **options)
        with pytest.raises(tc.TokenizerError, match="no folder or archive"):
            allocate(tokenizer, tmp_path / "nowhere", criterion_of("l1"))


def test_the_chosen_picture_is_that_of_the_need():
    tokenizer, original = tiny_alit.make_tokenizer(), noise()
    encoding = tokenizer.encode(original)
    pictures = [one for _, one in tokenizer.decode_many(encoding, tokenizer.info.lengths, steps=1)]
    scores = [criterion_of("l1").judge(original)(one).score for one in pictures]
    first, never = (tc.choose_code(tokenizer, original, criterion_of("l1", t)) for t in (1.0, 0.0))
    assert first[0].tokens == 2
    assert first[1] == pictures[0]
    assert not never[0].reached
    best = tokenizer.info.lengths.index(never[0].tokens)
    assert scores[best] == min(scores)
    assert never[1] == pictures[best]
