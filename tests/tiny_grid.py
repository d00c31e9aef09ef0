"""A grid tokenizer of a few thousand drawn weights: 64 px, 16 cells, 8 codes."""

import torch
from tiny_flow import draw_weights

from tokenizer_core.models.grid.config import GridConfig, tiny_config
from tokenizer_core.models.grid.tokenizer import GridParts, GridTokenizer, describe
from tokenizer_core.nn.autoencoder import Autoencoder

CHECKPOINT_ID = "9a1d9a1d9a1d"


def make_parts(config: GridConfig, seed: int = 0) -> GridParts:
    parts, draws = GridParts(config), torch.Generator().manual_seed(seed)
    parts.codebook.copy_(torch.randn(parts.codebook.shape, generator=draws))
    parts.mean.copy_(torch.randn(parts.mean.shape, generator=draws))
    return parts


def make_tokenizer(order: str = "raster") -> GridTokenizer:
    config = tiny_config(order)
    autoencoder = draw_weights(Autoencoder(config.autoencoder), 1)
    assert isinstance(autoencoder, Autoencoder)
    info = describe(config.to_dict(), CHECKPOINT_ID, 0)
    return GridTokenizer(config, info, autoencoder, make_parts(config), "cpu", torch.float32)
