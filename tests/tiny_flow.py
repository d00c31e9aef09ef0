"""A flow tokenizer of a few thousand drawn weights: 48 px pictures, 9 patches, 8 tokens, two layers each.

A fresh network returns zeros and its residual branches are shut; here every weight is drawn, so that each
line of the maths shows in the result.
"""

import json

import numpy as np
import torch
from torch import nn

from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.photos.photo import Picture

CONFIG = tiny_config(image_size=48)
CHECKPOINT_ID = "0123456789ab"
CONFIG_DICT = json.loads(CONFIG.to_json())
PATCHES, CHANNELS, TOKENS, WIDTH = 9, 16, 8, 16


def draw_weights(module: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and running statistic at random: matrices keep the size of their input."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            drawn = torch.randn(value.shape, generator=generator)
            if value.dim() > 1:
                value.copy_(drawn / value[0].numel() ** 0.5)
            elif value.is_floating_point():
                near_one = "norm" in name or name.endswith("running_var")
                value.copy_(1 + 0.2 * drawn.clamp(-2, 2) if near_one else 0.3 * drawn)
    return module.eval()


def make_networks(seed: int = 0) -> nn.ModuleDict:
    networks = draw_weights(build_networks(CONFIG), seed)
    assert isinstance(networks, nn.ModuleDict)
    return networks


def make_tokenizer(seed: int = 0) -> FlowTokenizer:
    info = describe(CONFIG_DICT, CHECKPOINT_ID, 0)
    return FlowTokenizer(CONFIG, info, make_networks(seed), "cpu", torch.float32)


def make_encoder() -> TokenEncoder:
    return make_networks()["encoder"]  # type: ignore[return-value]


def make_decoder() -> FlowDecoder:
    return make_networks()["decoder"]  # type: ignore[return-value]


def make_picture(seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8))


def unit(x: torch.Tensor) -> torch.Tensor:
    """Divided by the root mean square of its last axis."""
    return x / x.square().mean(-1, keepdim=True).sqrt()
