"""`tokendial train bundle`: two training files -> a checkpoint folder that `tokenizer_core.load` reads."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file

from tokenizer_core.checkpoints import write_checkpoint
from tokenizer_core.config import SamplerConfig, TokenizerConfig


@dataclass(frozen=True, kw_only=True)
class BundleRun:
    """Options: the two files, the folder, and the defaults of `decode`.

    With `before`, an autoencoder of the same encoder, the weights are a mean of both, `share` of it from
    `autoencoder`: a sharpened decoder keeps some of its texture and gives back some of the squared error.
    Source: WiSE-FT, arXiv 2109.01903, equation 1.
    """

    autoencoder: Path
    flow: Path
    out: Path
    before: Path | None = None
    share: float = 0.5
    steps: int = 8
    guidance_scale: float = 2.2
    time_shift: float = 1.0
    config: TokenizerConfig = TokenizerConfig()  # noqa: RUF009


def run(options: BundleRun) -> Path:
    """Write one int8 file a network, config.json and SHA256SUMS; what only training needs stays behind."""
    sampler = SamplerConfig(
        steps=options.steps, guidance_scale=options.guidance_scale, time_shift=options.time_shift
    )
    config = json.loads(replace(options.config, sampler=sampler).to_json())
    values = load_file(options.autoencoder)
    if options.before is not None:
        before = load_file(options.before)
        values |= {k: before[k].float().lerp(v.float(), options.share) for k, v in values.items() if v.dim()}
    tensors = {f"autoencoder.{k}": v for k, v in values.items()} | load_file(options.flow)
    names = ("autoencoder", "encoder", "decoder")
    files = {f"{n}.safetensors": {k: v for k, v in tensors.items() if k.startswith(f"{n}.")} for n in names}
    write_checkpoint(options.out, config, files)
    return options.out
