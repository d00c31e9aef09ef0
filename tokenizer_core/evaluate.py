"""Figures of a tokenizer over many photographs: what `tokendial evaluate` prints and the card quotes.

Every photo is cut to its middle square, encoded, packed to bytes and decoded from them, as the page does;
every measure is taken on 8-bit pictures and averaged over photos. Photo number i is sampled with seed + i.
Neighbours: `tally` (the measuring), `photoset` (the photographs).
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.errors import TokenizerError
from tokenizer_core.interface import Tokenizer
from tokenizer_core.photo import Picture, square_crop
from tokenizer_core.photoset import iter_photos
from tokenizer_core.tally import Measures, Tally

CROP = "middle square, 256 x 256, Lanczos"
PHOTOS_AT_A_TIME = 16


@dataclass(frozen=True)
class Row:
    """The measures of one length at one number of steps; `bytes` is what so many tokens take."""

    length: int
    steps: int
    guidance_scale: float
    bytes: int
    measures: Measures

    def to_dict(self) -> dict[str, object]:
        """One flat level, but for `spectrum_error`; without what was not measured."""
        fields = {"length": self.length, "steps": self.steps, "guidance_scale": self.guidance_scale}
        measures = {name: value for name, value in asdict(self.measures).items() if value is not None}
        if not math.isfinite(self.measures.psnr):
            measures["psnr"] = None  # equal pictures; JSON has no infinity
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

    def to_json(self) -> str:
        """The report as JSON; `rows` has one object a length and steps."""
        return json.dumps({**asdict(self), "rows": [row.to_dict() for row in self.rows]}, indent=1)

    def table(self) -> str:
        """The report as text: what was measured, then a line a length and steps."""
        steps = ", ".join(str(step) for step in dict.fromkeys(row.steps for row in self.rows))
        lines = [
            f"{self.model} ({self.checkpoint_id}) on {self.n} photos of {self.photos}; crop: {self.crop};"
            f" seed {self.seed}; steps {steps}; {self.device}, {self.dtype}",
            "length  bytes  steps  guidance   PSNR    SSIM   spectrum error low/middle/high   grid",
        ]
        judged = bool(self.rows) and self.rows[0].measures.feature_distance is not None
        lines[1] += "  features  label" if judged else ""
        return "\n".join(lines + [_line(row) for row in self.rows])


def _line(row: Row) -> str:
    found = row.measures
    bands = found.spectrum_error
    text = f"{row.length:6d} {row.bytes:6d} {row.steps:6d} {row.guidance_scale:9.2f}"
    text += f" {found.psnr:6.2f} {found.ssim:7.4f}"
    text += f" {bands.low:14.3f} {bands.middle:8.3f} {bands.high:8.3f} {found.grid_ratio:6.2f}"
    if found.feature_distance is None or found.label_agreement is None:
        return text
    return text + f" {found.feature_distance:9.4f} {found.label_agreement:6.3f}"


def evaluate(
    tokenizer: Tokenizer,
    photos: str | Path,
    lengths: Sequence[int],
    steps: Sequence[int],
    *,
    guidance_scale: float | None = None,
    seed: int = 0,
    limit: int | None = None,
    judge: LiteClassifier | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Measure a tokenizer over photographs.

    Args:
        tokenizer: from `load`.
        photos: a folder, zip or tar.
        lengths: prefix lengths, each one that the model allows.
        steps: numbers of sampler steps; 1 is the mean.
        guidance_scale: of the samples; the model's default if None. The mean has none.
        seed: photo i is sampled with seed + i.
        limit: only the first so many photos, in name order.
        judge: adds the feature distance and the label agreement.
        progress: called with the number of photos done.

    Raises:
        TokenizerError: nothing to measure, a length or steps out of range, or a photo that cannot be opened.
    """
    info = tokenizer.info
    _check(info.lengths, lengths, steps, limit)
    judge = judge.to(tokenizer.device) if judge is not None else None
    tallies = {(step, length): Tally(judge) for step in steps for length in lengths}
    pictures = (square_crop(photo) for _, photo in iter_photos(photos, limit))
    done = 0
    while batch := list(islice(pictures, PHOTOS_AT_A_TIME)):
        decoded: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for original in batch:
            frames = _decode_all(tokenizer, original, lengths, steps, guidance_scale, seed + done)
            for place, picture in frames:
                decoded[place].append(picture.to_pixels())
            done += 1
        originals = torch.cat([original.to_pixels() for original in batch]).to(tokenizer.device)
        seen = next(iter(tallies.values())).look(originals)
        for place, pixels in decoded.items():
            tallies[place].add(torch.cat(pixels).to(tokenizer.device), originals, seen)
        if progress is not None:
            progress(done)
    guidance = float(info.default_guidance if guidance_scale is None else guidance_scale)
    rows = tuple(
        Row(length, step, 1.0 if step == 1 else guidance, length * info.bytes_per_token, tally.mean())
        for (step, length), tally in tallies.items()
    )
    return Report(
        model=info.name,
        checkpoint_id=info.checkpoint_id,
        photos=Path(photos).name,
        n=done,
        crop=CROP,
        seed=seed,
        device=tokenizer.device,
        dtype=tokenizer.dtype,
        rows=rows,
    )


def _decode_all(
    tokenizer: Tokenizer,
    original: Picture,
    lengths: Sequence[int],
    steps: Sequence[int],
    guidance_scale: float | None,
    seed: int,
) -> Iterator[tuple[tuple[int, int], Picture]]:
    encoding = tokenizer.encode(original)
    encoding = type(encoding).from_bytes(encoding.to_bytes())
    for step in steps:
        options = {"steps": step, "guidance_scale": guidance_scale, "seed": seed}
        for length, picture in tokenizer.decode_many(encoding, lengths, **options):
            yield (step, length), picture


def _check(allowed: Sequence[int], lengths: Sequence[int], steps: Sequence[int], limit: int | None) -> None:
    if not lengths or not steps:
        raise TokenizerError("An evaluation needs at least one length and one number of steps.")
    for length in lengths:
        if length not in allowed:
            first, last = allowed[0], allowed[-1]
            raise TokenizerError(f"The length {length} is out of range; here it is {first} to {last}.")
    if min(steps) < 1:
        raise TokenizerError("The number of steps is 1 or more.")
    if limit is not None and limit < 1:
        raise TokenizerError("The number of photos is 1 or more.")
