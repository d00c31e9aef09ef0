"""ALIT with its authors' weights: a code a length, 32, 64, ..., 256 hard tokens, by passes of one encoder.

The sequence of a pass is class, 256 image tokens and all latents so far. What the blocks made of it goes
into the next pass as it is, with 32 further latents; halted image tokens are replaced by a mask vector first.
A place is halted where the decoder gives its VQGAN code a probability p of at least 0.55; the authors let a
draw decide whether it really is, with probability p, and here a seed asks for that.

Source: Adaptive Length Image Tokenization via Recurrent Allocation (arXiv 2411.02393;
ShivamDuggal4/adaptive-length-tokenizer, variant: VQGAN, quantised). Neighbours: `adaptive`, and our own
edition in `models.alit`.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.published.adaptive import PATCH, AdaptiveConfig, Writer, sizes_of
from tokenizer_core.models.published.common import (
    PublishedTokenizer,
    build_filled,
    describe_published,
    to_picture_01,
)
from tokenizer_core.models.published.transformer import Transformer
from tokenizer_core.models.published.vqgan import Codebook
from tokenizer_core.nn.config import require
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint

KIND = "alit-published"
LEAST_CHANCE = 0.55  # of a place that may be halted
REMEMBERED = 64  # codes whose halted places are known: those of eight photos


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

    def forward(self, codes: Float[Tensor, "B K c"], image: Float[Tensor, "M W"]) -> Float[Tensor, "B N V"]:
        """`image` is the class vector and the mask vectors, with their positions."""
        tokens = self.decoder_embed(codes) + self.latent_token_positional_embedding[: codes.shape[1]]
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

    def logits(self, tokens: Int[Tensor, "B K"]) -> Float[Tensor, "B N V"]:
        """Of the VQGAN's codes, row after row of the grid."""
        masks = self.decoder_mask_token[0].expand(self.grid**2, -1)
        image = torch.cat([self.decoder_class_embedding, masks]) + self.decoder_positional_embedding
        return self.decoder(self.quantize.unit_rows[tokens], image)

    def pixels(self, logits: Float[Tensor, "B N V"]) -> Float[Tensor, "B 3 H W"]:
        """The mean code of each place, decoded; nominally in [0, 1], not clipped."""
        maps = logits.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return self.base.decoder(self.base.quantize.mean_code(maps))


def _uniform(draws: Generator | Sequence[Tensor], number: int, like: Tensor) -> Tensor:
    if isinstance(draws, Generator):
        return torch.rand(like.shape, generator=draws, device=draws.device).to(like.device)
    return draws[number]


