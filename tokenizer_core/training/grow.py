"""Deeper networks with the same function: blocks whose output projections are zero add nothing.

A block adds an attention and an MLP to the stream that it is given, each through an output projection. Where
both are zero it passes the stream on to the last digit, and as they learn it begins to count. Each old block
is followed by its share of new ones. Apart from its output a new block is a copy of the old one before it, so
that from the first step on it looks where that one has learned to look. Neighbour: `prefix_flow` (its option
`--decoder-depth`).

Source: block expansion, LLaMA Pro (arXiv 2401.02415).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.networks import depth_of

OUTPUT_PROJECTIONS = ("out.weight", "mlp.out.weight")


def old_places(depth: int, deeper: int) -> list[int]:
    """For each block of the deeper stack the old block that it is, or is a copy of.

    The first of those with the same number is the old block itself: 2 blocks become 5 as [0, 0, 0, 1, 1].
    """
    return [place * depth // deeper for place in range(deeper)]


def deepen(weights: Mapping[str, Tensor], network: str, deeper: int) -> dict[str, Tensor]:
    """The same weights with `deeper` blocks in one network, which computes what it did before.

    Args:
        weights: name -> tensor of any shape, of one network or of several.
        network: "encoder" or "decoder".
        deeper: how many blocks it gets; at least as many as it has.

    Returns:
        All tensors, those of old blocks under their new numbers; new blocks share no memory with old ones.

    Raises:
        TokenizerError: the network has more blocks than that, or none is known.
    """
    start, depth = f"{network}.blocks.", depth_of(weights, network)
    if not 0 < depth <= deeper:
        raise TokenizerError(f"The {network} has {depth} blocks, and cannot be grown to {deeper}.")
    grown = {name: value for name, value in weights.items() if not name.startswith(start)}
    parts = {name.split(".", 3)[3] for name in weights if name.startswith(start)}
    before = -1  # the old place of the block before
    for place, old in enumerate(old_places(depth, deeper)):
        for part in parts:
            value = weights[f"{start}{old}.{part}"]
            is_shut = old == before and part in OUTPUT_PROJECTIONS
            grown[f"{start}{place}.{part}"] = torch.zeros_like(value) if is_shut else value.clone()
        before = old
    return grown
