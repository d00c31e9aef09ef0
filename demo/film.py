"""A film: one photo, its encoding, and a picture for each length that was decoded so far.

The browser holds a copy of the film and draws from it, so a drag asks the server nothing. A film has
*reels*, one for each take: the mean (one step) and a sample for each pair of steps and seed. Frames are
kept as WebP with their spectrum and scores, never as arrays: 514 of them are about 5 MB.
"""

import io
import math
import os
import secrets
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import tokenizer_core as tc

LADDER = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


class Take(NamedTuple):
    """How a reel was decoded; `mode` is "mean" or "sample"."""

    mode: str
    steps: int
    seed: int


MEAN = Take("mean", 1, 0)
Plan = list[tuple[Take, list[int]]]


def ladder(lengths: Sequence[int]) -> list[int]:
    """The allowed lengths that come first, coarse to fine; the longest is always one of them."""
    return [k for k in lengths if k in LADDER or k == lengths[-1]]


def rest_of_ladder(lengths: Sequence[int]) -> list[int]:
    """The other allowed lengths: in each octave the middles first, then quarters, eighths and so on.

    So the error of showing the nearest frame, in octaves, falls evenly while frames arrive.
    """
    left = set(lengths) - set(ladder(lengths))
    return sorted(left, key=lambda k: (-(k & -k) / (1 << k.bit_length()), k))


class Frame(NamedTuple):
    """One picture as the browser gets it; without an original there are no scores."""

    webp: str  # in base64
    levels: str  # in base64: log power of rings 1..127 as 0..255
    psnr: float | None  # dB; None, too, where the pictures are equal
    ssim: float | None
    bands: list[float] | None  # spectrum errors of the low, middle and high band, decades


def webp(picture: Image.Image, quality: int = 80) -> bytes:
    """A picture as WebP bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def log_power(spectrum: tc.Spectrum) -> np.ndarray:
    """log10 of each ring's power; a flat picture's stays finite."""
    return np.log10(np.maximum(spectrum.power, 1e-12))


def b64(data: bytes) -> str:
    """Bytes as text for JSON."""
    return b64encode(data).decode()


@dataclass
class Film:
    """A photo, its encoding (once there) and its reels."""

    photo: Image.Image | None  # None: a link brought the tokens alone
    info: tc.ModelInfo
    crop: tuple[float, float, float] = (0.5, 0.5, 1.0)  # centre (0..1 of width and height), zoom
    credit: str = ""
    example: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    # what the page gets besides frames: "tokens" (packed), "attention" (maps and raw mass), and "linear" and
    # "webp" of other codes (see `Studio.rivals`)
    told: dict[str, Any] = field(default_factory=dict)
    reels: OrderedDict[Take, dict[int, Frame]] = field(default_factory=OrderedDict)

    def __post_init__(self):
        self.original = self.score = self.spectrum = None
        self.scale = -1.0, 6.5  # log10 power at the plot's ends
        if self.photo is None:
            return
        self.original = tc.square_crop(self.photo, center=self.crop[:2], zoom=self.crop[2])
        self.photo.thumbnail((2048, 2048))  # kept for another crop or another model
        self.score, self.spectrum = tc.Scorer(self.original), tc.power_spectrum(self.original)
        power = log_power(self.spectrum)
        self.scale = float(power.min()) - 1.2, float(power.max()) + 0.4

    @property
    def encoding(self) -> Any:
        """All tokens, packed; None before they are there."""
        return b64decode(self.told["tokens"]) if "tokens" in self.told else None

    def levels(self, spectrum: tc.Spectrum) -> bytes:
        """Log power of each ring, 0..255 between the ends of this film's plot."""
        low, high = self.scale
        return np.clip((log_power(spectrum) - low) / (high - low) * 255, 0, 255).astype(np.uint8).tobytes()

    def reel(self, take: Take) -> dict[int, Frame]:
        """The frames of a take; besides the mean, the newest six takes are kept."""
        if take not in self.reels:
            self.reels[take] = {}
            for old in [t for t in self.reels if t != MEAN][:-6]:
                del self.reels[old]
        return self.reels[take]

    def add(self, take: Take, k: int, array: np.ndarray) -> None:
        """Score a decoded picture, (S, S, 3) uint8, and keep it."""
        picture = tc.Picture(array)
        spectrum, scores = None, (None, None, None)
        if self.score:
            psnr, ssim, spectrum, error = self.score(picture)
            bands = [round(off, 3) for off in astuple(error)]
            scores = round(psnr, 2) if math.isfinite(psnr) else None, round(ssim, 3), bands
        levels = b64(self.levels(spectrum or tc.power_spectrum(picture)))
        self.reel(take).setdefault(k, Frame(b64(webp(picture.to_pil())), levels, *scores))

    def plan(self, sample: Take, dial: int, rest: bool, all_samples: bool) -> Plan:
        """What to decode, in order: where the dial is (the sample, too, if it rests), the ladder, the others.

        Samples cost `steps` times as much: without `all_samples` (on a CPU) they come last, for the ladder.
        """
        first, others = ladder(self.info.lengths), rest_of_ladder(self.info.lengths)
        here = [dial] if dial in self.info.lengths else []
        head = [(MEAN, here), (sample, here if rest else []), (MEAN, first)]
        tail = [(sample, first), (sample, others), (MEAN, others)]
        plan = head + (tail if all_samples else [(MEAN, others), (sample, first)])
        return plan if self.info.generative else [part for part in plan if part[0] == MEAN]

    def start(self) -> dict:
        """What the browser needs before the first frame."""
        # A Space's page is a frame: a link must name what is around it.
        photo, space = self.original, os.environ.get("SPACE_ID")
        return {
            "token": self.token,
            "info": self.info.to_dict(),
            "scale": self.scale,
            "original": photo and b64(webp(photo.to_pil(), 90)),
            "reference": self.spectrum and b64(self.levels(self.spectrum)),
            "home": f"https://huggingface.co/spaces/{space}" if space else "",
            "credit": self.credit,
            "example": self.example,
        }


def without(plan: Plan, sent: Collection[tuple[Take, int]]) -> Plan:
    """A plan less what the browser, or the film, has."""
    left = [(take, [k for k in lengths if (take, k) not in sent]) for take, lengths in plan]
    return [(take, lengths) for take, lengths in left if lengths]
