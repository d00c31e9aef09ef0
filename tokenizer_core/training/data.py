"""Photographs as one uint8 tensor in the device's memory: decoded once, drawn at random from then on.

Each process decodes its own share of the photographs and keeps it, so that memory and time fall with the
number of processes. A crop of 256 x 256 takes 0.2 MB, and its latents and alignment targets, with those of
its mirror image, 0.13 MB: a million need 330 GB, too much for one GPU, and 41 GB on each of eight. All
processes together still draw every crop of a source as often as any other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from tokenizer_core.photos.photoset import Damaged, load_photos
from tokenizer_core.training.place import Place

LEFT_OUT: Damaged = []  # what this process could not open and was to skip; a process makes one run


@dataclass(frozen=True)
class Share:
    """What one process holds of a source: crops, their numbers in the whole source, and how much of each.

    Shares are equally large, save for a few crops that are left over. Every process has all of those, each
    counting 1 / world, so that the weights in every process have the same sum.
    """

    crops: UInt8[np.ndarray, "M H W 3"]
    numbers: Int[np.ndarray, " M"]
    parts: Float[np.ndarray, " M"]
    total: int


def load_share(
    path: str, size: int, limit: int | None, workers: int, place: Place, damaged: Damaged | None = None
) -> Share:
    """Decode every world-th photograph of a source, from the rank-th on, and share what is left over.

    Args:
        path: a folder, a zip or a tar.
        size: side of the crops in pixels.
        limit: photographs of the source, for dry runs.
        workers: processes that decode.
        place: of this process.
        damaged: as in `photo_files`.
    """
    photos = load_photos(path, size, limit, workers, share=(place.rank, place.world), damaged=damaged)
    crops = np.concatenate([np.empty((0, size, size, 3), np.uint8), *photos])
    if place.world == 1:
        return Share(crops, np.arange(len(crops)), np.ones(len(crops), np.float32), len(crops))
    numbers = _numbers_of_shares([len(photo) for photo in photos], place)
    equal = min(len(of_rank) for of_rank in numbers)
    left_over = [of_rank[equal:] for of_rank in numbers]
    common = np.zeros((sum(map(len, left_over)), size, size, 3), np.uint8)
    before = sum(map(len, left_over[: place.rank]))
    common[before : before + len(left_over[place.rank])] = crops[equal:]
    common = place.total(torch.from_numpy(common).to(place.device)).cpu().numpy()
    parts = np.full(equal + len(common), 1 / place.world, np.float32)
    parts[:equal] = 1
    own = np.concatenate([numbers[place.rank][:equal], *left_over])
    return Share(np.concatenate([crops[:equal], common]), own, parts, sum(map(len, numbers)))


def _numbers_of_shares(counts: list[int], place: Place) -> list[Int[np.ndarray, " _"]]:
    """For each rank the numbers of its crops in the whole source, from the crops a photograph of this one."""
    photos = int(place.total(torch.tensor(len(counts), device=place.device)))
    crops = torch.zeros(photos, dtype=torch.long, device=place.device)
    crops[place.rank :: place.world] = torch.tensor(counts, dtype=torch.long, device=place.device)
    crops = place.total(crops).cpu().numpy()
    photo_of_crop = np.repeat(np.arange(photos), crops)
    return [np.flatnonzero(photo_of_crop % place.world == rank) for rank in range(place.world)]


class PhotoPool:
    """Square crops of all photographs, drawn with a weight a source and a coin for the mirror image.

    Args:
        paths: folders, zips or tars; `texture.zip:3` draws each of its crops three times as often. A file
            `texture.worth.npy` beside it (`studies/face_maps.py` makes it) says how much more than elsewhere
            each place of each crop counts, in sixteenths: (crops, 16, 16) uint8.
        place: of this process, whose share of the photographs is decoded.
        size: side of the crops in pixels.
        limit: photographs a source, for dry runs.
        workers: processes that decode.
        damaged: as in `photo_files`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        place: Place,
        size: int,
        limit: int | None,
        workers: int,
        damaged: Damaged | None = None,
    ) -> None:
        self.total = 0  # crops of all processes
        crops, weights, worths = [], [], []
        for path in paths:
            ((source, weight),) = re.findall(r"^(.+?)(?::([0-9.]+))?$", path)
            share = load_share(source, size, limit, workers, place, damaged)
            self.total += share.total
            crops.append(share.crops)
            weights.append(np.float32(weight or 1) * share.parts)
            maps = Path(source).with_suffix(".worth.npy")
            even = np.zeros((len(share.crops), 16, 16), np.uint8)
            worths.append(np.load(maps)[share.numbers] if maps.exists() else even)
        self.crops: UInt8[Tensor, "M H W 3"] = torch.from_numpy(np.concatenate(crops)).to(place.device)
        self.weights = torch.from_numpy(np.concatenate(weights)).to(place.device)
        worth = torch.from_numpy(np.concatenate(worths)).to(place.device)
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
