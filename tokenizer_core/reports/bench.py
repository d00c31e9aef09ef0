"""How fast a tokenizer is on this machine, and how fast it could be: what `tokendial bench` prints.

Medians of 20 runs on one drawn picture, and of 3 of a film (every length). The floor is arithmetic: the
floating-point operations of the same call, counted by PyTorch, over the rate of a large matrix product in the
same number format, measured in the same run; `rate_share` is that floor over the median. A call ends when
its pictures are arrays on the processor, so a GPU is waited for. Neighbours: `evaluate` (how good), `models`.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.engine.fast import plainly
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture

RUNS = 20
FILM_RUNS = 3  # of a film, which has hundreds of pictures
ONE_LENGTH = 64


@dataclass(frozen=True)
class Timing:
    """One kind of call: median and fastest of `runs`, its operations, and the floor by arithmetic."""

    name: str
    median_seconds: float
    fastest_seconds: float
    runs: int
    flops: int
    floor_seconds: float

    @property
    def rate_share(self) -> float:
        """How much of the matrix product's rate it reached, 0..1."""
        return self.floor_seconds / self.median_seconds if self.median_seconds else 0.0


@dataclass(frozen=True)
class Memory:
    """The most that was taken, in bytes: of the process, and of tensors on its GPU (0 without one)."""

    process: int
    device: int


@dataclass(frozen=True)
class BenchReport:
    """Timings, and what they were measured on."""

    model: str
    checkpoint_id: str
    device: str
    dtype: str
    threads: int
    flops_per_second: float
    timings: tuple[Timing, ...]
    forms: dict[str, dict[str, str]] = field(default_factory=dict)  # recorded or compiled, by rows of a batch
    cold_start_seconds: float = 0.0  # loading and the first picture; 0 where nobody measured it
    device_name: str = ""
    memory: Memory | None = None

    def to_json(self) -> str:
        """The report as JSON; seconds, bytes."""
        return json.dumps(asdict(self), indent=1)

    def timing(self, start: str) -> Timing:
        """The timing whose name starts so."""
        return next(one for one in self.timings if one.name.startswith(start))

    def table(self) -> str:
        """The report as text."""
        head = (
            f"{self.model} ({self.checkpoint_id}); {self.device_name or self.device}, {self.dtype},"
            f" {self.threads} threads;"
            f" a matrix product runs at {self.flops_per_second / 1e9:.0f} GFLOP/s"
        )
        columns = f"{'':34s} {'median':>9s} {'fastest':>9s} {'GFLOP':>8s} {'floor':>9s} {'rate':>5s}"
        lines = [
            f"{one.name:34s} {one.median_seconds:8.4f}s {one.fastest_seconds:8.4f}s {one.flops / 1e9:8.2f}"
            f" {one.floor_seconds:8.4f}s {one.rate_share:4.0%}"
            for one in self.timings
        ]
        return "\n".join([head, columns, *lines, *self._beside()])

    def _beside(self) -> list[str]:
        """Lines of what is no timing of a call."""
        lines = [
            f"{name}: {', '.join(f'{rows} rows {form}' for rows, form in forms.items())}"
            for name, forms in self.forms.items()
        ]
        if self.cold_start_seconds:
            lines.append(f"cold start, to the first picture: {self.cold_start_seconds:.2f} s")
        if self.memory:
            on_device = f", {self.memory.device / 1e9:.2f} GB on the device" if self.memory.device else ""
            lines.append(f"most memory: {self.memory.process / 1e9:.2f} GB{on_device}")
        return lines


