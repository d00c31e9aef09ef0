"""KL-16, the autoencoder that Semanticist's decoder works in: a sixteenth of the side, 16 channels.

Residual blocks, groups of 32, one head of attention at the coarsest level. The encoder gives a Gaussian; its
mean is what is used here, so that a picture's latent does not change from run to run.

Source: latent diffusion's KL autoencoder (arXiv 2112.10752) as trained for MAR (arXiv 2406.11838). Names are
those of MAR's own file; `diffusers_names` gives those of its other form on the hub.
"""

import re
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.models.published.common import shapes_of

GROUPS = 32
EPSILON = 1e-6
READ_BLOCKS, WRITE_BLOCKS = 2, 3  # a level
MULTIPLIERS = (1, 1, 2, 2, 4)
UNUSED = ("loss.",)  # training's

# Ours (MAR's) to those of diffusers, in this order. Levels of the decoder count the other way there.
DIFFUSERS = (
    (r"mid\.block_1\.", "mid_block.resnets.0."),
    (r"mid\.block_2\.", "mid_block.resnets.1."),
    (r"mid\.attn_1\.", "mid_block.attentions.0."),
    (r"(down|up)\.(\d)\.block\.(\d)\.", r"\1_blocks.\2.resnets.\3."),
    (r"down\.(\d)\.attn\.(\d)\.", r"down_blocks.\1.attentions.\2."),
    (r"down\.(\d)\.downsample\.", r"down_blocks.\1.downsamplers.0."),
    (r"up\.(\d)\.upsample\.", r"up_blocks.\1.upsamplers.0."),
    (r"nin_shortcut", "conv_shortcut"),
    (r"norm_out", "conv_norm_out"),
    (r"(attentions\.\d)\.norm\.", r"\1.group_norm."),
    (r"(attentions\.\d)\.([qkv])\.", r"\1.to_\2."),
    (r"(attentions\.\d)\.proj_out\.", r"\1.to_out.0."),
)


def diffusers_names(name: str) -> str:
    """What the form of diffusers calls a parameter of `Kl16`."""
    for ours, theirs in DIFFUSERS:
        name = re.sub(ours, theirs, name)
    turned = re.match(r"decoder\.up_blocks\.(\d)", name)
    if turned is None:
        return name
    level = len(MULTIPLIERS) - 1 - int(turned[1])
    return f"decoder.up_blocks.{level}{name[turned.end() :]}"


