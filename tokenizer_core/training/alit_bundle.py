"""`tokendial train alit-bundle`: ALIT's training files -> a checkpoint folder for `tokenizer_core.load`."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.config import OWN_NETWORKS, AlitConfig
from tokenizer_core.models.base import BaseConfig
from tokenizer_core.storage.checkpoints import read_part, write_checkpoint
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class AlitBundleRun:
    """Settings: the files, the base, and the folder."""

    alit: Path = setting("weights of the first stage")
    pixels: Path | None = setting("weights of the second stage, which paint the sharp pictures", None)
    sharpness: float = setting("1 is the second stage as it is; less mixes in what paints the means", 1.0)
    bridge: Path | None = setting("weights with which the base's flow paints the tokens", None)
    base: Path = setting("folder of the checkpoint whose autoencoder it was trained on")
    out: Path = setting("the checkpoint's folder")
    config: AlitConfig = field(default_factory=AlitConfig)


def run(options: AlitBundleRun) -> Path:
    """Write int8 files, config.json with the base's name and sum, and SHA256SUMS.

    The encoder is the second stage's where there is one: it may have learnt. What is sharp has a file of its
    own beside the first stage's writer, which says what is halted and paints the means, and so has a
    bridge. What paints means and what paints sharp pictures come from the same weights, so that weights in
    between paint pictures in between (arXiv 2109.01903): `sharpness` below 1 gives texture for nearness.

    Raises:
        TokenizerError: there is a bridge and no second stage, or `sharpness` is not within 0 and 1.
    """
    if not 0 <= options.sharpness <= 1:
        raise TokenizerError("The sharpness is a number from 0 to 1.")
    base = BaseConfig(checkpoint=options.base.name)
    autoencoder, found = read_part(options.base, base.file)
    config = replace(options.config, base=replace(base, sha256=found))
    tensors = load_file(options.alit)
    files = {f"{name}.safetensors": _of_room(name, tensors) for name in ("encoder", "writer")}
    if options.pixels is not None:
        second = load_file(options.pixels)
        files["encoder.safetensors"] = _of_room("encoder", second)
        means = tensors | {key.removeprefix("autoencoder."): value for key, value in autoencoder.items()}
        files["sharp.safetensors"] = {
            f"sharp.{key}": means[key].float().lerp(value.float(), options.sharpness)
            for name in OWN_NETWORKS
            for key, value in _of_room(name, second).items()
        }
        config = replace(config, sharp=OWN_NETWORKS)
    if options.bridge is not None:
        if options.pixels is None:
            raise TokenizerError("A bridge comes beside sharp pictures: give --pixels, too.")
        files["bridge.safetensors"] = load_file(options.bridge)
        flow = replace(config.bridge.base, checkpoint=options.base.name)
        _, found = read_part(options.base, flow.file)
        flow = replace(flow, sha256=found)
        config = replace(config, bridge=replace(config.bridge, present=True, base=flow))
    write_checkpoint(options.out, config.to_dict(), files)
    return options.out


def _of_room(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if key.startswith(f"{name}.")}
