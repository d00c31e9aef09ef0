"""The shard function: shards decoded, encoded and written, whatever runs it.

One machine (`machine`) and Ray (`cluster`) call `make_shards` with another decoder and other ways to ask for
the next shard; rows and bytes are the same. Decoding is some batches ahead, the device has two batches at
once, and a shard is written by a thread while the next one is encoded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.archives import shown_name
from tokenizer_core.sets import shards, tables
from tokenizer_core.sets.decoding import Batch, Decoder, Job
from tokenizer_core.sets.encoder import Encoder, Packed
from tokenizer_core.sets.plan import Mark, Plan
from tokenizer_core.sets.sources import Item, read_label

AT_THE_DEVICE = 2  # batches


@dataclass
class _Open:
    """A shard that is being made."""

    number: int
    items: Sequence[Item]
    left: int
    crops: np.ndarray
    counts: np.ndarray
    tokens: dict[str, np.ndarray]
    damaged: dict[int, str] = field(default_factory=dict)


def make_shards(
    plan: Plan,
    numbers: Iterable[int],
    encoder: Encoder,
    decoder: Decoder,
    *,
    skip_damaged: bool = False,
    done: Callable[[Mark], None] = lambda mark: None,
    progress: Callable[[int], None] = lambda count: None,
) -> None:
    """Make shards.

    Args:
        plan: which photographs are in them.
        numbers: of the shards; the next one is asked for when the decoder has nothing to do any more.
        encoder: of the plan's model and batch.
        decoder: with the same batch.
        skip_damaged: list what cannot be opened in the shard's mark, and go on.
        done: called with each shard's mark, in another thread, when it is written.
        progress: called with the number of photographs of each batch.

    Raises:
        TokenizerError: a photograph cannot be opened (the sentence names it), or a shard cannot be written.
    """
    _Maker(plan, encoder, decoder, skip_damaged, done, progress).run(numbers)


class _Maker:
    """One call of `make_shards`."""

    def __init__(
        self,
        plan: Plan,
        encoder: Encoder,
        decoder: Decoder,
        skip_damaged: bool,
        done: Callable[[Mark], None],
        progress: Callable[[int], None],
    ) -> None:
        self.plan, self.encoder, self.decoder = plan, encoder, decoder
        self.skip_damaged, self.done, self.progress = skip_damaged, done, progress
        self.open: dict[int, _Open] = {}
        self.written = deque[Future[None]]()

    def run(self, numbers: Iterable[int]) -> None:
        """All shards."""
        running = deque[tuple[Batch, Callable[[], Packed]]]()
        with ThreadPoolExecutor(1) as writer:
            for batch in self.decoder.batches(self._jobs(iter(numbers))):
                running.append((batch, self.encoder.submit(batch)))
                if len(running) == AT_THE_DEVICE:
                    self._take(*running.popleft(), writer)
            while running:
                self._take(*running.popleft(), writer)
            for future in self.written:
                future.result()

    def _jobs(self, numbers: Iterator[int]) -> Iterator[Job]:
        """The batches of all shards; may run in the decoder's thread."""
        size = self.encoder.batch
        for number in numbers:
            items = self.plan.items(number)
            n, width = len(items), self.encoder.layout.token_bytes
            tokens = {
                name: np.zeros((n, length, width), np.uint8)
                for name, length in self.encoder.layout.columns.items()
            }
            crops, counts = np.zeros((n, 4), np.float32), np.zeros(n, np.int64)
            self.open[number] = _Open(number, items, -(-n // size), crops, counts, tokens)
            for first in range(0, n, size):
                yield Job((number, first), [item.place for item in items[first : first + size]])

    def _take(self, batch: Batch, wait: Callable[[], Packed], writer: ThreadPoolExecutor) -> None:
        """One batch's tokens into its shard, which is written if it is whole."""
        number, first = batch.mark
        packed, shard = wait(), self.open[number]
        for row, sentence in sorted((batch.damaged | packed.damaged).items()):
            if not self.skip_damaged:
                raise TokenizerError(f"{shown_name(shard.items[first + row].key)}: {sentence}")
            shard.damaged[first + row] = sentence
        rows = slice(first, first + batch.count)
        shard.crops[rows], shard.counts[rows] = batch.crops, packed.counts
        for name, tokens in packed.columns.items():
            shard.tokens[name][rows] = tokens
        shard.left -= 1
        self.progress(batch.count)
        if shard.left == 0:
            del self.open[number]
            self.written.append(writer.submit(self._write, shard))
            while len(self.written) > 2:
                self.written.popleft().result()

    def _write(self, shard: _Open) -> None:
        keep = np.array([row for row in range(len(shard.items)) if row not in shard.damaged], np.int64)
        rows = shards.Rows(
            [_plain(shard.items[row].key) for row in keep],
            self._labels(shard, keep),
            shard.crops[keep],
            shard.counts[keep],
            {name: tokens[keep] for name, tokens in shard.tokens.items()},
        )
        about = {name: self.plan.about[name] for name in ("format", "model", "checkpoint_id", "crop")}
        data = shards.to_bytes(rows, self.plan.about["form"], about)
        damaged = [(_plain(shard.items[row].key), why) for row, why in sorted(shard.damaged.items())]
        self.done(self.plan.commit(shard.number, data, len(keep), damaged))

    def _labels(self, shard: _Open, keep: np.ndarray) -> object:
        columns = tuple(self.plan.about["labels"])
        pieces = self.plan.pieces(shard.number) if columns else []
        if columns and pieces[0]["kind"] == "table":
            parts = [
                tables.labels(str(self.plan.root / piece["file"]), piece["first"], piece["count"], columns)
                for piece in pieces
            ]
            return tables.arrow().concat_tables(parts, promote_options="permissive").take(keep)
        return {name: [_label(shard.items[row], name) for row in keep] for name in columns}


def _label(item: Item, name: str) -> str | None:
    value = item.labels.get(name)
    return read_label(value) if isinstance(value, tuple) else value


def _plain(key: str) -> str:
    """A key as text: a file's name need not be UTF-8."""
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
