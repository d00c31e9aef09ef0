"""The transformer block of the published tokenizers that keep OpenAI CLIP's layout, under its names.

Pre-norm, attention with biases, exact GELU, LayerNorm of epsilon 1e-5: One-D-Piece, TiTok, ALIT and KARL all
use it. Modules here carry the names that the authors' files have, so that a weight file needs no renaming.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention with the parameters of `torch.nn.MultiheadAttention`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B N W"], mask: Bool[Tensor, "B 1 N N"] | None = None
    ) -> Float[Tensor, "B N W"]:
        """True in `mask` lets a query see a key."""
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        queries, keys, values = packed.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return self.out_proj(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """One attention and one MLP, each added to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        layers = {
            "c_fc": nn.Linear(width, 4 * width),
            "gelu": nn.GELU(),
            "c_proj": nn.Linear(4 * width, width),
        }
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(
        self, x: Float[Tensor, "B N W"], mask: Bool[Tensor, "B 1 N N"] | None = None
    ) -> Float[Tensor, "B N W"]:
        """Same shape out."""
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """Blocks in a row, under the name `transformer`."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.transformer = nn.ModuleList(Block(width, heads) for _ in range(depth))

    def blocks(
        self, x: Float[Tensor, "B N W"], mask: Bool[Tensor, "B 1 N N"] | None = None
    ) -> Float[Tensor, "B N W"]:
        """All blocks, one after the other."""
        for block in self.transformer:
            x = block(x, mask)
        return x
