"""Networks that were deepened compute what they did before, and every new block can learn."""

from pathlib import Path

import pytest
import torch
from tiny_flow import draw_weights
from torch import Generator, Tensor

from tokenizer_core.config import tiny_config
from tokenizer_core.errors import TokenizerError
from tokenizer_core.masks import prefix_mask
from tokenizer_core.training.grow import deepen, old_places
from tokenizer_core.training.prefix_flow import FlowNetworks, load_networks
from tokenizer_core.weights import save_weights

CONFIG = tiny_config(image_size=64)  # 16 positions of 16 channels, 8 tokens, networks of two blocks
LENGTHS = torch.tensor([0, 1, 5, 8])
TIMES = torch.tensor([1.0, 0.6, 0.1, -0.75])  # the last one asks for a distilled step


@pytest.fixture
def old() -> FlowNetworks:
    """Every weight is drawn, so that no branch of the old blocks is shut."""
    networks = draw_weights(FlowNetworks(CONFIG))
    assert isinstance(networks, FlowNetworks)
    return networks


@pytest.fixture
def file(old: FlowNetworks, tmp_path: Path) -> Path:
    """The old weights as a run leaves them, rounded: the old networks take them from there, too."""
    path = tmp_path / "flow.safetensors"
    save_weights(path, old.state_dict())
    old.load_state_dict(load_networks(path, CONFIG).state_dict())
    return path


def outputs(networks: FlowNetworks) -> tuple[Tensor, Tensor]:
    """Tokens (4, 8, 16) of four latents, and predicted latents (4, 16, 16) of four lengths and times."""
    generator = Generator().manual_seed(3)
    latent, noisy = torch.randn(2, 4, 16, 16, generator=generator)
    with torch.no_grad():
        tokens = networks.eval().encoder(latent)
        context = networks.decoder.context(tokens)
        return tokens, networks.decoder(noisy, TIMES, context, prefix_mask(LENGTHS, 8))


def test_new_blocks_are_spread_behind_old_ones() -> None:
    assert old_places(2, 5) == [0, 0, 0, 1, 1]
    assert old_places(8, 8) == list(range(8))
    places = old_places(8, 20)
    assert sorted(set(places)) == list(range(8))
    assert {places.count(old) for old in range(8)} == {2, 3}
    assert places[:10] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3], "the middle stays between the same old blocks"
    assert places[10:] == [old + 4 for old in places[:10]]


@pytest.mark.parametrize(("encoder", "decoder"), [(0, 5), (3, 0), (5, 4), (0, 2)])
def test_the_function_is_the_same_to_the_last_digit(
    old: FlowNetworks, file: Path, encoder: int, decoder: int
) -> None:
    grown = load_networks(file, CONFIG, encoder=encoder, decoder=decoder)
    assert len(grown.encoder.blocks) == (encoder or 2)
    assert len(grown.decoder.blocks) == (decoder or 2)
    for before, after in zip(outputs(old), outputs(grown), strict=True):
        assert before.abs().max() > 0.1
        assert torch.equal(before, after)


def test_new_blocks_are_copies_that_say_nothing(old: FlowNetworks) -> None:
    grown = deepen(old.state_dict(), "decoder", 4)
    shut = [name for name, value in grown.items() if name.endswith("out.weight") and not value.any()]
    assert sorted(shut) == [
        f"decoder.blocks.{i}.{name}.weight" for i in (1, 3) for name in ("mlp.out", "out")
    ]
    assert torch.equal(grown["decoder.blocks.3.qkv.weight"], old.decoder.blocks[1].qkv.weight)  # type: ignore
    grown["decoder.blocks.1.qkv.weight"] += 1
    assert not torch.equal(grown["decoder.blocks.0.qkv.weight"], grown["decoder.blocks.1.qkv.weight"])


def test_every_new_block_learns_at_once(file: Path) -> None:
    grown = load_networks(file, CONFIG, encoder=4, decoder=4)
    latent = torch.randn(4, 16, 16, generator=Generator().manual_seed(3))
    context = grown.decoder.context(grown.encoder(latent))
    grown.decoder(latent.roll(1, 0), TIMES, context).square().mean().backward()
    for blocks in (grown.encoder.blocks, grown.decoder.blocks):
        for block in blocks:
            assert block.out.weight.grad.any()  # type: ignore[union-attr]
            assert block.mlp.out.weight.grad.any()  # type: ignore[union-attr]


def test_a_network_does_not_shrink(old: FlowNetworks) -> None:
    with pytest.raises(TokenizerError, match="decoder has 2 blocks, and cannot be grown to 1"):
        deepen(old.state_dict(), "decoder", 1)
    with pytest.raises(TokenizerError, match="has 0 blocks"):
        deepen({}, "decoder", 3)