def kl16_names(make: Callable[[], "Kl16"], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of either form under our names; in that of diffusers, attention has matrices for kernels."""
    kept = {name: value for name, value in tensors.items() if not name.startswith(UNUSED)}
    shapes = shapes_of(make)
    ours = {diffusers_names(name): name for name in shapes}
    renamed = kept if set(kept) == set(shapes) else {ours.get(name, name): kept[name] for name in kept}
    return {name: _as_kernel(value, shapes.get(name, ())) for name, value in renamed.items()}


def _as_kernel(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    is_matrix = value.dim() == 2 and (*value.shape, 1, 1) == shape
    return value[:, :, None, None] if is_matrix else value


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=EPSILON)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(channels_in), nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2, self.conv2 = _norm(channels_out), nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.nin_shortcut = None
        if channels_in != channels_out:
            self.nin_shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """`channels_in` to `channels_out`."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.nin_shortcut is None else self.nin_shortcut(x))


class AttentionBlock(nn.Module):
    """One head over all places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Same shape out."""
        normed = self.norm(x)
        q, k, v = (one(normed).flatten(2).transpose(1, 2)[:, None] for one in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2)
        return x + self.proj_out(seen.unflatten(2, x.shape[2:]))


class Middle(nn.Module):
    """What both halves have at the coarsest level."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = (ResidualBlock(channels, channels) for _ in range(2))
        self.attn_1 = AttentionBlock(channels)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Same shape out."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Resample(nn.Module):
    """The convolution beside a change of size, under the name `conv`."""

    def __init__(self, channels: int, doubles: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.conv = nn.Conv2d(channels, channels, 3, 1 if doubles else 2, 1 if doubles else 0)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C K L"]:
        """Doubled by repeating pixels, or halved; then a row of zeros right and below comes first."""
        x = F.interpolate(x, scale_factor=2.0) if self.doubles else F.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class Level(nn.Module):
    """Blocks of one resolution, attention after each of them where there is any, and a change of size."""

    def __init__(self, channels_in: int, channels_out: int, blocks: int, attends: bool = False) -> None:
        super().__init__()
        sizes = [channels_in] + [channels_out] * (blocks - 1)
        self.block = nn.ModuleList(ResidualBlock(size, channels_out) for size in sizes)
        self.attn = nn.ModuleList(AttentionBlock(channels_out) for _ in range(blocks * attends))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D K L"]:
        """One resolution, and the next if there is one."""
        for number, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[number](x)
        for change in ("downsample", "upsample"):
            if hasattr(self, change):
                x = getattr(self, change)(x)
        return x


class Encoder(nn.Module):
    """Pixels in [-1, 1] -> mean and log-variance."""

    def __init__(self, channels: int, multipliers: Sequence[int], latent_channels: int) -> None:
        super().__init__()
        sizes = [channels * m for m in (1, *multipliers)]
        last = len(multipliers) - 1
        self.conv_in = nn.Conv2d(3, channels, 3, padding=1)
        self.down = nn.ModuleList(
            Level(sizes[i], sizes[i + 1], READ_BLOCKS, attends=i == last) for i in range(last + 1)
        )
        for level, size in zip(self.down[:-1], sizes[1:], strict=False):
            level.add_module("downsample", Resample(size, doubles=False))
        self.mid = Middle(sizes[-1])
        self.norm_out = _norm(sizes[-1])
        self.conv_out = nn.Conv2d(sizes[-1], 2 * latent_channels, 3, padding=1)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Before `quant_conv`."""
        x = self.conv_in(pixels)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """A latent -> pixels, nominally in [-1, 1]."""

    def __init__(self, channels: int, multipliers: Sequence[int], latent_channels: int) -> None:
        super().__init__()
        sizes = [channels * m for m in multipliers]
        inputs = [*sizes[1:], sizes[-1]]
        self.conv_in = nn.Conv2d(latent_channels, sizes[-1], 3, padding=1)
        self.mid = Middle(sizes[-1])
        self.up = nn.ModuleList(Level(inputs[i], sizes[i], WRITE_BLOCKS) for i in range(len(sizes)))
        for level, size in zip(self.up[1:], sizes[1:], strict=True):
            level.add_module("upsample", Resample(size, doubles=True))
        self.norm_out = _norm(sizes[0])
        self.conv_out = nn.Conv2d(sizes[0], 3, 3, padding=1)

    def forward(self, latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """After `post_quant_conv`."""
        x = self.mid(self.conv_in(latent))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Kl16(nn.Module):
    """Pixels to a scaled latent and back.

    Args:
        channels: of the finest level.
        latent_channels: of the latent.
        multipliers: of `channels`, a level each, the finest first.
    """

    def __init__(
        self, channels: int = 128, latent_channels: int = 16, multipliers: Sequence[int] = MULTIPLIERS
    ) -> None:
        super().__init__()
        self.encoder = Encoder(channels, multipliers, latent_channels)
        self.decoder = Decoder(channels, multipliers, latent_channels)
        self.quant_conv = nn.Conv2d(2 * latent_channels, 2 * latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(latent_channels, latent_channels, 1)

    def encode(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The mean of the latent's Gaussian, not scaled; pixels are in [-1, 1]."""
        return self.quant_conv(self.encoder(pixels)).chunk(2, 1)[0]

    def decode(self, latent: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pixels, nominally in [-1, 1], of a latent that is not scaled."""
        return self.decoder(self.post_quant_conv(latent))
