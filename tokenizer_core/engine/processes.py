"""Processes of this package's own functions, started from any program."""

import multiprocessing
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def start_method() -> Any:
    """How processes are started: from a server that has imported all once, where there is one."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tokenizer_core"])
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """What began this program is not begun again in processes that start inside a `with`.

    So a script needs no guard, and a notebook or standard input, which have no file, can start processes.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def start(target: Any, words: tuple[Any, ...], daemon: bool) -> Any:
    """Start a process that runs a function of this package."""
    process = start_method().Process(target=target, args=words, daemon=daemon)
    with without_main():
        process.start()
    return process
