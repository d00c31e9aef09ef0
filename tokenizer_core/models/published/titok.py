"""One-D-Piece (ordered) and TiTok (unordered): hard tokens, one forward each way, the same networks.

A transformer reads 256 patches and N latent vectors; the latents become N indices into 4,096 unit vectors. A
second transformer reads the codes and 256 mask vectors, and says at each place of a 16 x 16 grid how likely
each of 1,024 codes of MaskGIT's VQGAN is; the mean of these codes is decoded. One-D-Piece was trained with
random tails dropped, from 1 to all of its tokens, so any prefix but the empty one is a code. TiTok was not:
its shorter codes here show what cutting does to tokens without order.

*Token n is not latent n.* Both come from a time when the latents (B, N, W) were reshaped, not transposed, to
(B, W, N, 1) before the last convolution: token n reads the features n, n + N, n + 2 N, ... of *all* latents.
So nothing that latent n looked at says what token n is about.

Sources: One-D-Piece (arXiv 2501.10064; turingmotors/One-D-Piece), An Image is Worth 32 Tokens (arXiv
2406.07550; bytedance/1d-tokenizer). Neighbours: `transformer`, `vqgan`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.fast import Fast
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.published.common import PublishedConfig, to_picture_01
from tokenizer_core.models.published.hard import HardTokenizer
from tokenizer_core.models.published.transformer import Transformer
from tokenizer_core.models.published.vqgan import Codebook, VqganDecoder
from tokenizer_core.nn.config import require
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture

ORDERED, UNORDERED = "one-d-piece", "titok"
PATCH = 16  # pixels
CUTS = (4, 8, 16, 32, 64, 96)  # lengths to which unordered tokens are cut


@dataclass(frozen=True, kw_only=True, slots=True)
class TitokConfig(PublishedConfig):
    """Sizes; the defaults are One-D-Piece-S-256's.

    Attributes:
        width: of both transformers.
        depth: of both, in blocks.
        heads: of each block.
        num_tokens: N.
        vocabulary: of tokens.
        code_width: numbers of a token's unit vector.
        pixel_codes: vocabulary of the VQGAN.
        pixel_code_width: numbers of one of its codes.
        pixel_channels: of its finest level.
        pixel_multipliers: of these, a level each.
        image_size: side of the pictures.
    """

    width: int = 512
    depth: int = 8
    heads: int = 8
    num_tokens: int = 256
    vocabulary: int = 4096
    code_width: int = 12
    pixel_codes: int = 1024
    pixel_code_width: int = 256
    pixel_channels: int = 128
    pixel_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    image_size: int = 256

    def __post_init__(self) -> None:
        """The parts fit each other."""
        PublishedConfig.__post_init__(self)
        require(self.kind in (ORDERED, UNORDERED), f"kind must be {ORDERED} or {UNORDERED}, not {self.kind}.")
        require(self.width % self.heads == 0, f"width {self.width} must be a multiple of {self.heads} heads.")
        side = 2 ** (len(self.pixel_multipliers) - 1)
        require(side == PATCH, f"pixel_multipliers must have 5 entries, not {len(self.pixel_multipliers)}.")

    @property
    def grid(self) -> int:
        """Places on a side of the grid."""
        return self.image_size // PATCH

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of an ordered code every prefix but the empty one; of an unordered one some cuts, and all."""
        if self.kind == ORDERED:
            return tuple(range(1, self.num_tokens + 1))
        return (*(k for k in CUTS if k < self.num_tokens), self.num_tokens)


