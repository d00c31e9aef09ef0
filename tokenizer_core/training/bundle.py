"""`tokendial train bundle`: two training files -> a checkpoint folder that `tokenizer_core.load` reads."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.networks import as_deep_as
from tokenizer_core.storage.checkpoints import write_checkpoint
from tokenizer_core.storage.quantize import quantize
from tokenizer_core.training.settings import setting
from tokenizer_core.training.weights import read_weights

NETWORKS = ("autoencoder", "encoder", "decoder")
LARGEST_FILE = 45_000_000  # bytes
HEADER = 256  # bytes that a file's header takes at most for a tensor and its scales


@dataclass(frozen=True, kw_only=True)
class BundleRun:
    """Settings: the two files and the folder; the defaults of `decode` are `config.SamplerConfig`'s own."""

    autoencoder: Path = setting("weights of the autoencoder, or a checkpoint's folder")
    flow: Path = setting("weights of encoder and decoder, or a checkpoint's folder")
    out: Path = setting("the checkpoint's folder")
    config: TokenizerConfig = field(default_factory=TokenizerConfig)


def run(options: BundleRun) -> Path:
    """Write int8 files of each network, config.json and SHA256SUMS; what only training needs stays behind.

    The depths in config.json are those of the weights.

    Raises:
        TokenizerError: a file is missing or damaged.
    """
    alone = read_weights(options.autoencoder, {"stem.weight"})  # a key that only the autoencoder has
    tensors = {f"autoencoder.{k}": v for k, v in alone.items()} | read_weights(options.flow, set(NETWORKS))
    files: dict[str, dict[str, Tensor]] = {}
    for network in NETWORKS:
        own = {name: value for name, value in tensors.items() if name.startswith(f"{network}.")}
        files |= in_files(network, own)
    config = as_deep_as(tensors, options.config)
    write_checkpoint(options.out, json.loads(config.to_json()), files)
    return options.out


def in_files(network: str, tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """File name -> tensors: one file, or as many as keep each within `LARGEST_FILE`, numbered from 1."""
    parts: list[dict[str, Tensor]] = [{}]
    room = LARGEST_FILE
    for name, value in tensors.items():
        size = HEADER + sum(part.nbytes for part in quantize({name: value}).values())
        if size > room and parts[-1]:
            parts.append({})
            room = LARGEST_FILE
        parts[-1][name] = value
        room -= size
    if len(parts) == 1:
        return {f"{network}.safetensors": parts[0]}
    return {f"{network}-{number}.safetensors": part for number, part in enumerate(parts, 1)}
