"""Point 7 of the claims: does a token's attention outline an object that was pasted into a photograph?

Neighbours: `unfamiliar` (pastes), `alit_statistics` (overlaps), `alit_claims` (asks).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import tokenizer_core as tc
from studies.alit_pictures import at_once, ordered_latent, passes_of, pixels_of
from studies.alit_statistics import discs, overlaps
from studies.unfamiliar import pasted
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer

PASTED_COUNT = 100
Figures = dict[str, Any]


@torch.inference_mode()
def segments(model: AlitTokenizer, photos: Sequence[tc.Picture]) -> Figures:
    """Point 7: how well the map of the best of the first tokens covers a pasted piece, by layer and pass.

    Of each map as many places are taken as the piece has. Beside it: the mean over those tokens, the best
    of as many discs on a grid, and a disc in the middle.
    """
    made = list(pasted([photo.array for photo in photos], PASTED_COUNT))
    side, count = model.config.autoencoder.latent_size, model.config.tokens_per_pass
    masks = _masks([mask for _, mask in made], side).to(model.device)
    best, mean = defaultdict(list), defaultdict(list)
    pixels = pixels_of([tc.Picture(array) for array, _ in made])
    for part, wanted in zip(pixels.split(at_once(model)), masks.split(at_once(model)), strict=True):
        for one in passes_of(model, part):
            for layer in range(model.config.encoder_depth):
                overlap = overlaps(model.encoder.read_attention(one.start, layer)[:, :count], wanted)
                best[layer, one.number].append(overlap.amax(1))
                mean[layer, one.number].append(overlap.mean(1))
    circles = discs(side, count).to(model.device)
    found: Figures = {"n": len(made), "area": masks.float().mean().item()}
    for name, rows in {"best": best, "random": mean}.items():
        found[name] = [
            [torch.cat(rows[layer, number]).mean().item() for number in range(model.config.passes)]
            for layer in range(model.config.encoder_depth)
        ]
    found["grid"] = overlaps(circles[:-1].expand(len(masks), -1, -1), masks).amax(1).mean().item()
    found["middle"] = overlaps(circles[-1:].expand(len(masks), -1, -1), masks).mean().item()
    return found


@torch.inference_mode()
def ordered_segments(ordered: FlowTokenizer, photos: Sequence[tc.Picture], count: int) -> Figures:
    """Point 7, of the ordered model's first `count` tokens: by layer, as there are no passes."""
    made = list(pasted([photo.array for photo in photos], PASTED_COUNT))
    side = ordered.config.autoencoder.latent_size
    masks = _masks([mask for _, mask in made], side).to(ordered.device)
    best, mean = defaultdict(list), defaultdict(list)
    pixels, size = pixels_of([tc.Picture(array) for array, _ in made]), at_once(ordered)
    for part, wanted in zip(pixels.split(size), masks.split(size), strict=True):
        latent = ordered_latent(ordered, part).to(getattr(torch, ordered.dtype))
        for layer in range(ordered.config.encoder.depth):
            overlap = overlaps(ordered.encoder.read_attention(latent, layer)[:, :count], wanted)
            best[layer].append(overlap.amax(1))
            mean[layer].append(overlap.mean(1))
    layers = range(ordered.config.encoder.depth)
    rows = {"best": best, "random": mean}
    return {name: [torch.cat(row[layer]).mean().item() for layer in layers] for name, row in rows.items()}


def _masks(masks: Sequence[np.ndarray], side: int) -> Tensor:
    """(P, N) which positions of a latent are at least half in each mask."""
    pixels = torch.from_numpy(np.stack(masks)).float()[:, None]
    return (F.adaptive_avg_pool2d(pixels, side) >= 0.5).flatten(1)
