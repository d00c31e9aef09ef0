"""The models by name: which are here, and loading one.

Families are the folders beside this file that have a `FAMILY`, or several `FAMILIES`; models are the folders
of `checkpoints/`, and of what the user fetched or imported, whose `kind` is a family's name. Nothing depends
on the order in which either is listed. TOKENDIAL_MODELS, names with commas between, leaves out all others.
"""

import importlib
import os
import pkgutil
from pathlib import Path
from typing import Any

from tokenizer_core import models
from tokenizer_core.codes.packing import register
from tokenizer_core.engine.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.storage.checkpoints import (
    checkpoints_folder,
    fetched_folder,
    read_checkpoint,
    read_identity,
)

WHERE_TO_GET_THEM = (
    "The weights are the folder checkpoints of the repository; TOKENDIAL_CHECKPOINTS says where it is."
)


def families() -> dict[str, Family]:
    """Every family by its name."""
    found = {}
    for module in pkgutil.iter_modules(models.__path__):
        if module.ispkg:
            folder = importlib.import_module(f"{models.__name__}.{module.name}")
            for family in getattr(folder, "FAMILIES", None) or (folder.FAMILY,):
                assert family.name not in found, f"two families are named {family.name}"
                found[family.name] = family
                if family.packer is not None:
                    register(family.packer)
    return found


def catalog() -> list[ModelInfo]:
    """Every model that is here and whose configuration can be read; no weights are loaded.

    Ours first, then the published ones; each by `ModelInfo.order`, then by name. The first main model is the
    default.
    """
    return sorted(_described()[0], key=lambda info: (info.role == "published", info.order, info.name))


def damaged_models() -> list[tuple[str, str]]:
    """The folders that the catalog leaves out: (name, a sentence that says why) each."""
    return _described()[1]


def default_model() -> str:
    """The name of the model that opens: the first main one.

    Raises:
        TokenizerError: there is none.
    """
    for info in catalog():
        if info.role == "main":
            return info.name
    raise TokenizerError(f"There are no models here. {WHERE_TO_GET_THEM}")


def load(name: str | None = None, device: str = "auto", dtype: str = "auto") -> Tokenizer:
    """Load a model's weights, verified and strict.

    Args:
        name: from the catalog; None is the default model.
        device: "auto" (the best that is there), "cpu", "cuda", "cuda:1", ...
        dtype: "auto" (what is faster here, as timed), "float32" or "bfloat16".

    Raises:
        TokenizerError: no such model, device or dtype, or the weights are damaged or incomplete.
    """
    folder = folder_of(name)
    checkpoint = read_checkpoint(folder)
    family = family_of(checkpoint.config, folder.name)
    info = family.describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
    return family.load(checkpoint, find_device(device, info.devices), dtype)


def folder_of(name: str | None = None) -> Path:
    """The folder of a model's weights; None is the default model.

    Raises:
        TokenizerError: no such model.
    """
    name = default_model() if name is None else name
    folder = next((folder for folder in _folders() if folder.name == name), None)
    if folder is None:
        known = ", ".join(info.name for info in catalog()) or f"none. {WHERE_TO_GET_THEM}"
        raise TokenizerError(f"There is no model named {name}; here are: {known.removesuffix('.')}.")
    return folder


def _described() -> tuple[list[ModelInfo], list[tuple[str, str]]]:
    """The catalog's lines, and what is wrong with the other folders."""
    known, lines, folders = families(), [], _folders()
    lacking = set(chosen_models()) - {folder.name for folder in folders}
    wrong = [(name, f"TOKENDIAL_MODELS names {name}, which is not here.") for name in sorted(lacking)]
    for folder in folders:
        try:
            config, checkpoint_id, size = read_identity(folder)
            lines.append(family_of(config, folder.name, known).describe(config, checkpoint_id, size))
        except TokenizerError as error:
            wrong.append((folder.name, str(error)))
    return lines, wrong


def family_of(config: dict[str, Any], name: str, known: dict[str, Family] | None = None) -> Family:
    """The family that a configuration names.

    Args:
        config: parsed config.json.
        name: of the model, for the sentence.
        known: the families, for whoever asks often.

    Raises:
        TokenizerError: this program does not know it.
    """
    known = families() if known is None else known
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in known:
        raise TokenizerError(f"The checkpoint {name} is of a kind that this program does not know.")
    return known[kind]


def _folders() -> list[Path]:
    """Folders of models that say what they are, bundled ones first."""
    chosen, found = chosen_models(), {}
    for place in (checkpoints_folder(), fetched_folder()):
        for folder in _below(place):
            found.setdefault(folder.name, folder)
    return [folder for name, folder in found.items() if not chosen or name in chosen]


def chosen_models() -> list[str]:
    """What TOKENDIAL_MODELS names; none chooses all."""
    return [name.strip() for name in os.getenv("TOKENDIAL_MODELS", "").split(",") if name.strip()]


def _below(place: Path) -> list[Path]:
    """Its folders with a config.json; none where there is no such place."""
    try:
        return sorted(f for f in place.iterdir() if (f / "config.json").is_file())
    except OSError:
        return []
