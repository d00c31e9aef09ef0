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

from tokenizer_core.models.published import adaptive, alit, karl, kl16, titok, vqgan
from tokenizer_core.models.published.adaptive import own_names, sizes_of
from tokenizer_core.models.published.common import build_filled, shapes_of
from tokenizer_core.models.published.diffusion import Schedule, sample_ancestral, sample_ddim
from tokenizer_core.models.published.semanticist import (
    UNUSED,
    SemanticistConfig,
    SemanticistTokenizer,
    describe,
)
from tokenizer_core.models.published.semanticist_networks import slot_mask

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


SEMANTICIST, SLOTS, DECODER, RUN = "semanticist_tiny", 2e-6, 1e-6, 1e-5
SEMANTICIST_SIZES = {"L": {}, "XL": {"width": 1152, "depth": 28}}


@pytest.mark.parametrize("name", SEMANTICIST_SIZES)
def test_semanticist_has_every_key_and_shape_of_the_full_sizes(name):
    config = SemanticistConfig(kind="semanticist", **SEMANTICIST_SIZES[name])
    keys = json.loads((FOLDER / f"semanticist_keys_{name}.json").read_text("utf-8"))["keys"]
    expected = {key: tuple(shape) for key, shape in keys.items()}
    used = {key: shape for key, shape in expected.items() if not key.startswith(UNUSED)}
    assert shapes_of(config.networks) == used
    assert len(expected) - len(used) == 7  # the head that training aligned, and positions, which are computed


def test_kl16_has_the_names_and_shapes_of_both_its_forms():
    theirs = json.loads((FOLDER / "mar_vae_native_to_diffusers_key_map.json").read_text("utf-8"))
    ours = shapes_of(kl16.Kl16)
    assert {name: kl16.diffusers_names(name) for name in ours} == theirs
    keys = json.loads((FOLDER / "mar_vae_kl16_keys_diffusers_guess.json").read_text("utf-8"))["keys"]
    assert {kl16.diffusers_names(name): shape[:2] for name, shape in ours.items()} == {
        key: tuple(shape[:2]) for key, shape in keys.items()
    }  # of attention, kernels of 1 x 1 are matrices there


@cache
def tiny_semanticist() -> SemanticistTokenizer:
    sizes = {"encoder_width": 48, "encoder_depth": 3, "encoder_heads": 3, "width": 64, "depth": 3, "heads": 4}
    small = {"num_tokens": 8, "token_width": 4, "kl16_channels": 32, "image_size": 64}
    said = {"name": "tiny", "title": "Tiny", "licence": "none"}
    config = SemanticistConfig(kind="semanticist", **sizes, **small, **said)
    own = {key: value for key, value in weights(SEMANTICIST).items() if not key.startswith(UNUSED)}
    networks = build_filled(config.networks, own, SEMANTICIST)
    info = describe(config.to_dict(), "0" * 12, 0)
    return SemanticistTokenizer(config, info, networks, config.autoencoder(), "cpu", torch.float32)


def test_semanticist_reads_as_published():
    networks, expected = tiny_semanticist().networks, stored(SEMANTICIST)
    assert torch.equal(slot_mask(17, 8), expected["enc.attn_mask_u8"].bool())
    assert apart(networks.tokens(expected["in.image"]), expected["enc.slots_normed"]) <= SLOTS


def conditions(keep: Tensor) -> Tensor:
    """Of the tokens that are stored."""
    return tiny_semanticist().networks.dit.conditions(stored(SEMANTICIST)["enc.slots_normed"], keep)


def test_semanticist_predicts_as_published():
    dit, expected = tiny_semanticist().networks.dit, stored(SEMANTICIST)
    assert torch.equal(dit.pos_embed, expected["param.dit.pos_embed"])
    keep = expected["dit.drop_mask_u8"].bool()
    for mask, name in ((keep, "dit.out_masked"), (torch.ones_like(keep), "dit.out_full")):
        noise, share = dit(expected["dit.in_x"], expected["dit.in_t"], conditions(mask))
        assert apart(torch.cat([noise, share], 1), expected[name]) <= DECODER


@pytest.mark.parametrize("steps", [10, 25, 250])
def test_semanticist_takes_the_steps_that_are_published(steps):
    schedule, prefix = Schedule(steps), f"sched.{steps}."
    names = [name for name in stored(SEMANTICIST) if name.startswith(prefix)]
    assert len(names) == 8
    for name in names:
        found = torch.from_numpy(getattr(schedule, name.removeprefix(prefix)))
        torch.testing.assert_close(found, stored(SEMANTICIST)[name], rtol=1e-12, atol=0)


def test_semanticist_samples_as_published():
    expected = stored(SEMANTICIST)
    kept, noise = conditions(expected["dit.drop_mask_u8"].bool()), expected["sample.z_T"]
    found = {
        "sample.ddim10_nocfg": sample_ddim(tiny_semanticist().predict(kept, 1.0), noise, 10),
        "sample.latent": sample_ancestral(
            tiny_semanticist().predict(kept, 3.0), noise, 10, iter(expected["sample.noise"][:, : len(noise)])
        ),
    }
    for name, latent in found.items():
        assert apart(latent, expected[name]) <= RUN * expected[name].abs().max()


