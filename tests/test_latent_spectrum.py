"""Power of a latent by ring, and errors that are those of what was decoded."""

import json
import math

import numpy as np
import torch

import tokenizer_core as tc
from studies.latent_spectrum import errors, latent_power
from tests.tiny_flow import CHECKPOINT_ID, draw_weights
from tokenizer_core.measure.spectrum import band_error
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence


def wave(cycles, strength, size=16):
    line = strength * torch.cos(2 * math.pi * cycles * torch.arange(size) / size)
    return line.expand(size, size)


def test_a_wave_has_its_power_on_its_ring_in_the_mean_of_the_channels():
    loud, calm = wave(5, 1.0), wave(5, 0.5)
    power = latent_power(torch.stack([loud, calm])[None])
    assert power.shape == (1, 7)
    assert power.argmax() == 4, "ring 5 is the fifth"
    alone = latent_power(loud[None, None])
    torch.testing.assert_close(power, alone * (1 + 0.25) / 2)


def test_twice_the_amplitude_is_four_times_the_power():
    latent = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    error = band_error(latent_power(2 * latent), latent_power(latent))
    torch.testing.assert_close(error, torch.full((3, 3), math.log10(4)), rtol=1e-4, atol=1e-4)


def test_a_decoder_that_gives_the_photo_back_has_no_error(monkeypatch):
    config = tiny_config(image_size=128)
    networks = draw_weights(build_networks(config))
    info = describe(json.loads(config.to_json()), CHECKPOINT_ID, 0)
    tokenizer = FlowTokenizer(config, info, networks, "cpu", torch.float32)
    picture = tc.Picture(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))
    monkeypatch.setattr("studies.latent_spectrum.LENGTHS", (1, 2, 4, 8))
    found = errors(tokenizer, picture, 2, 0)
    assert {name: rows.shape for name, rows in found.items()} == {"latent": (4, 3), "pixels": (4, 3)}
    assert found["latent"].min() > 0
    own = latent_to_sequence(tokenizer.autoencoder.encode(picture.to_pixels()))
    monkeypatch.setattr("studies.latent_spectrum.sample", lambda *_, **__: own)
    for rows in errors(tokenizer, picture, 2, 0).values():
        assert rows.max() < 1e-3
