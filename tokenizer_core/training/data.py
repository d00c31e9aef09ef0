"""Photographs as one uint8 tensor in the device's memory: decoded once, drawn at random from then on."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from tokenizer_core.photos.photoset import load_crops


class PhotoPool:
    """Square crops of all photographs, drawn with a weight a source and a coin for the mirror image.

    Args:
        paths: folders, zips or tars; `texture.zip:3` draws each of its crops three times as often. A file
            `texture.worth.npy` beside it (`studies/face_maps.py` makes it) says how much more than elsewhere
            each place of each crop counts, in sixteenths: (crops, 16, 16) uint8.
        size: side of the crops in pixels.
        device: where the tensor lives.
        limit: photographs a source, for dry runs.
        workers: processes that decode.
    """

    def __init__(
        self, paths: Sequence[str], device: torch.device, size: int, limit: int | None, workers: int
    ) -> None:
        crops, weights, worths = [], [], []
        for path in paths:
            ((source, weight),) = re.findall(r"^(.+?)(?::([0-9.]+))?$", path)
            crops.append(load_crops(source, size, limit, workers))
            weights.append(np.full(len(crops[-1]), float(weight or 1), np.float32))
            maps, even = Path(source).with_suffix(".worth.npy"), np.zeros((len(crops[-1]), 16, 16), np.uint8)
            worths.append(np.load(maps)[: len(even)] if maps.exists() else even)
        self.crops: UInt8[Tensor, "M H W 3"] = torch.from_numpy(np.concatenate(crops)).to(device)
        self.weights = torch.from_numpy(np.concatenate(weights)).to(device)
        worth = torch.from_numpy(np.concatenate(worths)).to(device)
        self._worth = torch.cat([worth, worth.flip(2)])

    def choose(self, count: int, generator: torch.Generator) -> Int[Tensor, " B"]:
        """Numbers of crops: 0..M-1 as they are, M..2M-1 mirrored."""
        return torch.multinomial(self.weights.repeat(2), count, replacement=True, generator=generator)

    def at(self, index: Int[Tensor, " B"]) -> Float[Tensor, "B 3 H W"]:
        """The crops of these numbers in [-1, 1], channels last."""
        pixels, mirrored = to_pixels(self.crops[index % len(self.crops)]), index >= len(self.crops)
        pixels = torch.where(mirrored.view(-1, 1, 1, 1), pixels.flip(3), pixels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def worth(self, index: Int[Tensor, " B"]) -> Float[Tensor, "B 1 16 16"]:
        """How much each place of these crops counts: 1 to 16; everywhere 1 where nothing is known."""
        return 1 + self._worth[index, None].float() / 16

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, "B 3 H W"]:
        """A batch of crops, half of them mirrored."""
        return self.at(self.choose(count, generator))


def to_pixels(crops: UInt8[Tensor, "B H W 3"]) -> Float[Tensor, "B 3 H W"]:
    """8-bit crops -> pixels in [-1, 1], channels last in memory."""
    return crops.permute(0, 3, 1, 2).float() / 127.5 - 1


def draw_noise(shape: Sequence[int], strength: float, generator: torch.Generator) -> Float[Tensor, "B C h w"]:
    """Gaussian noise whose standard deviation is drawn from 0..strength for each item."""
    drawn = strength * torch.rand(shape[0], 1, 1, 1, device=generator.device, generator=generator)
    return drawn * torch.randn(*shape, device=generator.device, generator=generator)
