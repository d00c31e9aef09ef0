"""Many pictures scored at once get what each gets alone."""

import dataclasses
import math

import numpy as np
import pytest

import tokenizer_core as tc
from demo import film
from demo.film import MEAN, Film
from demo.studio import Studio
from tests.stand_in import StandIn, models


def drawn(seed, side=64):
    return tc.Picture(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def test_scores_at_once_are_those_of_single_pictures():
    original, pictures = drawn(0), [drawn(seed) for seed in range(3)]
    scorer = tc.Scorer(original)
    for many, one in zip(tc.scores_of([(scorer, pictures)], "cpu")[0], map(scorer, pictures), strict=True):
        assert many.psnr == pytest.approx(one.psnr, abs=1e-4)
        assert many.ssim == pytest.approx(one.ssim, abs=1e-5)
        assert many.spectrum.power == pytest.approx(one.spectrum.power, rel=1e-4)
        assert many.spectrum.frequency.tolist() == one.spectrum.frequency.tolist()
        off, wanted = (dataclasses.astuple(score.error) for score in (many, one))
        assert off == pytest.approx(wanted, abs=1e-5)
    ((same,),) = tc.scores_of([(scorer, [original])], "cpu")
    assert math.isinf(same.psnr), "the first is the original itself"


def test_scores_of_several_photos_at_once_are_those_of_each():
    asked = [(tc.Scorer(drawn(10 * n)), [drawn(10 * n + k) for k in range(n)]) for n in (2, 0, 3)]
    found = tc.scores_of(asked, "cpu")
    assert [len(some) for some in found] == [2, 0, 3]
    for (scorer, pictures), scores in zip(asked, found, strict=True):
        for score, wanted in zip(scores, map(scorer, pictures), strict=True):
            assert (score.psnr, score.ssim) == pytest.approx((wanted.psnr, wanted.ssim), abs=1e-4)
            assert dataclasses.astuple(score.error) == pytest.approx(
                dataclasses.astuple(wanted.error), abs=1e-5
            )
            assert score.spectrum.power == pytest.approx(wanted.spectrum.power, rel=1e-4)
    assert tc.scores_of([], "cpu") == []


def test_films_with_and_without_an_original_are_measured_at_once():
    info = models(24)[0]
    films = [Film(photo and drawn(photo, 256).to_pil(), info) for photo in (1, None, 2, None)]
    arrays = [[drawn(100 + 10 * n + k, 256).array for k in range(n + 1)] for n in range(4)]
    found = film.measured(list(zip(films, arrays, strict=True)), "cpu")
    for one, some, things in zip(films, arrays, found, strict=True):
        assert [type(thing) for thing in things] == [tc.Score if one.score else tc.Spectrum] * len(some)
        for array, thing in zip(some, things, strict=True):
            frame, wanted = one.frame(array, thing), one.frame(array)
            assert (frame.webp, frame.psnr, frame.ssim) == (wanted.webp, wanted.psnr, wanted.ssim)


def test_spectra_at_once_are_those_of_single_pictures():
    pictures = [drawn(seed) for seed in range(3)]
    for many, one in zip(tc.spectra_of(pictures, "cpu"), map(tc.power_spectrum, pictures), strict=True):
        assert many.power == pytest.approx(one.power, rel=1e-4)


@pytest.mark.parametrize("original", [True, False])
def test_a_gpu_s_frames_are_scored_at_once_and_are_the_same(monkeypatch, original):
    infos = models(24)
    studio = Studio(lambda name, device: StandIn(infos[0]), infos)
    photo = drawn(5, 256).to_pil() if original else None
    one = Film(photo, infos[0])
    made = [(k, drawn(k, 256).array) for k in range(5)]
    wanted = {k: one.frame(array) for k, array in made}
    calls = []
    measure = film.measured
    monkeypatch.setattr(
        "demo.studio.measured", lambda asked, device: calls.append(len(asked[0][1])) or measure(asked, device)
    )
    monkeypatch.setattr(studio, "on_gpu", lambda name: True)
    known = measure([(one, [made[2][1]])], "cpu")[0][0]
    studio._finish(one, MEAN, {k: (array, known if k == 2 else None) for k, array in made})
    assert calls == [4], "what was measured is not measured again"
    reel = one.reel(MEAN)
    assert {k: (f.webp, f.psnr, f.ssim) for k, f in reel.items()} == {
        k: (f.webp, f.psnr, f.ssim) for k, f in wanted.items()
    }
    for k, frame in reel.items():
        gaps = np.frombuffer(film.b64decode(frame.levels), np.uint8).astype(int)
        gaps -= np.frombuffer(film.b64decode(wanted[k].levels), np.uint8)
        assert abs(gaps).max() <= 1
