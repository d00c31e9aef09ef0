"""Weight files of other programs: safetensors, or PyTorch's pickles read as tensors and nothing else.

A pickle is a program. PyTorch's restricted reader (`weights_only=True`) builds tensors and plain containers
and refuses the rest; so does this, with a sentence. `argparse.Namespace`, the options that authors like to
save beside their weights, is a plain container, too. What was read is converted once: see `checkpoints`.
"""

import argparse
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tokenizer_core.errors import TokenizerError


def read_foreign(path: Path, entries: Sequence[str] = ()) -> dict[str, Tensor]:
    """The tensors of a weight file by their names there.

    Args:
        path: *.safetensors, or anything that `torch.save` wrote.
        entries: where the tensors are if not at the top: the first of these that is there.

    Raises:
        TokenizerError: no such file, damaged, holds more than tensors, or holds none.
    """
    if not path.is_file():
        raise TokenizerError(f"There is no file named {path.name}.")
    found: Any = _safetensors(path) if path.suffix == ".safetensors" else _pickle(path)
    entry = next((name for name in entries if isinstance(found, Mapping) and name in found), None)
    found = found if entry is None else found[entry]
    if not isinstance(found, Mapping) or not found:
        raise TokenizerError(f"{path.name} holds no tensors by name.")
    wrong = next((name for name, value in found.items() if not _is_tensor(name, value)), None)
    if wrong is not None:
        raise TokenizerError(f"{path.name} holds an entry that is no tensor, {str(wrong)[:60]}.")
    return {name: value.contiguous() for name, value in found.items()}


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError):
        raise TokenizerError(f"{path.name} is damaged, or is no safetensors file.") from None


def _pickle(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's protocol: it is read, or it is not
            # The one place that reads pickles, with the reader that runs none of their code.
            return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except pickle.UnpicklingError:
        raise TokenizerError(
            f"{path.name} holds more than tensors, and reading that could run a program. It was not read."
        ) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise TokenizerError(f"{path.name} is damaged, or was not written by PyTorch.") from None


def _is_tensor(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor)
