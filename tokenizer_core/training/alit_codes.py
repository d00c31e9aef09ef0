"""What runs on ALIT's finished codes share: all codes once, and which pass a step is of."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tokenizer_core.training.alit import AlitNetworks
from tokenizer_core.training.place import Place

AT_ONCE = 64  # latents whose codes are computed together before the run
SEED_STRIDE = 1_000_003  # between two steps' seeds; a run that goes on draws what it would have drawn


@torch.no_grad()
def cache_codes(
    networks: AlitNetworks, latents: Float[Tensor, "M N C"], place: Place
) -> list[Int[Tensor, "M K"]]:
    """Indices of every latent's codes, a tensor a pass."""
    rows: list[list[Tensor]] = [[] for _ in range(networks.config.passes)]
    for part in latents.split(AT_ONCE):
        with place.autocast():
            for one in networks(part.float()):
                index = networks.encoder.quantiser.index(one.quantised.codes)
                rows[one.number].append(index.int())
    return [torch.cat(parts) for parts in rows]


def draw_pass(passes: int, seed: int, step: int) -> int:
    """Which pass a step is of, from 0: the same in every process, so that all train one part."""
    drawn = torch.Generator().manual_seed(seed + SEED_STRIDE * step)
    return int(torch.randint(passes, (), generator=drawn))
