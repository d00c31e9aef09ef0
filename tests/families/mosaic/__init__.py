"""A toy family, as a folder: hard tokens, a code a length, one picture each. A token is a cell's colour."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.photos.photo import Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint

SIZE = 256


class MosaicTokenizer(Tokenizer):
    """Cells of one colour each, of a palette that the weights hold."""

    def __init__(self, info: ModelInfo, palette: torch.Tensor, device: str):
        self.info, self.device, self.dtype = info, device, "float32"
        self.palette = palette.numpy()  # (V, 3), 0..255

    def encode(self, photo, center=(0.5, 0.5), zoom=1.0) -> Encoding:
        array = to_picture(photo, SIZE, center, zoom).array.astype(np.float32)
        codes = {}
        for length in self.info.lengths:
            side = round(length**0.5)
            cells = array.reshape(side, SIZE // side, side, SIZE // side, 3).mean((1, 3)).reshape(-1, 1, 3)
            codes[length] = np.square(cells - self.palette).sum(-1).argmin(1)
        return Encoding.of_codes(codes, self.info.checkpoint_id, self.info.name, "hard", self.info.vocabulary)

    def pictures(self, encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        return ((length, self.paint(encoding.code(length).tokens)) for length in asked.lengths)

    def paint(self, tokens: np.ndarray) -> Picture:
        side = round(len(tokens) ** 0.5)
        cells = self.palette[tokens].round().astype(np.uint8).reshape(side, side, 3)
        return Picture(cells.repeat(SIZE // side, 0).repeat(SIZE // side, 1))


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    return ModelInfo(
        name=config["name"],
        title="Mosaic, a toy",
        family="mosaic",
        tokens="hard",
        vocabulary=config["colours"],
        lengths=tuple(config["lengths"]),
        ordered=False,
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence="none",
    )


def load(checkpoint: Checkpoint, device: str, dtype: str) -> MosaicTokenizer:
    info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
    return MosaicTokenizer(info, checkpoint.tensors["palette"], device)


FAMILY = Family(name="mosaic", describe=describe, load=load)
