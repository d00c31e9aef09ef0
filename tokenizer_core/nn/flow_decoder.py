"""Noisy latent + time + tokens -> predicted latent: the rectified-flow transformer.

Tokens enter as keys and values only. They pass through a short causal stream of their own that sees neither
patches nor time, so their keys and values are computed once a photo and serve every step, prefix and seed.
The first k tokens are the first k keys; nothing stands for the rest, and the empty prefix is no key at all.
Time modulates all blocks through one shared projection plus a bias a block (adaLN-single, arXiv 2310.00426).
A time below 0 asks for a distilled step from -t: where guided sampling ends up, in one forward.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask

from tokenizer_core.nn.config import DecoderConfig
from tokenizer_core.nn.layers import (
    CausalBlock,
    SwiGLU,
    attend,
    attention_weights,
    normalised_heads,
    rms_norm,
    sinusoids,
    split_heads,
)

TIME_FEATURES = 256


@dataclass(frozen=True)
class TokenContext:
    """What a decoder knows of the tokens.

    Attributes:
        keys: (B, h, K, d), one a decoder block.
        values: likewise.
        patches: (B, N, W) of what was already made of *all* the tokens, a vector a patch, which joins the
            noisy latent; None where nothing was. Of no token there is none: guidance goes against that.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    patches: Tensor | None = None

    @property
    def length(self) -> int:
        """Number of tokens K."""
        return self.keys[0].shape[2]

    def first(self, length: int) -> "TokenContext":
        """The first `length` tokens; `patches` are of all, and so of none of these."""
        return TokenContext(
            tuple(k[:, :, :length] for k in self.keys), tuple(v[:, :, :length] for v in self.values)
        )

    def expand(self, batch: int) -> "TokenContext":
        """The same tokens for a whole batch, without a copy."""
        return TokenContext(
            tuple(k.expand(batch, -1, -1, -1) for k in self.keys),
            tuple(v.expand(batch, -1, -1, -1) for v in self.values),
            None if self.patches is None else self.patches.expand(batch, -1, -1),
        )


class DecoderBlock(nn.Module):
    """Patches attend to patches and to the kept tokens; then an MLP; both modulated by time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.token_keys_values = nn.Linear(width, 2 * width, bias=False)
        self.mlp = SwiGLU(width)
        self.modulation_bias = nn.Parameter(torch.zeros(6, width))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.mlp.out.weight)

    def heads(
        self, x: Float[Tensor, "B N W"], modulation: Float[Tensor, "B 6 W"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the patches, each (B, h, N, d)."""
        scale, shift = (modulation + self.modulation_bias)[:, None, :2].unbind(2)
        q, k, v = self.qkv(rms_norm(x) * (1 + scale) + shift).chunk(3, -1)
        return normalised_heads(q), normalised_heads(k), split_heads(v)

    def forward(
        self,
        x: Float[Tensor, "B N W"],
        modulation: Float[Tensor, "B 6 W"],
        token_keys: Float[Tensor, "B h K d"],
        token_values: Float[Tensor, "B h K d"],
        mask: Bool[Tensor, "B 1 1 M"] | BlockMask | None,
    ) -> Float[Tensor, "B N W"]:
        """Attention and MLP, each gated (arXiv 2212.09748, figure 3); keys and values come from outside."""
        _, _, gate1, scale2, shift2, gate2 = (modulation + self.modulation_bias)[:, None].unbind(2)
        q, k, v = self.heads(x, modulation)
        k, v = torch.cat([k, token_keys.to(k.dtype)], 2), torch.cat([v, token_values.to(v.dtype)], 2)
        x = x + gate1 * self.out(attend(q, k, v, mask))
        return x + gate2 * self.mlp(rms_norm(x) * (1 + scale2) + shift2)


