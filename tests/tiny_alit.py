"""An ALIT tokenizer of a few thousand drawn weights: 64 px, 16 patches, three passes of two tokens."""

from dataclasses import replace

import torch
from tiny_flow import draw_weights
from torch import nn

from tokenizer_core.models.alit.catalog import describe
from tokenizer_core.models.alit.config import AlitConfig, tiny_config
from tokenizer_core.models.alit.networks import build_networks
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.nn.flow_decoder import FlowDecoder

CONFIG = tiny_config()
SHARP = replace(CONFIG, sharp=("writer", "decoder"))
BRIDGED = replace(SHARP, bridge=replace(CONFIG.bridge, present=True))
CHECKPOINT_ID = "a117a117a117"
PATCHES, CHANNELS, TOKENS = 16, 16, 6


def make_networks(config: AlitConfig = CONFIG, seed: int = 0) -> nn.ModuleDict:
    networks = draw_weights(build_networks(config), seed)
    assert isinstance(networks, nn.ModuleDict)
    return networks


def make_autoencoder(config: AlitConfig = CONFIG) -> Autoencoder:
    autoencoder = draw_weights(Autoencoder(config.autoencoder), 1)
    assert isinstance(autoencoder, Autoencoder)
    return autoencoder


def make_flow(config: AlitConfig = CONFIG) -> FlowDecoder:
    """A decoder that was made for eight tokens of sixteen numbers each."""
    flow = draw_weights(FlowDecoder(config.bridge.decoder, CHANNELS, PATCHES, 8, 16), 2)
    assert isinstance(flow, FlowDecoder)
    return flow


def make_tokenizer(config: AlitConfig = CONFIG, seed: int = 0) -> AlitTokenizer:
    info = describe(config.to_dict(), CHECKPOINT_ID, 0)
    networks, autoencoder = make_networks(config, seed), make_autoencoder(config)
    flow = make_flow() if config.bridge.present else None
    return AlitTokenizer(config, info, autoencoder, networks, "cpu", torch.float32, flow)
