"""What the published tokenizers with hard codes share: built from a checkpoint, one forward a picture.

Neighbours: `titok`, `alit`, `karl` (each says how it reads), `common` (what soft ones share, too).
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked
from tokenizer_core.models.published.common import (
    PublishedTokenizer,
    build_filled,
    describe_published,
    to_picture_01,
)
from tokenizer_core.photos.photo import Picture
from tokenizer_core.storage.checkpoints import Checkpoint

T = TypeVar("T", bound="HardTokenizer")


class HardTokenizer(PublishedTokenizer):
    """Hard codes behind the interface that every tokenizer has.

    Attributes:
        CONFIG: the family's configuration.
        NETWORKS: what a weight file holds; it has `logits` of tokens in their slots, and `pixels` of logits.
    """

    CONFIG: ClassVar[type[Any]]
    NETWORKS: ClassVar[Callable[[Any], nn.Module]]
    networks: Any

    def __init__(
        self, config: Any, info: ModelInfo, networks: nn.Module, device: str, dtype: torch.dtype
    ) -> None:
        super().__init__(info, networks, device, dtype)
        self.config, self.networks = config, networks

    @classmethod
    @abstractmethod
    def line(cls, config: Any) -> dict[str, Any]:
        """What the catalog's line says of this family besides what all hard ones say."""

    @classmethod
    def describe(cls, config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
        """The catalog's line of a checkpoint, from its config.json.

        Raises:
            TokenizerError: the configuration is not one of this family.
        """
        c = cls.CONFIG.from_dict(config)
        own = {"tokens": HARD, "vocabulary": c.vocabulary, "lengths": c.lengths, "picture_size": c.image_size}
        return describe_published(c, checkpoint_id, size_bytes, **(own | cls.line(c)))

    @classmethod
    def from_checkpoint(cls: type[T], checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto") -> T:
        """Build the networks and fill them strictly.

        Raises:
            TokenizerError: config and weights do not fit.
        """
        config = cls.CONFIG.from_dict(checkpoint.config)
        networks = build_filled(lambda: cls.NETWORKS(config), checkpoint.tensors, checkpoint.name)
        info = cls.describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        return cls(config, info, networks, device, find_dtype(dtype, device))

    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """One picture a code, which no option changes."""
        return ((length, self._decode(encoding.code(length))) for length in asked.lengths)

    @torch.inference_mode()
    def _decode(self, code: Encoding) -> Picture:
        tokens, slots = self._written(code)
        return self._paint(self.networks.logits(tokens[None], slots))

    @torch.inference_mode()
    def _paint(self, logits: Float[Tensor, "1 ..."]) -> Picture:
        return to_picture_01(self.networks.pixels(logits)[0])

    def _written(self, code: Encoding) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
        """The tokens that are written, and their slots."""
        tokens, slots = torch.from_numpy(code.tokens), torch.from_numpy(code.positions)
        return tokens.to(self.device), slots.to(self.device)

    def _codes(self, codes: dict[int, np.ndarray]) -> Encoding:
        """A code a length."""
        own = (self.info.checkpoint_id, self.info.name, HARD, self.info.vocabulary)
        return Encoding.of_codes(codes, *own)


class OnVqgan(HardTokenizer):
    """One that reads the latent of a VQGAN that its networks hold, as `base`."""

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What the VQGAN alone makes of a picture, without any token."""
        return to_picture_01(self.networks.base.reconstruct(self._pixels(picture))[0])
