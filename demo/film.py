"""A film: one photo, its encoding, and a picture for each length that was decoded so far.

The browser holds a copy of the film and draws from it, so a drag asks the server nothing. A film has
*reels*, one for each take: the mean (one step), and a sample for each pair of steps and seed or the sharp
one. Frames are kept as WebP with their spectrum and scores, never as arrays: 514 of them are about 5 MB.

Several visitors may watch one film, each in a thread of their own. A reel stays while somebody reads it, and
what one of them makes the others wait for: nothing is made twice.

Long because a film, its reels and its frames know of each other.
"""

import io
import math
import os
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from itertools import islice
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import tokenizer_core as tc

WATCHED = 20.0  # seconds after a visitor's last question in which what they watch stays
SPARE_REELS = 6  # of samples that nobody watches and a film keeps
ORIGINAL_BYTES = 2 << 20  # of a film's original, with what its scorer knows of it
FRAME_BYTES = 600  # of a frame beside its two texts: the scores, and the objects themselves
LADDER = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


class Take(NamedTuple):
    """How a reel was decoded; `mode` is one of `tc.MODES`."""

    mode: str
    steps: int
    seed: int


MEAN = Take("mean", 1, 0)
Crop = tuple[float, float, float]  # centre (0..1 of width and height), zoom (1: the largest square)
Measured = tc.Score | tc.Spectrum  # of a picture, with an original or without
MIDDLE: Crop = (0.5, 0.5, 1.0)


def take_of(info: tc.ModelInfo, mode: str) -> Take:
    """The take of one of a model's modes that nobody asked for otherwise."""
    return MEAN if mode == "mean" else Take(mode, info.steps_of(mode), 0)


Plan = list[tuple[Take, list[int]]]


def ladder(lengths: Sequence[int]) -> list[int]:
    """The lengths that come first, coarse to fine: all where they are few; the longest is always there."""
    few = len(lengths) <= len(LADDER)
    return [k for k in lengths if few or k in LADDER or k == lengths[-1]]


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


class Reel(dict[int, Frame]):
    """The frames of a take, by length.

    Attributes:
        readers: how many questions that read it are being answered.
        read: when the last one was, by the clock of `time.monotonic`.
        size: bytes of all its frames.
    """

    def __init__(self):
        super().__init__()
        self.readers, self.read, self.size = 0, monotonic(), 0

    @property
    def watched(self) -> bool:
        """Whether somebody reads it, or did a moment ago."""
        return self.readers > 0 or monotonic() - self.read < WATCHED


