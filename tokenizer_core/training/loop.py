"""What every run needs: devices, the clock that is its schedule, averaged weights, a log, snapshots.

A run is given minutes, not steps: its learning rate, and whatever else changes over time, follows the share of
the minutes that has passed. With torchrun each process takes one GPU and gradients are averaged over processes.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn


@dataclass(frozen=True)
class Place:
    """Where this process computes, and which of how many it is."""

    device: torch.device
    rank: int
    world: int

    @classmethod
    def find(cls) -> "Place":
        """One GPU a process under torchrun; else the first GPU, else the CPU."""
        rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if torch.cuda.is_available():
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        else:
            device = torch.device("cpu")
        if world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(device, rank, world)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 on a GPU, float32 elsewhere."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def generator(self, seed: int) -> torch.Generator:
        """A generator of this process: same seed and rank, same draws."""
        return torch.Generator(self.device).manual_seed(seed * 1000 + self.rank)

    def share_weights(self, module: nn.Module) -> None:
        """Every process starts from rank 0's weights."""
        if self.world > 1:
            for value in module.state_dict().values():
                dist.broadcast(value, 0)

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Data parallelism: every process ends with the mean of all processes' gradients."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch._utils._flatten_dense_tensors(gradients)
        dist.all_reduce(flat)
        flat /= self.world
        for gradient, mean in zip(gradients, torch._utils._unflatten_dense_tensors(flat, gradients), strict=True):
            gradient.copy_(mean)

    def agree(self, value: float) -> float:
        """Rank 0's value, on every process, so that all stop at the same step."""
        if self.world == 1:
            return value
        box = torch.tensor([value], device=self.device, dtype=torch.float64)
        dist.broadcast(box, 0)
        return box.item()


class Schedule:
    """Share of the run's minutes that has passed; the clock starts after `warm_steps` (compilation)."""

    def __init__(self, place: Place, minutes: float, max_steps: int | None = None, warm_steps: int = 10) -> None:
        self.place, self.seconds, self.max_steps, self.warm_steps = place, minutes * 60, max_steps, warm_steps
        self.step, self.share, self.start = 0, 0.0, time.monotonic()

    def __iter__(self) -> "Schedule":
        """Count steps from 0."""
        return self

    def __next__(self) -> int:
        """The number of the next step, until minutes or steps are used up."""
        if self.step <= self.warm_steps:
            self.start = time.monotonic()
        if self.max_steps is not None:
            self.share = self.step / self.max_steps
        elif self.step % 10 == 0:
            self.share = self.place.agree((time.monotonic() - self.start) / self.seconds)
        if self.share >= 1:
            raise StopIteration
        self.step += 1
        return self.step - 1

    def rate(self, decay_from: float, floor: float = 0.01, warm_up: int = 200) -> float:
        """Factor of the learning rate: linear warm-up, flat, linear decay from `decay_from` to `floor`."""
        falling = 1.0 if self.share < decay_from else max(floor, (1 - self.share) / (1 - decay_from))
        return min(1.0, self.step / warm_up) * falling

    @property
    def elapsed(self) -> float:
        """Seconds since the warm steps."""
        return time.monotonic() - self.start


class AveragedWeights:
    """Exponential moving average of a module's floating-point parameters and buffers."""

    def __init__(self, module: nn.Module, decay: float, every: int = 5) -> None:
        self.module, self.decay, self.every = module, decay, every
        self.values = {k: v.detach().clone().float() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the current weights; short memory at first."""
        if step % self.every:
            return
        decay = min(self.decay, (1 + step) / (20 + step)) ** self.every
        now = self.module.state_dict()
        torch._foreach_lerp_(list(self.values.values()), [now[k].float() for k in self.values], 1 - decay)

    def copy_to_module(self) -> None:
        """Replace the module's weights by the averages."""
        now = self.module.state_dict()
        self.module.load_state_dict({k: v.to(now[k].dtype) for k, v in self.values.items()})


class RunLog:
    """A progress line on the terminal and one JSON line in `log.jsonl`, from rank 0 only."""

    def __init__(self, folder: Path, place: Place, name: str, configuration: dict[str, Any]) -> None:
        self.folder, self.active = folder, place.rank == 0
        if self.active:
            folder.mkdir(parents=True, exist_ok=True)
        self.write(run=name, world=place.world, device=str(place.device), **configuration)

    def write(self, **values: Any) -> None:
        """Print and append; numbers are rounded to four digits."""
        if not self.active:
            return
        short = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}
        print(" ".join(f"{k}={v}" for k, v in short.items()), flush=True)  # noqa: T201
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(short, default=str) + "\n")


def picture_grid(path: Path, rows: Sequence[Float[Tensor, "B 3 H W"]], columns: int = 10) -> None:
    """Write rows of pictures in [-1, 1] as one PNG, at most `columns` wide."""
    sheet = torch.cat([torch.cat(list(row[:columns].float().cpu()), 2) for row in rows], 1)
    pixels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path)


def set_rate(optimiser: torch.optim.Optimizer, base: float, factor: float) -> None:
    """Learning rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = base * factor
