"""The models by name: which are here, and loading one."""

from pathlib import Path

from tokenizer_core.engine.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.linear import tokenizer as linear
from tokenizer_core.models.prefix_flow import networks, tokenizer
from tokenizer_core.storage.checkpoints import checkpoints_folder, read_checkpoint, read_identity

DEFAULT = "prefix-flow-256"
KINDS = {
    "prefix-flow": (networks.describe, tokenizer.FlowTokenizer.from_checkpoint),
    "linear": (linear.describe, linear.LinearTokenizer.from_checkpoint),
}


def catalog() -> list[ModelInfo]:
    """Every bundled model whose configuration can be read, the default first; no weights are loaded."""
    found = []
    for folder in sorted(p for p in checkpoints_folder().glob("*") if (p / "config.json").is_file()):
        try:
            config, checkpoint_id, size = read_identity(folder)
            found.append(KINDS[config["kind"]][0](config, checkpoint_id, size))
        except (TokenizerError, KeyError):
            continue  # `load` says what is wrong with it
    return sorted(found, key=lambda info: info.name != DEFAULT)


def load(name: str = DEFAULT, device: str = "auto") -> Tokenizer:
    """Load a model's weights, verified and strict.

    Args:
        name: from the catalog.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ...

    Raises:
        TokenizerError: no such model or device, or the weights are damaged or incomplete.
    """
    folder = checkpoints_folder() / name
    if Path(name).name != name or not (folder / "config.json").is_file():
        known = ", ".join(info.name for info in catalog()) or "none"
        raise TokenizerError(f"There is no model named {name}; here are: {known}.")
    checkpoint = read_checkpoint(folder)
    kind = KINDS.get(str(checkpoint.config.get("kind")))
    if kind is None:
        raise TokenizerError(f"The checkpoint {name} is of a kind that this program does not know.")
    return kind[1](checkpoint, find_device(device))
