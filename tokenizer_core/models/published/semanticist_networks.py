"""Semanticist's networks under the names of its files: an encoder of slots, and a diffusion transformer.

A vision transformer reads the class vector, 256 patches and 256 slots. Slot i sees the class, all patches and
the slots 0..i; nobody else sees a slot. So the first k tokens never depend on how many follow. A token is a
slot's vector brought to 16 numbers and standardised among these.

The decoder is a DiT whose sequence is 64 patches of the noisy latent and 256 conditions: tokens, or where a
token is left out the null vector of its slot. Conditions have no positions. Time modulates all alike.

Source: "Principal Components" Enable A New Language of Images (arXiv 2503.08685; visual-gen/semanticist),
DiT (arXiv 2212.09748). Neighbours: `semanticist`, `diffusion`, `kl16`.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

EPSILON = 1e-6
PATCH = 2  # of the latent
FREQUENCIES = 256


class Attention(nn.Module):
    """Self-attention under the names of timm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B N W"], mask: Bool[Tensor, "N N"] | None = None
    ) -> Float[Tensor, "B N W"]:
        """True in `mask` lets a query see a key."""
        queries, keys, values = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return self.proj(seen.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers; GELU exactly, or by its approximation with a hyperbolic tangent."""

    def __init__(self, width: int, approximate: str) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.approximate = approximate

    def forward(self, x: Float[Tensor, "B N W"]) -> Float[Tensor, "B N W"]:
        """Same shape out."""
        return self.fc2(F.gelu(self.fc1(x), approximate=self.approximate))


class ReadBlock(nn.Module):
    """A pre-norm block of the encoder."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.attn, self.mlp = Attention(width, heads), Mlp(width, "none")

    def forward(self, x: Float[Tensor, "B N W"], mask: Bool[Tensor, "N N"]) -> Float[Tensor, "B N W"]:
        """One attention and one MLP, each added to the stream."""
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """Patches as vectors, row after row, under the name `proj`."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B N D"]:
        """(B, patches, width)."""
        return self.proj(x).flatten(2).transpose(1, 2)


class SlotEncoder(nn.Module):
    """Pixels in [0, 1] -> vectors of slots.

    Args:
        width: of the stream.
        depth: blocks.
        heads: of each.
        patches: of a picture.
        num_tokens: slots.
    """

    def __init__(self, width: int, depth: int, heads: int, patches: int, num_tokens: int) -> None:
        super().__init__()
        self.patches = patches
        self.patch_embed = PatchEmbed(3, width, 16)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.slot_embed = nn.Parameter(torch.zeros(1, num_tokens, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + patches + num_tokens, width))
        self.blocks = nn.ModuleList(ReadBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K D"]:
        """After the last norm."""
        batch, num_tokens = len(pixels), self.slot_embed.shape[1]
        first, slots = (one.expand(batch, -1, -1) for one in (self.cls_token, self.slot_embed))
        x = torch.cat([first, self.patch_embed(pixels), slots], 1) + self.pos_embed
        mask = slot_mask(1 + self.patches, num_tokens).to(x.device)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)[:, -num_tokens:]


def slot_mask(num_open: int, num_tokens: int) -> Bool[Tensor, "N N"]:
    """True where a query (row) may see a key: all see class and patches; a slot also those up to itself."""
    mask = torch.ones(num_open + num_tokens, num_open + num_tokens, dtype=torch.bool).tril()
    mask[:num_open, :num_open] = True
    return mask


def standardise(slots: Float[Tensor, "B K D"]) -> Float[Tensor, "B K D"]:
    """Each token to mean 0 and deviation 1 among its own numbers, as an unbiased estimate has it."""
    slots = slots.float()
    return (slots - slots.mean(-1, keepdim=True)) / slots.std(-1, keepdim=True)


class TimeEmbedder(nn.Module):
    """A trained step 0..999 -> what modulates every block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Int[Tensor, " B"]) -> Float[Tensor, "B W"]:
        """Cosines, then sines."""
        half = FREQUENCIES // 2
        steps = torch.arange(half, device=t.device) / half
        angle = t[:, None].float() * torch.exp(-math.log(10000) * steps)
        waves = torch.cat([angle.cos(), angle.sin()], -1)
        return self.mlp(waves.to(self.mlp[0].weight.dtype))  # type: ignore[arg-type]


