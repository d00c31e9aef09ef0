"""Every published family at a few thousand drawn weights: 64 px pictures, 16 places, two blocks a network."""

from collections.abc import Callable

import torch
from torch import nn

from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.published import alit, karl, semanticist, titok

CHECKPOINT_ID = "9b119b119b11"
IMAGE_SIZE = 64
SAID = {"title": "Tiny random", "licence": "none"}


def draw(networks: nn.Module, seed: int = 0) -> None:
    """Every weight at random, so that each line of the maths shows: matrices keep the size of their input."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in networks.state_dict().items():
            drawn = torch.randn(value.shape, generator=generator)
            of_a_norm = name.endswith("weight") and value.dim() == 1
            if of_a_norm:
                value.copy_(1 + 0.2 * drawn.clamp(-2, 2))
            elif name.endswith("weight"):
                value.copy_(drawn / value[0].numel() ** 0.5)
            else:
                value.copy_(0.3 * drawn)


def titok_config(kind: str = titok.ORDERED, **sizes) -> titok.TitokConfig:
    small = {
        "width": 32,
        "depth": 2,
        "heads": 2,
        "num_tokens": 16,
        "vocabulary": 1024,
        "code_width": 4,
        "pixel_codes": 32,
        "pixel_code_width": 8,
        "pixel_channels": 32,
        "pixel_multipliers": (1, 1, 1, 1, 1),
        "image_size": IMAGE_SIZE,
    }
    return titok.TitokConfig(kind=kind, name=f"tiny-{kind}", **SAID, **(small | sizes))


def make_titok(kind: str = titok.ORDERED) -> titok.TitokTokenizer:
    config = titok_config(kind)
    networks = titok.TitokNetworks(config)
    draw(networks)
    info = titok.describe(config.to_dict(), CHECKPOINT_ID, 0)
    return titok.TitokTokenizer(config, info, networks, "cpu", torch.float32)


def semanticist_config(**sizes) -> semanticist.SemanticistConfig:
    small = {
        "encoder_width": 48,
        "encoder_depth": 2,
        "encoder_heads": 3,
        "width": 32,
        "depth": 2,
        "heads": 2,
        "num_tokens": 8,
        "token_width": 4,
        "kl16_channels": 32,
        "image_size": IMAGE_SIZE,
    }
    return semanticist.SemanticistConfig(
        kind=semanticist.KIND, name="tiny-semanticist", **SAID, **(small | sizes)
    )


def make_semanticist() -> semanticist.SemanticistTokenizer:
    config = semanticist_config()
    networks, autoencoder = config.networks(), config.autoencoder()
    draw(networks)
    draw(autoencoder, 1)
    info = semanticist.describe(config.to_dict(), CHECKPOINT_ID, 0)
    return semanticist.SemanticistTokenizer(config, info, networks, autoencoder, "cpu", torch.float32)


ADAPTIVE = {
    "encoder_width": 32,
    "encoder_depth": 2,
    "encoder_heads": 2,
    "decoder_width": 32,
    "decoder_depth": 2,
    "decoder_heads": 2,
    "vocabulary": 1024,
    "code_width": 4,
    "base_codes": 4,
    "base_code_width": 8,
    "base_channels": 32,
    "base_multipliers": (1, 1, 1, 1, 1),
    "image_size": IMAGE_SIZE,
}


def alit_config(**sizes) -> alit.AlitConfig:
    small = ADAPTIVE | {"passes": 3, "tokens_per_pass": 2}
    return alit.AlitConfig(kind=alit.KIND, name="tiny-alit-published", **SAID, **(small | sizes))


def make_alit() -> alit.PublishedAlitTokenizer:
    """Its chances lie on both sides of the threshold."""
    config = alit_config()
    networks = alit.AlitNetworks(config)
    draw(networks)
    with torch.no_grad():
        networks.decoder.ffn[2].weight.mul_(6)
    info = alit.describe(config.to_dict(), CHECKPOINT_ID, 0)
    return alit.PublishedAlitTokenizer(config, info, networks, "cpu", torch.float32)


def karl_config(**sizes) -> karl.KarlConfig:
    small = ADAPTIVE | {"num_tokens": 16, "lengths": (4, 8, 16)}
    return karl.KarlConfig(kind=karl.KIND, name="tiny-karl", **SAID, **(small | sizes))


def make_karl() -> karl.KarlTokenizer:
    """Its chances lie on both sides of the threshold."""
    config = karl_config()
    networks = karl.KarlNetworks(config)
    draw(networks)
    with torch.no_grad():
        networks.halting_mlp[2].weight.mul_(3)
        networks.halting_mlp[2].bias.fill_(2.2)
    info = karl.describe(config.to_dict(), CHECKPOINT_ID, 0)
    return karl.KarlTokenizer(config, info, networks, "cpu", torch.float32)


MAKE: dict[str, Callable[[], Tokenizer]] = {
    "tiny one-d-piece": make_titok,
    "tiny titok": lambda: make_titok(titok.UNORDERED),
    "tiny semanticist": make_semanticist,
    "tiny published alit": make_alit,
    "tiny karl": make_karl,
}
