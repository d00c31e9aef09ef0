"""A film: one photo, its encoding, and a picture for each length that was decoded so far.

The browser holds a copy of the film and draws from it, so a drag asks the server nothing. A film has
*reels*, one for each take: the mean (one step) and a sample for each pair of steps and seed. Frames are
kept as WebP with their spectrum and scores, never as arrays: 514 of them are about 5 MB.
"""

import base64
import io
import math
import os
import secrets
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
    """One picture as the browser gets it: WebP, log power of rings 1..127 as 0..255, dB, 0..1, three decades.

    Without an original to score against, PSNR and SSIM are not numbers and there are no band errors.
    """

    webp: bytes
    levels: bytes
    psnr: float
    ssim: float
    bands: Sequence[float] = ()


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
    return base64.b64encode(data).decode()


def pack_frame(mode: str, k: int, frame: Frame) -> list:
    """A frame as JSON: [mode, length, WebP, spectrum, PSNR, SSIM, low, middle and high band errors].

    PSNR is null where the pictures are equal; all scores are null where there is no original.
    """
    psnr = round(frame.psnr, 2) if math.isfinite(frame.psnr) else None
    ssim = None if math.isnan(frame.ssim) else round(frame.ssim, 3)
    bands = [round(error, 3) for error in frame.bands] or None
    return [mode, k, b64(frame.webp), b64(frame.levels), psnr, ssim, bands]


@dataclass(frozen=True)
class Crop:
    """Which square of the photo: its centre (0..1 of width and height) and zoom (1 = the largest)."""

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0


@dataclass
class Film:
    """A photo, its encoding (once there) and its reels."""

    photo: Image.Image | None  # None: a link brought the tokens alone
    info: tc.ModelInfo
    crop: Crop = Crop()
    credit: str = ""
    example: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    encoding: Any = None  # a tc.Encoding
    attention: tuple[bytes, list[float]] | None = None  # (K x 16 x 16) uint8, and the raw mass of each token
    linear: list[float] | None = None  # PSNR of the linear baseline at 0, 1, 2, ... tokens
    reels: OrderedDict[Take, dict[int, Frame]] = field(default_factory=OrderedDict)

    def __post_init__(self):
        self.original = self.score = None
        self.scale = -1.0, 6.5  # log10 power at the plot's ends
        if self.photo is None:
            return
        self.original = tc.square_crop(self.photo, center=(self.crop.x, self.crop.y), zoom=self.crop.zoom)
        self.photo.thumbnail((1024, 1024))  # kept for another crop or another model
        self.score = tc.Scorer(self.original)
        power = log_power(tc.power_spectrum(self.original))
        self.scale = float(power.min()) - 1.2, float(power.max()) + 0.4

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

    def add(self, take: Take, k: int, array: np.ndarray) -> Frame:
        """Score a decoded picture, (S, S, 3) uint8, and keep it."""
        picture = tc.Picture(array)
        score = (
            self.score(picture) if self.score else tc.Score(math.nan, math.nan, tc.power_spectrum(picture))
        )
        bands = list(astuple(tc.spectrum_error(picture, self.original))) if self.original else []
        frame = Frame(webp(picture.to_pil()), self.levels(score.spectrum), score.psnr, score.ssim, bands)
        return self.reel(take).setdefault(k, frame)

    def plan(self, sample: Take, dial: int, rest: bool, all_samples: bool) -> Plan:
        """What to decode, in order: where the dial is (the sample, too, if it rests), the ladder, the others.

        Samples cost `steps` times as much: without `all_samples` (on a CPU) they come last, for the ladder.
        """
        first, others = ladder(self.info.lengths), rest_of_ladder(self.info.lengths)
        here = [dial] if dial in self.info.lengths else []
        if not self.info.generative:
            return [(MEAN, here), (MEAN, first), (MEAN, others)]
        head = [(MEAN, here), (sample, here if rest else []), (MEAN, first)]
        if all_samples:
            return [*head, (sample, first), (sample, others), (MEAN, others)]
        return [*head, (MEAN, others), (sample, first)]

    def start(self) -> dict:
        """What the browser needs before the first frame."""
        # A Space's page is a frame: a link must name what is around it.
        photo, space = self.original, os.environ.get("SPACE_ID")
        return {
            "token": self.token,
            "lengths": list(self.info.lengths),
            "generative": self.info.generative,
            "steps": self.info.default_steps,
            "maps": self.info.has_attention and photo is not None,
            "bytes": self.info.bytes_per_token,
            "decades": self.scale[1] - self.scale[0],
            "original": photo and b64(webp(photo.to_pil(), 90)),
            "reference": photo and b64(self.levels(tc.power_spectrum(photo))),
            "home": f"https://huggingface.co/spaces/{space}" if space else "",
            "credit": self.credit,
            "example": self.example,
        }


class Films:
    """The films of all visitors, by a token that none but they, or who has the link, can know."""

    def __init__(self, limit: int = 32):
        self.limit, self.films = limit, OrderedDict[str, Film]()

    def add(self, film: Film) -> Film:
        """Keep a film."""
        self.films[film.token] = film
        while len(self.films) > self.limit:
            self.films.popitem(last=False)
        return film

    def get(self, token: object) -> Film | None:
        """The film of a token, or None."""
        film = self.films.get(token) if isinstance(token, str) else None
        if film:
            self.films.move_to_end(film.token)
        return film

    def forget(self, film: Film) -> list[str]:
        """Drop a film and all others of its photo (other crops, other models); their tokens."""
        same = [t for t, f in list(self.films.items()) if f is film or f.photo is film.photo is not None]
        return [token for token in same if self.films.pop(token, None)]


def without(plan: Plan, sent: Collection[tuple[Take, int]]) -> Plan:
    """A plan less what the browser, or the film, has."""
    left = [(take, [k for k in lengths if (take, k) not in sent]) for take, lengths in plan]
    return [(take, lengths) for take, lengths in left if lengths]
