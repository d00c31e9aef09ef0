"""The toy family's checkpoint, and where its folder is: what whoever adds a family would add."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tokenizer_core import models
from tokenizer_core.storage.checkpoints import write_checkpoint

FOLDER = Path(__file__).resolve().parent / "families"
NAME, LENGTHS = "mosaic-64", (4, 16, 64)


@contextmanager
def installed(folder: Path):
    """The family stands beside the others, and its only model is in `folder`."""
    levels = torch.linspace(0, 255, 4)
    palette = torch.cartesian_prod(levels, levels, levels)  # 64 colours: 6 bits a token
    config = {"kind": "mosaic", "name": NAME, "lengths": list(LENGTHS), "colours": len(palette)}
    write_checkpoint(folder / NAME, config, {"palette.safetensors": {"palette": palette}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENDIAL_CHECKPOINTS", str(folder))
        patch.setenv("TOKENDIAL_CACHE", str(folder / "none"))
        patch.setattr(models, "__path__", [*models.__path__, str(FOLDER)])
        yield NAME
