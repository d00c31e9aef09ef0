"""The shelf: which tokenizers are loaded, which are on their way, and which go when others need the room.

Weights load in a background thread, one after another, so the page is there first. Neighbour: `studio`,
which uses what stands here.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import tokenizer_core as tc

log = logging.getLogger("tokendial")
WEIGHTS = 4 << 30  # bytes of weight files whose models stay loaded


class Shelf:
    """The tokenizers of a page by name; safe for several threads.

    Args:
        load: gives a tokenizer for a name and a device, as `tc.load` does.
        infos: what is known of each model, by name.
        stay: names of models that every visitor needs: they are never let go.
        device: "auto", "cpu", "cuda", ...; each model runs on the best of these that it may run on.

    Attributes:
        lost: the device failed for good, and models load for the processor.
    """

    def __init__(
        self,
        load: Callable[[str, str], Any],
        infos: Mapping[str, tc.ModelInfo],
        stay: set[str],
        device: str = "auto",
    ):
        self.load, self.infos, self.lost = load, infos, False
        self._stay, self._device = stay, device
        self._lock, self._futures = threading.Lock(), dict[str, Future]()
        self._pool = ThreadPoolExecutor(1, "load")

    def info(self, name: object) -> tc.ModelInfo:
        """What is known of a model.

        Raises:
            TokenizerError: there is no such model on this page.
        """
        if not isinstance(name, str) or name not in self.infos:
            raise tc.TokenizerError("There is no such model on this page.")
        return self.infos[name]

    def loading(self, name: str) -> Future:
        """The future tokenizer of a name; the first question starts the loading."""
        info = self.info(name)
        with self._lock:
            future = self._futures.pop(name, None)
            failed = future is not None and future.done() and future.exception()
            if future is None or failed:
                device = tc.find_device(self._device, info.devices)
                future = self._pool.submit(self._load_or_say, name, device)
            self._futures[name] = future  # the last one is the one that was asked for last
            self._make_room()
            return future

    def ready(self, name: str, seconds: float = 1.0) -> bool:
        """Whether a model is loaded; waits for it a little.

        Raises:
            TokenizerError: it could not be loaded; the next question tries again.
        """
        future = self.loading(name)
        if not wait([future], seconds).done:
            return False
        future.result()
        return True

    def state(self, name: str) -> str:
        """Of a model: "ready", "loading" or "failed"; asking starts nothing."""
        with self._lock:
            future = self._futures.get(name)
        if future is None or not future.done():
            return "loading"
        return "failed" if future.exception() else "ready"

    def names(self) -> list[str]:
        """The models that are loaded or on their way, the one that was asked for last at the end."""
        with self._lock:
            return list(self._futures)

    def devices(self) -> set[str]:
        """Where the loaded models sit."""
        with self._lock:
            futures = list(self._futures.values())
        return {future.result().device for future in futures if future.done() and not future.exception()}

    def leave_device(self) -> None:
        """Forget all models, as their device is lost; from now on they load for the processor."""
        with self._lock:
            self.lost, self._device = True, "cpu"
            self._futures.clear()

    def _make_room(self) -> None:
        """Let those go that were asked for least lately, until the rest fits; never the last one."""
        size = sum(self.infos[name].size_bytes for name in self._futures)
        for name in list(self._futures)[:-1]:
            if size > WEIGHTS and name not in self._stay and self._futures[name].done():
                size -= self.infos[name].size_bytes
                del self._futures[name]

    def _load_or_say(self, name: str, device: str) -> Any:
        """A loaded tokenizer; why there is none is in the log, and for visitors a sentence."""
        try:
            return self.load(name, device)
        except Exception as error:
            log.exception("The model %s was not loaded", name)
            if isinstance(error, tc.TokenizerError):
                raise
            sentence = f"The model {self.infos[name].title} could not be loaded. Please try once more."
            raise tc.TokenizerError(sentence) from error
