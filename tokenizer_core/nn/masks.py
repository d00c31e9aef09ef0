"""Which keys a query may see: prefixes of tokens, and positions that see only what came before them.

Each rule has two forms: a tensor of booleans (True lets a query see a key), and for training on a GPU a
BlockMask of FlexAttention, which skips whole blocks of hidden keys. Neighbour: `layers`.

Source: nested dropout, Rippel et al. (arXiv 1402.0915), over causal tokens, Semanticist (arXiv 2503.08685).
"""

import math

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask


def draw_lengths(
    count: int, num_tokens: int, generator: Generator, share_uniform: float, share_empty: float
) -> Int[Tensor, " B"]:
    """Prefix lengths for nested dropout: log-uniform or uniform on 1..num_tokens, and a share of 0."""
    u, *coins = torch.rand(3, count, generator=generator, device=generator.device)
    logarithmic = torch.exp(u * math.log(num_tokens + 1)).floor()
    uniform = (u * num_tokens).floor() + 1
    k = torch.where(coins[0] < share_uniform, uniform, logarithmic).clamp(1, num_tokens)
    return torch.where(coins[1] < share_empty, 0, k).long()


def prefix_mask(lengths: Int[Tensor, " B"], num_tokens: int) -> Bool[Tensor, "B K"]:
    """Which of `num_tokens` tokens each item keeps: its first `lengths`."""
    return torch.arange(num_tokens, device=lengths.device) < lengths[:, None]


def prefix_blocks(lengths: Int[Tensor, " B"], num_patches: int, num_tokens: int) -> BlockMask:
    """`prefix_mask` for patches that attend to all patches and, behind those, to the tokens."""
    sizes = (len(lengths), None, num_patches, num_patches + num_tokens)
    return create_block_mask(
        lambda b, h, row, key: key < num_patches + lengths[b], *sizes, str(lengths.device)
    )


def causal_mask(length: int, num_open: int, device: torch.device) -> Bool[Tensor, "R N"]:
    """Rows for the positions from `num_open` on: each sees the open ones and everything up to itself."""
    index = torch.arange(length, device=device)
    return index[None, :] <= index[num_open:, None]


def causal_blocks(length: int, num_open: int, device: torch.device) -> BlockMask:
    """`causal_mask` as a BlockMask."""
    sizes = (None, None, length - num_open, length)
    return create_block_mask(lambda b, h, row, key: key <= row + num_open, *sizes, str(device))
