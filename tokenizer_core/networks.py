"""What a flow checkpoint's config.json makes: its three networks, and its line of the catalog.

Neighbours: `tokenizer` (uses them), `models` (lists them), training (fills the networks).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import nn

from tokenizer_core.autoencoder import Autoencoder
from tokenizer_core.catalog import ModelInfo
from tokenizer_core.config import TokenizerConfig
from tokenizer_core.decoder import FlowDecoder
from tokenizer_core.encoder import TokenEncoder


def build_networks(config: TokenizerConfig) -> nn.ModuleDict:
    """The three networks of a checkpoint, with random weights."""
    channels, patches = config.autoencoder.latent_channels, config.autoencoder.latent_size**2
    autoencoder, sizes = Autoencoder(config.autoencoder), config.encoder
    decoder = FlowDecoder(config.decoder, channels, patches, sizes.num_tokens, sizes.token_width)
    encoder = TokenEncoder(sizes, channels, patches)
    return nn.ModuleDict({"autoencoder": autoencoder, "encoder": encoder, "decoder": decoder})


def depth_of(names: Iterable[str], network: str) -> int:
    """How many blocks "encoder" or "decoder" has, by the names of its weights."""
    start = f"{network}.blocks."
    return len({name.split(".")[2] for name in names if name.startswith(start)})


def as_deep_as(names: Iterable[str], config: TokenizerConfig) -> TokenizerConfig:
    """The config with the depths of networks whose weights have these names; its own where there are none."""
    names = list(names)
    encoder_depth = depth_of(names, "encoder") or config.encoder.depth
    decoder_depth = depth_of(names, "decoder") or config.decoder.depth
    encoder = replace(config.encoder, depth=encoder_depth)
    return replace(config, encoder=encoder, decoder=replace(config.decoder, depth=decoder_depth))


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a flow checkpoint, from its config.json."""
    c = TokenizerConfig.from_dict(config)
    return ModelInfo(
        name=c.name,
        title=c.title,
        size_bytes=size_bytes,
        licence=c.licence,
        lengths=tuple(range(c.encoder.num_tokens + 1)),
        tokens="soft",
        numbers_per_token=c.encoder.token_width,
        bytes_per_token=c.encoder.token_width // 2,
        ordered=True,
        generative=True,
        has_attention=True,
        layers_read=c.encoder.depth,
        layers_write=c.decoder.depth,
        bundled=True,
        checkpoint_id=checkpoint_id,
        default_steps=c.sampler.steps,
        default_guidance=c.sampler.guidance_scale,
    )
