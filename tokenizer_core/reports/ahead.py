"""Pictures that need no GPU, made in other processes while it works: of codecs, and of models without it.

A process gets the models once, then a photograph at a time. Neighbours: `compare` (who needs both kinds),
`evaluate` (who measures a batch of photographs at a time).
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from tokenizer_core.photos.photo import Picture

Make = Callable[[int, Picture], Iterable[tuple[Any, Picture]]]  # of a photo's number and picture, by place
Made = list[tuple[Any, np.ndarray]]

_make: Make | None = None  # of a process of its own


class Ahead:
    """Processes that make pictures, and wait for nobody.

    Args:
        make: what they do, as `evaluate.measure`'s `decode`; a module's function with its arguments bound,
            since it travels there.
        processes: at least 1.
    """

    def __init__(self, make: Make, processes: int) -> None:
        context = multiprocessing.get_context("spawn")  # a process with CUDA in it cannot be forked
        self._pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(make,))

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, photos: Sequence[tuple[int, Picture]]) -> list[Future[Made]]:
        """Begin with these, (number, picture) each."""
        return [self._pool.submit(_made, number, one.array) for number, one in photos]


def pictures_of(made: Future[Made]) -> Iterator[tuple[Any, Picture]]:
    """Of one photograph, by place; waits until they are there.

    Raises:
        TokenizerError: what `make` raised.
    """
    for place, array in made.result():
        yield place, Picture(array)


def _begin(make: Make) -> None:
    global _make  # a process has one task
    torch.set_num_threads(1)  # there is a process a core
    _make = make


def _made(number: int, array: np.ndarray) -> Made:
    assert _make is not None, "the process has begun"
    return [(place, picture.array) for place, picture in _make(number, Picture(array))]
