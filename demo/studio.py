"""The studio: the loaded tokenizers, whose turn it is, and the one call that uses the device.

Weights load in a background thread, so the page is there first. One decode runs at a time, and a visitor
whose dial rests goes before the films. On a Space with ZeroGPU `record` is wrapped by `spaces.GPU`, runs in
a forked worker, and so gets and yields plain data; a photo costs six calls there (`BATCH`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import numpy as np

import tokenizer_core as tc
from demo.film import Film, Films, Plan, Take, without

try:
    from spaces import GPU  # pyright: ignore[reportMissingImports]

    BATCH = 999  # lengths that one question has decoded on a GPU
except ImportError:
    BATCH = 64

    def GPU(duration: int) -> Callable:
        """No Space: leave the function as it is."""
        return lambda function: function


CROWD = 20  # more that wait would take the threads that pages and files need


class Turn:
    """One at a time; the urgent before the others."""

    def __init__(self):
        self.door, self.busy, self.waiting, self.here = threading.Condition(), False, 0, 0

    @contextmanager
    def take(self, urgent: bool = False) -> Iterator[None]:
        """Wait for the turn and hold it."""
        with self.door:
            self.waiting, self.here = self.waiting + urgent, self.here + 1
            self.door.wait_for(lambda: not self.busy and (urgent or not self.waiting))
            self.waiting, self.busy = self.waiting - urgent, True
        try:
            yield
        finally:
            with self.door:
                self.busy, self.here = False, self.here - 1
                self.door.notify_all()


class Studio:
    """What all visitors share.

    Args:
        load: gives a tokenizer for a name and a device, as `tc.load` does.
        models: the catalog; the first is the default, the first that is not generative the baseline.
        device: "auto", "cpu", "cuda", ... The baseline always runs on the CPU.
    """

    def __init__(self, load: Callable[[str, str], Any], models: Sequence[tc.ModelInfo], device: str = "auto"):
        self.infos = {info.name: info for info in models}
        self.default = models[0]
        self.baseline = next((info for info in models if not info.generative), None)
        self.films, self.turn = Films(), Turn()
        self._load, self._device = load, device
        self._pool, self._lock = ThreadPoolExecutor(1, "load"), threading.Lock()
        self._shelf: dict[str, Future] = {}
        self.record = GPU(duration=40)(self._record)

    def loading(self, name: str) -> Future:
        """The future tokenizer of a name; the first question starts the loading."""
        if name not in self.infos:
            raise tc.TokenizerError("There is no such model on this page.")
        with self._lock:
            failed = name in self._shelf and self._shelf[name].done() and self._shelf[name].exception()
            if name not in self._shelf or failed:
                device = self._device if self.infos[name].generative else "cpu"
                self._shelf[name] = self._pool.submit(self._load, name, device)
            return self._shelf[name]

    def ready(self, name: str, seconds: float = 1.0) -> bool:
        """Whether a model's loading is over; waits for it a little."""
        return bool(wait([self.loading(name)], seconds).done)

    def warm_up(self) -> None:
        """Start to load what every visitor needs."""
        for info in filter(None, (self.default, self.baseline)):
            self.loading(info.name)

    def on_gpu(self, name: str) -> bool:
        """Whether the model sits on a GPU; waits until it is loaded."""
        return self.loading(name).result().device.startswith("cuda")

    def _record(self, name: str, source: Any, plan: Plan) -> Iterator[tuple]:
        """Use the device. `source`: (S, S, 3) uint8 to encode, or packed tokens.

        Yields ("encoding", packed tokens), ("attention", (map uint8, mass)), then (take, k, (S, S, 3) uint8).
        """
        tokenizer, encoding = self.loading(name).result(), None
        if isinstance(source, np.ndarray):
            encoding = tokenizer.encode(tc.Picture(source))
            source = encoding.to_bytes()
            yield "encoding", source
        tokens = tc.Encoding.from_bytes(source)
        for number, (take, lengths) in enumerate(plan):
            for k, picture in tokenizer.decode_many(tokens, lengths, steps=take.steps, seed=take.seed):
                yield take, k, picture.array
            if encoding is not None and number == 0 and tokenizer.info.has_attention:
                yield "attention", look(tokenizer, encoding)

    def develop(self, film: Film, take: Take, lengths: list[int]) -> None:
        """Run the device for what a film lacks, and put it there; the caller has the turn."""
        # another visitor's turn may have brought some of it
        todo = without([(take, lengths)], {(take, k) for k in film.reel(take)})
        if not todo and film.encoding is not None:
            return
        source = film.encoding or film.original.array  # pyright: ignore[reportOptionalMemberAccess]
        for item in self.record(film.info.name, source, todo):
            if item[0] == "encoding":
                film.encoding = item[1]
            elif item[0] == "attention":
                film.attention = item[1]
            else:
                film.add(*item)

    def baseline_pictures(self, photo: tc.Picture, lengths: Sequence[int]) -> list[tc.Picture]:
        """What the linear baseline makes of a photo, at some of its lengths; there must be one."""
        tokenizer = self.loading(self.baseline.name).result()  # pyright: ignore[reportOptionalMemberAccess]
        with self.turn.take():
            encoding = tc.Encoding.from_bytes(tokenizer.encode(photo).to_bytes())
            return [picture for _, picture in tokenizer.decode_many(encoding, lengths, steps=1)]

    def baseline_psnr(self, film: Film) -> list[float] | None:
        """PSNR of the linear baseline at each length, for this photo; None without either."""
        if self.baseline is None or film.original is None:
            return None
        pictures = self.baseline_pictures(film.original, self.baseline.lengths)
        return [round(tc.psnr(picture, film.original), 2) for picture in pictures]


def look(tokenizer: Any, encoding: tc.Encoding) -> tuple[bytes, list[float]]:
    """Where each token looks, 0..255, and how much of its attention the patches get, 0..1."""
    maps = tokenizer.attention(encoding, "read")
    mass = [round(float(m), 3) for m in maps.raw.sum((1, 2))]
    return (maps.normalised * 255).astype(np.uint8).tobytes(), mass
