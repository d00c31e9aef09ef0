"""Which device to compute on, and in which numbers."""

import functools
import time
from collections.abc import Sequence

import torch

from tokenizer_core.errors import TokenizerError

TRIES = 12
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
THREADS = 4  # of a processor beside a GPU, at most


def find_device(asked: str, kinds: Sequence[str] = ("cuda", "cpu")) -> str:
    """A device's full name: "auto" is the best that is there, "cuda" the first GPU.

    Args:
        asked: "auto", "cpu", "cuda", "cuda:1", ...
        kinds: what the model may run on, best first.

    Beside a GPU, this thread and all that start later keep at most `THREADS` threads of a product or a sum
    for what is left to the processor: scores and spectra of the page's frames took twice as long with 32 of
    them (H200, 13.6 ms a frame with 4, 27.5 with 32). A thread that has used torch before keeps its count.

    Raises:
        TokenizerError: no such device, or none that the model may run on.
    """
    if asked == "auto":
        asked = next((kind for kind in kinds if kind == "cpu" or torch.cuda.is_available()), "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise TokenizerError(f"{asked} is not the name of a device; try auto, cpu or cuda.") from None
    if device.type not in kinds:
        raise TokenizerError(f"This model does not run on {device.type}, but on {' or '.join(kinds)}.")
    if device.type != "cuda":
        return str(device)
    if (device.index or 0) >= torch.cuda.device_count():
        raise TokenizerError(f"The device {asked} is not there.")
    torch.set_num_threads(min(THREADS, torch.get_num_threads()))
    return f"cuda:{device.index or 0}"


def find_dtype(asked: str, device: str) -> torch.dtype:
    """The numbers to compute in.

    Args:
        asked: "auto" (what is faster on this device, as timed), "float32" or "bfloat16". A figure can only be
            repeated on another machine with the same one.
        device: from `find_device`.

    Raises:
        TokenizerError: no such numbers.
    """
    if asked == "auto":
        return fastest_dtype(device)
    if asked not in DTYPES:
        raise TokenizerError(f"{asked} is no kind of numbers here; try auto, {' or '.join(DTYPES)}.")
    return DTYPES[asked]


@functools.cache
def fastest_dtype(device: str) -> torch.dtype:
    """bfloat16 where a matrix product is clearly faster in it than in float32, as timed now.

    On a CPU: 512 x 1024 x 1024 on one thread, since several wait for one another on a busy machine; the
    best of a dozen tries in turn.
    """
    if device != "cpu":
        return torch.bfloat16
    best = {torch.bfloat16: float("inf"), torch.float32: float("inf")}
    pairs = {d: (torch.ones(512, 1024, dtype=d), torch.ones(1024, 1024, dtype=d)) for d in best}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(TRIES):
        for dtype, (a, b) in pairs.items():
            start = time.perf_counter()
            torch.mm(a, b)
            best[dtype] = min(best[dtype], time.perf_counter() - start)
    torch.set_num_threads(threads)
    return torch.bfloat16 if best[torch.bfloat16] < 0.7 * best[torch.float32] else torch.float32
