"""ALIT's networks and their forward, as its authors publish them, under the names of their files.

The sequence of a pass is class, 256 image tokens and all latents so far. What the blocks made of it goes
into the next pass as it is, with 32 further latents; halted image tokens are replaced by a mask vector first.

Source: arXiv 2411.02393; ShivamDuggal4/adaptive-length-tokenizer. Neighbour: `alit`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.published.adaptive import PATCH, AdaptiveConfig, Writer, sizes_of
from tokenizer_core.models.published.transformer import Transformer
from tokenizer_core.models.published.vqgan import Codebook
from tokenizer_core.nn.config import require

KIND = "alit-published"
LEAST_CHANCE = 0.55  # of a place that may be halted


@dataclass(frozen=True, kw_only=True, slots=True)
class AlitConfig(AdaptiveConfig):
    """Sizes, and how far it goes.

    Attributes:
        passes: at most; each is a code length.
        tokens_per_pass: that a pass adds.
    """

    passes: int = 8
    tokens_per_pass: int = 32

    def __post_init__(self) -> None:
        """The parts fit each other."""
        AdaptiveConfig.__post_init__(self)
        require(self.kind == KIND, f"kind must be {KIND}, not {self.kind}.")

    @classmethod
    def of_file(cls, tensors: dict[str, Tensor], **said: Any) -> "AlitConfig":
        """The configuration of a file's tensors, under our names.

        Raises:
            TokenizerError: they are not ALIT's.
        """
        steps, rows = (tensors.get(name) for name in ("timestep_embedding", "encoder_positional_embedding"))
        if steps is None or rows is None or steps.dim() != 3:
            raise TokenizerError("These are not weights of ALIT: there are no embeddings of its passes.")
        sizes = sizes_of(tensors, "ALIT") | {"image_size": PATCH * math.isqrt(len(rows) - 1)}
        return cls(kind=KIND, passes=len(steps), tokens_per_pass=steps.shape[1], **sizes, **said)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the codes: one a pass."""
        return tuple(self.tokens_per_pass * (number + 1) for number in range(self.passes))


class Pass(NamedTuple):
    """What one pass gives.

    Attributes:
        latents: (B, K, W) what the encoder made of the latents, before any norm.
        numbers: (B, K, c) tokens before they are quantised.
        tokens: (B, K) their numbers in the vocabulary.
        logits: (B, N, V) of the VQGAN's codes at each place.
        chance: (B, N) what the decoder gives to the code that is there.
        halted: (B, N) which image tokens the next pass does not see.
    """

    latents: Float[Tensor, "B K W"]
    numbers: Float[Tensor, "B K c"]
    tokens: Int[Tensor, "B K"]
    logits: Float[Tensor, "B N V"]
    chance: Float[Tensor, "B N"]
    halted: Bool[Tensor, "B N"]


