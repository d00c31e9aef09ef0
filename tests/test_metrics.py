"""PSNR and SSIM against their definitions and against scikit-image."""

import math

import numpy as np
import pytest
import torch

from tokenizer_core.measure import metrics
from tokenizer_core.measure.metrics import psnr, psnr_batch, round_to_8_bit, ssim, ssim_batch
from tokenizer_core.measure.scorer import Scorer
from tokenizer_core.measure.spectrum import power_spectrum, spectrum_error
from tokenizer_core.photos.photo import Picture


def make_picture(seed: int, size: int = 64) -> Picture:
    """Smooth colours with a little noise."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, size)
    array = ramp[:, None, None] * 0.6 + ramp[None, :, None] * 0.4 + generator.normal(0, 12, (size, size, 3))
    return Picture(array.round().clip(0, 255).astype(np.uint8))


def test_known_noise_has_a_known_psnr() -> None:
    array = make_picture(0).array.clip(20, 235)
    signs = np.random.default_rng(1).choice([-10, 10], array.shape)
    noisy = Picture((array.astype(int) + signs).astype(np.uint8))
    assert psnr(noisy, Picture(array)) == pytest.approx(20 * math.log10(255 / 10), abs=1e-3)


def test_black_against_white_is_zero_db() -> None:
    black, white = (Picture(np.full((16, 16, 3), level, np.uint8)) for level in (0, 255))
    assert psnr(black, white) == pytest.approx(0, abs=1e-5)
    assert ssim(black, white) == pytest.approx(0.0001, abs=1e-4)


def test_equal_pictures() -> None:
    picture = make_picture(2)
    assert psnr(picture, picture) == math.inf
    assert ssim(picture, picture) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_ssim_equals_scikit_image(seed: int) -> None:
    measure = pytest.importorskip("skimage.metrics")
    pictures = [make_picture(seed), make_picture(seed + 10)]
    grey = [picture.array.astype(np.float64) / 255 @ np.array([0.299, 0.587, 0.114]) for picture in pictures]
    expected = measure.structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    assert ssim(*pictures) == pytest.approx(expected, abs=2e-5)
    assert psnr(*pictures) == pytest.approx(
        measure.peak_signal_noise_ratio(pictures[0].array, pictures[1].array), abs=1e-3
    )


def test_batches_are_their_pictures() -> None:
    pictures = [make_picture(seed) for seed in range(4)]
    pixels = torch.cat([picture.to_pixels() for picture in pictures])
    first, last = pixels[:2], pixels[2:]
    for batched, single in ((psnr_batch, psnr), (ssim_batch, ssim)):
        singles = [single(*pictures[::2]), single(*pictures[1::2])]
        np.testing.assert_allclose(batched(first, last), singles, rtol=1e-5)


def test_rounding_is_what_a_picture_holds() -> None:
    pixels = torch.linspace(-1.3, 1.3, 3 * 8 * 8).view(1, 3, 8, 8)
    held = Picture.from_pixels(pixels[0]).to_pixels()
    torch.testing.assert_close(round_to_8_bit(pixels), held, atol=1e-6, rtol=0)


def test_a_scorer_is_the_plain_functions() -> None:
    original, other = make_picture(5), make_picture(6)
    score = Scorer(original)
    for picture in (other, original):
        found = score(picture)
        assert (found.psnr, found.ssim) == (psnr(picture, original), ssim(picture, original))
        np.testing.assert_array_equal(found.spectrum.power, power_spectrum(picture).power)
        assert found.error == spectrum_error(picture, original)


def test_similarity_is_computed_where_the_pixels_are() -> None:
    pixels = torch.cat([make_picture(seed).to_pixels() for seed in range(2)])
    expected = ssim_batch(pixels[:1], pixels[1:]), psnr_batch(pixels[:1], pixels[1:])
    metrics._windows.cache_clear()
    with torch.device("meta"):  # where tensors go that are told no device
        found = ssim_batch(pixels[:1], pixels[1:]), psnr_batch(pixels[:1], pixels[1:])
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_what_is_kept_from_inference_serves_training() -> None:
    metrics._windows.cache_clear()
    pixels = torch.cat([make_picture(seed).to_pixels() for seed in range(2)])
    with torch.inference_mode():
        ssim_batch(pixels[:1], pixels[1:])
    trained = pixels[:1].clone().requires_grad_()
    ssim_batch(trained, pixels[1:]).sum().backward()
    assert trained.grad is not None
    assert trained.grad.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_measures_are_in_single_precision(dtype: torch.dtype) -> None:
    pixels = torch.cat([make_picture(seed).to_pixels() for seed in range(2)]).to(dtype)
    assert round_to_8_bit(pixels).dtype == torch.float32
    assert psnr_batch(pixels[:1], pixels[1:]).dtype == torch.float32
    plain = psnr_batch(pixels[:1].float(), pixels[1:].float())
    assert torch.equal(psnr_batch(pixels[:1], pixels[1:]), plain)
