"""Photographs measured block by block, in whatever process, and merged in order: one process's figures.

Each block is of `PHOTOS_AT_A_TIME` photographs, wherever it is measured, so sums have one order and one
rounding. Neighbours: `evaluate` and `judge` (what is decoded), `measure.tally` (what is kept),
`engine.spread` (where).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokenizer_core.engine.spread import Spread
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.tally import Tally
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.registry import catalog, load
from tokenizer_core.photos.photo import Picture

Block = list[tuple[int, Picture]]  # photographs with their numbers


class Portable:
    """A tokenizer that another process can have: loaded there by its name, or sent where it has none here.

    Args:
        tokenizer: of this process.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer: Tokenizer | None = tokenizer
        self._recipe = (tokenizer.info.name, tokenizer.device, tokenizer.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Without the weights, if they are those of the catalog."""
        assert self._tokenizer is not None
        info = self._tokenizer.info
        known = any((one.name, one.checkpoint_id) == (info.name, info.checkpoint_id) for one in catalog())
        return {"_tokenizer": None if known else self._tokenizer, "_recipe": self._recipe}

    def get(self, device: str | None = None) -> Tokenizer:
        """The tokenizer of this process; it is loaded on `device`, unless it was on the processor."""
        if self._tokenizer is None:
            name, own, dtype = self._recipe
            self._tokenizer = load(name, own if device is None or own == "cpu" else device, dtype)
        return self._tokenizer


@dataclass
class BlockWork:
    """What a worker makes once: a function from a block of photographs to its tallies.

    Attributes:
        decode: see `evaluate.measure`; its method `on`, if it has one, is given the worker's device.
        classifier: see `Tally`.
        device: where it is measured, unless the worker has one of its own.
    """

    decode: Callable[[int, Picture], Iterable[tuple[Any, Picture]]]
    classifier: LiteClassifier | None
    device: str

    def __call__(self, device: str | None) -> "Callable[[Block], tuple[int, dict[Hashable, Tally]]]":
        """The function, on the worker's device."""
        if hasattr(self.decode, "on"):
            self.decode.on(device)  # type: ignore[attr-defined]
        self.device = device or self.device
        self.classifier = None if self.classifier is None else self.classifier.to(self.device)
        return self.measure

    def measure(self, block: Block) -> tuple[int, dict[Hashable, Tally]]:
        """How many photographs, and a tally a place; one that cannot be had for a photograph is left out."""
        decoded: dict[Hashable, list[tuple[int, Tensor]]] = defaultdict(list)
        for row, (number, original) in enumerate(block):
            for place, picture in self.decode(number, original):
                decoded[place].append((row, picture.to_pixels()))
        originals = torch.cat([original.to_pixels() for _, original in block]).to(self.device)
        seen = Tally(self.classifier).look(originals)
        tallies = dict[Hashable, Tally]()
        for place, found in decoded.items():
            rows, pixels = [row for row, _ in found], torch.cat([one for _, one in found]).to(self.device)
            tallies[place] = Tally(self.classifier)
            tallies[place].add(pixels, originals[rows], None if seen is None else seen[rows])
        return len(block), tallies


def places_of(spread: Spread, device: str) -> Spread:
    """The first GPU stands for all of them where there are several processes."""
    if device != "cuda:0" or spread.processes == 1:
        return spread
    return Spread(spread.processes, spread.ray, tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())))
