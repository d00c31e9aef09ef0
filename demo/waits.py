"""How long a slow model takes for a picture: measured once, and told before anybody waits for it.

Most models are too quick for that, and all of a GPU. Where one is slow, a page gets one picture a question,
so that it can stop after any, and of the lengths those of the ladder and the dial's. Neighbours: `handlers`,
which asks; page/wait.js, which says it.
"""

import threading
from collections.abc import Callable

from .film import MEAN, Film, Plan, Take, ladder

WORTH_A_WORD = 2.0  # seconds a picture

Wait = dict[str, float]  # by mode: about how many seconds a picture takes


class Waits:
    """What was measured so far, by model and number of steps.

    Args:
        measure: seconds that a picture takes, of a loaded model's name and a number of steps.
    """

    def __init__(self, measure: Callable[[str, int], float]):
        self._measure, self._lock = measure, threading.Lock()
        self._known = dict[tuple[str, int], float]()

    def of(self, film: Film, sample: Take) -> Wait:
        """Of a film's pictures, its samples' steps being those of `sample`; nothing where they are quick."""
        takes = [MEAN, sample] if len(film.info.modes) > 1 else [MEAN]
        found = {take.mode: self._seconds(film.info.name, take.steps) for take in takes}
        return found if max(found.values()) >= WORTH_A_WORD else {}

    def _seconds(self, name: str, steps: int) -> float:
        with self._lock:
            known = self._known.get((name, steps))
        if known is None:
            known = round(self._measure(name, steps), 1)
        with self._lock:
            return self._known.setdefault((name, steps), known)


def soon_of(plan: Plan, film: Film, dial: int) -> Plan:
    """A plan without the lengths that are neither in the ladder nor the dial's."""
    few = {dial, *ladder(film.lengths)}
    some = [(take, [k for k in lengths if k in few]) for take, lengths in plan]
    return [(take, lengths) for take, lengths in some if lengths]