@dataclass(eq=False)
class Film:
    """A photo, its encoding (once there) and its reels; safe for several threads."""

    photo: Image.Image | None  # None: a link brought the tokens alone
    info: tc.ModelInfo
    crop: Crop = MIDDLE
    credit: str = ""
    example: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    # what the page gets besides frames: "tokens" (packed), "codes" (see `codes_of`), "attention" (maps and
    # raw mass), and "linear" and "webp" of other codes (see `Studio.rivals`). It is replaced, never changed:
    # whoever reads it has a whole
    told: dict[str, Any] = field(default_factory=dict)
    reels: dict[Take, Reel] = field(default_factory=dict)
    key: str = ""  # what all visitors share under: of an example, of a link; "" is one visitor's own
    family: str = ""  # all films of one visitor's photo, crops and models: the token of the first of them
    lengths: tuple[int, ...] = ()  # that can be shown; none given: all that the model allows

    def __post_init__(self):
        self.original = self.score = self.spectrum = None
        self.scale = -1.0, 6.5  # log10 power at the plot's ends
        self.family = self.family or self.token
        self.lengths = self.lengths or self.info.lengths
        self._lock, self._made = threading.RLock(), dict[Hashable, threading.Event]()
        self._told_bytes = weight(self.told)
        if self.photo is None:
            return
        self.original = tc.square_crop(
            self.photo, self.info.picture_size, center=self.crop[:2], zoom=self.crop[2]
        )
        self.photo.thumbnail((2048, 2048))  # kept for another crop or another model
        self.score = tc.Scorer(self.original)
        self.spectrum = self.score.spectrum
        power = log_power(self.spectrum)
        self.scale = float(power.min()) - 1.2, float(power.max()) + 0.4

    @property
    def encoding(self) -> Any:
        """All tokens, packed; None before they are there."""
        told = self.told
        return b64decode(told["tokens"]) if "tokens" in told else None

    @property
    def size(self) -> int:
        """Bytes of what it holds beside the photo, which its other crops share."""
        with self._lock:
            reels = sum(reel.size for reel in self.reels.values())
        return reels + self._told_bytes + (ORIGINAL_BYTES if self.original else 0)

    def levels(self, spectrum: tc.Spectrum) -> bytes:
        """Log power of each ring, 0..255 between the ends of this film's plot."""
        low, high = self.scale
        return np.clip((log_power(spectrum) - low) / (high - low) * 255, 0, 255).astype(np.uint8).tobytes()

    def tell(self, news: dict[str, Any]) -> None:
        """Add to what the page gets besides frames."""
        if "tokens" in news and not self.info.ordered:
            news = news | {"codes": codes_of(tc.Encoding.from_bytes(b64decode(news["tokens"])))}
        with self._lock:
            self.told = self.told | news
            self._told_bytes = weight(self.told)

    def reel(self, take: Take) -> Reel:
        """The frames of a take; a new one takes the place of the oldest spare one."""
        with self._lock:
            if take not in self.reels:
                self.reels[take] = Reel()
                self._drop([t for t in self._spare() if not self.reels[t].watched][:-SPARE_REELS])
            self.reels[take].read = monotonic()
            return self.reels[take]

    @contextmanager
    def reading(self, take: Take) -> Iterator[Reel]:
        """The frames of a take, which stay while they are read."""
        with self._lock:
            reel = self.reel(take)
            reel.readers += 1
        try:
            yield reel
        finally:
            with self._lock:
                reel.readers -= 1
                reel.read = monotonic()

    def shed(self) -> None:
        """Let all reels go that no question reads just now: memory is short."""
        with self._lock:
            self._drop(self._spare())

    def _spare(self) -> list[Take]:
        """Takes that nobody reads, the longest unread first; the mean is everybody's."""
        spare = [take for take, reel in self.reels.items() if take != MEAN and not reel.readers]
        return sorted(spare, key=lambda take: self.reels[take].read)

    def _drop(self, takes: Iterable[Take]) -> None:
        for take in takes:
            del self.reels[take]

    def frame(self, array: np.ndarray, measured: Measured | None = None) -> Frame:
        """A decoded picture, (S, S, 3) uint8, scored (unless it was) and compressed."""
        picture = tc.Picture(array)
        spectrum, scores = (measured if isinstance(measured, tc.Spectrum) else None), (None, None, None)
        if self.score:
            psnr, ssim, spectrum, error = measured if isinstance(measured, tc.Score) else self.score(picture)
            bands = [round(off, 3) for off in astuple(error)]
            scores = round(psnr, 2) if math.isfinite(psnr) else None, round(ssim, 3), bands
        levels = b64(self.levels(spectrum or tc.power_spectrum(picture)))
        return Frame(b64(webp(picture.to_pil())), levels, *scores)

    def keep(self, take: Take, k: int, frame: Frame) -> None:
        """Put a frame into its reel, and wake who waits for it."""
        with self._lock:
            reel = self.reel(take)
            if k not in reel:
                reel[k] = frame
                reel.size += len(frame.webp) + len(frame.levels) + FRAME_BYTES
            self._finish([(take, k)])

    def begun(self, take: Take, lengths: Iterable[int]) -> bool:
        """Whether somebody makes, or has made, one of a take's frames."""
        with self._lock:
            return any((take, k) in self._made or k in self.reels.get(take, ()) for k in lengths)

    @contextmanager
    def making(self, things: Iterable[Hashable]) -> Iterator[list]:
        """Which of some things are for this visitor to make, as nobody else does.

        Whoever has them makes them before the end; what did not come, because it failed, is then for others.
        """
        with self._lock:
            mine = [thing for thing in things if thing not in self._made]
            self._made |= {thing: threading.Event() for thing in mine}
        try:
            yield mine
        finally:
            with self._lock:
                self._finish(mine)

    def _finish(self, things: Iterable[Hashable]) -> None:
        for thing in things:
            made = self._made.pop(thing, None)
            if made:
                made.set()

    def wait(self, things: Iterable[Hashable]) -> None:
        """Wait until none of some things is being made."""
        with self._lock:
            events = [self._made[thing] for thing in things if thing in self._made]
        for made in events:
            made.wait()

    def plan(self, sample: Take, dial: int, rest: bool, all_samples: bool) -> Plan:
        """What to decode, in order: where the dial is (the sample, too, if it rests), the ladder, the others.

        Samples cost `steps` times as much: without `all_samples` (on a CPU) only the ladder's are made. They
        come before the other means, as the page shows samples unless it is told otherwise.
        """
        first, others = ladder(self.lengths), rest_of_ladder(self.lengths)
        here = [dial] if dial in self.lengths else []
        plan = [(MEAN, here), (sample, here if rest else []), (MEAN, first), (sample, first)]
        plan += [(sample, others if all_samples else []), (MEAN, others)]
        return plan if len(self.info.modes) > 1 else [part for part in plan if part[0] == MEAN]

    def start(self) -> dict:
        """What the browser needs before the first frame."""
        # A Space's page is a frame: a link must name what is around it.
        photo, space = self.original, os.environ.get("SPACE_ID")
        return {
            "token": self.token,
            "info": self.info.to_dict() | {"lengths": self.lengths, "ladder": ladder(self.lengths)},
            "scale": self.scale,
            "crop": self.crop,
            "original": photo and b64(webp(photo.to_pil(), 90)),
            "reference": self.spectrum and b64(self.levels(self.spectrum)),
            "home": f"https://huggingface.co/spaces/{space}" if space else "",
            "credit": self.credit,
            "example": self.example,
        }


