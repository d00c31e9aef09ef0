"""The networks of ALIT: an encoder distils a latent into tokens pass by pass, and a writer reads them.

A pass takes the image tokens (one a patch of the latent) and the token states of the passes before it, adds
queries for further tokens, and rewrites *all* of them; nobody is masked from anybody. So the first 32 tokens
of 64 are not the 32 tokens of the pass before. The same weights serve every pass; a vector says which it is,
and every pass sees the latent again.

The token states become hard codes, and the writer makes the whole latent of these alone. A position whose
latent is right already is *halted*: in the next pass its image token is a mask vector, so that the encoder
spends its tokens elsewhere. Halting saves no time; stopping after a pass does.

Source: Adaptive Length Image Tokenization via Recurrent Allocation (arXiv 2411.02393), in its variant on a
continuous latent. Unlike there, the queries of each pass have vectors of their own, and the networks are of
this house's blocks. Neighbours: `tokenizer` (asks for passes), `training.alit` (learns from all of them).
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from tokenizer_core.models.alit.bridge import Bridge
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.nn.autoencoder import LatentDecoder
from tokenizer_core.nn.layers import Block, RMSNorm, attention_weights
from tokenizer_core.nn.quantisers import QUANTISERS, Quantised, Quantiser
from tokenizer_core.stopping import go_on

LEAST_CHANCE = 0.55  # of a halted position that is drawn: the paper's threshold


class Pass(NamedTuple):
    """What one pass gives.

    Attributes:
        number: counted from 0.
        start: (B, N + K, D) what the encoder's blocks read: image tokens, then token states.
        quantised: codes (B, K, size), and loss terms.
        prediction: (B, N, C) the latent that the writer makes of the codes, float32.
        error: (B, N) mean absolute error of the latent at each position.
        halted: (B, N) which image tokens are masked in the next pass.
    """

    number: int
    start: Float[Tensor, "B M D"]
    quantised: Quantised
    prediction: Float[Tensor, "B N C"]
    error: Float[Tensor, "B N"]
    halted: Bool[Tensor, "B N"]


class AlitEncoder(nn.Module):
    """Latent positions and the state of the last pass -> the state of this one, and hard codes."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        width, patches = config.width, config.num_patches
        self.num_patches, self.tokens_per_pass = patches, config.tokens_per_pass
        self.from_latent = nn.Linear(config.autoencoder.latent_channels, width)
        self.patch_positions = nn.Parameter(torch.randn(patches, width) * 0.3)
        self.halted = nn.Parameter(torch.randn(width) * 0.3)
        self.queries = nn.Parameter(torch.randn(config.num_tokens, width) * 0.5)
        self.pass_vectors = nn.Parameter(torch.randn(config.passes, width) * 0.1)
        self.norm_state = RMSNorm(width)
        self.blocks = _blocks(width, config.encoder_depth)
        self.norm_tokens = RMSNorm(width)
        self.quantiser: Quantiser = QUANTISERS[config.quantiser](config.levels)
        self.to_code = nn.Linear(width, self.quantiser.size)

    def embed(self, latent: Float[Tensor, "B N C"]) -> Float[Tensor, "B N D"]:
        """The image tokens that enter every pass."""
        return self.from_latent(latent.to(self.from_latent.weight.dtype)) + self.patch_positions

    def start(
        self,
        image: Float[Tensor, "B N D"],
        state: Float[Tensor, "B L D"] | None,
        halted: Bool[Tensor, "B N"] | None,
        number: int,
    ) -> Float[Tensor, "B M D"]:
        """What the blocks read in a pass.

        Args:
            image: from `embed`.
            state: of the pass before; None in the first one.
            halted: by the pass before; None in the first one.
            number: of the pass, from 0.
        """
        num_tokens = self.tokens_per_pass * (number + 1)
        tokens = self.queries[:num_tokens].expand(len(image), -1, -1)
        if state is not None and halted is not None:
            before = self.norm_state(state)
            image = before[:, : self.num_patches] + image
            mask = (self.halted + self.patch_positions).to(image.dtype)
            image = torch.where(halted[..., None], mask, image)
            old, new = tokens.split([num_tokens - self.tokens_per_pass, self.tokens_per_pass], 1)
            tokens = torch.cat([before[:, self.num_patches :] + old, new], 1)
        return _stream(torch.cat([image, tokens], 1) + self.pass_vectors[number])

    def forward(self, start: Float[Tensor, "B M D"]) -> Float[Tensor, "B M D"]:
        """The state after a pass."""
        for block in self.blocks:
            start = block(start)
        return start

    def codes(self, state: Float[Tensor, "B M D"]) -> Quantised:
        """Hard codes of the token states."""
        return self.quantiser(self.to_code(self.norm_tokens(state[:, self.num_patches :])))

    def read_attention(self, start: Float[Tensor, "B M D"], layer: int) -> Float[Tensor, "B K N"]:
        """How much of each token's attention goes to each patch in one layer of a pass, averaged over heads.

        Rows sum to at most 1; the rest went to tokens.
        """
        for block in self.blocks[:layer]:  # type: ignore[union-attr]
            start = block(start)
        queries, keys, _ = self.blocks[layer].heads(start)  # type: ignore[operator]
        return attention_weights(queries[:, :, self.num_patches :], keys)[..., : self.num_patches]


