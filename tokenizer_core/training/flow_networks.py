"""Encoder and flow decoder as a run holds them, and where they come from: fresh, a file, a folder, or grown.

Neighbours: `prefix_flow` and `polish` (train with them), `grow` (deepens them).
"""

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from tokenizer_core.models.prefix_flow.config import SamplerConfig, TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import as_deep_as, build_networks, depth_of, with_depths
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.nn.sampler import sample
from tokenizer_core.training.grow import deepen, fresh_blocks
from tokenizer_core.training.weights import fill_module, read_weights


class FlowNetworks(nn.Module):
    """Encoder, decoder and the training-only alignment head: one file and one average hold them all.

    Attributes:
        grown: how the names of the weights begin that are in blocks which were added to old ones.
    """

    def __init__(self, config: TokenizerConfig, feature_width: int = 112) -> None:
        super().__init__()
        networks = build_networks(config)
        self.encoder: TokenEncoder = networks["encoder"]  # type: ignore[assignment]
        self.decoder: FlowDecoder = networks["decoder"]  # type: ignore[assignment]
        self.grown: tuple[str, ...] = ()
        self.hidden_after = max(1, config.decoder.depth // 2)
        width, wide = config.decoder.width, 2 * config.decoder.width
        self.alignment = nn.Sequential(nn.Linear(width, wide), nn.SiLU(), nn.Linear(wide, feature_width))

    @torch.no_grad()
    def draw(
        self, latent: Float[Tensor, "B N C"], lengths: Tensor, generator: Generator, sampler: SamplerConfig
    ) -> list[Float[Tensor, "B N C"]]:
        """From noise to what the decoder makes of the first `lengths` (B,) tokens: x_t at every time."""
        path = [torch.randn(latent.shape, generator=generator, device=latent.device)]
        tokens = self.encoder(latent)
        context, keep_mask = self.decoder.context(tokens), prefix_mask(lengths, tokens.shape[1])
        sample(self.decoder, context, path[0], keep_mask, path=path, **asdict(sampler))
        return path


def load_networks(
    path: Path | None, config: TokenizerConfig, encoder_depth: int = 0, decoder_depth: int = 0
) -> FlowNetworks:
    """Networks of a run's file or a checkpoint's folder, or fresh ones.

    Args:
        path: None gives fresh networks.
        config: all sizes; of networks that are read, the depths are those of the weights.
        encoder_depth: blocks to which the encoder is grown; 0 leaves it as deep as it is.
        decoder_depth: of the decoder, likewise.

    Raises:
        TokenizerError: the weights cannot be read, do not fit, or are deeper than asked for.
    """
    if path is None:
        return FlowNetworks(with_depths(config, encoder_depth, decoder_depth))
    values = read_weights(path, {"encoder.registers"})  # a name that the autoencoder does not have
    given = as_deep_as(values, config)
    wanted = with_depths(given, encoder_depth, decoder_depth)
    networks = FlowNetworks(wanted)
    if wanted != given:
        fresh = networks.state_dict()
        for network in ("encoder", "decoder"):
            numbers = fresh_blocks(depth_of(values, network), depth_of(fresh, network))
            networks.grown += tuple(f"{network}.blocks.{number}." for number in numbers)
            values = deepen(values, fresh, network)
    fill_module(networks, values, path.name, ("alignment.",))
    return networks
