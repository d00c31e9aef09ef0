"""Weights between runs: bfloat16 safetensors in a run's folder, written by rank 0 while training goes on.

A run can also go on from a checkpoint's folder, whose int8 weights lose nothing that a few steps do not mend.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.storage.checkpoints import read_checkpoint
from tokenizer_core.storage.whole import write_whole


def save_weights(path: Path, values: dict[str, Tensor]) -> None:
    """Matrices and kernels in bfloat16, vectors and statistics in float32; replaces the file in one move.

    Raises:
        TokenizerError: the disk is full, or cannot be written to.
    """
    kinds = {name: torch.bfloat16 if value.dim() > 1 else torch.float32 for name, value in values.items()}
    packed = {name: value.detach().to("cpu", kinds[name]).contiguous() for name, value in values.items()}
    write_whole(path, save(packed), make_folders=True)


def load_weights(path: Path, module: nn.Module, allow_missing: tuple[str, ...] = ()) -> None:
    """Fill `module` strictly; keys that start with one of `allow_missing` may be absent.

    Args:
        path: a run's file, or a checkpoint's folder (then the networks that `module` has are taken from it).
        module: what is filled.
        allow_missing: beginnings of keys that only training needs.

    Raises:
        TokenizerError: there is no such file, it is damaged, or its keys or shapes do not match.
    """
    names = set(module.state_dict())
    values = read_weights(path, names)
    if path.is_dir():  # which may hold further networks
        rooms = {name.partition(".")[0] for name in names}
        values = {name: value for name, value in values.items() if name.partition(".")[0] in rooms}
    fill_module(module, values, path.name, allow_missing)


def read_weights(path: Path, names: set[str]) -> dict[str, Tensor]:
    """Tensors by name, of a run's file, or of those networks in a checkpoint's folder that `names` are in.

    Raises:
        TokenizerError: there is no such file, or it is damaged.
    """
    try:
        return _of_checkpoint(path, names) if path.is_dir() else load_file(path)
    except (OSError, SafetensorError) as error:
        raise TokenizerError(f"{path.name} cannot be read as weights.") from error


def fill_module(
    module: nn.Module, values: dict[str, Tensor], source: str, allow_missing: tuple[str, ...] = ()
) -> None:
    """Fill `module` strictly with values that were read from `source`; see `load_weights`.

    Raises:
        TokenizerError: keys or shapes do not match.
    """
    own = module.state_dict()
    missing = [k for k in own if k not in values and not k.startswith(allow_missing or ("\0",))]
    unknown = [k for k in values if k not in own or values[k].shape != own[k].shape]
    if missing or unknown:
        wrong = f"missing {missing[:3]}, unknown or of another shape {unknown[:3]}"
        raise TokenizerError(f"{source} does not fit this network: {wrong}.")
    module.load_state_dict(own | values)


def _of_checkpoint(folder: Path, names: set[str]) -> dict[str, Tensor]:
    """A checkpoint's autoencoder under its own names, or all else, whichever `names` asks for."""
    alone: dict[str, Tensor] = {}
    rest: dict[str, Tensor] = {}
    for name, value in read_checkpoint(folder).tensors.items():
        room, _, key = name.partition(".")
        (alone if room == "autoencoder" else rest)[key if room == "autoencoder" else name] = value
    return alone if names <= set(alone) else rest
