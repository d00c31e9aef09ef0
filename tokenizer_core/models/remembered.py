"""The last few things that were computed, by key: what a tokenizer keeps of the photos in use."""

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from tokenizer_core.codes.encoding import Encoding

T = TypeVar("T")


class Recent(Generic[T]):
    """The values that were put or asked for last; threads may share it.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: bytes) -> bool:
        return key in self._values

    def get(self, key: bytes) -> T | None:
        """The value, which is then the newest; None where there is none any more."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: bytes, value: T) -> None:
        """Keep a value and forget the one that was not used for longest."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)


def key_of(encoding: Encoding) -> bytes:
    """What tells the tokens of two photos apart."""
    return encoding.tokens.tobytes() + encoding.positions.tobytes()
