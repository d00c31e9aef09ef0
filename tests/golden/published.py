"""What tiny drawn networks of every published family give, stage by stage, in float32 on the CPU.

The parity tests compare with the authors' programs where their outputs are at hand; these numbers are our
own, and say on any machine that no line of the maths has changed since.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests import tiny_published as tiny
from tokenizer_core.models.published.diffusion import sample_ancestral, sample_ddim

FILE = Path(__file__).with_name("published.json")
NUMBERS = 24  # kept of a stage

Stages = dict[str, Tensor]


def photo(size: int = tiny.IMAGE_SIZE) -> Tensor:
    """Pixels (1, 3, size, size) in [0, 1]: waves and grain."""
    generator = torch.Generator().manual_seed(1)
    down, across = torch.meshgrid(torch.arange(size) / size, torch.arange(size) / size, indexing="ij")
    waves = torch.stack([down, across, 0.5 + 0.5 * torch.sin(9 * down * across)])
    return (waves + 0.05 * torch.randn(3, size, size, generator=generator)).clamp(0, 1)[None]


def titok() -> Stages:
    """One-D-Piece and TiTok: the same networks."""
    networks = tiny.make_titok().networks
    numbers = networks.numbers(photo())
    tokens = networks.tokens(numbers)
    logits = networks.logits(tokens[:, :5], torch.arange(5))
    return {"numbers": numbers, "tokens": tokens, "logits": logits, "pixels": networks.pixels(logits)}


def semanticist() -> Stages:
    """Both samplers, guided, and KL-16 both ways."""
    made = tiny.make_semanticist()
    tokens = made.networks.tokens(photo())
    keep = (torch.arange(8) < 5)[None]
    predict = made.predict(made.networks.dit.conditions(tokens, keep), 3.0)
    generator = torch.Generator().manual_seed(2)
    noise, *draws = torch.randn(5, 1, 16, 4, 4, generator=generator)
    latent = made.autoencoder.encode(photo() * 2 - 1)
    return {
        "tokens": tokens,
        "predicted noise": predict(noise, 500)[0],
        "ddim": sample_ddim(predict, noise, 4),
        "ancestral": sample_ancestral(predict, noise, 4, iter(draws)),
        "kl16 latent": latent,
        "kl16 pixels": made.autoencoder.decode(latent),
    }


def alit() -> Stages:
    """Three passes, the last one after two that halted."""
    networks = tiny.make_alit().networks
    *_, last = networks.run(photo(), 3)
    stages = {name: getattr(last, name) for name in ("latents", "numbers", "tokens", "chance", "halted")}
    return stages | {
        "pixels": networks.pixels(last.logits),
        "without tokens": networks.base.reconstruct(photo()),
    }


def karl() -> Stages:
    """One budget; some of its tokens are dropped."""
    networks = tiny.make_karl().networks
    read = networks.read(photo(), 16, 0.05)
    kept = ~read.dropped[0]
    logits = networks.logits(read.tokens[:, kept], torch.arange(16)[kept])
    stages = {name: getattr(read, name) for name in ("latents", "numbers", "tokens", "chance", "dropped")}
    return stages | {"logits": logits, "pixels": networks.pixels(logits)}


FAMILIES: dict[str, Callable[[], Stages]] = {
    "titok": titok,
    "semanticist": semanticist,
    "alit": alit,
    "karl": karl,
}


@torch.inference_mode()
def all_stages() -> Stages:
    """Every stage of every family, by "family: stage"."""
    return {f"{name}: {stage}": value for name, run in FAMILIES.items() for stage, value in run().items()}


def some_of(stage: Tensor) -> Tensor:
    """`NUMBERS` of a stage, evenly from all of it."""
    flat = stage.flatten()
    return flat[torch.linspace(0, len(flat) - 1, min(NUMBERS, len(flat))).long()]


def summary(stage: Tensor) -> dict[str, Any]:
    """What is stored of a stage; all of it where it is whole numbers."""
    if not stage.is_floating_point():
        return {"shape": list(stage.shape), "exactly": stage.long().flatten().tolist()}
    spread, mean = torch.std_mean(stage.double())
    numbers = [float(f"{number:.6g}") for number in some_of(stage).tolist()]
    return {"shape": list(stage.shape), "mean": mean.item(), "spread": spread.item(), "numbers": numbers}


def read_golden() -> dict[str, dict[str, Any]]:
    """What is stored, by stage."""
    return json.loads(FILE.read_text("utf-8"))
