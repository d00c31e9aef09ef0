"""How many tokens does each photo need? What `tokendial allocate` prints.

Each photo is cut to its middle square and encoded into more and more tokens until its picture is near enough.
Nothing behind that is computed: an adaptive model runs no further pass, and no model decodes a longer code.
Where no length is enough, the best picture counts, and the report says so. Neighbours: `measure.criteria`
(near enough), `Tokenizer.grow` (more and more tokens), `evaluate` (all lengths of all photos).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.criteria import Criterion, first_that_reaches
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture, square_crop
from tokenizer_core.photos.photoset import PhotoSet, photo_set

BAR = 40  # characters of the longest bar
NAME = 40  # characters of a photo's name


@dataclass(frozen=True)
class Need:
    """What one photo needs.

    Attributes:
        name: of the photo's file.
        tokens: the fewest that reach the criterion, else those of the best picture.
        bytes: that they take.
        reached: whether any length reached it.
        scores: of each length that was decoded, the shortest first.
        seconds: that encoding, decoding and judging took.
    """

    name: str
    tokens: int
    bytes: int
    reached: bool
    scores: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Allocation:
    """What every photo needs, and what is needed to repeat it.

    Attributes:
        model: its name.
        checkpoint_id: of its weights.
        photos: name of the folder or archive.
        criterion: name, as `measure.criteria` knows it.
        threshold: of its score.
        told: the criterion in words.
        lengths: that were tried, ascending.
        device: where it was computed.
        dtype: and in which numbers.
        needs: a line a photo.
    """

    model: str
    checkpoint_id: str
    photos: str
    criterion: str
    threshold: float
    told: str
    lengths: tuple[int, ...]
    device: str
    dtype: str
    needs: tuple[Need, ...]

    @property
    def mean_tokens(self) -> float:
        """Over all photos."""
        return fmean(need.tokens for need in self.needs)

    @property
    def share_reached(self) -> float:
        """Of photos that some length was enough for."""
        return fmean(need.reached for need in self.needs)

    def histogram(self) -> dict[int, int]:
        """How many photos stopped at each length because it was enough; every length has its entry."""
        counts = Counter(need.tokens for need in self.needs if need.reached)
        return {length: counts[length] for length in self.lengths}

    def to_json(self) -> str:
        """The report as JSON, with what follows from it."""
        counts = {str(length): count for length, count in self.histogram().items()}
        found = {
            "n": len(self.needs),
            "mean_tokens": self.mean_tokens,
            "mean_bytes": fmean(need.bytes for need in self.needs),
            "share_reached": self.share_reached,
            "histogram": counts,
        }
        return json.dumps({**asdict(self), **found}, indent=1)

    def table(self) -> str:
        """The report as text: what was asked, the histogram, then a line a photo, the simplest first."""
        head = (
            f"{self.model} ({self.checkpoint_id}) on {len(self.needs)} photos of {self.photos}; {self.told};"
            f" {self.device}, {self.dtype}"
        )
        total = (
            f"{self.mean_tokens:.1f} tokens a photo; {self.share_reached:.0%} reach it;"
            f" {fmean(need.seconds for need in self.needs):.2f} s a photo"
        )
        columns = f"{'photo':{NAME}s} {'tokens':>6s} {'bytes':>6s} {'tried':>6s} {'score':>8s}"
        lines = [head, total, "", *self._bars(), "", columns]
        for need in sorted(self.needs, key=lambda need: (not need.reached, need.tokens, need.name)):
            lines.append(self._line(need))
        return "\n".join(lines)

    def _bars(self) -> list[str]:
        """A bar a length, and one for photos that no length was enough for."""
        rows = [(str(length), count) for length, count in self.histogram().items()]
        rows.append(("never", sum(not need.reached for need in self.needs)))
        most = max(count for _, count in rows)
        return [f"{name:>6s} {count:6d} {'#' * round(BAR * count / most)}".rstrip() for name, count in rows]

    def _line(self, need: Need) -> str:
        score = need.scores[self.lengths.index(need.tokens)]
        text = (
            f"{need.name[-NAME:]:{NAME}s} {need.tokens:6d} {need.bytes:6d} {len(need.scores):6d} {score:8.4f}"
        )
        return text if need.reached else f"{text}  not reached"


def allocate(
    tokenizer: Tokenizer,
    photos: str | Path | PhotoSet,
    criterion: Criterion,
    *,
    lengths: Sequence[int] | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Allocation:
    """The fewest tokens for each photo whose picture reaches a criterion.

    Args:
        tokenizer: from `load`, of any family.
        photos: a folder, zip or tar.
        criterion: from `criterion_of`.
        lengths: that are tried, ascending; None is the model's ladder.
        limit: only the first so many photos, in name order.
        progress: called with the number of photos done.

    Raises:
        TokenizerError: there is no photo or one cannot be opened, or the model has no code of such a length.
    """
    info = tokenizer.info
    if limit is not None and limit < 1:
        raise TokenizerError("The number of photos is 1 or more.")
    lengths = tuple(tokenizer.check_lengths(info.ladder if lengths is None else lengths))
    needs = []
    for name, photo in photo_set(photos, limit):
        original = square_crop(photo, info.picture_size)
        needs.append(need_of(tokenizer, original, criterion, lengths, name))
        if progress is not None:
            progress(len(needs))
    return Allocation(
        model=info.name,
        checkpoint_id=info.checkpoint_id,
        photos=photo_set(photos).name,
        criterion=criterion.name,
        threshold=criterion.threshold,
        told=str(criterion),
        lengths=lengths,
        device=tokenizer.device,
        dtype=tokenizer.dtype,
        needs=tuple(needs),
    )


def need_of(
    tokenizer: Tokenizer,
    original: Picture,
    criterion: Criterion,
    lengths: Sequence[int] | None = None,
    name: str = "",
) -> Need:
    """What one picture needs; see `allocate`."""
    return choose_code(tokenizer, original, criterion, lengths, name)[0]


def choose_code(
    tokenizer: Tokenizer,
    original: Picture,
    criterion: Criterion,
    lengths: Sequence[int] | None = None,
    name: str = "",
) -> tuple[Need, Picture]:
    """What one picture needs, and the picture that so many tokens hold; see `allocate`."""
    lengths = tokenizer.check_lengths(tokenizer.info.ladder if lengths is None else lengths)
    began, made = time.perf_counter(), []

    def pictures() -> Iterator[Picture]:
        for _, picture in tokenizer.grow(original, lengths=lengths):
            made.append(picture)
            yield picture

    place, reached, scores = first_that_reaches(criterion, original, pictures())
    tokens, seconds = lengths[place], time.perf_counter() - began
    return Need(name, tokens, tokenizer.info.bytes_of(tokens), reached, scores, seconds), made[place]