class PublishedAlitTokenizer(PublishedTokenizer):
    """ALIT behind the interface that every tokenizer has."""

    def __init__(
        self, config: AlitConfig, info: ModelInfo, networks: AlitNetworks, device: str, dtype: torch.dtype
    ) -> None:
        super().__init__(info, networks, device, dtype)
        self.config, self.networks = config, networks
        self._halted: OrderedDict[bytes, np.ndarray] = OrderedDict()  # by code, the newest last
        self._lock = Lock()

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "PublishedAlitTokenizer":
        """Build the networks and fill them strictly.

        Raises:
            TokenizerError: config and weights do not fit.
        """
        config = AlitConfig.from_dict(checkpoint.config)
        networks = build_filled(lambda: AlitNetworks(config), checkpoint.tensors, checkpoint.name)
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        return cls(config, info, networks, device, find_dtype(dtype, device))

    def encode(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        *,
        passes: int | None = None,
        halting_seed: int | None = None,
    ) -> Encoding:
        """Encode a photo into its code of every length, or only into the first of them.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.
            passes: after how many to stop; None is all of them.
            halting_seed: of drawn halting, as the authors have it; None halts by the chance alone.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop or the number of passes is out of range.
        """
        passes = self.config.passes if passes is None else passes
        if not 1 <= passes <= self.config.passes:
            raise TokenizerError(f"The number of passes is 1 to {self.config.passes}, not {passes}.")
        draws = None if halting_seed is None else Generator().manual_seed(halting_seed)
        run = self._run(photo, center, zoom, passes, draws)
        return self._encoding({len(code): code for code, _ in run})

    def grow(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        lengths: Sequence[int] | None = None,
    ) -> Iterator[tuple[Encoding, Picture]]:
        """Code and picture after each pass, none of which is computed before it is asked for.

        Raises:
            TokenizerError: the photo cannot be opened, or there is no code of one of the lengths.
        """
        lengths = self.info.lengths if lengths is None else lengths
        self.check_lengths(lengths)
        for code, one in self._run(photo, center, zoom, max(lengths) // self.config.tokens_per_pass):
            if len(code) in lengths:
                yield self._encoding({len(code): code}), self._paint(one.logits)

    @torch.inference_mode()
    def _run(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float],
        zoom: float,
        passes: int,
        draws: Generator | None = None,
    ) -> Iterator[tuple[np.ndarray, Pass]]:
        """The code of each pass, and the pass; halted places are remembered."""
        pixels = self._pixels(to_picture(photo, self.config.image_size, center, zoom))
        for one in self.networks.run(pixels, passes, draws):
            code = one.tokens[0].cpu().numpy()
            with self._lock:
                self._halted[code.tobytes()] = one.halted[0].cpu().numpy()
                self._halted.move_to_end(code.tobytes())
                while len(self._halted) > REMEMBERED:
                    self._halted.popitem(last=False)
            yield code, one

    def _encoding(self, codes: dict[int, np.ndarray]) -> Encoding:
        own = (self.info.checkpoint_id, self.info.name)
        return Encoding.of_codes(codes, *own, HARD, self.info.vocabulary)

    def decode_many(
        self,
        encoding: Encoding,
        lengths: Sequence[int],
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """Pictures of several codes, in the order asked for, each computed when its turn comes.

        Options change nothing: there is one picture a code. See `Tokenizer.decode_many`.
        """
        self.check(encoding, lengths, steps=steps, guidance_scale=guidance_scale, seed=seed)
        return ((length, self._decode(encoding.code(length))) for length in lengths)

    @torch.inference_mode()
    def _decode(self, code: Encoding) -> Picture:
        return self._paint(self.networks.logits(torch.from_numpy(code.tokens)[None].to(self.device)))

    @torch.inference_mode()
    def _paint(self, logits: Tensor) -> Picture:
        return to_picture_01(self.networks.pixels(logits)[0])

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What the VQGAN alone makes of a picture, without any token."""
        return to_picture_01(self.networks.base.reconstruct(self._pixels(picture))[0])

    def halted(self, encoding: Encoding) -> dict[int, Bool[np.ndarray, "s s"]]:
        """By the length of each code that is held: which places the next pass does not see.

        Raises:
            TokenizerError: tokens of another model, or the photo is not remembered.
        """
        self.check(encoding, [len(encoding)])
        side = self.config.grid
        with self._lock:
            masks = {k: self._halted.get(encoding.code(k).tokens.tobytes()) for k in encoding.lengths}
        found = {k: mask.reshape(side, side) for k, mask in masks.items() if mask is not None}
        if len(found) < len(masks):
            raise TokenizerError("Halting masks need the photo; please encode it again.")
        return found


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a published ALIT checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this family.
    """
    c = AlitConfig.from_dict(config)
    return describe_published(
        c,
        checkpoint_id,
        size_bytes,
        order=90,
        tokens=HARD,
        vocabulary=c.vocabulary,
        lengths=c.lengths,
        ordered=False,
        adaptive=True,
        reconstructs=True,
        views=("codes", "guess"),
        picture_size=c.image_size,
    )


FAMILY = Family(name=KIND, describe=describe, load=PublishedAlitTokenizer.from_checkpoint)
