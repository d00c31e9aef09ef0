"""The studio: whose turn it is, and the one call that uses the device.

One decode runs at a time, and a visitor whose dial rests goes before the films. On a Space with ZeroGPU
`record` is wrapped by `spaces.GPU`, runs in a forked worker, and so gets and yields plain data; a photo costs
six calls there (`BATCH`). Long, as all that uses the device is here. Neighbours: `shelf` (the tokenizers),
`turn`, `merge`.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

import tokenizer_core as tc

from . import asker
from .again import Again
from .film import MEAN, Film, Plan, Take, b64, ladder, measured
from .inspections import INSPECTIONS, look
from .merge import Made, Want, Wants, record_together, wished
from .shelf import Shelf
from .store import Store
from .turn import Turn
from .waits import Waits

try:
    from spaces import GPU  # pyright: ignore[reportMissingImports]
except ImportError:
    GPU = None
log = logging.getLogger("tokendial")
# lengths that one question has decoded on a GPU: a quarter of what a ladder of 17 leaves of 257
BATCH = 999 if GPU else 60
CROWD = 20  # more that wait would take the threads that pages and files need


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
        self.baseline = next((info for info in models if info.role == "baseline"), None)
        stay = {info.name for info in (self.default, self.baseline) if info}
        self.shelf = Shelf(load, self.infos, stay, device)
        self.info, self.loading, self.ready = self.shelf.info, self.shelf.loading, self.shelf.ready
        self.films, self.turn, self.wants, self.again = Store(), Turn(), Wants(), Again()
        # now: a handler that opens a photo before the weights are there would keep as many threads as cores
        self._device = tc.find_device(device)
        self._worker = ThreadPoolExecutor(1, "device")
        self._painters = ThreadPoolExecutor(min(16, os.cpu_count() or 1), "webp")
        self.record, self.inspect, self.allocate = map(
            self._where, (self._record, self._inspect, self._allocate)
        )
        self.waits = Waits(self._expect)

    @property
    def models(self) -> list[dict[str, Any]]:
        """What a visitor may choose from, the default first."""
        return [
            {"name": name, "title": info.title, "role": info.role, "ordered": info.ordered}
            for name, info in self.infos.items()
        ]

    def warm_up(self) -> None:
        """Start to load what every visitor needs. A GPU's first pictures are slow, and made for nobody."""
        info = self.default
        for wanted in (info, self.baseline):
            if wanted is not None:
                self.loading(wanted.name)
        if self._device != "cpu" and not GPU:  # on ZeroGPU nothing that was prepared survives a call
            self._on_device(self._accelerate, info.name).add_done_callback(_say_what_failed)
            takes = [MEAN, Take("sample", info.default_steps, 0)] if info.generative else [MEAN]
            plan = [(take, list(info.lengths[1:n])) for n in (2, 17) for take in takes]
            black = np.zeros((info.picture_size, info.picture_size, 3), np.uint8)
            first = self._on_device(self._record, info.name, black, plan)
            first.add_done_callback(_say_what_failed)

    def on_gpu(self, name: str) -> bool:
        """Whether the model sits on a GPU; waits until it is loaded."""
        return self.loading(name).result().device.startswith("cuda")

    def _where(self, make: Callable[..., Iterator]) -> Callable[..., Any]:
        """What uses the device, so that anybody may call it: it gets and yields plain data."""
        return GPU(duration=40)(make) if GPU else lambda *what: self._on_device(make, *what).result()

    def _on_device(self, make: Callable[..., Iterator], *what: Any) -> Future:
        """All that `make` yields, made by the one thread that uses the device whoever asks.

        PyTorch keeps handles and plans for each thread, and a handler's ends after ten idle seconds: in a new
        one an encode and a decode took 0.2 s longer on an H200.
        """
        leaving = asker.leaving()  # of who asks now; the other thread knows nobody
        return self._worker.submit(self._made, leaving, make, what)

    def _made(self, leaving: Callable[[], bool], make: Callable[..., Iterator], what: tuple) -> list:
        """All that `make` yields, unless who asked leaves; what a fault broke is mended."""
        try:
            with tc.stoppable(leaving):
                return list(make(*what))
        except Exception as error:
            self._mend(tc.fault_of(error))
            raise

    def _mend(self, fault: tc.Fault) -> None:
        """So that the next visitor has more luck: memory is given back; a device that is lost is left."""
        for device in self.shelf.devices():
            if fault == "memory":
                tc.free_memory(device)
            elif fault == "device" and not tc.works(device):
                log.error("%s is left: until the program is started anew the processor computes", device)
                self.shelf.leave_device()

    def health(self) -> str:
        """Of the first model: "ready", "loading" or "failed"; or "lost", the device failed for good."""
        return "lost" if self.shelf.lost else self.shelf.state(self.default.name)

    def _accelerate(self, name: str) -> Iterator[None]:
        """Have the model record and compile what it can; the thread that will use it does."""
        tokenizer = self.loading(name).result()
        tokenizer.accelerate()
        yield

    def _record(self, name: str, source: Any, plan: Plan, maps: bool = True) -> Iterator[tuple]:
        """Use the device. `source`: (S, S, 3) uint8 to encode, or packed tokens.

        Yields (take, k, (S, S, 3) uint8) for all that is planned; of what it encodes first ("tokens", packed)
        and at the end, if `maps` are wanted, ("attention", what `look` says of the middle layer).
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
        if maps and encoding is not None and tokenizer.info.has_attention:
            yield "attention", look(tokenizer, encoding)

    def _inspect(self, name: str, picture: np.ndarray, tokens: bytes, what: str, *more: Any) -> Iterator[Any]:
        """Use the device: one of `INSPECTIONS` of a photo, which is encoded again if the model forgot it.

        Args:
            name: of the model.
            picture: the photo, (S, S, 3) uint8.
            tokens: its tokens, packed.
            what: of `INSPECTIONS`.
            more: what that takes.
        """
        tokenizer, ask = self.loading(name).result(), INSPECTIONS[what]
        try:
            yield ask(tokenizer, tc.Encoding.from_bytes(tokens), *more)
        except tc.TokenizerError:
            yield ask(tokenizer, tokenizer.encode(tc.Picture(picture)), *more)

    def _allocate(self, name: str, picture: np.ndarray, criterion: str, threshold: float) -> Iterator[tuple]:
        """Use the device: how many tokens a photo, (S, S, 3) uint8, needs, and the picture that they hold."""
        judge = _classifier() if tc.CRITERIA[criterion].classified else None
        wanted = tc.criterion_of(criterion, threshold, judge)
        need, found = tc.choose_code(self.loading(name).result(), tc.Picture(picture), wanted)
        yield need, found.array

    def _expect(self, name: str, steps: int) -> float:
        """Seconds that a picture will take a loaded model; measured when it is its turn."""
        tokenizer = self.loading(name).result()
        with self.turn.take(urgent=True):
            return self._worker.submit(tokenizer.waiting_time, steps=steps).result()

    def develop(self, film: Film, take: Take, lengths: list[int], urgent: bool = False) -> None:
        """Make what a film lacks of some lengths, or wait for the visitor who makes it.

        Only the device needs the turn: compression, and scores that no batch brought, are made after it,
        beside the next visitor's.
        """
        with film.reading(take) as reel:
            while lacking := [(take, k) for k in lengths if k not in reel]:
                want = Want(film, take, [k for _, k in lacking])
                with ExitStack() as until_kept:
                    with self.wants.told(want), self.turn.take(urgent):
                        mine = until_kept.enter_context(film.making(lacking))
                        # some of it may have come while the others had their turn
                        todo = [k for _, k in mine if k not in reel]
                        made = self._decode(want, todo) if todo else {}
                    with self.turn.attend():
                        self._finish(film, take, made)
                if not mine:
                    with self.turn.attend():
                        film.wait(lacking)

    def _finish(self, film: Film, take: Take, made: dict[int, Made]) -> None:
        """Score and compress pictures; a GPU scores them all at once, and beside it threads compress."""
        if not made:
            return
        if GPU or not self.on_gpu(film.info.name):
            for k, (array, found) in made.items():
                film.keep(take, k, film.frame(array, found))
            return
        made = made | self._measure(film, {k: array for k, (array, found) in made.items() if found is None})
        arrays, scores = zip(*made.values(), strict=True)
        for k, frame in zip(made, self._painters.map(film.frame, arrays, scores), strict=True):
            film.keep(take, k, frame)

    def _measure(self, film: Film, arrays: dict[int, np.ndarray]) -> dict[int, Made]:
        """Use the device: pictures with what is measured of them."""
        if not arrays:
            return {}
        device, some = self.loading(film.info.name).result().device, list(arrays.values())
        (found,) = self._worker.submit(measured, [(film, some)], device).result()
        return dict(zip(arrays, zip(some, found, strict=True), strict=True))

    def _decode(self, want: Want, lengths: list[int]) -> dict[int, Made]:
        """What is wanted: decoded by somebody else meanwhile, or now; the caller has the turn."""
        given = self.wants.given(want)
        ready = {k: given[k] for k in lengths if k in given}
        rest = [k for k in lengths if k not in given]
        if not rest:
            return ready
        name, made = want.film.info.name, None
        if not GPU and wished(self.on_gpu(name)):
            record = functools.partial(self._on_device, record_together, self.loading(name).result())
            made = self.wants.together(want, rest, record)
        if made is None:
            return ready | self._decode_alone(want.film, want.take, rest)
        return ready | dict(zip(rest, made, strict=True))

    def _decode_alone(self, film: Film, take: Take, lengths: list[int]) -> dict[int, Made]:
        """Use the device for a film, whose photo it encodes first if nobody has; the caller has the turn."""
        source = film.encoding or film.original.array  # pyright: ignore[reportOptionalMemberAccess]
        # on ZeroGPU a call is what costs: there the maps come along
        recorded = list(self.record(film.info.name, source, [(take, lengths)], GPU is not None))
        news = {what: values[0] for what, *values in recorded if not isinstance(what, Take)}
        if news:
            film.tell(news)
        return {values[0]: (values[1], None) for what, *values in recorded if isinstance(what, Take)}

    def compare(self, film: Film) -> None:
        """Tell a film of other codes, once; without a photo there is nothing to compare with."""
        if original := film.original:
            self._tell_once(film, "linear", lambda: self.rivals(original, film.info))

    def find_maps(self, film: Film) -> None:
        """Tell a film where its tokens looked, once; without a photo, or in a model without maps, nothing is.

        No first picture waits for that: whoever shows the film calls this later.
        """
        original, tokens = film.original, film.encoding
        if original and tokens and film.info.has_attention:
            self._tell_once(film, "attention", lambda: {"attention": self._maps(film, original, tokens)})

    def _maps(self, film: Film, original: tc.Picture, tokens: bytes) -> list:
        """Use the device: what `look` says of the middle layer."""
        with self.turn.take():
            (maps,) = self.inspect(film.info.name, original.array, tokens, "layer")
        return maps

    def _tell_once(self, film: Film, what: str, make: Callable[[], dict[str, Any]]) -> None:
        """Tell a film what `make` gives, unless it knows of `what`, or wait for the visitor who makes it."""
        while what not in film.told:
            with film.making([what]) as mine:
                # whoever was here before may just have told
                if mine and what not in film.told:
                    film.tell(make())
            if not mine:
                with self.turn.attend():
                    film.wait([what])

    def baseline_pictures(self, photo: tc.Picture, lengths: Sequence[int]) -> list[tc.Picture]:
        """What the baseline makes of a photo, at some of its lengths; nothing where there is none."""
        if self.baseline is None:
            return []
        tokenizer = self.loading(self.baseline.name).result()
        with self.turn.take():
            encoding = tc.Encoding.from_bytes(tokenizer.encode(photo).to_bytes())
            return [picture for _, picture in tokenizer.decode_many(encoding, lengths, steps=1)]

    def rivals(self, original: tc.Picture, info: tc.ModelInfo) -> dict[str, Any]:
        """PSNR of other codes, dB: "linear" by tokens, "webp" as [tokens of as many bytes, dB]."""
        tokens = {info.bytes_of(k): k for k in ladder(info.lengths)}
        linear = self._baseline_curve(original)
        webp = tc.best_pictures(original, "WebP", list(tokens))
        return {
            "linear": linear,
            "webp": [[tokens[size], round(tc.psnr(picture, original), 2)] for size, picture in webp.items()],
        }

    def _baseline_curve(self, original: tc.Picture) -> list[float | None]:
        """The baseline's PSNR by tokens, dB; None at lengths that it has not."""
        lengths = self.baseline.lengths if self.baseline else ()
        pictures = self.baseline_pictures(original, lengths)
        found = {k: round(tc.psnr(one, original), 2) for k, one in zip(lengths, pictures, strict=True)}
        return [found.get(k) for k in range(max(found, default=-1) + 1)]


def _say_what_failed(future: Future) -> None:
    """Log why something that nobody waits for came to nothing."""
    error = future.exception()
    if error:
        log.error("The first pictures, made for nobody, failed", exc_info=error)


@functools.cache
def _classifier() -> tc.LiteClassifier:
    """What judges features and labels."""
    return tc.LiteClassifier(2)
