"""What a flow checkpoint's config.json makes: its three networks, and its line of the catalog.

Neighbours: `tokenizer` (uses them), `models` (lists them), training (fills the networks, and reads off
weights how deep they are).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import nn

from tokenizer_core.codes.packing import SOFT
from tokenizer_core.models.info import AttentionInfo, ModelInfo
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.nn.flow_decoder import FlowDecoder


def build_networks(config: TokenizerConfig) -> nn.ModuleDict:
    """The three networks of a checkpoint, with random weights."""
    channels, patches = config.autoencoder.latent_channels, config.autoencoder.latent_size**2
    autoencoder, sizes = Autoencoder(config.autoencoder), config.encoder
    decoder = FlowDecoder(config.decoder, channels, patches, sizes.num_tokens, sizes.token_width)
    encoder = TokenEncoder(sizes, channels, patches)
    return nn.ModuleDict({"autoencoder": autoencoder, "encoder": encoder, "decoder": decoder})


def depth_of(names: Iterable[str], network: str) -> int:
    """How many blocks "encoder" or "decoder" has, by the names of its weights; 0 where there are none."""
    start = f"{network}.blocks."
    return len({name.removeprefix(start).split(".")[0] for name in names if name.startswith(start)})


def with_depths(config: TokenizerConfig, encoder: int, decoder: int) -> TokenizerConfig:
    """The config with these depths; 0 leaves its own."""
    return replace(
        config,
        encoder=replace(config.encoder, depth=encoder or config.encoder.depth),
        decoder=replace(config.decoder, depth=decoder or config.decoder.depth),
    )


def as_deep_as(names: Iterable[str], config: TokenizerConfig) -> TokenizerConfig:
    """The config with the depths of networks whose weights have these names; its own where there are none."""
    names = list(names)
    return with_depths(config, depth_of(names, "encoder"), depth_of(names, "decoder"))


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a flow checkpoint, from its config.json."""
    c = TokenizerConfig.from_dict(config)
    side = c.autoencoder.latent_size
    return ModelInfo(
        name=c.name,
        title=c.title,
        family="prefix-flow",
        order=10,
        tokens=SOFT,
        numbers_per_token=c.encoder.token_width,
        lengths=tuple(range(c.encoder.num_tokens + 1)),
        ordered=True,
        modes=("mean", "sample"),
        reconstructs=True,
        attention=(
            AttentionInfo(direction="read", layers=c.encoder.depth, side=side),
            AttentionInfo(direction="write", layers=c.decoder.depth, side=side),
        ),
        views=("seeds", "mix", "codes", "less", "layer", "nesting", "guess"),
        devices=("cuda", "cpu"),
        picture_size=c.autoencoder.image_size,
        default_steps=c.sampler.steps,
        default_guidance=c.sampler.guidance_scale,
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence=c.licence,
        source="Semanticist, arXiv 2503.08685",
        credit="tokendial",
    )
