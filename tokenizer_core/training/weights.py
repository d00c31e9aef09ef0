"""Weights between runs: bfloat16 safetensors in a run's folder, written by rank 0 while training goes on."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError


def save_weights(path: Path, values: dict[str, Tensor]) -> None:
    """Matrices and kernels in bfloat16, vectors and statistics in float32; replaces the file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = {
        name: value.detach().to("cpu", torch.bfloat16 if value.dim() > 1 else torch.float32).contiguous()
        for name, value in values.items()
    }
    unfinished = path.with_suffix(".part")
    save_file(packed, unfinished)
    unfinished.replace(path)


def load_weights(path: Path, module: nn.Module, allow_missing: tuple[str, ...] = ()) -> None:
    """Fill `module` strictly; keys that start with one of `allow_missing` may be absent.

    Raises:
        TokenizerError: keys do not match.
    """
    values = load_file(path)
    own = module.state_dict()
    missing = [k for k in own if k not in values and not k.startswith(allow_missing or ("\0",))]
    unknown = [k for k in values if k not in own]
    if missing or unknown:
        raise TokenizerError(f"{path.name} does not fit this network: missing {missing[:3]}, unknown {unknown[:3]}.")
    module.load_state_dict({k: values.get(k, own[k]).to(own[k].dtype) for k in own})
