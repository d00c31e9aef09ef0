"""`tokendial train grid-bundle`: codebook and decoder -> three checkpoint folders, one an order of cells."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from tokenizer_core.models.base import BaseConfig
from tokenizer_core.models.grid.config import GridConfig
from tokenizer_core.storage.checkpoints import read_part, write_checkpoint
from tokenizer_core.training.settings import setting

FILE = "grid.safetensors"
OTHERS = {
    "spiral": "A grid of hard tokens, from the middle outward",
    "coarse": "A grid of hard tokens, far apart first",
}


@dataclass(frozen=True, kw_only=True)
class GridBundleRun:
    """Settings: the weights, the base, and the folder of the row-by-row model; the others go beside it."""

    grid: Path = setting("weights that `train grid` wrote")
    base: Path = setting("folder of the checkpoint whose autoencoder they were trained on")
    out: Path = setting("the checkpoint's folder; those of the other orders get its name and theirs")
    config: GridConfig = field(default_factory=GridConfig)


def run(options: GridBundleRun) -> Path:
    """Write the int8 weights once, and for each order a config.json with SHA256SUMS.

    A decoder that is still the base's is not stored twice.
    """
    base = BaseConfig(checkpoint=options.base.name)
    before, found = read_part(options.base, base.file)
    tensors = load_file(options.grid)
    decoder = {name for name in tensors if name.startswith("decoder.")}
    tuned = any(not torch.equal(tensors[name], _as_kept(before, name, tensors)) for name in decoder)
    if not tuned:
        tensors = {name: value for name, value in tensors.items() if name not in decoder}
    config = replace(
        options.config, name=options.out.name, base=replace(base, sha256=found), own_decoder=tuned
    )
    write_checkpoint(options.out, config.to_dict(), {FILE: tensors})
    _, sum_of_weights = read_part(options.out, FILE)
    weights = BaseConfig(checkpoint=options.out.name, file=FILE, sha256=sum_of_weights)
    for order, title in OTHERS.items():
        name = f"{options.out.name}-{order}"
        other = replace(config, name=name, title=title, order=order, weights=weights)
        write_checkpoint(options.out.parent / name, other.to_dict(), {})
    return options.out


def _as_kept(before: dict[str, Tensor], name: str, tensors: dict[str, Tensor]) -> Tensor:
    """The base's own weight, as a run's file would hold it."""
    return before[f"autoencoder.{name}"].to(tensors[name].dtype)
