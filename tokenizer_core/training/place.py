"""Where a run computes, and what it writes down: one process a GPU, a log of JSON lines.

With torchrun each process takes one GPU and gradients are averaged over processes; only rank 0 writes.
"""

import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tokenizer_core.engine.devices import fastest_dtype

M = TypeVar("M", bound=nn.Module)


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
        device = torch.device("cpu")
        if torch.cuda.is_available():
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(device, rank, world)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 wherever it is the faster one."""
        enabled = fastest_dtype(str(self.device)) == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def compiled(self, function: Any) -> Any:
        """The same function, compiled where there is a GPU."""
        return torch.compile(function, dynamic=False) if self.device.type == "cuda" else function

    def compile_blocks(self, *stacks: nn.ModuleList) -> None:
        """Compile the blocks of each stack in place: alike, they are compiled once, not once a block."""
        for block in [b for stack in stacks for b in stack] if self.device.type == "cuda" else ():
            block.compile(dynamic=False)

    def generator(self, seed: int) -> torch.Generator:
        """A generator of this process: same seed and rank, same draws."""
        return torch.Generator(self.device).manual_seed(seed * 1000 + self.rank)

    def put(self, module: M) -> M:
        """The module on this device, with rank 0's weights, its kernels channels last."""
        module = module.to(self.device)
        for value in module.state_dict().values() if self.world > 1 else ():
            dist.broadcast(value, 0)
        return module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Data parallelism: every process ends with the mean of all processes' gradients."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        means = (flat / self.world).split([g.numel() for g in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def agree(self, value: float) -> float:
        """Rank 0's value, on every process, so that all stop at the same step."""
        box = torch.tensor([value], device=self.device, dtype=torch.float64)
        if self.world > 1:
            dist.broadcast(box, 0)
        return box.item()


class RunLog:
    """A progress line on the terminal and one JSON line in `log.jsonl`, from rank 0 only."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.path, self.active = folder / "log.jsonl", place.rank == 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, **values: Any) -> None:
        """Print and append; numbers are rounded to four digits."""
        if not self.active:
            return
        short = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}
        print(" ".join(f"{k}={v}" for k, v in short.items()), flush=True)  # noqa: T201
        with self.path.open("a") as file:
            file.write(json.dumps(short, default=str) + "\n")
