"""The studio: the loaded tokenizers, whose turn it is, and the one call that uses the device.

Weights load in a background thread, so the page is there first. One decode runs at a time, and a visitor
whose dial rests goes before the films. On a Space with ZeroGPU `record` is wrapped by `spaces.GPU`, runs in
a forked worker, and so gets and yields plain data; a photo costs six calls there (`BATCH`).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

import tokenizer_core as tc
from demo.film import LADDER, MEAN, Film, Plan, Take, b64, without

try:
    from spaces import GPU  # pyright: ignore[reportMissingImports]
except ImportError:
    GPU = None
BATCH = 999 if GPU else 64  # lengths that one question has decoded on a GPU
CROWD = 20  # more that wait would take the threads that pages and files need


class Turn:
    """One at a time. Of all that are not urgent only one stands at the door: an urgent one is in soon."""

    def __init__(self):
        self.door, self.line, self.here = threading.Lock(), threading.Lock(), []

    @contextmanager
    def take(self, urgent: bool = False) -> Iterator[None]:
        """Wait for the turn and hold it."""
        self.here.append(urgent)
        try:
            with nullcontext() if urgent else self.line, self.door:
                yield
        finally:
            self.here.pop()


class Studio:
    """What all visitors share.

    Args:
        load: gives a tokenizer for a name and a device, as `tc.load` does.
        models: the catalog; the first is the default, the first of that role the baseline.
        device: "auto", "cpu", "cuda", ...; each model runs on the best of these that it may run on.
    """

    def __init__(self, load: Callable[[str, str], Any], models: Sequence[tc.ModelInfo], device: str = "auto"):
        self.infos = {info.name: info for info in models}
        self.default = models[0]
        self.baseline = next(info for info in models if info.role == "baseline")
        # by a token that none but its visitors, or who has the link, can know; in order of use
        self.films, self.turn = OrderedDict[str, Film](), Turn()
        self.opening = threading.Semaphore(8)  # large photos at once: each takes up to half a gigabyte
        # now: a handler that opens a photo before the weights are there would keep as many threads as cores
        self._load, self._asked, self._device = load, device, tc.find_device(device)
        self._pool, self._worker = ThreadPoolExecutor(1, "load"), ThreadPoolExecutor(1, "device")
        self._lock, self._shelf = threading.Lock(), dict[str, Future]()
        self.record = GPU(duration=40)(self._record) if GPU else lambda *what: self._on_device(*what).result()

    def loading(self, name: str) -> Future:
        """The future tokenizer of a name; the first question starts the loading."""
        if name not in self.infos:
            raise tc.TokenizerError("There is no such model on this page.")
        with self._lock:
            failed = name in self._shelf and self._shelf[name].done() and self._shelf[name].exception()
            if name not in self._shelf or failed:
                device = tc.find_device(self._asked, self.infos[name].devices)
                self._shelf[name] = self._pool.submit(self._load, name, device)
            return self._shelf[name]

    def ready(self, name: str, seconds: float = 1.0) -> bool:
        """Whether a model's loading is over; waits for it a little."""
        return bool(wait([self.loading(name)], seconds).done)

    def warm_up(self) -> None:
        """Start to load what every visitor needs. A GPU's first pictures are slow, and made for nobody."""
        for info in (self.default, self.baseline):
            self.loading(info.name)
        if self._device != "cpu" and not GPU:
            sample = Take("sample", self.default.default_steps, 0)
            plan = [(take, list(self.default.lengths[1:n])) for n in (2, 17) for take in (MEAN, sample)]
            self._on_device(self.default.name, np.zeros((256, 256, 3), np.uint8), plan)

    def on_gpu(self, name: str) -> bool:
        """Whether the model sits on a GPU; waits until it is loaded."""
        return self.loading(name).result().device.startswith("cuda")

    def _on_device(self, *what: Any) -> Future:
        """All that `_record` yields, made by the one thread that uses the device whoever asks.

        PyTorch keeps handles and plans for each thread, and a handler's ends after ten idle seconds: in a new
        one an encode and a decode took 0.2 s longer on an H200.
        """
        return self._worker.submit(lambda: list(self._record(*what)))

    def _record(self, name: str, source: Any, plan: Plan, layer: tuple = ("read", None)) -> Iterator[tuple]:
        """Use the device. `source`: (S, S, 3) uint8 to encode, or packed tokens.

        Yields (take, k, (S, S, 3) uint8) for all that is planned; of what it encodes first ("tokens", packed)
        and at the end ("attention", what `look` says of a layer).
        """
        tokenizer, encoding = self.loading(name).result(), None
        if isinstance(source, np.ndarray):
            encoding = tokenizer.encode(tc.Picture(source))
            source = encoding.to_bytes()
            yield "tokens", b64(source)
        tokens = tc.Encoding.from_bytes(source)
        for take, lengths in plan:
            for k, picture in tokenizer.decode_many(tokens, lengths, steps=take.steps, seed=take.seed):
                yield take, k, picture.array
        if encoding is not None and tokenizer.info.has_attention:
            yield "attention", look(tokenizer, encoding, *layer)

    def develop(self, film: Film, take: Take, lengths: list[int]) -> None:
        """Run the device for what a film lacks, and put it there; the caller has the turn."""
        # another visitor's turn may have brought some of it
        todo = without([(take, lengths)], {(take, k) for k in film.reel(take)})
        if not todo and film.encoding is not None:
            return
        source = film.encoding or film.original.array  # pyright: ignore[reportOptionalMemberAccess]
        for what, *values in self.record(film.info.name, source, todo):
            if isinstance(what, Take):
                film.add(what, *values)
            else:
                film.told[what] = values[0]

    def baseline_pictures(self, photo: tc.Picture, lengths: Sequence[int]) -> list[tc.Picture]:
        """What the linear baseline makes of a photo, at some of its lengths."""
        tokenizer = self.loading(self.baseline.name).result()
        with self.turn.take():
            encoding = tc.Encoding.from_bytes(tokenizer.encode(photo).to_bytes())
            return [picture for _, picture in tokenizer.decode_many(encoding, lengths, steps=1)]

    def rivals(self, original: tc.Picture, info: tc.ModelInfo) -> dict[str, Any]:
        """PSNR of other codes, dB: "linear" by tokens, "webp" as [tokens of as many bytes, dB]."""
        tokens = {info.bytes_of(k): k for k in LADDER}
        linear = self.baseline_pictures(original, self.baseline.lengths)
        webp = tc.best_pictures(original, "WebP", list(tokens))
        return {
            "linear": [round(tc.psnr(picture, original), 2) for picture in linear],
            "webp": [[tokens[size], round(tc.psnr(picture, original), 2)] for size, picture in webp.items()],
        }


def look(tokenizer: Any, encoding: tc.Encoding, direction: str = "read", layer: int | None = None) -> list:
    """A map for each token, 0..255 in base64, and its mass, 0..1.

    Read: where it looks, and how much of its attention that is. Write: which patches look at it, and how much
    of all patches' attention it gets.
    """
    maps = tokenizer.attention(encoding, direction, layer)
    each, mass = maps.normalised, maps.raw.sum((1, 2))
    if direction == "write":  # row, column, token
        each, mass = np.moveaxis(each, -1, 0), maps.raw.mean((0, 1))
    return [b64((each * 255).astype(np.uint8).tobytes()), [round(float(share), 4) for share in mass]]