class AlitWriter(nn.Module):
    """Hard codes of one pass -> the latent, by attention of learned patch queries to them."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        width, self.num_patches = config.width, config.num_patches
        self.patch_queries = nn.Parameter(torch.randn(self.num_patches, width) * 0.5)
        self.token_positions = nn.Parameter(torch.randn(config.num_tokens, width) * 0.5)
        self.pass_vectors = nn.Parameter(torch.randn(config.passes, width) * 0.1)
        self.from_code = nn.Linear(len(config.levels), width)
        self.blocks = _blocks(width, config.writer_depth)
        self.norm_out = RMSNorm(width)
        self.to_latent = nn.Linear(width, config.autoencoder.latent_channels)
        nn.init.zeros_(self.to_latent.weight)

    def forward(self, codes: Float[Tensor, "B K size"], number: int) -> Float[Tensor, "B N C"]:
        """The latent, float32, from the codes of pass `number` (from 0)."""
        return self.to_latent(self.patches(codes, number)).float()

    def patches(self, codes: Float[Tensor, "B K size"], number: int) -> Float[Tensor, "B N D"]:
        """What is known of each patch in the end: the latent is read off it."""
        x = self._start(codes, number)
        for block in self.blocks[:-1]:  # type: ignore[union-attr]
            x = block(x)
        x = self.blocks[-1](x, rows=self.num_patches)  # nobody asks what became of the tokens
        return self.norm_out(x)

    def write_attention(
        self, codes: Float[Tensor, "B K size"], number: int, layer: int
    ) -> Float[Tensor, "B N K"]:
        """How much of each patch's attention goes to each token in one layer, averaged over heads.

        Rows sum to at most 1; the rest went to patches.
        """
        x = self._start(codes, number)
        for block in self.blocks[:layer]:  # type: ignore[union-attr]
            x = block(x)
        queries, keys, _ = self.blocks[layer].heads(x)  # type: ignore[operator]
        return attention_weights(queries[:, :, : self.num_patches], keys)[..., self.num_patches :]

    def _start(self, codes: Tensor, number: int) -> Tensor:
        tokens = (
            self.from_code(codes.to(self.from_code.weight.dtype)) + self.token_positions[: codes.shape[1]]
        )
        patches = self.patch_queries.expand(len(codes), -1, -1)
        return _stream(torch.cat([patches, tokens], 1) + self.pass_vectors[number])


def run_passes(
    encoder: AlitEncoder,
    writer: AlitWriter,
    latent: Float[Tensor, "B N C"],
    limit: float,
    passes: int,
    generator: Generator | None = None,
    soft: bool = False,
) -> Iterator[Pass]:
    """Pass after pass, each computed when it is asked for: whoever stops asking stops early.

    Args:
        encoder: with the codes' quantiser.
        writer: that predicts the latent.
        latent: of the autoencoder, float32.
        limit: of the error, see `halted_positions`.
        passes: at most.
        generator: of drawn halting; None halts by the error alone.
        soft: the writer gets the numbers as they were before they became codes: what would a larger
            vocabulary gain, and what is the quantiser's fault? No tokens can be made of that.
    """
    image, state, halted = encoder.embed(latent), None, None
    for number in range(passes):
        go_on()
        start = encoder.start(image, state, halted, number)
        state = encoder(start)
        quantised = encoder.codes(state)
        prediction = writer(quantised.numbers if soft else quantised.codes, number)
        error = (prediction.detach() - latent).abs().mean(-1)
        halted = halted_positions(error, limit, generator)
        yield Pass(number, start, quantised, prediction, error, halted)


def halted_positions(
    error: Float[Tensor, "B N"], limit: float, generator: Generator | None = None
) -> Bool[Tensor, "B N"]:
    """Which positions are right already.

    Args:
        error: mean absolute error of the latent at each position.
        limit: below it a position is halted.
        generator: draws, as the paper does, some of these to go on. There the chance to be halted is what the
            decoder gives to the right code, at least 0.55; a continuous latent has no such number, so here it
            falls evenly from 1 without any error to 0.55 at the limit.
    """
    right = error < limit
    if generator is None:
        return right
    chance = 1 - (1 - LEAST_CHANCE) * error / limit
    drawn = torch.rand(error.shape, generator=generator, device=generator.device).to(error.device)
    return right & (drawn < chance)


def build_networks(config: AlitConfig) -> nn.ModuleDict:
    """What the weight files hold, with random weights: `encoder`, `writer`, and what the configuration adds.

    That is `decoder`, a latent decoder of its own; `sharp`, what the sharp pictures have for themselves; and
    `bridge`, what another checkpoint's flow needs to paint these tokens.
    """
    networks = nn.ModuleDict({"encoder": AlitEncoder(config), "writer": AlitWriter(config)})
    if config.own_decoder:
        networks["decoder"] = LatentDecoder(config.autoencoder)
    if config.sharp:
        kinds = {"writer": lambda: AlitWriter(config), "decoder": lambda: LatentDecoder(config.autoencoder)}
        networks["sharp"] = nn.ModuleDict({name: kinds[name]() for name in config.sharp})
    if config.bridge.present:
        networks["bridge"] = Bridge(config)
    return networks


def _blocks(width: int, depth: int) -> nn.ModuleList:
    blocks = nn.ModuleList(Block(width) for _ in range(depth))
    for block in blocks:
        block.start_as_identity()  # type: ignore[operator]
    return blocks


def _stream(x: Tensor) -> Tensor:
    """In the numbers that blocks compute in: under autocast sums of parameters are still float32."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
