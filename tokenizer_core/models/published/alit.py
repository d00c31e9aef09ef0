"""ALIT with its authors' weights: a code a length, 32, 64, ..., 256 hard tokens, by passes of one encoder.

The sequence of a pass is class, 256 image tokens and all latents so far. What the blocks made of it goes
into the next pass as it is, with 32 further latents; halted image tokens are replaced by a mask vector first.
A place is halted where the decoder gives its VQGAN code a probability p of at least 0.55; the authors let a
draw decide whether it really is, with probability p, and here a seed asks for that.

Source: Adaptive Length Image Tokenization via Recurrent Allocation (arXiv 2411.02393;
ShivamDuggal4/adaptive-length-tokenizer, variant: VQGAN, quantised). Neighbours: `alit_networks`,
`adaptive`, and our own edition in `models.alit`.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Generator

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.published.alit_networks import KIND, AlitConfig, AlitNetworks, Pass
from tokenizer_core.models.published.hard import OnVqgan
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture

REMEMBERED = 64  # codes whose halted places are known: those of eight photos


class PublishedAlitTokenizer(OnVqgan):
    """ALIT behind the interface that every tokenizer has."""

    CONFIG, NETWORKS = AlitConfig, AlitNetworks

    def __init__(
        self, config: AlitConfig, info: ModelInfo, networks: AlitNetworks, device: str, dtype: torch.dtype
    ) -> None:
        super().__init__(config, info, networks, device, dtype)
        self._halted: OrderedDict[bytes, np.ndarray] = OrderedDict()  # by code, the newest last
        self._lock = Lock()

    @classmethod
    def line(cls, config: AlitConfig) -> dict[str, Any]:
        """A code a pass, until nothing is left to do."""
        return {"order": 90, "ordered": False, "adaptive": True, "reconstructs": True}

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
        most: int = self.config.passes
        passes = most if passes is None else passes
        if not 1 <= passes <= most:
            raise TokenizerError(f"The number of passes is 1 to {most}, not {passes}.")
        draws = None if halting_seed is None else Generator().manual_seed(halting_seed)
        run = self._run(photo, center, zoom, passes, draws)
        return self._codes({len(code): code for code, _ in run})

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
                yield self._codes({len(code): code}), self._paint(one.logits)

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


describe = PublishedAlitTokenizer.describe
FAMILY = Family(name=KIND, describe=describe, load=PublishedAlitTokenizer.from_checkpoint)
