"""Latent -> 256 ordered tokens: register tokens that read the latent, causal among themselves.

Patches attend to patches only; register i attends to all patches and to registers 0..i. So the first k
tokens are the same however many follow (Semanticist, arXiv 2503.08685, section 4.1). Each token is normalised
to root mean square 1.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask

from tokenizer_core.models.prefix_flow.config import EncoderConfig
from tokenizer_core.nn.layers import CausalBlock, attention_weights, rms_norm
from tokenizer_core.nn.masks import causal_mask


class TokenEncoder(nn.Module):
    """(B, N, C) latent positions -> (B, K, D) tokens."""

    def __init__(self, config: EncoderConfig, latent_channels: int, num_patches: int) -> None:
        super().__init__()
        self.config, self.num_patches = config, num_patches
        self.from_latent = nn.Linear(latent_channels, config.width)
        self.patch_positions = nn.Parameter(torch.randn(num_patches, config.width) * 0.02)
        self.registers = nn.Parameter(torch.randn(config.num_tokens, config.width) * 0.02)
        self.blocks = nn.ModuleList(CausalBlock(config.width) for _ in range(config.depth))
        self.norm_out = nn.RMSNorm(config.width)
        self.to_token = nn.Linear(config.width, config.token_width)

    def forward(
        self, latent: Float[Tensor, "B N C"], num_tokens: int | None = None, mask: BlockMask | None = None
    ) -> Float[Tensor, "B K D"]:
        """The first `num_tokens` tokens (all by default), float32, root mean square 1 each."""
        x = self._start(latent, num_tokens)
        for block in self.blocks:
            x = block(x, self.num_patches, mask)
        return rms_norm(self.to_token(self.norm_out(x[:, self.num_patches :])).float())

    def read_attention(self, latent: Float[Tensor, "B N C"], layer: int) -> Float[Tensor, "B K N"]:
        """How much of each register's attention goes to each patch in one layer, averaged over heads.

        Rows sum to at most 1; the rest went to registers.
        """
        x = self._start(latent, None)
        for block in self.blocks[:layer]:  # type: ignore[union-attr]
            x = block(x, num_open=self.num_patches)
        q, k, _ = self.blocks[layer].heads(x)  # type: ignore[operator]
        mask = causal_mask(x.shape[1], self.num_patches, x.device)
        return attention_weights(q[:, :, self.num_patches :], k, mask)[..., : self.num_patches]

    def _start(self, latent: Tensor, num_tokens: int | None) -> Tensor:
        patches = self.from_latent(latent) + self.patch_positions
        registers = self.registers[:num_tokens].expand(len(latent), -1, -1)
        return torch.cat([patches, registers], 1)  # (B, N + K, width)
