"""Figures of a tokenizer over many photographs: what `tokendial evaluate` prints and the card quotes.

Every photo is cut to its middle square, encoded, packed to bytes and decoded from them, as the page does;
every measure is taken on 8-bit pictures and averaged over photos. Photo number i is sampled with seed + i,
and with several seeds again with seed + i + 10,000, and so on: `noise_seed`.
Neighbours: `tally` (the measuring), `photoset` (the photographs), `judge` (more curves by `measure`).
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tokenizer_core.engine.spread import Spread
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.tally import Measures, Tally, average
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture, square_crop
from tokenizer_core.photos.photoset import PhotoSet, photo_set
from tokenizer_core.reports.blocks import BlockWork, Portable, places_of

CROP = "middle square, 256 x 256, Lanczos"
PHOTOS_AT_A_TIME = 16
NEXT_SEED = 10_000  # between the seeds of one photo


@dataclass(frozen=True)
class Row:
    """The measures of one length at one number of steps; `bytes` is what so many tokens take.

    `mode` is what such pictures are: "mean", "sample", "sharp" or "flow"; "" in reports of earlier versions.
    """

    length: int
    steps: int
    guidance_scale: float
    bytes: int
    measures: Measures
    mode: str = ""

    def to_dict(self) -> dict[str, object]:
        """One flat level, but for `spectrum_error`; without what was not measured."""
        fields = {"length": self.length, "steps": self.steps, "mode": self.mode}
        fields["guidance_scale"] = self.guidance_scale
        measures = {name: value for name, value in asdict(self.measures).items() if value is not None}
        if not math.isfinite(self.measures.psnr):
            measures["psnr"] = None  # equal pictures; JSON has no infinity
        for name, ends in self.measures.intervals.items():
            measures["intervals"][name] = [end if math.isfinite(end) else None for end in ends]
        return {**fields, "bytes": self.bytes, **measures}


@dataclass(frozen=True)
class Report:
    """All rows of an evaluation, and what is needed to repeat it."""

    model: str
    checkpoint_id: str
    photos: str
    n: int
    crop: str
    seed: int
    device: str
    dtype: str
    rows: tuple[Row, ...]
    seeds: int = 1

    def to_json(self) -> str:
        """The report as JSON; `rows` has one object a length and steps."""
        return json.dumps({**asdict(self), "rows": [row.to_dict() for row in self.rows]}, indent=1)

    def table(self) -> str:
        """The report as text: what was measured, then a line a length and steps."""
        steps = ", ".join(str(step) for step in dict.fromkeys(row.steps for row in self.rows))
        lines = [
            f"{self.model} ({self.checkpoint_id}) on {self.n} photos of {self.photos}; crop: {self.crop};"
            f" seed {self.seed}{f' ({self.seeds} a photo)' if self.seeds > 1 else ''}; steps {steps};"
            f" {self.device}, {self.dtype}",
            "length  bytes  steps    mode  guidance   PSNR    SSIM   spectrum error low/middle/high   grid",
        ]
        classified = bool(self.rows) and self.rows[0].measures.feature_distance is not None
        lines[1] += "  features  label  kernel" if classified else ""
        return "\n".join(lines + [_line(row) for row in self.rows])


def _line(row: Row) -> str:
    found = row.measures
    bands = found.spectrum_error
    text = f"{row.length:6d} {row.bytes:6d} {row.steps:6d} {row.mode:>7s} {row.guidance_scale:9.2f}"
    text += f" {found.psnr:6.2f} {found.ssim:7.4f}"
    text += f" {bands.low:14.3f} {bands.middle:8.3f} {bands.high:8.3f} {found.grid_ratio:6.2f}"
    if found.feature_distance is None or found.label_agreement is None:
        return text
    kernel = "-" if found.kernel_distance is None else f"{found.kernel_distance:.4f}"
    return text + f" {found.feature_distance:9.4f} {found.label_agreement:6.3f} {kernel:>7}"


def evaluate(
    tokenizer: Tokenizer,
    photos: str | Path | PhotoSet,
    lengths: Sequence[int],
    steps: Sequence[int],
    *,
    guidance_scale: float | None = None,
    seed: int = 0,
    seeds: int = 1,
    limit: int | None = None,
    classifier: LiteClassifier | None = None,
    progress: Callable[[int], None] | None = None,
    spread: Spread | None = None,
) -> Report:
    """Measure a tokenizer over photographs.

    Args:
        tokenizer: from `load`.
        photos: a folder, zip or tar; or a `PhotoSet`, which may skip damaged ones.
        lengths: prefix lengths, each one that the model allows.
        steps: numbers of sampler steps; 1 is the mean.
        guidance_scale: of the samples; the model's default if None. The mean has none.
        seed: photo i is sampled with seed + i, and again with seed + `noise_seed(i, 1, seeds)`, ...
        seeds: how many samples of a photo and length; a photo's measure is the mean over them.
        limit: only the first so many photos, in name order.
        classifier: adds the feature distance, the label agreement and the kernel distance.
        progress: called with the number of photos done.
        spread: over which processes or cluster; the figures are the same. None is this process alone.

    Raises:
        TokenizerError: nothing to measure, a length or steps out of range, or a photo that cannot be opened.
    """
    info = tokenizer.info
    _check(info.lengths, lengths, steps, limit, seeds)

    decode = _Decode(Portable(tokenizer), lengths, steps, guidance_scale, seed, seeds)
    options = {"limit": limit, "classifier": classifier, "device": tokenizer.device, "progress": progress}
    tallies = measure(photos, decode, **options, spread=spread)
    guidance = float(info.default_guidance if guidance_scale is None else guidance_scale)
    rows = []
    for step in steps:
        for length in lengths:
            found = [tally for place, tally in tallies.items() if place[:2] == (step, length)]
            guided = step > 1 and info.mode_of(step) != "sharp"
            scale, count = guidance if guided else 1.0, info.bytes_of(length)
            rows.append(Row(length, step, scale, count, average(found), info.mode_of(step)))
    return Report(
        model=info.name,
        checkpoint_id=info.checkpoint_id,
        photos=photo_set(photos).name,
        n=rows[0].measures.n,
        crop=CROP,
        seed=seed,
        device=tokenizer.device,
        dtype=tokenizer.dtype,
        rows=tuple(rows),
        seeds=seeds,
    )


@dataclass
class _Decode:
    """What `evaluate` has measured of a photo: pictures by (steps, length, repeat)."""

    tokenizer: Portable
    lengths: Sequence[int]
    steps: Sequence[int]
    guidance_scale: float | None
    seed: int
    seeds: int

    def on(self, device: str | None) -> None:
        """Load the tokenizer, if this is another process."""
        self.tokenizer.get(device)

    def __call__(self, number: int, original: Picture) -> Iterator[tuple[tuple[int, int, int], Picture]]:
        """((step, length, repeat), picture)."""
        tokenizer = self.tokenizer.get()
        for repeat in range(self.seeds):
            drawn = [step for step in self.steps if step > 1 and tokenizer.info.mode_of(step) != "sharp"]
            some = drawn if repeat else self.steps  # all else has no seed
            drawn_from = self.seed + noise_seed(number, repeat, self.seeds)
            options = {"guidance_scale": self.guidance_scale, "seed": drawn_from}
            for (step, length), picture in packed_pictures(
                tokenizer, original, self.lengths, some, **options
            ):
                yield (step, length, repeat), picture


def noise_seed(number: int, repeat: int, repeats: int) -> int:
    """The seed of one sample of one photo, another one for every pair of photo and repeat.

    It is number + 10,000 repeat for the first 10,000 photos. The next 10,000 begin after all repeats of
    those, and so on, so that no photo has the noise of another one's repeat.

    Args:
        number: of the photo, from 0.
        repeat: 0 .. repeats - 1.
        repeats: samples of a photo.
    """
    block, place = divmod(number, NEXT_SEED)
    return place + (block * repeats + repeat) * NEXT_SEED


def measure(
    photos: str | Path | PhotoSet,
    decode: Callable[[int, Picture], Iterable[tuple[Any, Picture]]],
    *,
    limit: int | None = None,
    classifier: LiteClassifier | None = None,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
    spread: Spread | None = None,
) -> dict[Any, Tally]:
    """Measure whatever makes pictures of photographs.

    Args:
        photos: a folder, zip or tar, or a `PhotoSet`; each is cut to its middle square.
        decode: called with a photo's number and picture, yields (place, picture); a place that cannot be had
            for a photo is left out.
        limit: only the first so many photos, in name order.
        classifier: see `evaluate`.
        device: where it is measured.
        progress: called with the number of photos done.
        spread: over which processes or cluster; then `decode` can be pickled.

    Returns:
        A tally a place.

    Raises:
        TokenizerError: there is no photo, or one cannot be opened.
    """
    numbered = enumerate(square_crop(photo) for _, photo in photo_set(photos, limit))
    blocks = iter(lambda: list(islice(numbered, PHOTOS_AT_A_TIME)), [])
    work, done = BlockWork(decode, classifier, device), 0
    tallies: dict[Hashable, Tally] = defaultdict(Tally)
    for count, found in places_of(spread or Spread(), device).map(work, blocks):
        for place, tally in found.items():
            tallies[place].merge(tally)
        done += count
        if progress is not None:
            progress(done)
    return tallies


def packed_pictures(
    tokenizer: Tokenizer,
    original: Picture,
    lengths: Sequence[int],
    steps: Sequence[int],
    guidance_scale: float | None = None,
    seed: int = 0,
) -> Iterator[tuple[tuple[int, int], Picture]]:
    """A picture encoded, packed to bytes and decoded from them: ((step, length), picture) for all pairs."""
    encoding = tokenizer.encode(original)
    encoding = type(encoding).from_bytes(encoding.to_bytes())
    for step in steps:
        options = {"steps": step, "guidance_scale": guidance_scale, "seed": seed}
        for length, picture in tokenizer.decode_many(encoding, lengths, **options):
            yield (step, length), picture


def _check(
    allowed: Sequence[int], lengths: Sequence[int], steps: Sequence[int], limit: int | None, seeds: int
) -> None:
    if not lengths or not steps:
        raise TokenizerError("An evaluation needs at least one length and one number of steps.")
    for length in lengths:
        if length not in allowed:
            raise TokenizerError(f"The length {length} is out of range; here it is {_span(allowed)}.")
    if min(steps) < 1:
        raise TokenizerError("The number of steps is 1 or more.")
    if limit is not None and limit < 1:
        raise TokenizerError("The number of photos is 1 or more.")
    check_seeds(seeds)


def _span(lengths: Sequence[int]) -> str:
    """0 to 256 where there are no gaps, else all of them."""
    first, last = lengths[0], lengths[-1]
    whole = len(lengths) == last - first + 1
    return f"{first} to {last}" if whole else ", ".join(map(str, lengths))


def check_seeds(seeds: int) -> None:
    """Found out before anything is measured.

    Raises:
        TokenizerError: there are no seeds.
    """
    if seeds < 1:
        raise TokenizerError("The number of seeds is 1 or more.")
