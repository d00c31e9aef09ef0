"""Where a run computes: one process a GPU, and what the processes tell one another.

With torchrun each process takes one GPU, and gradients are averaged over all of them. Everything here also
works with one process, where nothing is sent.
"""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tokenizer_core.engine.devices import fastest_dtype
from tokenizer_core.errors import TokenizerError

M = TypeVar("M", bound=nn.Module)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Place:
    """Where this process computes, which of how many it is, and in which numbers (None: the faster ones)."""

    device: torch.device
    rank: int
    world: int
    dtype: torch.dtype | None = None

    @classmethod
    def find(cls) -> "Place":
        """One GPU a process under torchrun; else the first GPU, else the CPU."""
        rank = int(os.environ.get("RANK", "0"))
        world = int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cpu")
        if torch.cuda.is_available():
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if world > 1 and not dist.is_initialized():
            _import_what_would_hold_a_group()
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(device, rank, world)

    def in_numbers(self, name: str) -> "Place":
        """The same place, where networks compute in these numbers: "auto" is what rank 0 finds faster.

        Raises:
            TokenizerError: the name is not auto, float32 or bfloat16.
        """
        if name not in ("auto", *DTYPES):
            raise TokenizerError(f"dtype must be auto, float32 or bfloat16, not {name}.")
        if name != "auto":
            return replace(self, dtype=DTYPES[name])
        fast = self.agree(float(fastest_dtype(str(self.device)) == torch.bfloat16))
        return replace(self, dtype=torch.bfloat16 if fast else torch.float32)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 where networks compute in it."""
        dtype = self.dtype or fastest_dtype(str(self.device))
        return torch.autocast(self.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)

    def compiled(self, function: Any) -> Any:
        """The same function, compiled where there is a GPU."""
        return torch.compile(function, dynamic=False) if self.device.type == "cuda" else function

    def compile_blocks(self, *stacks: nn.ModuleList, dynamic: bool = False) -> None:
        """Compile the blocks of each stack in place: alike, they are compiled once, not once a block.

        Args:
            stacks: of blocks.
            dynamic: one graph for all numbers of tokens, where they differ from call to call.
        """
        if self.device.type != "cuda":
            return
        for stack in stacks:
            for block in stack:
                block.compile(dynamic=dynamic)

    def generator(self, seed: int) -> torch.Generator:
        """A generator of this process: same seed and rank, same draws."""
        return torch.Generator(self.device).manual_seed(seed * 1000 + self.rank)

    def put(self, module: M) -> M:
        """The module on this device, with rank 0's weights, its kernels channels last."""
        module = module.to(self.device)
        for value in module.state_dict().values():
            self.take_first(value)
        return module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Data parallelism: every process ends with the mean of all processes' gradients."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.total(torch.cat([g.flatten() for g in gradients]))
        means = (flat / self.world).split([g.numel() for g in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def agree(self, value: float) -> float:
        """Rank 0's value, on every process, so that all stop at the same step."""
        box = torch.tensor([value], device=self.device, dtype=torch.float64)
        return self.take_first(box).item()

    def any(self, *flags: bool | Tensor) -> list[bool]:
        """Of each flag, whether it is set in any process: the same answer on all of them."""
        box = torch.stack([torch.as_tensor(flag, device=self.device).float() for flag in flags])
        if self.world > 1:
            dist.all_reduce(box, dist.ReduceOp.MAX)
        return [value > 0 for value in box.tolist()]

    def total(self, value: Tensor) -> Tensor:
        """The sum of all processes' tensors of one shape, in place, on every process."""
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def take_first(self, value: Tensor) -> Tensor:
        """Rank 0's tensor, in place, on every process."""
        if self.world > 1:
            dist.broadcast(value, 0)
        return value

    def gather(self, value: Tensor) -> list[Tensor]:
        """All processes' tensors of one shape, on rank 0's processor; nothing on the others."""
        if self.world == 1:
            return [value.cpu()]
        here = value.to(self.device).contiguous()
        boxes = [torch.empty_like(here) for _ in range(self.world)] if self.rank == 0 else None
        dist.gather(here, boxes)
        return [box.cpu() for box in boxes or ()]

    def share_bytes(self, data: bytes) -> bytes:
        """Rank 0's bytes, on every process."""
        if self.world == 1:
            return data
        size = int(self.agree(len(data)))
        if size == 0:
            return b""
        box = torch.zeros(size, dtype=torch.uint8, device=self.device)
        if self.rank == 0:
            box.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        return self.take_first(box).cpu().numpy().tobytes()


def _import_what_would_hold_a_group() -> None:
    """Import, while there is no group, the module whose functions have the group of that moment as a default.

    PyTorch's compiler imports it, and every optimiser imports the compiler. If that comes later, the defaults
    hold the group, and its threads run on after `leave`, while Python ends. A thread of gloo that lets go of
    its last tensor then asks for Python's lock, gets none, and aborts a process whose work is done: signal 6,
    "terminate called without an active exception", and torchrun takes the whole run for failed.
    """
    import_module("torch.distributed.nn.functional")


def leave() -> None:
    """End this process's part in the group and its threads, if there is one: then all end without a word."""
    if dist.is_initialized():
        dist.destroy_process_group()
