"""The calls of a flow tokenizer's networks, each a function of tensors that a GPU may record or compile.

Shapes are fixed: tokens are always as many as the model has, and a mask says which of them a row sees. So one
recording serves every length, seed and number of steps. Neighbours: `tokenizer` (uses them), `engine.fast`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.engine.fast import Fast
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.layers import head_width
from tokenizer_core.photos.photo import to_levels


class Calls:
    """See, know, predict and paint.

    Args:
        autoencoder: pixels and latents.
        encoder: latents to tokens.
        decoder: tokens and noise to latents.
        device: where they are.
        dtype: what they compute in.
        num_tokens: of a full code.

    Attributes:
        see: levels (B, S, S, 3) uint8 -> latent (B, N, C) and tokens (B, K, D), both float32.
        know: tokens (1, K, D), positions (K,) -> keys, then values, of each block, (1, h, K, d).
        predict: x_t (B, N, C), t (B,), mask (B, K), keys and values (1 or B, h, K, d) -> clean latent.
        predict_empty: x_t (B, N, C), t (B,) -> the clean latent of no token.
        paint: latent (B, N, C) -> levels (B, S, S, 3) uint8.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        encoder: TokenEncoder,
        decoder: FlowDecoder,
        *,
        device: str,
        dtype: torch.dtype,
        num_tokens: int,
    ) -> None:
        self._num_tokens, self._decoder = num_tokens, decoder
        # what a picture's levels are in [-1, 1], to the last bit as `Picture.to_pixels` says
        shades = (torch.arange(256, dtype=torch.float32) / 127.5 - 1).to(device, dtype)
        depth, width = len(decoder.blocks), decoder.config.width
        heads, each = width // head_width(width), head_width(width)

        def see(levels: Tensor) -> tuple[Tensor, ...]:
            pixels = shades[levels.long()].permute(0, 3, 1, 2)
            latent = latent_to_sequence(autoencoder.encode(pixels))
            return latent.contiguous(), encoder(latent.to(dtype))

        def know(tokens: Tensor, positions: Tensor) -> tuple[Tensor, ...]:
            context = decoder.context(tokens, positions)
            return tuple(one.contiguous() for one in (*context.keys, *context.values))

        def predict(x_t: Tensor, t: Tensor, keep_mask: Tensor, *pairs: Tensor) -> tuple[Tensor, ...]:
            context = TokenContext(pairs[:depth], pairs[depth:])
            if len(pairs[0]) != len(x_t):
                context = context.expand(len(x_t))
            return (decoder(x_t, t, context, keep_mask),)

        def predict_empty(x_t: Tensor, t: Tensor) -> tuple[Tensor, ...]:
            none = (x_t.new_zeros(len(x_t), heads, 0, each, dtype=dtype),) * depth
            return (decoder(x_t, t, TokenContext(none, none), None),)

        def paint(latent: Tensor) -> tuple[Tensor, ...]:
            maps = sequence_to_latent(latent).to(dtype, memory_format=torch.channels_last)
            return (to_levels(autoencoder.decode(maps)),)

        self.see = Fast(see, "The encoder", device)
        self.know = Fast(know, "The tokens' keys and values", device)
        self.predict = Fast(predict, "The decoder", device)
        self.predict_empty = Fast(predict_empty, "The decoder without tokens", device)
        self.paint = Fast(paint, "The latent decoder", device)
        self.all = (self.see, self.know, self.predict, self.predict_empty, self.paint)

    @property
    def on(self) -> bool:
        """Whether these are used, with their fixed shapes."""
        return self.predict.on

    def turn_on(self) -> None:
        """From now on a GPU records what it is asked for."""
        for one in self.all:
            one.on = True

    def context(self, tokens: Tensor, positions: Tensor) -> TokenContext:
        """Keys and values of all slots; those behind the tokens that are there are zero, and never seen."""
        pairs = self.know(tokens, positions)
        missing = self._num_tokens - tokens.shape[1]
        pairs = tuple(F.pad(one, (0, 0, 0, missing)) for one in pairs) if missing else pairs
        half = len(pairs) // 2
        return TokenContext(pairs[:half], pairs[half:])

    def decoder(self, x_t: Tensor, t: Tensor, context: TokenContext, keep_mask: Tensor | None) -> Tensor:
        """As the sampler calls it; tokens come with a mask."""
        if keep_mask is None:
            assert not context.length, "only the empty prefix has no mask"
            return self.predict_empty(x_t.contiguous(), t)[0]
        return self.predict(x_t.contiguous(), t, keep_mask, *context.keys, *context.values)[0]
