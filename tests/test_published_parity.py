"""The published families against the outputs of their authors' own programs, at tiny sizes, in float32.

Weights and outputs are in the folder `shared/research/parity` beside the repository, which is not part of it:
where it is absent, these tests are skipped, and tests/test_published_golden.py says that nothing has changed.
"""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tokenizer_core.models.published import titok
from tokenizer_core.models.published.common import build_filled, shapes_of

FOLDER = Path(__file__).resolve().parents[2] / "shared/research/parity"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the authors' outputs, shared/research/parity, are not here"
)
LATENTS, PIXELS = 5e-5, 5e-5  # largest difference
PARAM = "param."


@cache
def stored(name: str) -> dict[str, Tensor]:
    """Weights and outputs of one program."""
    return load_file(FOLDER / f"{name}.safetensors")


def weights(name: str) -> dict[str, Tensor]:
    """The weights alone, under the authors' names."""
    found = stored(name).items()
    return {key.removeprefix(PARAM): value.float() for key, value in found if key.startswith(PARAM)}


def full_size(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a released size."""
    keys = json.loads((FOLDER / f"{name}_keys.json").read_text("utf-8"))["keys"]
    return {key: tuple(shape) for key, shape in keys.items()}


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest difference of two tensors of one shape."""
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


def image(name: str) -> Tensor:
    """The picture that the program was given, in [0, 1]."""
    return stored(name)["in.image_u8"].float() / 255


TITOK_SIZES = {
    "one_d_piece_s_256": {},
    "one_d_piece_b_256": {"width": 768, "depth": 12, "heads": 12},
    "titok_s_128": {"num_tokens": 128},
    "titok_b_64": {"num_tokens": 64, "width": 768, "depth": 12, "heads": 12},
}


@pytest.mark.parametrize("name", TITOK_SIZES)
def test_titok_has_every_key_and_shape_of_the_full_sizes(name):
    config = titok.TitokConfig(kind=titok.UNORDERED, **TITOK_SIZES[name])
    assert shapes_of(lambda: titok.TitokNetworks(config)) == full_size(name)


@cache
def tiny_titok(name: str) -> titok.TitokNetworks:
    small = {"width": 48, "depth": 3, "heads": 4, "pixel_code_width": 16, "pixel_channels": 32}
    num_tokens = len(weights(name)["latent_tokens"])
    config = titok.TitokConfig(kind=titok.UNORDERED, num_tokens=num_tokens, **small)
    return build_filled(lambda: titok.TitokNetworks(config), weights(name), name).requires_grad_(False)


@pytest.mark.parametrize("name", ["one_d_piece_tiny", "titok_tiny"])
def test_titok_reads_as_published(name):
    networks, expected = tiny_titok(name), stored(name)
    latents = networks.encoder.latents(image(name), networks.latent_tokens)
    assert apart(latents, expected["enc.ln_post_latents"]) <= LATENTS
    numbers = networks.numbers(image(name))
    assert apart(numbers.transpose(1, 2)[:, :, None], expected["enc.z"]) <= LATENTS
    assert torch.equal(networks.tokens(numbers), expected["enc.tokens"][:, 0])


@pytest.mark.parametrize(
    ("name", "prefix", "length"),
    [
        ("one_d_piece_tiny", "dec.k1.", 1),
        ("one_d_piece_tiny", "dec.k16.", 16),
        ("one_d_piece_tiny", "dec.k256.", 256),
        ("titok_tiny", "dec.", 128),
    ],
)
def test_titok_writes_as_published(name, prefix, length):
    networks, expected = tiny_titok(name), stored(name)
    logits = networks.logits(expected["enc.tokens"][:, 0, :length], torch.arange(length))
    assert torch.equal(logits.argmax(1), expected[f"{prefix}logits_argmax"])
    assert apart(logits.logsumexp(1), expected[f"{prefix}logits_logsumexp"]) <= LATENTS
    pixels = networks.pixels(logits)
    assert apart(pixels[:1, :, :48, :48], expected[f"{prefix}pixels_img0_topleft48"]) <= PIXELS
    for step in (4, 8):
        thin = pixels[..., ::step, ::step]
        for key, one in ((f"pixels_every{step}", thin), (f"pixels_img0_every{step}", thin[:1])):
            if prefix + key in expected:
                assert apart(one, expected[prefix + key]) <= PIXELS