def _modulation(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(nn.SiLU(), nn.Linear(width, count * width))


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    normed = F.layer_norm(x, (x.shape[-1],), eps=EPSILON)
    return normed * (1 + scale[:, None]) + shift[:, None]


class WriteBlock(nn.Module):
    """A block of the decoder, modulated by time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.mlp = Attention(width, heads), Mlp(width, "tanh")
        self.adaLN_modulation = _modulation(width, 6)

    def forward(self, x: Float[Tensor, "B N W"], c: Float[Tensor, "B W"]) -> Float[Tensor, "B N W"]:
        """One attention and one MLP, each gated and added to the stream."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.adaLN_modulation(c).chunk(6, -1)
        x = x + gate_1[:, None] * self.attn(_modulated(x, shift_1, scale_1))
        return x + gate_2[:, None] * self.mlp(_modulated(x, shift_2, scale_2))


class FinalLayer(nn.Module):
    """Vectors to patches of predicted noise and variance."""

    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.adaLN_modulation = _modulation(width, 2)
        self.linear = nn.Linear(width, numbers)

    def forward(self, x: Float[Tensor, "B N W"], c: Float[Tensor, "B W"]) -> Float[Tensor, "B N P"]:
        """A patch a row."""
        return self.linear(_modulated(x, *self.adaLN_modulation(c).chunk(2, -1)))


class Dit(nn.Module):
    """A noisy latent, its step and conditions -> predicted noise, and the variance's parameter.

    Args:
        width: of the stream.
        depth: blocks.
        heads: of each.
        num_tokens: conditions.
        token_width: numbers of one.
        channels: of the latent.
        side: of the latent.
    """

    pos_embed: Tensor

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        num_tokens: int,
        token_width: int,
        channels: int = 16,
        side: int = 16,
    ) -> None:
        super().__init__()
        self.channels, self.grid = channels, side // PATCH
        self.x_embedder = PatchEmbed(channels, width, PATCH)
        self.t_embedder = TimeEmbedder(width)
        self.autoenc_cond_embedder = nn.Linear(token_width, width)
        self.null_cond = nn.Parameter(torch.zeros(1, num_tokens, token_width))
        self.blocks = nn.ModuleList(WriteBlock(width, heads) for _ in range(depth))
        self.final_layer = FinalLayer(width, PATCH * PATCH * 2 * channels)
        self.register_buffer("pos_embed", sine_positions(width, self.grid), persistent=False)

    def conditions(self, tokens: Float[Tensor, "B K D"], keep: Bool[Tensor, "B K"]) -> Float[Tensor, "B K W"]:
        """Tokens where they are kept, else the null vectors of their slots, as vectors of the stream."""
        chosen = torch.where(keep[..., None], tokens.to(self.null_cond.dtype), self.null_cond)
        return self.autoenc_cond_embedder(chosen)

    def forward(
        self, x: Float[Tensor, "B C h w"], t: Int[Tensor, " B"], conditions: Float[Tensor, "B K W"]
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B C h w"]]:
        """Both in float32; the step counts 0..999 from the cleanest."""
        patches = self.x_embedder(x.to(conditions.dtype)) + self.pos_embed
        c = self.t_embedder(t)
        stream = torch.cat([patches, conditions], 1)
        for block in self.blocks:
            stream = block(stream, c)
        rows = self.final_layer(stream[:, : patches.shape[1]], c).float()
        side = self.grid
        squares = rows.view(-1, side, side, PATCH, PATCH, 2 * self.channels)
        maps = squares.permute(0, 5, 1, 3, 2, 4).reshape(-1, 2 * self.channels, side * PATCH, side * PATCH)
        noise, share = maps.chunk(2, 1)
        return noise, share


def sine_positions(width: int, side: int) -> Float[Tensor, "1 N W"]:
    """Sines and cosines of the column, then of the row, as MAE and DiT have them; computed in float64."""
    quarter = width // 4
    frequencies = 1 / 10000 ** (np.arange(quarter) / quarter)
    angles = np.arange(side)[:, None] * frequencies
    waves = np.concatenate([np.sin(angles), np.cos(angles)], 1)  # (side, width / 2)
    columns, rows = np.tile(waves, (side, 1)), np.repeat(waves, side, 0)
    return torch.tensor(np.concatenate([columns, rows], 1), dtype=torch.float32, device="cpu")[None]


class SemanticistNetworks(nn.Module):
    """Everything that a file of Semanticist holds and decoding needs, under its names.

    Arguments are a `SemanticistConfig`'s, by name.
    """

    def __init__(
        self,
        *,
        encoder_width: int,
        encoder_depth: int,
        encoder_heads: int,
        width: int,
        depth: int,
        heads: int,
        num_tokens: int,
        token_width: int,
        latent_channels: int,
        image_size: int,
    ) -> None:
        super().__init__()
        side = image_size // 16
        self.encoder = SlotEncoder(encoder_width, encoder_depth, encoder_heads, side**2, num_tokens)
        self.encoder2slot = nn.Linear(encoder_width, token_width)
        self.dit = Dit(width, depth, heads, num_tokens, token_width, latent_channels, side)

    def tokens(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K D"]:
        """Pixels in [0, 1] -> standardised tokens, float32."""
        return standardise(self.encoder2slot(self.encoder(pixels)))
