"""The autoencoder of another checkpoint, for models that compute with its latent: it is not stored twice.

Neighbours: families with a `base` in their config.json (alit, grid).
"""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.nn.config import AutoencoderConfig, require
from tokenizer_core.storage.checkpoints import checkpoints_folder, fill, read_part


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseConfig:
    """The checkpoint that the autoencoder is taken from: it is not stored twice.

    Attributes:
        checkpoint: name of its folder.
        file: its weights there.
        sha256: of that file: other weights would make another latent than what was trained here knows.
    """

    checkpoint: str = "prefix-flow-256"
    file: str = "autoencoder.safetensors"
    sha256: str = "c6a07759dcf35e2670150116dca5fbc07882f4362fa9086e5b108526e8881ade"

    def __post_init__(self) -> None:
        """Names of a folder and a file, no paths."""
        for name in (self.checkpoint, self.file):
            require(Path(name).name == name, f"base names a path, {name}, where it should name a checkpoint.")


def read_autoencoder(base: BaseConfig, sizes: AutoencoderConfig, model: str) -> Autoencoder:
    """The autoencoder that a model's configuration names.

    Args:
        base: where it is.
        sizes: of its networks.
        model: whose configuration that is, for the sentences.

    Raises:
        TokenizerError: it is not here, damaged, or not the one that the model was trained on.
    """
    tensors = read_base(base, model, "autoencoder")
    autoencoder = Autoencoder(sizes)
    own = {name.removeprefix("autoencoder."): value for name, value in tensors.items()}
    fill(autoencoder, own, base.checkpoint)
    return autoencoder


def read_base(base: BaseConfig, model: str, what: str) -> dict[str, Tensor]:
    """The tensors of a file that a model's configuration names.

    Args:
        base: where it is.
        model: whose configuration that is, for the sentences.
        what: is in the file, in a word.

    Raises:
        TokenizerError: it is not here, damaged, or not the one that the model was trained on.
    """
    folder = checkpoints_folder() / base.checkpoint
    if not (folder / base.file).is_file():
        raise TokenizerError(f"{model} needs the {what} of {base.checkpoint}, which is not here.")
    tensors, found = read_part(folder, base.file)
    if found != base.sha256:
        raise TokenizerError(
            f"{model} was trained on another {what} than {base.checkpoint} has here; "
            "the sum in its config.json is not that file's."
        )
    return tensors
