"""A static page with a model of a few thousand drawn weights, and the same networks in Python."""

import json
from pathlib import Path

import pytest
import tiny_flow

import tokenizer_core as tc
from demo.beside import models
from demo.export import export
from demo.runtime import FILES
from demo.with_model import WebModel, baseline
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.networks import build_networks
from tokenizer_core.storage.checkpoints import write_checkpoint

NAME = "tiny"
RUNTIME = Path(__file__).parents[2] / "node_modules/onnxruntime-web/dist"
NO_RUNTIME = "NO onnxruntime-web IN node_modules: THE MODEL IN THE BROWSER WAS NOT TESTED"


def has_runtime() -> bool:
    """Whether onnxruntime-web is here."""
    return all((RUNTIME / name).is_file() for name in FILES)


def write_tiny(place: Path, config: TokenizerConfig | None = None) -> None:
    """A checkpoint of drawn weights, by its configuration's name; without one, for pictures of 64 pixels."""
    config = config or TokenizerConfig.tiny()
    tensors = tiny_flow.draw_weights(build_networks(config)).state_dict()
    files = {
        f"{network}.safetensors": {name: one for name, one in tensors.items() if name.startswith(network)}
        for network in ("autoencoder", "encoder", "decoder")
    }
    write_checkpoint(place / config.name, json.loads(config.to_json()), files)


def exported(place: Path, folder: Path) -> tc.Tokenizer:
    """Write the page into a folder; the model that it holds.

    Args:
        place: an empty folder for the checkpoint.
        folder: for the page.
    """
    if not has_runtime():
        pytest.skip(NO_RUNTIME)
    pytest.importorskip("onnxscript", reason="exporting graphs needs the extra onnx")
    write_tiny(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENDIAL_CHECKPOINTS", str(place))
        patch.setenv("TOKENDIAL_MODELS", NAME)
        tc.export_graphs(NAME)
        manifest, files = tc.graph_files(NAME)
        model = tc.load(NAME, "cpu", "float32")
    beside = baseline(RUNTIME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("demo.export.write_beside", lambda *_: None)  # the slow part, and not of this page
        export(folder, WebModel(model.info, manifest, files, RUNTIME, beside=beside))
    (folder / "beside.json").write_text(json.dumps(models([one.info for one in beside])), "utf-8")
    return model
