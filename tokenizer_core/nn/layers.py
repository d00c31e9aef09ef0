"""Transformer parts that the families share.

RMSNorm, attention with normalised queries and keys (QK-norm, arXiv 2302.05442), SwiGLU (arXiv 2002.05202).
Everything here takes tensors and returns tensors; masks and modulation belong to the rooms that use it.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from tokenizer_core.nn.masks import causal_mask

KEYS_AT_ONCE = 64  # a whole number of any CPU's vectors


def rms_norm(x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """Divide by the root mean square of the last axis; no learned scale."""
    return F.rms_norm(x, (x.shape[-1],))


class RMSNorm(nn.RMSNorm):
    """`rms_norm` with a learned scale, in the numbers of what it scales, also under autocast."""

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """Same shape and dtype out."""
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def head_width(width: int) -> int:
    """Numbers a head: 64, or 16 in tiny models."""
    return 64 if width % 64 == 0 else 16


def split_heads(x: Float[Tensor, "B N D"]) -> Float[Tensor, "B h N d"]:
    """(B, N, D) -> (B, heads, N, D / heads)."""
    B, N, D = x.shape
    return x.view(B, N, D // head_width(D), head_width(D)).transpose(1, 2)


def merge_heads(x: Float[Tensor, "B h N d"]) -> Float[Tensor, "B N D"]:
    """The inverse of `split_heads`."""
    return x.transpose(1, 2).flatten(2)


def normalised_heads(x: Float[Tensor, "B N D"]) -> Float[Tensor, "B h N d"]:
    """Queries or keys: split into heads, each with root mean square 1."""
    return rms_norm(split_heads(x)).to(x.dtype)


def attend(
    queries: Float[Tensor, "B h N d"],
    keys: Float[Tensor, "B h M d"],
    values: Float[Tensor, "B h M d"],
    mask: Bool[Tensor, "..."] | BlockMask | None = None,
) -> Float[Tensor, "B N D"]:
    """Softmax attention, heads merged; True in `mask` lets a query see a key.

    A BlockMask (training on a GPU) says the same in a form that skips whole blocks of hidden keys.
    """
    if isinstance(mask, BlockMask):
        return merge_heads(flex_attention(queries, keys, values, block_mask=mask))  # type: ignore[arg-type]
    return merge_heads(F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask))


def attend_by_products(
    queries: Float[Tensor, "B h N d"], keys: Float[Tensor, "B h M d"], values: Float[Tensor, "B h M d"]
) -> Float[Tensor, "B N D"]:
    """`attend` without a mask, as two products and a softmax, all in the numbers that it is given.

    In bfloat16 on a processor these run on its matrix unit: 2.5 ms in place of 6.5 for 8 heads of 512
    queries and keys (one thread, 405 GFLOP/s in a large product). Scores are rounded to bfloat16.
    """
    scores = (queries / math.sqrt(queries.shape[-1])) @ keys.transpose(-1, -2)
    return merge_heads(scores.softmax(-1) @ values)


def attention_weights(
    queries: Float[Tensor, "B h N d"], keys: Float[Tensor, "B h M d"], mask: Bool[Tensor, "..."] | None = None
) -> Float[Tensor, "B N M"]:
    """The softmax weights that `attend` uses, averaged over heads, in float32; every row sums to 1."""
    scores = queries.float() @ keys.float().transpose(-1, -2) / math.sqrt(queries.shape[-1])  # (B, h, N, M)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1).mean(1)


class SwiGLU(nn.Module):
    """Gated MLP whose hidden width is 8/3 of its width, rounded down to a multiple of 64 (16 if tiny)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        unit = head_width(width)
        hidden = int(width * 8 / 3 / unit) * unit
        self.gate_and_value = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """The product of a SiLU gate and a value (arXiv 2002.05202, equation 6)."""
        gate, value = self.gate_and_value(x).chunk(2, -1)
        return self.out(F.silu(gate) * value)


class Block(nn.Module):
    """Pre-norm transformer block in which every position sees every other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_mlp = RMSNorm(width)
        self.mlp = SwiGLU(width)

    def heads(self, x: Float[Tensor, "B N D"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the normed input, each (B, h, N, d)."""
        q, k, v = self.qkv(self.norm_attention(x)).chunk(3, -1)
        return normalised_heads(q), normalised_heads(k), split_heads(v)

    def forward(self, x: Float[Tensor, "B N D"], rows: int | None = None) -> Float[Tensor, "B M D"]:
        """One attention and one MLP, each added to the stream.

        Args:
            x: the stream.
            rows: how many first positions are wanted; the others are only looked at. None is all.
        """
        on_processor = x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled()
        attention = attend_by_products if on_processor else attend
        queries, keys, values = self.heads(x)
        x = x[:, :rows] + self.out(attention(queries[:, :, :rows], keys, values))
        return x + self.mlp(self.norm_mlp(x))

    def start_as_identity(self) -> None:
        """Shut both branches: training opens them."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.mlp.out.weight)


class CausalBlock(Block):
    """A block in which position i sees `num_open` first positions and those up to i.

    With `num_open` = N patches in front, the patches see one another and no register; register i sees all
    patches and the registers 0..i. So nothing before a position depends on what follows it.
    """

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "B N D"], num_open: int = 0, mask: BlockMask | None = None
    ) -> Float[Tensor, "B N D"]:
        """One attention and one MLP, each added to the stream; `mask` may be `masks.causal_blocks`."""
        q, k, v = self.heads(x)
        # Keys past the end, which nobody sees: sums have one order, and so one rounding, at every length.
        rest = -x.shape[1] % KEYS_AT_ONCE if mask is None else 0
        k, v = F.pad(k, (0, 0, 0, rest)), F.pad(v, (0, 0, 0, rest))
        seen = F.pad(causal_mask(x.shape[1], num_open, x.device), (0, rest)) if mask is None else mask
        late = attend(q[:, :, num_open:], k, v, seen)
        if num_open:
            early = attend(q[:, :, :num_open], k[:, :, :num_open], v[:, :, :num_open])
            late = torch.cat([early, late], 1)
        x = x + self.out(late)
        return x + self.mlp(self.norm_mlp(x))


def sinusoids(t: Float[Tensor, " B"], width: int = 256) -> Float[Tensor, "B D"]:
    """Cosines, then sines, of 2 pi f t for a time t in 0..1.

    The width / 2 frequencies f fall geometrically from 1 to about 1/1000 (1/947 at width 256) cycles per unit
    of t: the fastest feature has one period over the whole path, and half of the features move by less than
    0.1 on it. Others stretch t to 0..1000 first (arXiv 2212.09748); here that factor is divided out again.
    The scale was kept because the bundled weights were trained with it.

    Returns:
        (B, width) in -1..1.
    """
    frequency = torch.exp(-math.log(1000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angle = 2 * math.pi * t[:, None].float() * 1000 * frequency / 1000
    return torch.cat([angle.cos(), angle.sin()], -1)
