"""Snapshots: all that a run needs to go on as if nothing had happened.

A snapshot is one safetensors file with a JSON text in its header: networks, averages and optimisers once,
since they are alike in every process; random states, and what else each process alone has, once a process.
Rank 0 writes it whole or not at all, and hands it out when a run goes on: so no other machine needs to see
the folder, and no two processes can go on from different steps.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.place import Place
from tokenizer_core.training.weights import write_whole

KEPT = 2  # the newest one, and one more in case a disk breaks it


@dataclass(frozen=True)
class Snapshot:
    """What is alike in every process, what is this process's own, and numbers and words."""

    shared: dict[str, Tensor]
    own: dict[str, Tensor]
    values: dict[str, Any]


class Snapshots:
    """The snapshots in a run's folder.

    Args:
        folder: the run's; they are in `snapshots/` below it.
        place: of this process.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place = folder / "snapshots", place

    def write(self, step: int, snapshot: Snapshot) -> None:
        """Write one, and remove all but the last two. Every process calls it, since rank 0 collects.

        Raises:
            TokenizerError: the disk is full, or cannot be written to.
        """
        tensors = {f"shared/{name}": value for name, value in snapshot.shared.items()}
        for name, value in sorted(snapshot.own.items()):
            for rank, part in enumerate(self.place.gather(value)):
                tensors[f"{rank}/{name}"] = part
        if self.place.rank != 0:
            return
        packed = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        values = snapshot.values | {"world": self.place.world}
        write_whole(self.folder / f"step-{step:09}.safetensors", save(packed, {"values": json.dumps(values)}))
        for old in [*self._files()[KEPT:], *self.folder.glob("*.part")]:  # a killed run's, too
            old.unlink()

    def newest(self) -> Snapshot | None:
        """The newest that can be read, the same in every process; None where there is none.

        Raises:
            TokenizerError: none of those that are there can be read, or another number of processes wrote it.
        """
        data = self.place.share_bytes(self._newest_bytes() if self.place.rank == 0 else b"")
        if not data:
            return None
        values = _values(data)
        if values["world"] != self.place.world:
            raise TokenizerError(
                f"The snapshot in {self.folder.parent.name} is of a run with {values['world']} processes, "
                f"and cannot go on with {self.place.world}."
            )
        tensors = load(data)
        own = _of_room(f"{self.place.rank}/", tensors)
        return Snapshot(_of_room("shared/", tensors), own, values)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)

    def _newest_bytes(self) -> bytes:
        files = self._files()
        for file in files:
            data = file.read_bytes()
            try:
                load(data)
                _values(data)
            except (SafetensorError, ValueError, KeyError):
                continue
            return data
        if files:
            raise TokenizerError(
                f"No snapshot in {self.folder.parent.name} can be read; delete {files[0].parent}."
            )
        return b""


def _values(data: bytes) -> dict[str, Any]:
    """The JSON text in a safetensors file's header, which is 8 bytes for its length and then itself JSON."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["values"])


@dataclass(frozen=True)
class Moving:
    """All tensors that move while a run trains, save those that a trainer keeps for itself.

    Args:
        modules: networks with everything that is in them.
        averages: of the first of them.
        optimisers: of their parameters.
        generators: those that this process draws from.
    """

    modules: Sequence[nn.Module]
    averages: AveragedWeights
    optimisers: Sequence[torch.optim.Optimizer]
    generators: Sequence[torch.Generator]

    def shared(self) -> dict[str, Tensor]:
        """Networks, averages and optimisers, by name."""
        found = {f"average/{name}": value for name, value in self.averages.values.items()}
        for i, module in enumerate(self.modules):
            found |= {f"module {i}/{name}": value for name, value in module.state_dict().items()}
        for i, optimiser in enumerate(self.optimisers):
            for j, parameter in enumerate(_parameters(optimiser)):
                state = optimiser.state.get(parameter, {})
                found |= {f"optimiser {i}/{j}/{name}": value for name, value in state.items()}
        return found

    def own(self) -> dict[str, Tensor]:
        """States of this process's generators, by name."""
        return {f"generator {i}": generator.get_state() for i, generator in enumerate(self._generators())}

    @torch.no_grad()
    def take(self, snapshot: Snapshot) -> None:
        """Everything as it was; tensors keep the layout in memory that they have now."""
        for name, value in self.averages.values.items():
            value.copy_(snapshot.shared[f"average/{name}"])
        for i, module in enumerate(self.modules):
            module.load_state_dict(_of_room(f"module {i}/", snapshot.shared))
        for i, optimiser in enumerate(self.optimisers):
            for j, parameter in enumerate(_parameters(optimiser)):
                state = _of_room(f"optimiser {i}/{j}/", snapshot.shared)
                optimiser.state[parameter] = {name: _like(parameter, value) for name, value in state.items()}
        for i, generator in enumerate(self._generators()):
            generator.set_state(snapshot.own[f"generator {i}"])

    def _generators(self) -> list[torch.Generator]:
        """Torch's own ones count, too: whatever draws without a generator draws from them."""
        more = [torch.default_generator]
        if torch.cuda.is_available():
            more.append(torch.cuda.default_generators[torch.cuda.current_device()])
        return [*self.generators, *more]


def _parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _of_room(room: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(room): value for name, value in tensors.items() if name.startswith(room)}


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """On the parameter's device; what has its shape also gets its layout, as an optimiser makes it."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
