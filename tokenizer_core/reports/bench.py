"""How fast a tokenizer is on this machine, and how fast it could be: what `tokendial bench` prints.

Medians of 20 runs on one drawn picture. The floor is arithmetic: the floating-point operations of the same
call, counted by PyTorch, over the rate of a large matrix product in the same number format, measured in the
same run. Neighbours: `evaluate` (how good), the tokenizers.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture

RUNS = 20
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

    def to_json(self) -> str:
        """The report as JSON; seconds."""
        return json.dumps(asdict(self), indent=1)

    def table(self) -> str:
        """The report as text."""
        head = (
            f"{self.model} ({self.checkpoint_id}); {self.device}, {self.dtype}, {self.threads} threads;"
            f" a matrix product runs at {self.flops_per_second / 1e9:.0f} GFLOP/s"
        )
        columns = f"{'':34s} {'median':>9s} {'fastest':>9s} {'GFLOP':>8s} {'floor':>9s}"
        lines = [
            f"{one.name:34s} {one.median_seconds:8.4f}s {one.fastest_seconds:8.4f}s {one.flops / 1e9:8.2f}"
            f" {one.floor_seconds:8.4f}s"
            for one in self.timings
        ]
        return "\n".join([head, columns, *lines])


def bench(tokenizer: Tokenizer, runs: int = RUNS) -> BenchReport:
    """Time encoding, one mean, one sample at the default steps, the ladder of means, and early exits.

    Args:
        tokenizer: from `load`.
        runs: of each, at least 1, after one that is not counted.
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
    if info.adaptive:  # what stopping early saves
        for last in dict.fromkeys((ladder[0], length, ladder[-1])):
            calls[f"grown to {last} tokens"] = partial(_grow, tokenizer, picture, last)
    rate = matrix_product_rate(tokenizer.device, tokenizer.dtype)
    timings = tuple(_time(name, call, runs, rate) for name, call in calls.items())
    place = (tokenizer.device, tokenizer.dtype, torch.get_num_threads())
    return BenchReport(info.name, info.checkpoint_id, *place, rate, timings)


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
    with FlopCounterMode(display=False) as counter:  # also the run that is not counted
        call()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    flops = counter.get_total_flops()
    return Timing(name, statistics.median(taken), min(taken), runs, flops, flops / rate)
