"""The convolutional VQGAN of MaskGIT, which One-D-Piece, TiTok, ALIT and KARL decode with.

Convolutions without biases, no attention, pooling by averages, enlargement by repeating. It differs from its
relatives in this: where a block changes its number of channels, the shortcut is a 1 x 1 convolution of the
*processed* branch, out = nin(h) + h, and not of its input.

Source: MaskGIT (arXiv 2202.04200), and its PyTorch form in MAGE (arXiv 2211.09117). Names are those of
TiTok's files; `taming_names` gives those of ALIT's and KARL's.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

GROUPS = 32
EPSILON = 1e-6
BLOCKS = 2  # a level

# Ours (TiTok's) to ALIT's and KARL's.
TAMING = (("mid.0.", "mid.block_1."), ("mid.1.", "mid.block_2."), ("upsample_conv.", "upsample.conv."))


def taming_names(name: str) -> str:
    """What ALIT's and KARL's files call a parameter of `VqganEncoder` or `VqganDecoder`."""
    for ours, theirs in TAMING:
        name = name.replace(ours, theirs)
    return name


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=EPSILON)


def _conv(channels_in: int, channels_out: int, side: int = 3, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, side, padding=side // 2, bias=bias)


class Codebook(nn.Module):
    """Rows, one a code, under the name `embedding`."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)

    @property
    def unit_rows(self) -> Float[Tensor, "V c"]:
        """The rows at length 1; they are stored as training left them."""
        return F.normalize(self.embedding.weight, dim=-1)

    def nearest(self, numbers: Float[Tensor, "*batch c"]) -> Int[Tensor, "*batch"]:
        """The row at the least Euclidean distance."""
        return _nearest(numbers, self.embedding.weight)

    def nearest_unit(self, numbers: Float[Tensor, "*batch c"]) -> Int[Tensor, "*batch"]:
        """The same, of numbers and rows at length 1."""
        return _nearest(F.normalize(numbers.float(), dim=-1), self.unit_rows)

    def mean_code(self, logits: Float[Tensor, "B V h w"]) -> Float[Tensor, "B c h w"]:
        """At each place the mean of all rows, as likely as the logits say; never the likeliest alone."""
        weights = logits.float().softmax(1).to(logits.dtype)
        return torch.einsum("bvhw,vc->bchw", weights, self.embedding.weight)


def _nearest(numbers: Tensor, rows: Tensor) -> Tensor:
    """In float32 whatever the networks compute in."""
    numbers, rows = numbers.float(), rows.float()
    return (rows.square().sum(-1) - 2 * numbers @ rows.T).argmin(-1)


class ResidualBlock(nn.Module):
    """Two convolutions, and MaskGIT's shortcut where the number of channels changes."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(channels_in), _conv(channels_in, channels_out)
        self.norm2, self.conv2 = _norm(channels_out), _conv(channels_out, channels_out)
        self.nin_shortcut = None
        if channels_in != channels_out:
            self.nin_shortcut = _conv(channels_out, channels_out, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """`channels_in` to `channels_out`."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.nin_shortcut is None else self.nin_shortcut(h))


class Level(nn.Module):
    """The blocks of one resolution, and in a decoder the convolution after enlarging."""

    def __init__(self, channels_in: int, channels_out: int, enlarges: bool = False) -> None:
        super().__init__()
        sizes = [channels_in] + [channels_out] * (BLOCKS - 1)
        self.block = nn.ModuleList(ResidualBlock(size, channels_out) for size in sizes)
        self.upsample_conv = _conv(channels_out, channels_out, bias=True) if enlarges else None

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D K L"]:
        """Twice the size out, if it enlarges."""
        for block in self.block:
            x = block(x)
        if self.upsample_conv is None:
            return x
        return self.upsample_conv(F.interpolate(x, scale_factor=2.0))  # the nearest pixel


class VqganEncoder(nn.Module):
    """Pixels in [0, 1] -> a latent of a sixteenth of the side, before it is quantised.

    Args:
        channels: of the finest level.
        multipliers: of that, a level each, the finest first.
        code_width: channels of the latent.
    """

    def __init__(self, channels: int, multipliers: Sequence[int], code_width: int) -> None:
        super().__init__()
        sizes = [channels * m for m in (1, *multipliers)]
        self.conv_in = _conv(3, channels)
        self.down = nn.ModuleList(Level(*pair) for pair in pairwise(sizes))
        self.mid = nn.ModuleList(ResidualBlock(sizes[-1], sizes[-1]) for _ in range(2))
        self.norm_out = _norm(sizes[-1])
        self.conv_out = _conv(sizes[-1], code_width, 1, bias=True)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Halved after every level but the last."""
        x = self.conv_in(pixels)
        for level in self.down[:-1]:
            x = F.avg_pool2d(level(x), 2)
        x = self.down[-1](x)
        for block in self.mid:
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class VqganDecoder(nn.Module):
    """A latent, or any mixture of codes -> pixels, nominally in [0, 1], not clipped. Arguments: see above."""

    def __init__(self, channels: int, multipliers: Sequence[int], code_width: int) -> None:
        super().__init__()
        sizes = [channels * m for m in multipliers]
        inputs = [*sizes[1:], sizes[-1]]
        self.conv_in = _conv(code_width, sizes[-1], bias=True)
        self.mid = nn.ModuleList(ResidualBlock(sizes[-1], sizes[-1]) for _ in range(2))
        self.up = nn.ModuleList(
            Level(inputs[i], sizes[i], enlarges=i > 0) for i in range(len(sizes))
        )  # the finest is number 0, and comes last
        self.norm_out = _norm(sizes[0])
        self.conv_out = _conv(sizes[0], 3, bias=True)

    def forward(self, latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Doubled after every level but the finest."""
        x = self.conv_in(latent)
        for block in self.mid:
            x = block(x)
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Vqgan(nn.Module):
    """Both halves and the codebook, as ALIT and KARL have them inside their files."""

    def __init__(self, codes: int, code_width: int, channels: int, multipliers: Sequence[int]) -> None:
        super().__init__()
        self.encoder = VqganEncoder(channels, multipliers, code_width)
        self.decoder = VqganDecoder(channels, multipliers, code_width)
        self.quantize = Codebook(codes, code_width)

    def reconstruct(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """A picture in the nearest codes, without any token."""
        nearest = self.quantize.nearest(self.encoder(pixels).permute(0, 2, 3, 1))
        return self.decoder(self.quantize.embedding(nearest).permute(0, 3, 1, 2))
