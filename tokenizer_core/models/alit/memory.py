"""What encoding saw of the last photos: the maps of a code and its picture need no second encoding.

Neighbours: `tokenizer` (fills it pass by pass and asks it), `networks` (the passes).
"""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from torch import Tensor

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError

REMEMBERED = 8  # photos; what is kept of one takes 4 MB in bfloat16


@dataclass(eq=False)
class Seen:
    """What encoding saw of a photo, a value a pass; a pass is complete when its code is there.

    Attributes:
        codes: (K,) indices.
        starts: (1, N + K, D) what the encoder's blocks read.
        predictions: (1, N, C) the latent that the writer made of the codes.
        halted: (N,) which positions were right then.
    """

    codes: list[np.ndarray] = field(default_factory=list)
    starts: list[Tensor] = field(default_factory=list)
    predictions: list[Tensor] = field(default_factory=list)
    halted: list[np.ndarray] = field(default_factory=list)

    def holds(self, encoding: Encoding) -> bool:
        """Whether all of an encoding's codes are this photo's."""
        own = {len(code): code for code in self.codes}
        return all(np.array_equal(own.get(k, ()), encoding.code(k).tokens) for k in encoding.lengths)


class Memory:
    """The `REMEMBERED` photos that were encoded or asked for last; threads may share it."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED)  # the one that was used last is last
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def keep(self, seen: Seen) -> None:
        """Remember a photo, whose passes may come later."""
        with self._lock:
            self._seen.append(seen)

    def find(self, encoding: Encoding) -> Seen | None:
        """What was seen of the photo that an encoding is of, if it is remembered."""
        with self._lock:
            found = next((seen for seen in reversed(self._seen) if seen.holds(encoding)), None)
            if found is not None:
                self._seen.remove(found)
                self._seen.append(found)
            return found

    def recall(self, encoding: Encoding, what: str) -> Seen:
        """The same.

        Args:
            encoding: of the photo.
            what: what needs it, for the sentence.

        Raises:
            TokenizerError: the photo is not remembered.
        """
        seen = self.find(encoding)
        if seen is None:
            raise TokenizerError(f"{what} need the photo; please encode it again.")
        return seen

    def newest(self) -> Seen:
        """Of the photo that was encoded or asked for last; one must be remembered."""
        return self._seen[-1]

    def forget(self) -> None:
        """No photo is remembered any more."""
        with self._lock:
            self._seen.clear()
