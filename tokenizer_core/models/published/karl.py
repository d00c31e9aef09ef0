"""KARL with its authors' weights: one pass decides how many of a budget of tokens a wanted error needs.

The encoder is told an error (mean absolute difference of pixels, one of 19 values) and gets as many latents
as the budget has. Beside its code each latent gives a chance of being needless; above 0.75 it is dropped, and
the decoder does not see it. What is kept need not be the first ones. Here a budget is a code length; a slot
whose token was dropped holds one further index, `vocabulary`, so that bytes and links hold exactly what the
decoder saw. A model that is `adaptive` in the sense of `ModelInfo` grows pass by pass; this one does not.

Source: Single-pass Adaptive Image Tokenization for Minimum Program Search (arXiv 2507.07995;
ShivamDuggal4/karl, variant: VQGAN, quantised). Neighbour: `adaptive`.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.family import Family
from tokenizer_core.models.published.adaptive import AdaptiveConfig, Writer, sizes_of
from tokenizer_core.models.published.hard import OnVqgan
from tokenizer_core.models.published.transformer import Transformer
from tokenizer_core.models.published.vqgan import Codebook
from tokenizer_core.nn.config import require
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture

KIND = "karl"
DROPPED = 0.75  # a token is, above this chance
POSITIONS = 64  # side of the table that positions are picked from
HIDDEN = 512  # of the network that says what is needless
WANTED = 0.05  # error, unless another is asked for
BUDGETS = (16, 32, 64, 96, 128, 192, 256)
# Errors that the encoder can be told.
SMALL_ERRORS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.09)
ERRORS = (*SMALL_ERRORS, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.24, 0.28, 0.32, 0.38)


@dataclass(frozen=True, kw_only=True, slots=True)
class KarlConfig(AdaptiveConfig):
    """Sizes, and how many latents there are.

    Attributes:
        num_tokens: latents that the weights hold.
        lengths: budgets on offer.
    """

    num_tokens: int = 512
    lengths: tuple[int, ...] = BUDGETS

    def __post_init__(self) -> None:
        """The parts fit each other."""
        AdaptiveConfig.__post_init__(self)
        require(self.kind == KIND, f"kind must be {KIND}, not {self.kind}.")
        in_order = list(self.lengths) == sorted(set(self.lengths)) and max(self.lengths, default=0) > 0
        require(in_order, "lengths must ascend.")
        require(self.lengths[-1] <= self.num_tokens, f"lengths must end at {self.num_tokens} at most.")
        require(POSITIONS % self.grid == 0, f"image_size {self.image_size} must divide by 16 evenly.")

    @classmethod
    def of_file(cls, tensors: dict[str, Tensor], **said: Any) -> "KarlConfig":
        """The configuration of a file's tensors, under our names.

        Raises:
            TokenizerError: they are not KARL's.
        """
        errors, latents = (tensors.get(name) for name in ("rec_loss_embeddings", "latent_tokens"))
        if errors is None or latents is None or len(errors) != len(ERRORS):
            raise TokenizerError(f"These are not weights of KARL: it has embeddings of {len(ERRORS)} errors.")
        lengths = tuple(budget for budget in BUDGETS if budget <= len(latents))
        return cls(kind=KIND, num_tokens=len(latents), lengths=lengths, **sizes_of(tensors, "KARL"), **said)


class Read(NamedTuple):
    """What the encoder gives.

    Attributes:
        latents: (B, T, W) before any norm.
        numbers: (B, T, c) tokens before they are quantised.
        tokens: (B, T) their numbers in the vocabulary, of all of the budget.
        chance: (B, T) of being needless.
        dropped: (B, T) which are.
    """

    latents: Float[Tensor, "B T W"]
    numbers: Float[Tensor, "B T c"]
    tokens: Int[Tensor, "B T"]
    chance: Float[Tensor, "B T"]
    dropped: Bool[Tensor, "B T"]


class KarlNetworks(nn.Module):
    """Everything that a KARL file holds and running it needs, under its names."""

    def __init__(self, config: KarlConfig) -> None:
        super().__init__()
        width, wide, table = config.encoder_width, config.decoder_width, (POSITIONS, POSITIONS)
        self.grid = config.grid
        self.encoder_positional_embedding = nn.Parameter(torch.zeros(width, *table))
        self.decoder_positional_embedding = nn.Parameter(torch.zeros(wide, *table))
        self.decoder_mask_token = nn.Parameter(torch.zeros(1, 1, wide))
        self.decoder_latent_tokens_timestep_embed = nn.Parameter(torch.zeros(config.num_tokens, wide))
        self.latent_tokens = nn.Parameter(torch.zeros(config.num_tokens, width))
        self.rec_loss_embeddings = nn.Parameter(torch.zeros(len(ERRORS), width))
        self.encoder_ln_pre, self.encoder_ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.encoder_ln_post_halt = nn.LayerNorm(width)
        self.halting_mlp = nn.Sequential(nn.Linear(width, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
        self.patch_embed = config.patch_embed()
        self.pre_quantizer_mlp = nn.Linear(width, config.code_width)
        self.encoder = Transformer(width, config.encoder_depth, config.encoder_heads)
        self.decoder = Writer(config)
        self.decoder_embed = nn.Linear(config.code_width, wide)
        self.quantize = Codebook(config.vocabulary, config.code_width)
        self.base_tokenizer = config.base()

    @property
    def base(self) -> Any:
        """The VQGAN."""
        return self.base_tokenizer["vqgan"]

    def read(self, pixels: Float[Tensor, "B 3 H W"], budget: int, wanted: float) -> Read:
        """Pixels in [0, 1] to as many tokens as the budget has, and which of them the wanted error needs."""
        image = torch.cat([self.patch_embed(pixels), self.base.encoder(pixels)], 1)
        image = image.flatten(2).transpose(1, 2) + self._positions(self.encoder_positional_embedding)
        told = self.rec_loss_embeddings[error_number(wanted)].expand(len(pixels), 1, -1)
        latents = self.latent_tokens[:budget].expand(len(pixels), -1, -1)
        x = self.encoder.blocks(self.encoder_ln_pre(torch.cat([told, image, latents], 1)))
        latents = x[:, 1 + image.shape[1] :]
        chance = self.halting_mlp(self.encoder_ln_post_halt(latents)).float().sigmoid()[..., 0]
        numbers = self.pre_quantizer_mlp(self.encoder_ln_post(latents))
        return Read(latents, numbers, self.quantize.nearest_unit(numbers), chance, chance > DROPPED)

    def logits(self, tokens: Int[Tensor, "B K"], slots: Int[Tensor, " K"]) -> Float[Tensor, "B N V"]:
        """Of the VQGAN's codes, row after row of the grid.

        The authors keep dropped tokens in the sequence and hide them; to leave them out gives the same, as
        long as the others keep the positions of their slots.
        """
        masks = self.decoder_mask_token + self._positions(self.decoder_positional_embedding)
        codes = self.decoder_embed(self.quantize.unit_rows[tokens])
        codes = codes + self.decoder_latent_tokens_timestep_embed[slots]
        x = torch.cat([masks.expand(len(tokens), -1, -1), codes], 1)
        x = self.decoder.blocks(self.decoder.ln_pre(x))
        return self.decoder.ffn(self.decoder.ln_post(x[:, : masks.shape[1]]))

    def pixels(self, logits: Float[Tensor, "B N V"]) -> Float[Tensor, "B 3 H W"]:
        """The mean code of each place, decoded; nominally in [0, 1], not clipped."""
        maps = logits.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return self.base.decoder(self.base.quantize.mean_code(maps))

    def _positions(self, table: Float[Tensor, "W P P"]) -> Float[Tensor, "1 N W"]:
        """Every fourth row and column of the table, for a grid of 16: picked, not averaged."""
        return F.interpolate(table[None], size=(self.grid, self.grid)).flatten(2).transpose(1, 2)


def error_number(wanted: float) -> int:
    """Which of `ERRORS` the encoder is told: the next larger one, or the last. Compared in float32."""
    reached = torch.tensor(ERRORS) >= torch.tensor(wanted)
    return int(reached.int().argmax()) if bool(reached.any()) else len(ERRORS) - 1


class KarlTokenizer(OnVqgan):
    """KARL behind the interface that every tokenizer has."""

    CONFIG, NETWORKS = KarlConfig, KarlNetworks

    @classmethod
    def line(cls, config: KarlConfig) -> dict[str, Any]:
        """A code a budget; a dropped token has an index of its own."""
        vocabulary = config.vocabulary + 1  # and "no token"
        return {"order": 95, "ordered": False, "reconstructs": True, "vocabulary": vocabulary}

    @torch.inference_mode()
    def encode(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        *,
        wanted: float = WANTED,
    ) -> Encoding:
        """Encode a photo once for every budget.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.
            wanted: mean absolute error of pixels in 0..1; the next larger one that it knows counts.

        Returns:
            A code a budget, with the index `vocabulary` of the weights where a token was dropped.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop or the wanted error is out of range.
        """
        if not wanted > 0:
            raise TokenizerError(f"The wanted error is a positive number, such as {WANTED}, not {wanted}.")
        pixels = self._pixels(to_picture(photo, self.config.image_size, center, zoom))
        codes = {}
        for budget in self.info.lengths:
            read = self.networks.read(pixels, budget, wanted)
            tokens = read.tokens.masked_fill(read.dropped, self.config.vocabulary)
            codes[budget] = tokens[0].cpu().numpy()
        return self._codes(codes)

    def kept(self, encoding: Encoding) -> dict[int, int]:
        """By budget: how many tokens the wanted error needed.

        Raises:
            TokenizerError: tokens of another model.
        """
        self.check(encoding, [len(encoding)])
        mark = self.config.vocabulary
        return {k: int((encoding.code(k).tokens != mark).sum()) for k in encoding.lengths}

    def _written(self, code: Encoding) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
        """Without those that were dropped."""
        tokens, slots = super()._written(code)
        kept = tokens != self.config.vocabulary
        return tokens[kept], slots[kept]


describe = KarlTokenizer.describe
FAMILY = Family(name=KIND, describe=describe, load=KarlTokenizer.from_checkpoint)
