"""Networks that were deepened compute what they did before, and every new block can learn."""

from pathlib import Path

import pytest
import torch
from tiny_flow import draw_weights
from torch import Generator, Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.training.flow_networks import FlowNetworks, load_networks
from tokenizer_core.training.grow import deepen, new_places
from tokenizer_core.training.weights import save_weights

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
    assert new_places(2, 5) == [0, 3]
    assert new_places(8, 8) == list(range(8))
    places = new_places(8, 20)
    assert places[:4] == [0, 3, 5, 8], "two and one in turn behind each"
    assert places[4:] == [place + 10 for place in places[:4]], "the middle stays between the same old blocks"


@pytest.mark.parametrize(("encoder", "decoder"), [(0, 5), (3, 0), (5, 4), (0, 2)])
def test_the_function_is_the_same_to_the_last_digit(
    old: FlowNetworks, file: Path, encoder: int, decoder: int
) -> None:
    grown = load_networks(file, CONFIG, encoder, decoder)
    assert len(grown.encoder.blocks) == (encoder or 2)
    assert len(grown.decoder.blocks) == (decoder or 2)
    for before, after in zip(outputs(old), outputs(grown), strict=True):
        assert before.abs().max() > 0.1
        assert torch.equal(before, after)


def test_new_blocks_are_fresh_and_say_nothing(old: FlowNetworks, file: Path) -> None:
    grown = load_networks(file, CONFIG, 6, 6).state_dict()
    for network in ("encoder", "decoder"):
        for part in ("out.weight", "mlp.out.weight"):
            shut = [i for i in range(6) if not grown[f"{network}.blocks.{i}.{part}"].any()]
            assert shut == [1, 2, 4, 5]
        inside = [grown[f"{network}.blocks.{i}.qkv.weight"] for i in range(6)]
        assert torch.equal(inside[3], old.state_dict()[f"{network}.blocks.1.qkv.weight"])
        for one in range(6):
            for other in range(one):
                assert torch.cosine_similarity(inside[one].flatten(), inside[other].flatten(), 0) < 0.2


def test_every_new_block_learns_at_once(file: Path) -> None:
    grown = load_networks(file, CONFIG, 4, 4)
    latent = torch.randn(4, 16, 16, generator=Generator().manual_seed(3))
    context = grown.decoder.context(grown.encoder(latent))
    grown.decoder(latent.roll(1, 0), TIMES, context).square().mean().backward()
    for blocks in (grown.encoder.blocks, grown.decoder.blocks):
        for block in blocks:
            assert block.out.weight.grad.any()  # type: ignore[union-attr]
            assert block.mlp.out.weight.grad.any()  # type: ignore[union-attr]


def test_grown_weights_need_no_option(file: Path, tmp_path: Path) -> None:
    grown = load_networks(file, CONFIG, decoder_depth=3)
    save_weights(tmp_path / "grown.safetensors", grown.state_dict())
    again = load_networks(tmp_path / "grown.safetensors", CONFIG)
    assert (len(again.encoder.blocks), len(again.decoder.blocks)) == (2, 3)
    assert again.hidden_after == 1


def test_a_network_does_not_shrink(old: FlowNetworks, file: Path) -> None:
    with pytest.raises(TokenizerError, match="decoder has 2 blocks, and cannot be grown to 1"):
        load_networks(file, CONFIG, decoder_depth=1)
    with pytest.raises(TokenizerError, match="has 0 blocks"):
        deepen({}, old.state_dict(), "decoder")
