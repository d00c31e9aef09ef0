"""Pixels <-> latent: a convolutional autoencoder, 16 pixels to a latent position.

The latent is standardised per channel (exact zero mean and unit variance over the training photographs), so
the flow needs no scale factor. Encoder and decoder are deterministic; nothing is drawn.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.nn.config import AutoencoderConfig

NORM_GROUPS = 16


class ResidualBlock(nn.Module):
    """norm, SiLU, 3x3 convolution, twice, added to the input; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(NORM_GROUPS, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(NORM_GROUPS, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Same shape out."""
        h = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(h)))


class Down(nn.Module):
    """Half the resolution: a 1x1 convolution of 2x2 blocks plus a strided 3x3 convolution."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.blocks = nn.Conv2d(channels * 4, out_channels, 1)
        self.strided = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """(B, C, H, W) -> (B, D, H/2, W/2)."""
        return self.blocks(F.pixel_unshuffle(x, 2)) + self.strided(x)


class LevelConv(nn.Conv2d):
    """A 3x3 convolution before a pixel shuffle: the four kernels of a 2x2 block have one sum and one bias.

    So a flat map gives a flat one. Sums that differ draw a grid of cells (arXiv 1707.02937), and rounding the
    weights makes them differ: the difference is taken off here, evenly from all nine weights of a kernel.
    """

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:  # type: ignore[override]
        """(B, C, H, W) -> (B, D, H, W), D a multiple of 4."""
        kernels = self.weight.float().unflatten(0, (-1, 4))
        means = kernels.mean((3, 4), keepdim=True)
        level = (kernels - means + means.mean(1, keepdim=True)).flatten(0, 1).to(x.dtype)
        bias = self.bias.unflatten(0, (-1, 4)).mean(1).repeat_interleave(4)  # type: ignore[union-attr]
        return F.conv2d(x, level, bias, padding=1)


class Up(nn.Module):
    """Twice the resolution: a 3x3 convolution and a pixel shuffle (arXiv 1609.05158)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = LevelConv(channels, out_channels * 4, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D H W"]:
        """(B, C, h, w) -> (B, D, 2H, 2W)."""
        return F.pixel_shuffle(self.conv(x), 2)


class Autoencoder(nn.Module):
    """`encode` pixels (B, 3, H, W) in [-1, 1] to a latent (B, C, H/16, W/16); `decode` back."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.stem = nn.Conv2d(12, c[0], 3, padding=1)
        down: list[nn.Module] = []
        for level, blocks in enumerate(config.encoder_blocks):
            down += [ResidualBlock(c[level]) for _ in range(blocks)]
            down += [Down(c[level], c[level + 1])] if level + 1 < len(c) else []
        self.down = nn.Sequential(*down)
        self.norm_latent = nn.GroupNorm(NORM_GROUPS, c[-1])
        self.to_latent = nn.Conv2d(c[-1], config.latent_channels, 3, padding=1)
        self.standardise = nn.BatchNorm2d(config.latent_channels, affine=False, momentum=0.02)
        self.decoder = LatentDecoder(config)

    def encode(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Pixels in [-1, 1] -> latent with zero mean and unit variance a channel, float32."""
        h = self.down(self.stem(F.pixel_unshuffle(pixels, 2)))
        return self.standardise(self.to_latent(F.silu(self.norm_latent(h))).float())

    def decode(self, latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Latent -> pixels, about [-1, 1] (not clamped)."""
        return self.decoder(latent)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """Encode and decode."""
        return self.decode(self.encode(pixels).to(pixels.dtype))


class LatentDecoder(nn.Module):
    """The half that turns latents into pixels; `train polish` trains this half alone."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        c = config.channels
        self.from_latent = nn.Conv2d(config.latent_channels, c[-1], 3, padding=1)
        up: list[nn.Module] = []
        for level in reversed(range(len(c))):
            up += [ResidualBlock(c[level]) for _ in range(config.decoder_blocks[level])]
            up += [Up(c[level], c[level - 1])] if level else []
        self.up = nn.Sequential(*up)
        self.norm_out = nn.GroupNorm(NORM_GROUPS, c[0])
        self.out = LevelConv(c[0], 12, 3, padding=1)

    def forward(self, latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """(B, C, H/16, W/16) -> (B, 3, H, W)."""
        h = self.up(self.from_latent(latent))
        return F.pixel_shuffle(self.out(F.silu(self.norm_out(h))), 2)


def latent_to_sequence(latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N C"]:
    """Row by row: (B, C, h, w) -> (B, h * w, C)."""
    return latent.flatten(2).transpose(1, 2)


def sequence_to_latent(sequence: Float[Tensor, "B N C"]) -> Float[Tensor, "B C s s"]:
    """The inverse of `latent_to_sequence` for a square latent."""
    size = round(sequence.shape[1] ** 0.5)
    return sequence.transpose(1, 2).unflatten(2, (size, size))
