"""`tokendial train bundle`: two training files -> a checkpoint folder that `tokenizer_core.load` reads."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file

from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.storage.checkpoints import write_checkpoint
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class BundleRun:
    """Settings: the two files and the folder; the defaults of `decode` are `config.SamplerConfig`'s own."""

    autoencoder: Path = setting("weights of the autoencoder")
    flow: Path = setting("weights of encoder and decoder")
    out: Path = setting("the checkpoint's folder")
    config: TokenizerConfig = field(default_factory=TokenizerConfig)


def run(options: BundleRun) -> Path:
    """Write one int8 file a network, config.json and SHA256SUMS; what only training needs stays behind."""
    values = load_file(options.autoencoder)
    tensors = {f"autoencoder.{k}": v for k, v in values.items()} | load_file(options.flow)
    names = ("autoencoder", "encoder", "decoder")
    files = {f"{n}.safetensors": {k: v for k, v in tensors.items() if k.startswith(f"{n}.")} for n in names}
    write_checkpoint(options.out, json.loads(options.config.to_json()), files)
    return options.out