def bench(
    tokenizer: Tokenizer, runs: int = RUNS, films: bool = False, cold_start_seconds: float = 0.0
) -> BenchReport:
    """Time encoding, one mean, one sample at the default steps, the ladder of means, and early exits.

    Args:
        tokenizer: from `load`; on a GPU, accelerated or not (`Tokenizer.accelerate`).
        runs: of each, at least 1, after one that is not counted.
        films: also time films, a picture of every length: of means and of samples.
        cold_start_seconds: what loading and the first picture took, where that was measured.
    """
    info = tokenizer.info
    picture = draw_picture(info.picture_size)
    encoding = tokenizer.encode(picture)
    length, ladder = info.nearest(ONE_LENGTH), info.ladder
    calls: dict[str, Callable[[], object]] = {
        "encode": lambda: tokenizer.encode(picture),
        f"mean, length {length}": lambda: tokenizer.decode(encoding, length, steps=1),
    }
    if info.generative:
        name = f"sample, length {length}, {info.default_steps} steps"
        calls[name] = lambda: tokenizer.decode(encoding, length)
    if "sharp" in info.modes:
        steps = info.steps_of("sharp")
        calls[f"sharp, length {length}"] = lambda: tokenizer.decode(encoding, length, steps=steps)
    if "flow" in info.modes:
        name = f"flow, length {length}, {info.flow_steps} steps"
        calls[name] = lambda: tokenizer.decode(encoding, length, steps=info.flow_steps)
    calls[f"ladder of {len(ladder)} means"] = lambda: list(tokenizer.decode_many(encoding, ladder, steps=1))
    if films:
        calls |= _films(tokenizer, encoding)
    if info.adaptive:  # what stopping early saves
        for last in dict.fromkeys((ladder[0], length, ladder[-1])):
            calls[f"grown to {last} tokens"] = partial(_grow, tokenizer, picture, last)
    rate = matrix_product_rate(tokenizer.device, tokenizer.dtype)
    few = min(runs, FILM_RUNS)
    timings = tuple(
        _time(name, call, few if name.startswith("film") else runs, rate) for name, call in calls.items()
    )
    on_gpu = tokenizer.device.startswith("cuda")
    return BenchReport(
        model=info.name,
        checkpoint_id=info.checkpoint_id,
        device=tokenizer.device,
        dtype=tokenizer.dtype,
        threads=torch.get_num_threads(),
        flops_per_second=rate,
        timings=timings,
        forms=getattr(tokenizer, "forms", {}),
        cold_start_seconds=cold_start_seconds,
        device_name=torch.cuda.get_device_name(tokenizer.device) if on_gpu else "",
        memory=most_memory(tokenizer.device),
    )


def _films(tokenizer: Tokenizer, encoding: Encoding) -> dict[str, Callable[[], object]]:
    """A picture of every length: means, and samples at the default steps."""
    info, lengths = tokenizer.info, list(tokenizer.info.lengths)
    found: dict[str, Callable[[], object]] = {
        f"film of {len(lengths)} means": lambda: list(tokenizer.decode_many(encoding, lengths, steps=1))
    }
    if info.generative:
        found[f"film of {len(lengths)} samples"] = lambda: list(tokenizer.decode_many(encoding, lengths))
    return found


def most_memory(device: str) -> Memory:
    """The most that this process has taken so far."""
    try:
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except ImportError:
        process = 0
    return Memory(process, torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else 0)


def _grow(tokenizer: Tokenizer, picture: Picture, length: int) -> None:
    """As far as one length, with its picture."""
    for _ in tokenizer.grow(picture, lengths=[length]):
        pass


def draw_picture(size: int = 256, seed: int = 0) -> Picture:
    """A smooth coloured picture with some grain, always the same."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(6 * down + phase) + np.cos(9 * across * (1 + phase)) for phase in (0.0, 0.5, 1.0)]
    grain = generator.normal(0, 6, (size, size, 3))
    array = 128 + 45 * np.stack(waves, axis=2) + grain
    return Picture(array.round().clip(0, 255).astype(np.uint8))


def matrix_product_rate(device: str, dtype: str, seconds: float = 0.3) -> float:
    """Operations a second of a square matrix product (2 n^3 each), the fastest seen within `seconds`."""
    on_gpu = device.startswith("cuda")
    size = 4096 if on_gpu else 1024
    left = torch.ones(size, size, device=device, dtype=getattr(torch, dtype))
    fastest, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        _ = left @ left
        if on_gpu:
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * size**3 / fastest


def _time(name: str, call: Callable[[], object], runs: int, rate: float) -> Timing:
    with FlopCounterMode(display=False) as counter, plainly():  # what is recorded or compiled counts nothing
        call()
    call()  # the run that is not counted
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    flops = counter.get_total_flops()
    return Timing(name, statistics.median(taken), min(taken), runs, flops, flops / rate)
