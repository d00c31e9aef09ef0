"""Pixels to packed tokens, a batch at a time, on one device that never waits for the next one.

On a GPU one batch is a CUDA graph of the encoder and of the packing, so that a batch costs the processor a
copy and a launch; `submit` returns while it runs. A batch always has the same number of rows, so a
photograph's tokens do not depend on how many others there are. On a processor, and for models that encode
one photograph at a time, `submit` does the work itself. Neighbours: `layout` (the bytes), `pinned`
(memory that a GPU reads), `work` (who asks).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from tokenizer_core.codes.packing import BORDERS
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture
from tokenizer_core.sets.decoding import Batch
from tokenizer_core.sets.layout import Layout
from tokenizer_core.sets.pinned import Pinned

log = logging.getLogger("tokendial")
WARM_UPS = 3  # runs before a graph is recorded


@dataclass
class Packed:
    """A batch of packed tokens.

    Attributes:
        columns: column -> (count, K, bytes).
        counts: (count,) tokens of each row's longest code.
        damaged: row -> sentence of what the model refused.
    """

    columns: dict[str, UInt8[np.ndarray, "n K bytes"]]
    counts: Int[np.ndarray, " n"]
    damaged: dict[int, str]


class Encoder:
    """One tokenizer on one device.

    Args:
        tokenizer: whose tokens are kept.
        batch: rows of every batch.
        compiled: compile the encoder (on a GPU alone): faster, after a minute; other last bits.

    Attributes:
        seconds: that the device has computed so far; on a GPU by its own clock.
    """

    def __init__(self, tokenizer: Tokenizer, batch: int, compiled: bool = False) -> None:
        self.tokenizer, self.batch = tokenizer, batch
        self.layout = Layout.of(tokenizer.info)
        self.on_gpu = tokenizer.device.startswith("cuda")
        self.seconds = 0.0
        self._borders = torch.from_numpy(BORDERS).to(tokenizer.device)
        self._in_batches = self._tokens_of(self._blank()) is not None and self.layout.packs_on_device()
        self._replay: Callable[[], Any] | None = None
        self._pinned: Pinned | None = None
        if self.on_gpu and self._in_batches:
            self._record_or_say(compiled)

    def submit(self, batch: Batch) -> Callable[[], Packed]:
        """Begin with a batch; what is returned waits for it, and releases the batch."""
        if self._replay is not None:
            return self._on_graph(batch)
        start = time.perf_counter()
        packed = self._now(batch) if self._in_batches else self._one_by_one(batch)
        self.seconds += time.perf_counter() - start
        batch.release()
        return lambda: packed

    def pin(self, memory: UInt8[np.ndarray, " bytes"]) -> None:
        """Let a GPU read all of this memory by itself until `close`: copies are then its own work."""
        if self.on_gpu:
            self.close()
            self._pinned = Pinned(memory, self.tokenizer.device)

    def close(self) -> None:
        """Take the memory from the GPU again, which must come before the memory goes."""
        if self._pinned is not None:
            self._pinned.release()
            self._pinned = None

    def device_rate(self, batches: int = 20) -> float:
        """Photographs a second of the device alone, on a batch of blanks that it has already."""
        if self._replay is None:
            size = self.tokenizer.info.picture_size
            levels = np.zeros((self.batch, size, size, 3), np.uint8)
            blank = Batch(None, self.batch, levels, np.zeros((self.batch, 4), np.float32), {})
            start = time.perf_counter()
            for _ in range(batches):
                self.submit(blank)()
            return batches * self.batch / (time.perf_counter() - start)
        with torch.cuda.device(self.tokenizer.device):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            begin.record()
            for _ in range(batches):
                self._replay()
            end.record()
            end.synchronize()
        return batches * self.batch / (begin.elapsed_time(end) / 1000)

    def _blank(self) -> Tensor:
        size = self.tokenizer.info.picture_size
        return torch.zeros(1, size, size, 3, dtype=torch.uint8, device=self.tokenizer.device)

    def _tokens_of(self, levels: Tensor) -> Tensor | None:
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True):
            return self.tokenizer.encode_levels(levels)

    def _record_or_say(self, compiled: bool) -> None:
        """Record the graph; where that fails twice, batches are launched one by one, and the log says why.

        A driver reports an error of earlier work to whatever is called next, and only once: the second try
        is for that.
        """
        for _ in range(2):
            try:
                self._record(compiled)
                return
            except RuntimeError as error:
                log.warning("A batch is not recorded on %s: %s", self.tokenizer.device, error)

    def _record(self, compiled: bool) -> None:
        """The graph of one batch, with the memory that it reads and writes."""
        with torch.cuda.device(self.tokenizer.device), torch.inference_mode():
            self._levels = self._blank().expand(self.batch, -1, -1, -1).contiguous()
            encode = self.tokenizer.encode_levels
            if compiled:
                encode = torch.compile(encode, dynamic=False)

            def once() -> Tensor:
                tokens = encode(self._levels)
                assert tokens is not None
                return self.layout.pack_on_device(tokens, self._borders)

            with torch.backends.cudnn.flags(enabled=True, deterministic=True):
                stream = torch.cuda.Stream()
                stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(stream):
                    for _ in range(WARM_UPS):
                        self._packed = once()
                torch.cuda.current_stream().wait_stream(stream)
                torch.cuda.synchronize()
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may use the device
                    self._packed = once()
            self._replay = graph.replay

    def _on_graph(self, batch: Batch) -> Callable[[], Packed]:
        assert self._replay is not None
        with torch.cuda.device(self.tokenizer.device), torch.inference_mode():
            start, end = (torch.cuda.Event(enable_timing=True, blocking=True) for _ in range(2))
            done = torch.cuda.Event(blocking=True)
            self._levels.copy_(torch.from_numpy(batch.levels), non_blocking=True)
            start.record()
            self._replay()
            end.record()
            result = torch.empty(self._packed.shape, dtype=torch.uint8, pin_memory=True)
            result.copy_(self._packed, non_blocking=True)
            done.record()

        def wait() -> Packed:
            done.synchronize()
            batch.release()
            self.seconds += start.elapsed_time(end) / 1000
            return self._whole(result.numpy()[: batch.count])

        return wait

    def _now(self, batch: Batch) -> Packed:
        levels = torch.from_numpy(batch.levels).to(self.tokenizer.device)
        tokens = self._tokens_of(levels)
        assert tokens is not None
        packed = self.layout.pack_on_device(tokens, self._borders).cpu().numpy()
        return self._whole(packed[: batch.count])

    def _whole(self, packed: np.ndarray) -> Packed:
        ((name, length),) = self.layout.columns.items()
        return Packed({name: packed}, np.full(len(packed), length), {})

    def _one_by_one(self, batch: Batch) -> Packed:
        columns = {
            name: np.zeros((batch.count, length, self.layout.token_bytes), np.uint8)
            for name, length in self.layout.columns.items()
        }
        counts, damaged = np.zeros(batch.count, np.int64), {}
        for row in range(batch.count):
            if row in batch.damaged:
                continue
            try:
                encoding = self.tokenizer.encode(Picture(batch.levels[row].copy()))
                found, counts[row] = self.layout.row(encoding)
            except TokenizerError as error:
                damaged[row] = str(error)
                continue
            for name, data in found.items():
                columns[name][row] = data
        return Packed(columns, counts, damaged)
