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
    for many, one in zip(scorer.many(pictures, "cpu"), map(scorer, pictures), strict=True):
        assert many.psnr == pytest.approx(one.psnr, abs=1e-4)
        assert many.ssim == pytest.approx(one.ssim, abs=1e-5)
        assert many.spectrum.power == pytest.approx(one.spectrum.power, rel=1e-4)
        assert many.spectrum.frequency.tolist() == one.spectrum.frequency.tolist()
        off, wanted = (dataclasses.astuple(score.error) for score in (many, one))
        assert off == pytest.approx(wanted, abs=1e-5)
    assert math.isinf(scorer.many([original], "cpu")[0].psnr), "the first is the original itself"


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
    measure = Film.measured
    monkeypatch.setattr(Film, "measured", lambda *what: calls.append(len(what[1])) or measure(*what))
    monkeypatch.setattr(studio, "on_gpu", lambda name: True)
    studio._finish(one, MEAN, made)
    assert calls == [5]
    reel = one.reel(MEAN)
    assert {k: (f.webp, f.psnr, f.ssim) for k, f in reel.items()} == {
        k: (f.webp, f.psnr, f.ssim) for k, f in wanted.items()
    }
    for k, frame in reel.items():
        gaps = np.frombuffer(film.b64decode(frame.levels), np.uint8).astype(int)
        gaps -= np.frombuffer(film.b64decode(wanted[k].levels), np.uint8)
        assert abs(gaps).max() <= 1