def measured(asked: Sequence[tuple[Film, Sequence[np.ndarray]]], device: str) -> list[list[Measured]]:
    """Of each film's decoded pictures the scores, or the spectra where there is no original.

    Args:
        asked: films of one picture size, each with pictures, (S, S, 3) uint8.
        device: where they are measured, all at once.
    """
    pictures = [(film.score, [tc.Picture(array) for array in arrays]) for film, arrays in asked]
    scored = [(score, some) for score, some in pictures if score]
    bare = [picture for score, some in pictures if not score for picture in some]
    scores, spectra = iter(tc.scores_of(scored, device)), iter(tc.spectra_of(bare, device) if bare else [])
    return [list(next(scores)) if score else list(islice(spectra, len(some))) for score, some in pictures]


def codes_of(encoding: tc.Encoding) -> dict[str, str]:
    """Each code of an unordered model by itself, packed, in base64: a link holds the one that is shown."""
    return {str(length): b64(encoding.code(length).to_bytes()) for length in encoding.lengths}


def weight(value: Any) -> int:
    """About how many bytes a value takes that JSON can hold."""
    if isinstance(value, str):
        return 49 + len(value)
    if isinstance(value, dict):
        return 64 + sum(100 + weight(key) + weight(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return 56 + sum(8 + weight(one) for one in value)
    return 28  # a number


def without(plan: Plan, sent: Collection[tuple[Take, int]]) -> Plan:
    """A plan less what the browser, or the film, has."""
    left = [(take, [k for k in lengths if (take, k) not in sent]) for take, lengths in plan]
    return [(take, lengths) for take, lengths in left if lengths]