def of_meta(name: str) -> dict[str, Tensor]:
    """Tensors of a released size under our names, without their numbers."""
    return own_names({key: torch.zeros(shape, device="meta") for key, shape in full_size(name).items()})


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def test_alit_and_karl_have_every_key_and_shape_of_the_full_size():
    tensors = of_meta("alit_small")
    assert shapes_of(lambda: alit.AlitNetworks(alit.AlitConfig.of_file(tensors))) == shapes(tensors)
    assert alit.AlitConfig.of_file(tensors) == alit.AlitConfig(kind=alit.KIND)
    tensors = of_meta("karl_small")
    assert shapes_of(lambda: karl.KarlNetworks(karl.KarlConfig.of_file(tensors))) == shapes(tensors)
    assert karl.KarlConfig.of_file(tensors) == karl.KarlConfig(kind=karl.KIND)


def test_the_vqgan_has_the_names_that_both_kinds_of_files_give_it():
    names = json.loads((FOLDER / "maskgit_vqgan_to_taming_key_map.json").read_text("utf-8"))["map"]
    for half in ("encoder", "decoder"):
        assert {name: vqgan.taming_names(name) for name in names[half]} == names[half]


def adaptive_sizes(tensors: dict[str, Tensor]) -> dict:
    """Sizes of the tiny files, which have fewer blocks than any released one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(adaptive.HEADS, 2, 4)
        return sizes_of(tensors, "it")


@cache
def tiny_alit() -> alit.AlitNetworks:
    tensors = own_names(weights("alit_tiny"))
    config = alit.AlitConfig(kind=alit.KIND, **adaptive_sizes(tensors))
    return build_filled(lambda: alit.AlitNetworks(config), tensors, "alit_tiny").requires_grad_(False)


def test_the_vqgan_reads_and_writes_as_published():
    base, expected = tiny_alit().base, stored("alit_tiny")
    latent = base.encoder(image("alit_tiny"))
    assert apart(latent, expected["base.z"]) <= LATENTS
    assert torch.equal(base.quantize.nearest(latent.flatten(2).transpose(1, 2)), expected["base.codes"])
    hard = base.reconstruct(image("alit_tiny"))[..., ::8, ::8]
    assert apart(hard, expected["base.hard_reconstruction_every8"]) <= PIXELS


@pytest.mark.parametrize(("prefix", "drawn"), [("pass", False), ("bernoulli.pass", True)])
def test_alit_runs_as_published(prefix, drawn):
    networks, expected = tiny_alit(), stored("alit_tiny")
    draws = list(expected["in.uniforms"]) if drawn else None
    for number, one in enumerate(networks.run(image("alit_tiny"), 3 if drawn else 4, draws), 1):
        here = f"{prefix}{number}."
        assert torch.equal(one.tokens, expected[f"{here}tokens"])
        assert torch.equal(one.halted, expected[f"{here}halted_u8"].bool())
        pixels = networks.pixels(one.logits)
        found = {
            "latents": one.latents,
            "factorised": one.numbers,
            "halt_prob": one.chance,
            "pixels_topleft48": pixels[..., :48, :48],
            "pixels_every4": pixels[..., ::4, ::4],
            "pixels_every8": pixels[..., ::8, ::8],
        }
        there = [name for name in found if here + name in expected]
        assert len(there) >= 2
        for name in there:
            assert apart(found[name], expected[here + name]) <= LATENTS, name


@pytest.mark.parametrize(("budget", "wanted"), [(256, 0.05), (64, 0.15)])
def test_karl_runs_as_published(budget, wanted):
    tensors, expected = own_names(weights("karl_tiny")), stored("karl_tiny")
    config = karl.KarlConfig(kind=karl.KIND, **adaptive_sizes(tensors))
    networks = build_filled(lambda: karl.KarlNetworks(config), tensors, "karl_tiny").requires_grad_(False)
    here, read = f"T{budget}_q{wanted}.", networks.read(image("karl_tiny"), budget, wanted)
    assert torch.equal(read.tokens, expected[f"{here}tokens"])
    assert torch.equal(read.dropped, expected[f"{here}halted_u8"].bool())
    assert karl.ERRORS[karl.error_number(wanted)] == pytest.approx(
        expected[f"{here}discretised_target"].item()
    )
    kept = ~read.dropped[0]
    logits = networks.logits(read.tokens[:, kept], torch.arange(budget)[kept])
    assert torch.equal(logits.argmax(-1), expected[f"{here}dec.logits_argmax"])
    assert apart(read.latents, expected[f"{here}latents"]) <= LATENTS
    assert apart(read.numbers, expected[f"{here}factorised"]) <= LATENTS
    assert apart(read.chance[..., None], expected[f"{here}halt_prob"]) <= LATENTS
    assert apart(logits.logsumexp(-1), expected[f"{here}dec.logits_logsumexp"]) <= LATENTS
    pixels = networks.pixels(logits)[..., :48, :48]
    assert apart(pixels, expected[f"{here}pixels_topleft48"]) <= PIXELS


@pytest.mark.parametrize("wanted", [0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.12, 0.16, 0.24, 0.32, 0.38])
def test_karl_takes_an_error_that_it_knows_as_it_is(wanted):
    assert karl.ERRORS[karl.error_number(wanted)] == wanted
    assert karl.error_number(9.9) == len(karl.ERRORS) - 1
