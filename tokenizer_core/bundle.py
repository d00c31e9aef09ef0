"""`tokendial train bundle`: two training files -> a checkpoint folder that `tokenizer_core.load` reads."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from tokenizer_core.checkpoints import write_checkpoint
from tokenizer_core.config import TokenizerConfig
from tokenizer_core.networks import as_deep_as
from tokenizer_core.quantize import quantize

LARGEST_FILE, ENTRY = 45_000_000, 256  # bytes; what names and places of a tensor and its scales take


@dataclass(frozen=True, kw_only=True)
class BundleRun:
    """Options: the two files and the folder; the defaults of `decode` are `config.SamplerConfig`'s own."""

    autoencoder: Path
    flow: Path
    out: Path
    config: TokenizerConfig = TokenizerConfig()  # noqa: RUF009


def run(options: BundleRun) -> Path:
    """Write int8 files of each network, config.json and SHA256SUMS; what only training needs stays behind.

    The depths in config.json are those of the weights.
    """
    values = load_file(options.autoencoder)
    tensors = {f"autoencoder.{k}": v for k, v in values.items()} | load_file(options.flow)
    files = {}
    for network in ("autoencoder", "encoder", "decoder"):
        files |= _files(network, {k: v for k, v in tensors.items() if k.startswith(f"{network}.")})
    write_checkpoint(options.out, json.loads(as_deep_as(tensors, options.config).to_json()), files)
    return options.out


def _files(network: str, tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """File name -> tensors: one file, or as many as it takes to keep each under `LARGEST_FILE`, numbered."""
    parts: list[dict[str, Tensor]] = [{}]
    room = LARGEST_FILE
    for name, value in tensors.items():
        size = ENTRY + sum(part.nbytes for part in quantize({name: value}).values())
        if size > room:
            parts.append({})
            room = LARGEST_FILE
        parts[-1][name] = value
        room -= size
    if len(parts) == 1:
        return {f"{network}.safetensors": parts[0]}
    return {f"{network}-{number}.safetensors": part for number, part in enumerate(parts, 1)}