class FlowDecoder(nn.Module):
    """Predicts the clean latent (B, N, C) from x_t, t in [-1, 1] and the tokens' keys and values."""

    def __init__(
        self, config: DecoderConfig, latent_channels: int, num_patches: int, num_tokens: int, token_width: int
    ) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.from_latent = nn.Linear(latent_channels, width)
        self.patch_positions = nn.Parameter(torch.randn(num_patches, width) * 0.02)
        self.from_token = nn.Linear(token_width, width)
        self.token_positions = nn.Parameter(torch.randn(num_tokens, width) * 0.02)
        self.token_blocks = nn.ModuleList(CausalBlock(width) for _ in range(config.token_depth))
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.distilled = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(DecoderBlock(width) for _ in range(config.depth))
        self.modulation_out = nn.Parameter(torch.zeros(2, width))
        self.to_latent = nn.Linear(width, latent_channels)
        self._initialise()

    def _initialise(self) -> None:
        """Zero output, gates open: the first prediction is the mean latent; every block can learn at once."""
        last: nn.Linear = self.time[2]  # type: ignore[assignment]
        width = self.config.width
        for parameter in (last.weight, last.bias, self.to_latent.weight, self.to_latent.bias):
            nn.init.zeros_(parameter)
        with torch.no_grad():
            last.bias[2 * width : 3 * width] = 1
            last.bias[5 * width :] = 1

    def context(
        self, tokens: Float[Tensor, "B K D"], positions: Int[Tensor, " K"] | None = None
    ) -> TokenContext:
        """Keys and values of tokens; `positions` says which slot each holds (0..K-1 by default)."""
        places = (
            self.token_positions[: tokens.shape[1]] if positions is None else self.token_positions[positions]
        )
        stream = self.from_token(tokens.to(self.from_token.weight.dtype)) + places
        for block in self.token_blocks:
            stream = block(stream)
        return self.keys_values(stream)

    def keys_values(
        self, stream: Float[Tensor, "B K W"], patches: Float[Tensor, "B N W"] | None = None
    ) -> TokenContext:
        """What each block asks of a stream of tokens, and what goes with it (`TokenContext.patches`)."""
        stream = rms_norm(stream)
        pairs = [block.token_keys_values(stream).chunk(2, -1) for block in self.blocks]  # type: ignore[operator]
        return TokenContext(
            tuple(normalised_heads(k) for k, _ in pairs), tuple(split_heads(v) for _, v in pairs), patches
        )

    def forward(
        self,
        noisy: Float[Tensor, "B N C"],
        t: Float[Tensor, " B"],
        context: TokenContext,
        keep_mask: Bool[Tensor, "B K"] | None = None,
    ) -> Float[Tensor, "B N C"]:
        """The predicted clean latent, float32; tokens whose `keep_mask` is False are not seen."""
        return self.predict(noisy, t, context, keep_mask)[0]

    def predict(
        self,
        noisy: Float[Tensor, "B N C"],
        t: Float[Tensor, " B"],
        context: TokenContext,
        keep_mask: Bool[Tensor, "B K"] | BlockMask | None = None,
        hidden_after: int = 0,
    ) -> tuple[Float[Tensor, "B N C"], Float[Tensor, "B N W"]]:
        """The prediction, and the patch stream after block `hidden_after` (what alignment trains)."""
        x, modulation = self._with(context, *self._start(noisy, t))
        mask = keep_mask if isinstance(keep_mask, BlockMask) else self._mask(keep_mask, x.shape[1])
        hidden = x
        for i, block in enumerate(self.blocks):
            x = block(x, modulation, context.keys[i], context.values[i], mask)
            hidden = x if i + 1 == hidden_after else hidden
        scale, shift = self.modulation_out
        return self.to_latent(rms_norm(x) * (1 + scale) + shift).float(), hidden

    def write_attention(
        self, noisy: Float[Tensor, "B N C"], t: Float[Tensor, " B"], context: TokenContext, layer: int
    ) -> Float[Tensor, "B N K"]:
        """How much of each patch's attention goes to each token in one block, averaged over heads.

        Rows sum to at most 1; the rest went to patches.
        """
        x, modulation = self._with(context, *self._start(noisy, t))
        for i, block in enumerate(self.blocks[:layer]):  # type: ignore[arg-type]
            x = block(x, modulation, context.keys[i], context.values[i], None)
        q, k, _ = self.blocks[layer].heads(x, modulation)  # type: ignore[operator]
        weights = attention_weights(q, torch.cat([k, context.keys[layer].to(k.dtype)], 2))
        return weights[..., x.shape[1] :]

    def _start(self, noisy: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        dtype = self.from_latent.weight.dtype
        x = self.from_latent(noisy.to(dtype)) + self.patch_positions
        hidden = self.time[0](sinusoids(t.abs(), TIME_FEATURES).to(dtype))
        modulation = self.time[1:](hidden + (t < 0).to(dtype)[:, None] * self.distilled)
        return x, modulation.view(len(t), 6, -1)

    @staticmethod
    def _with(context: TokenContext, x: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor]:
        """What was already made of the tokens at each patch joins the stream."""
        return (x if context.patches is None else x + context.patches.to(x.dtype)), modulation

    @staticmethod
    def _mask(keep_mask: Tensor | None, num_patches: int) -> Tensor | None:
        """(B, K) -> (B, 1, 1, N + K): every patch is seen, and the kept tokens."""
        if keep_mask is None:
            return None
        patches = keep_mask.new_ones(len(keep_mask), num_patches)
        return torch.cat([patches, keep_mask], 1)[:, None, None]
