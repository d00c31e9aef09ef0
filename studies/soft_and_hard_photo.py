"""One photograph through every model: the numbers that `soft_and_hard` keeps of it.

They are the same in whatever process they are found, since nothing here knows of other photographs.
Neighbours: `soft_and_hard` (puts them together, in the photographs' order), `engine.spread` (where).
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

import tokenizer_core as tc
from tokenizer_core.measure.local import edges_kept, share_at
from tokenizer_core.measure.metrics import psnr_batch
from tokenizer_core.measure.spectrum import band_error, ring_power
from tokenizer_core.reports.blocks import Portable
from tokenizer_core.reports.evaluate import noise_seed

MEASURES = ("psnr", "feature", "high", "edges")
AT_ONCE = 32  # pictures that the classifier looks at
ByMode = dict[str, dict[str, float]]  # of each mode the measures


@dataclass
class Seen:
    """What one model made of one photograph.

    Attributes:
        whole: by mode each of `MEASURES`, of the longest code.
        equal: the same of the code at equal bytes; empty where the model has none.
        lost: of every token left out its number from 1, and what that cost: dB, feature distance.
        place: how much of the difference lies in one spot, the mean over those tokens; None without any.
        seconds: by what was done.
    """

    whole: ByMode = field(default_factory=dict)
    equal: ByMode = field(default_factory=dict)
    lost: list[tuple[int, float, float]] = field(default_factory=list)
    place: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class Eye:
    """Where pictures are measured, many at once: the classifier's device."""

    def __init__(self, device: str) -> None:
        self.device, self.classifier = device, tc.LiteClassifier(2).to(device)

    def pixels(self, pictures: Sequence[tc.Picture]) -> Tensor:
        """(B, 3, H, W) in [-1, 1]; what travels is 8 bit."""
        levels = torch.from_numpy(np.stack([one.array for one in pictures])).to(self.device)
        return (levels.float() / 127.5 - 1).permute(0, 3, 1, 2).contiguous()

    @torch.inference_mode()
    def features(self, pixels: Tensor) -> Tensor:
        """The classifier's, of pixels (B, 3, H, W)."""
        return torch.cat([self.classifier.pooled(some) for some in pixels.split(AT_ONCE)])


class Original:
    """A photograph, and what every picture of it is measured by, found once."""

    def __init__(self, eye: Eye, picture: tc.Picture) -> None:
        self.eye, self.picture = eye, picture
        self.pixels = eye.pixels([picture])
        self.features, self.power = eye.features(self.pixels), ring_power(self.pixels)

    def nearness(self, pixels: Tensor) -> list[tuple[float, float]]:
        """PSNR, and 1 - cosine of the features, of each of some pictures (B, 3, H, W)."""
        near = psnr_batch(pixels, self.pixels.expand_as(pixels))
        apart = 1 - torch.cosine_similarity(self.eye.features(pixels), self.features, dim=1)
        return [(db, distance) for db, distance in torch.stack([near, apart], 1).tolist()]

    def high(self, pixels: Tensor) -> list[float]:
        """The spectrum's error in the high band, of each."""
        power = ring_power(pixels)
        return band_error(power, self.power.expand_as(power))[:, 2].tolist()


@dataclass
class PhotoWork:
    """What a worker makes once: a function from a photograph and its number to what each model made of it.

    Attributes:
        models: to measure.
        lengths: of each the length at equal bytes; 0: it has none.
        drops: tokens left out of a photograph.
        device: where it is measured, unless the worker has one of its own.
    """

    models: Sequence[Portable]
    lengths: Sequence[int]
    drops: int
    device: str

    def __call__(self, device: str | None) -> Callable[[tuple[int, tc.Picture]], list[Seen]]:
        """The function, on the worker's device."""
        models = list(zip([one.get(device) for one in self.models], self.lengths, strict=True))
        eye = Eye(device or self.device)

        def look(item: tuple[int, tc.Picture]) -> list[Seen]:
            number, original = item[0], Original(eye, item[1])
            return [seen_by(tokenizer, length, self.drops, number, original) for tokenizer, length in models]

        return look


def seen_by(tokenizer: tc.Tokenizer, equal: int, drops: int, number: int, original: Original) -> Seen:
    """Measure one photograph with one model: its pictures, and those that lack a token.

    Args:
        tokenizer: the model.
        equal: length at equal bytes, or 0.
        drops: tokens left out.
        number: of the photograph, which says which tokens and what noise.
        original: the photograph.
    """
    found, info = Seen(), tokenizer.info
    encoding = _timed(found, "encode", lambda: tokenizer.encode(original.picture))
    last = len(encoding)
    places, pictures = list[tuple[str, list[ByMode]]](), list[tc.Picture]()
    for mode in info.modes:
        options = {"steps": info.steps_of(mode), "seed": noise_seed(number, 0, 1)}
        pictures.append(_timed(found, mode, lambda o=options: tokenizer.decode(encoding, last, **o)))
        places.append((mode, [found.whole, found.equal] if equal == last else [found.whole]))
        if equal not in (0, last):
            pictures.append(tokenizer.decode(encoding, equal, **options))
            places.append((mode, [found.equal]))
    chosen = spread(last, min(drops, last), number)
    lacking = left_out(tokenizer, encoding, chosen)
    pixels, count = original.eye.pixels([*pictures, *lacking]), len(pictures)
    near, high = original.nearness(pixels), original.high(pixels[:count])
    for (mode, kept), picture, here, band in zip(places, pictures, near[:count], high, strict=True):
        values = (*here, band, edges_kept(picture, original.picture))
        for by_mode in kept:
            by_mode[mode] = dict(zip(MEASURES, values, strict=True))
    before, distance = near[0]  # of the first mode, the mean
    for n, (after, further) in zip(chosen, near[count:], strict=True):
        found.lost.append((n + 1, after - before, further - distance))
    shares = [share_at(picture, pictures[0]) for picture in lacking]
    known = [share for share in shares if share is not None]
    found.place = statistics.fmean(known) if known else None
    return found


def left_out(tokenizer: tc.Tokenizer, encoding: tc.Encoding, chosen: Sequence[int]) -> list[tc.Picture]:
    """The mean of the longest code without each of these tokens; on a GPU in one batch, if the model can.

    A processor is no quicker with a batch.
    """
    some = [without(encoding, n) for n in chosen]
    if tokenizer.device == "cpu":
        return [tokenizer.decode(one, steps=1) for one in some]
    requests = [tc.DecodeRequest(encoding=one, lengths=[len(one)], steps=1) for one in some]
    return [picture for (picture,) in tokenizer.decode_batch(requests)]


def without(encoding: tc.Encoding, n: int) -> tc.Encoding:
    """The longest code without its token n, from 0; the others keep their slots."""
    return encoding.select(np.arange(len(encoding)) != n)


def spread(count: int, drops: int, number: int) -> list[int]:
    """Which tokens, from 0, are left out of a photo: the first, and evenly spaced ones, others in the next.

    Every one has its turn within count / drops photos, rounded up.
    """
    step = -(-count // drops)
    return sorted({0, *range(number % step, count, step)})


def _timed(found: Seen, what: str, do: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    made = do()
    found.seconds[what] = time.perf_counter() - start
    return made
