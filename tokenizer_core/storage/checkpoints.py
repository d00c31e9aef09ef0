"""A checkpoint is a folder: config.json, *.safetensors, SHA256SUMS. Read whole and checked, or not at all.

The id of a checkpoint is the first 12 digits of the SHA-256 of its SHA256SUMS, so it changes with any byte of
the weights or the configuration. Nothing is ever unpickled.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load, save_file
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.storage.quantize import dequantize, quantize

SUMS = "SHA256SUMS"
CHUNK = 1 << 22  # bytes


@dataclass(frozen=True)
class Checkpoint:
    """A folder's contents: parsed config.json, dequantised tensors of all files, id, and bytes on disk."""

    name: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    checkpoint_id: str
    size_bytes: int


def checkpoints_folder() -> Path:
    """Where the bundled models are: TOKENDIAL_CHECKPOINTS, or `checkpoints` beside the packages."""
    return Path(os.getenv("TOKENDIAL_CHECKPOINTS") or Path(__file__).resolve().parents[2] / "checkpoints")


def fetched_folder() -> Path:
    """Where fetched and imported models are: `models` in TOKENDIAL_CACHE, or in the user's cache."""
    cache = os.getenv("TOKENDIAL_CACHE")
    if not cache:
        cache = Path(os.getenv("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokendial"
    return Path(cache) / "models"


def read_identity(folder: Path) -> tuple[dict[str, Any], str, int]:
    """config.json, checkpoint id and size without reading the weights.

    Raises:
        TokenizerError: a file is missing, or config.json is not what SHA256SUMS says.
    """
    sums = _sums(folder)
    config = _verified(folder, "config.json", sums)
    size = sum((folder / name).stat().st_size for name in sums if (folder / name).is_file())
    try:
        values = json.loads(config)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise TokenizerError(f"config.json of {folder.name} is damaged.")
    return values, _identity(folder), size


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and verify a whole checkpoint.

    Raises:
        TokenizerError: a file is missing, its checksum does not match, or it is no safetensors file.
    """
    sums = _sums(folder)
    config, checkpoint_id, size = read_identity(folder)
    packed: dict[str, Tensor] = {}
    for name in sorted(n for n in sums if n.endswith(".safetensors")):
        packed |= _tensors(folder, name, sums)
    return Checkpoint(folder.name, config, dequantize(packed), checkpoint_id, size)


def read_part(folder: Path, name: str) -> tuple[dict[str, Tensor], str]:
    """One weight file of a checkpoint, for a model that shares it: its dequantised tensors, and its SHA-256.

    Raises:
        TokenizerError: the checkpoint has no such file, or the file is missing or damaged.
    """
    sums = _sums(folder)
    if name not in sums:
        raise TokenizerError(f"The checkpoint {folder.name} has no file {name}.")
    return dequantize(_tensors(folder, name, sums)), sums[name]


def write_checkpoint(
    folder: Path, config: dict[str, Any], files: dict[str, dict[str, Tensor]], exact: bool = False
) -> str:
    """Write config.json, the quantised files and SHA256SUMS; returns the checkpoint's id.

    Args:
        folder: made if need be; other files in it stay.
        config: what config.json holds.
        files: file name -> tensors; each matrix becomes int8.
        exact: every tensor stays as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name, tensors in files.items():
        whole = {key: value.contiguous() for key, value in tensors.items()} if exact else quantize(tensors)
        save_file(whole, folder / name)
    lines = [f"{sum_of(folder / n)}  {n}" for n in ("config.json", *sorted(files))]
    (folder / SUMS).write_text("\n".join(lines) + "\n")
    return _identity(folder)


def fill(module: nn.Module, tensors: dict[str, Tensor], model: str, assign: bool = False) -> None:
    """Load tensors strictly into a module.

    Args:
        module: to fill.
        tensors: by the module's names.
        model: its name, for people.
        assign: the module takes the tensors themselves, and needs no memory of its own before.

    Raises:
        TokenizerError: a key is missing, unknown, or of another shape.
    """
    own = module.state_dict()
    missing, unknown = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    if missing:
        raise TokenizerError(f"The weights of {model} lack {missing[0]}{_more(missing)}.")
    if unknown:
        raise TokenizerError(f"The weights of {model} hold an unknown entry, {unknown[0]}{_more(unknown)}.")
    for key, value in own.items():
        if tensors[key].shape != value.shape:
            raise TokenizerError(f"{key} in the weights of {model} has the wrong shape.")
    module.load_state_dict(tensors, assign=assign)


def _more(keys: list[str]) -> str:
    return f" and {len(keys) - 1} more" if len(keys) > 1 else ""


def sum_of(path: Path) -> str:
    """SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _identity(folder: Path) -> str:
    return _sha256((folder / SUMS).read_bytes())[:12]


def read_sums(folder: Path) -> dict[str, str]:
    """File name -> checksum, of a folder's SHA256SUMS.

    Raises:
        TokenizerError: it is missing or damaged.
    """
    if not (folder / SUMS).is_file():
        raise TokenizerError(f"The weights of {folder.name} are not here: there is no {SUMS}.")
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TokenizerError(f"{SUMS} of {folder.name} cannot be read.") from None
    rows = [line.split(maxsplit=1) for line in lines if line.strip()]
    sums = {row[1].strip(): row[0] for row in rows if len(row) == 2}
    if not sums or any(Path(name).name != name for name in sums):
        raise TokenizerError(f"{SUMS} of {folder.name} is damaged.")
    return sums


def _sums(folder: Path) -> dict[str, str]:
    """Of a checkpoint, which has a configuration."""
    sums = read_sums(folder)
    if "config.json" not in sums:
        raise TokenizerError(f"{SUMS} of {folder.name} is damaged.")
    return sums


def _tensors(folder: Path, name: str, sums: dict[str, str]) -> dict[str, Tensor]:
    try:
        return load(_verified(folder, name, sums))
    except safetensors.SafetensorError:
        raise TokenizerError(f"{name} of {folder.name} is not a readable safetensors file.") from None


def _verified(folder: Path, name: str, sums: dict[str, str]) -> bytes:
    if not (folder / name).is_file():
        raise TokenizerError(f"The file {name} of {folder.name} is missing.")
    data = (folder / name).read_bytes()
    if _sha256(data) != sums[name]:
        raise TokenizerError(
            f"The file {name} of {folder.name} is damaged: its checksum is not the one in {SUMS}."
        )
    return data