class Encoder(Transformer):
    """Pixels and latent vectors -> N vectors of `code_width` numbers, before they are quantised."""

    def __init__(self, config: TitokConfig) -> None:
        super().__init__(config.width, config.depth, config.heads)
        width, places = config.width, config.grid**2
        self.patch_embed = nn.Conv2d(3, width, PATCH, PATCH)
        self.class_embedding = nn.Parameter(torch.zeros(1, width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + places, width))
        self.latent_token_positional_embedding = nn.Parameter(torch.zeros(config.num_tokens, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.conv_out = nn.Conv2d(width, config.code_width, 1)

    def forward(
        self, pixels: Float[Tensor, "B 3 H W"], latents: Float[Tensor, "N D"]
    ) -> Float[Tensor, "B N c"]:
        """Pixels are in [0, 1]."""
        latents = self.latents(pixels, latents)
        batch, count, width = latents.shape
        mixed = latents.reshape(batch, width, count, 1)  # not a transpose: see the head of this file
        return self.conv_out(mixed)[..., 0].transpose(1, 2)

    def latents(
        self, pixels: Float[Tensor, "B 3 H W"], latents: Float[Tensor, "N D"]
    ) -> Float[Tensor, "B N D"]:
        """The latent vectors after the last norm."""
        patches = self.patch_embed(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        image = torch.cat([first, patches], 1) + self.positional_embedding
        queries = (latents + self.latent_token_positional_embedding).expand(len(patches), -1, -1)
        x = self.blocks(self.ln_pre(torch.cat([image, queries], 1)))
        return self.ln_post(x[:, -len(latents) :])


class Decoder(Transformer):
    """Codes in their slots -> what each place of the grid holds, as logits of the VQGAN's codes."""

    def __init__(self, config: TitokConfig) -> None:
        super().__init__(config.width, config.depth, config.heads)
        width, self.grid = config.width, config.grid
        self.decoder_embed = nn.Linear(config.code_width, width)
        self.class_embedding = nn.Parameter(torch.zeros(1, width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + config.grid**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.latent_token_positional_embedding = nn.Parameter(torch.zeros(config.num_tokens, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        head = (nn.Conv2d(width, 2 * width, 1), nn.Tanh(), nn.Conv2d(2 * width, config.pixel_codes, 1))
        self.ffn = nn.Sequential(*head)

    def forward(self, codes: Float[Tensor, "B K c"], slots: Int[Tensor, " K"]) -> Float[Tensor, "B V h w"]:
        """Tokens that are not there are left out of the sequence; the others keep their slots' positions."""
        batch, places = len(codes), self.grid**2
        tokens = self.decoder_embed(codes) + self.latent_token_positional_embedding[slots]
        masks = self.mask_token.expand(batch, places, -1)
        image = torch.cat([self.class_embedding.expand(batch, 1, -1), masks], 1) + self.positional_embedding
        x = self.blocks(self.ln_pre(torch.cat([image, tokens], 1)))
        x = self.ln_post(x[:, 1 : 1 + places])
        return self.ffn(x.transpose(1, 2).unflatten(2, (self.grid, self.grid)))


class TitokNetworks(nn.Module):
    """Everything that a weight file of these families holds, under its names."""

    def __init__(self, config: TitokConfig) -> None:
        super().__init__()
        self.latent_tokens = nn.Parameter(torch.zeros(config.num_tokens, config.width))
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quantize = Codebook(config.vocabulary, config.code_width)
        self.pixel_quantize = Codebook(config.pixel_codes, config.pixel_code_width)
        sizes = (config.pixel_channels, config.pixel_multipliers, config.pixel_code_width)
        self.pixel_decoder = VqganDecoder(*sizes)

    def numbers(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B N c"]:
        """Pixels in [0, 1] -> tokens before they are quantised."""
        return self.encoder(pixels, self.latent_tokens)

    def tokens(self, numbers: Float[Tensor, "B N c"]) -> Int[Tensor, "B N"]:
        """The nearest unit vectors, by number."""
        return self.quantize.nearest_unit(numbers)

    def logits(self, tokens: Int[Tensor, "B K"], slots: Int[Tensor, " K"]) -> Float[Tensor, "B V h w"]:
        """Of the VQGAN's codes, a place each."""
        return self.decoder(self.quantize.unit_rows[tokens], slots)

    def pixels(self, logits: Float[Tensor, "B V h w"]) -> Float[Tensor, "B 3 H W"]:
        """The mean code of each place, decoded; nominally in [0, 1], not clipped."""
        return self.pixel_decoder(self.pixel_quantize.mean_code(logits))


class TitokTokenizer(HardTokenizer):
    """One-D-Piece or TiTok behind the interface that every tokenizer has.

    Pictures are the square crops of all models here; the authors resize the shorter side to 256 and crop the
    middle, which is the same for a crop in the middle but for the filter that resizes.
    """

    CONFIG, NETWORKS = TitokConfig, TitokNetworks
    networks: TitokNetworks

    def __init__(
        self, config: TitokConfig, info: ModelInfo, networks: TitokNetworks, device: str, dtype: torch.dtype
    ) -> None:
        super().__init__(config, info, networks, device, dtype)

        def read(pixels: Tensor) -> tuple[Tensor, ...]:
            return (networks.tokens(networks.numbers(pixels)),)

        def write(tokens: Tensor, slots: Tensor) -> tuple[Tensor, ...]:
            return (networks.logits(tokens, slots),)

        def paint(logits: Tensor) -> tuple[Tensor, ...]:
            return (networks.pixels(logits),)

        self._read = Fast(read, "The encoder", device)
        self._write = Fast(write, "The decoder", device)
        self._show = Fast(paint, "The pixel decoder", device)
        self._calls = (self._read, self._write, self._show)

    @classmethod
    def line(cls, config: TitokConfig) -> dict[str, Any]:
        """Ordered or not, and the views that this allows."""
        ordered = config.kind == ORDERED
        views = ("codes", "mix", "less", "guess") if ordered else ("codes", "guess")
        return {"order": 60 if ordered else 70, "ordered": ordered, "views": views}

    @torch.inference_mode()
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """Encode a photo once.

        Returns:
            An ordered code of N hard tokens; of TiTok a code a length, each the first so many of the N.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        pixels = self._pixels(to_picture(photo, self.config.image_size, center, zoom))
        tokens = self._read(pixels)[0][0].cpu().numpy()
        if not self.info.ordered:
            return self._codes({k: tokens[:k] for k in self.info.lengths})
        own = (self.info.checkpoint_id, self.info.name, HARD, self.config.vocabulary)
        return Encoding(tokens, np.arange(len(tokens)), *own)

    @torch.inference_mode()
    def accelerate(self, wait: bool = False) -> None:
        """Record what one picture takes; see `Tokenizer.accelerate`. Other lengths are when asked for."""
        if self.device == "cpu" or self._read.on:
            return
        for call in self._calls:
            call.on = True
        side = self.config.image_size
        self.decode(self.encode(Picture(np.full((side, side, 3), 128, np.uint8))))

    @property
    def forms(self) -> dict[str, dict[str, str]]:
        """In which form each call is made, by rows of a batch; empty where all are as they are."""
        return {call.name: call.forms() for call in self._calls if call.forms()}

    @torch.inference_mode()
    def _decode(self, code: Encoding) -> Picture:
        tokens, slots = self._written(code)
        (logits,) = self._write(tokens[None], slots)
        return self._paint(logits)

    @torch.inference_mode()
    def _paint(self, logits: Float[Tensor, "1 ..."]) -> Picture:
        return to_picture_01(self._show(logits)[0][0])


describe = TitokTokenizer.describe
ONE_D_PIECE = Family(name=ORDERED, describe=describe, load=TitokTokenizer.from_checkpoint)
TITOK = Family(name=UNORDERED, describe=describe, load=TitokTokenizer.from_checkpoint)