class AlitDecoder(Writer):
    """Codes -> logits of the VQGAN's codes, with the embeddings that the file keeps here."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__(config)
        self.decoder_embed = nn.Linear(config.code_width, config.decoder_width)
        slots = config.passes * config.tokens_per_pass
        self.latent_token_positional_embedding = nn.Parameter(torch.zeros(slots, config.decoder_width))

    def forward(
        self, codes: Float[Tensor, "B K c"], image: Float[Tensor, "M W"], slots: Int[Tensor, " K"]
    ) -> Float[Tensor, "B N V"]:
        """`image` is the class vector and the mask vectors, with their positions."""
        tokens = self.decoder_embed(codes) + self.latent_token_positional_embedding[slots]
        x = self.blocks(self.ln_pre(torch.cat([image.expand(len(codes), -1, -1), tokens], 1)))
        return self.ffn(self.ln_post(x[:, 1 : len(image)]))


class AlitNetworks(nn.Module):
    """Everything that an ALIT file holds and running it needs, under its names."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        width, wide, rows = config.encoder_width, config.decoder_width, 1 + config.grid**2
        new = config.tokens_per_pass
        self.grid, self.tokens_per_pass = config.grid, new
        self.encoder_positional_embedding = nn.Parameter(torch.zeros(rows, width))
        self.encoder_class_embedding = nn.Parameter(torch.zeros(1, width))
        self.encoder_mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.decoder_positional_embedding = nn.Parameter(torch.zeros(rows, wide))
        self.decoder_class_embedding = nn.Parameter(torch.zeros(1, wide))
        self.decoder_mask_token = nn.Parameter(torch.zeros(1, 1, wide))
        self.latent_tokens = nn.Parameter(torch.zeros(new, width))
        self.latent_token_positional_embedding = nn.Parameter(torch.zeros(new, width))
        self.timestep_embedding = nn.Parameter(torch.zeros(config.passes, new, width))
        self.encoder_ln_pre, self.encoder_ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.encoder_ln_recursive = nn.LayerNorm(width)
        self.patch_embed = config.patch_embed()
        self.pre_quantizer_mlp = nn.Linear(width, config.code_width)
        self.encoder = Transformer(width, config.encoder_depth, config.encoder_heads)
        self.decoder = AlitDecoder(config)
        self.quantize = Codebook(config.vocabulary, config.code_width)
        self.base_tokenizer = config.base()

    @property
    def base(self) -> Any:
        """The VQGAN."""
        return self.base_tokenizer["vqgan"]

    def run(
        self, pixels: Float[Tensor, "B 3 H W"], passes: int, draws: Generator | Sequence[Tensor] | None = None
    ) -> Iterator[Pass]:
        """Pass after pass, each computed when it is asked for.

        Args:
            pixels: in [0, 1].
            passes: at most.
            draws: of halting as the authors have it: a generator, or uniform numbers (B, N) a pass. None
                halts wherever the chance is large enough.
        """
        latent = self.base.encoder(pixels)
        codes = self.base.quantize.nearest(latent.flatten(2).transpose(1, 2))
        image = torch.cat([latent, self.patch_embed(pixels)], 1).flatten(2).transpose(1, 2)
        first = self.encoder_class_embedding.expand(len(pixels), 1, -1)
        rows = 1 + image.shape[1]
        x = torch.cat([first, F.normalize(image, dim=-1)], 1) + self.encoder_positional_embedding
        masks = (self.encoder_mask_token + self.encoder_positional_embedding)[:, 1:]
        new = self.latent_tokens + self.latent_token_positional_embedding
        for number in range(passes):
            norm = self.encoder_ln_recursive if number else self.encoder_ln_pre
            added = (new + self.timestep_embedding[number]).expand(len(x), -1, -1)
            x = self.encoder.blocks(norm(torch.cat([x, added], 1)))
            numbers = self.pre_quantizer_mlp(self.encoder_ln_post(x[:, rows:]))
            tokens = self.quantize.nearest_unit(numbers)
            logits = self.logits(tokens)
            chance = logits.float().softmax(-1).gather(-1, codes[..., None])[..., 0]
            halted = chance >= LEAST_CHANCE
            if draws is not None:
                halted = halted & (_uniform(draws, number, chance) < chance)
            yield Pass(x[:, rows:], numbers, tokens, logits, chance, halted)
            seen = torch.where(halted[..., None], masks, x[:, 1:rows])
            x = torch.cat([x[:, :1], seen, x[:, rows:]], 1)

    def logits(
        self, tokens: Int[Tensor, "B K"], slots: Int[Tensor, " K"] | None = None
    ) -> Float[Tensor, "B N V"]:
        """Of the VQGAN's codes, row after row of the grid; without slots, tokens are in the first ones."""
        slots = torch.arange(tokens.shape[1], device=tokens.device) if slots is None else slots
        masks = self.decoder_mask_token[0].expand(self.grid**2, -1)
        image = torch.cat([self.decoder_class_embedding, masks]) + self.decoder_positional_embedding
        return self.decoder(self.quantize.unit_rows[tokens], image, slots)

    def pixels(self, logits: Float[Tensor, "B N V"]) -> Float[Tensor, "B 3 H W"]:
        """The mean code of each place, decoded; nominally in [0, 1], not clipped."""
        maps = logits.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return self.base.decoder(self.base.quantize.mean_code(maps))


def _uniform(draws: Generator | Sequence[Tensor], number: int, like: Tensor) -> Tensor:
    if isinstance(draws, Generator):
        return torch.rand(like.shape, generator=draws, device=draws.device).to(like.device)
    return draws[number]
