"""A model beside the static page, which runs it in a visitor's own browser: DIR/model and DIR/ort.

A baseline comes with it, DIR/model/NAME, for the panes of *Compare*; a visitor fetches it when one is shown.
What runs the graphs is onnxruntime-web, kept by others and brought by npm. Neighbours: `export`, which calls
this; `installable`; page/onnx, which reads what is written here; docs/publish.md.
"""

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizer_core as tc

ONE, GPU = "ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"
SCRIPTS = {ONE: "ort.wasm.bundle.min.mjs", GPU: "ort.webgpu.bundle.min.mjs"}  # a runtime's binary: its script
PACKED = ".packed"  # a quarter of the size; no host takes such a name for a compressed answer
MANIFEST = "model/graphs.json"


@dataclass(frozen=True)
class OwnModel:
    """What a visitor's browser needs to run one model.

    Attributes:
        info: the model's line of the catalog.
        manifest: of its graphs, as `tokenizer_core.graph_files` gives it.
        files: paths of all files that the manifest names, by name.
        runtime: a folder with onnxruntime-web's files (its `dist`).
    """

    info: tc.ModelInfo
    manifest: Mapping[str, Any]
    files: Mapping[str, Path]
    runtime: Path


@dataclass(frozen=True)
class WebModel(OwnModel):
    """A model as a static page has it.

    Attributes:
        weights_at: address of the folder of the weight files on another host; "": they lie with the page.
        beside: what *Compare* may set beside it; their runtime, host and neighbours do not count.
    """

    weights_at: str = ""
    beside: "tuple[WebModel, ...]" = ()


def write(folder: Path, model: WebModel) -> None:
    """Copy a model's files into a page's folder, with a manifest that names all of them.

    Raises:
        OSError: a file is missing, or the folder cannot be written.
    """
    (folder / "ort").mkdir(parents=True, exist_ok=True)
    at = model.weights_at.rstrip("/")
    told = write_files(folder / "model", model, at)
    others = [
        write_files(folder / "model" / one.info.name, one, at and f"{at}/{one.info.name}")
        for one in model.beside
    ]
    runtime = write_runtime(folder, model.runtime, ONE) | {"gpu": write_runtime(folder, model.runtime, GPU)}
    (folder / MANIFEST).write_text(json.dumps(told | {"runtime": runtime, "beside": others}), "utf-8")


def write_files(folder: Path, model: WebModel, weights_at: str) -> dict[str, Any]:
    """Copy a model's graphs and weights; its manifest, with the catalog's line.

    Args:
        folder: made if need be.
        model: what is copied.
        weights_at: where the weights are instead, without a slash at the end; "": they are copied, too.

    Raises:
        OSError: a file is missing, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.manifest["weights"]
    if weights_at:
        weights = {name: about | {"url": f"{weights_at}/{name}"} for name, about in weights.items()}
    graphs = [one["file"] for one in model.manifest["graphs"].values()]
    for name in graphs if weights_at else (*graphs, *weights):
        shutil.copyfile(model.files[name], folder / name)
    return {**model.manifest, "info": model.info.to_dict(), "weights": weights}


def baseline(runtime: Path) -> tuple[WebModel, ...]:
    """The catalog's baseline, if its weights and its graphs are here: what stands beside an example, too.

    Args:
        runtime: a folder with onnxruntime-web's files.
    """
    info = next((one for one in tc.catalog() if one.role == "baseline" and one.checkpoint_id), None)
    try:
        return () if info is None else (WebModel(info, *tc.graph_files(info.name), runtime),)
    except tc.TokenizerError:  # it has no graphs
        return ()


def write_runtime(folder: Path, source: Path, name: str) -> dict[str, Any]:
    """Copy what runs graphs, with its binary packed; what the manifest says of it.

    Args:
        folder: the page's.
        source: onnxruntime-web's files.
        name: of the binary, without its end: `ONE` for the processor, `GPU` for a graphics card, too.

    Raises:
        OSError: a file is missing, or the folder cannot be written.
    """
    for script in (SCRIPTS[name], f"{name}.mjs"):  # the second is what further threads load
        shutil.copyfile(source / script, folder / "ort" / script)
    binary = packed(source, name)
    path = f"ort/{name}.wasm{PACKED}"
    (folder / path).write_bytes(binary)
    return {"script": f"ort/{SCRIPTS[name]}", "binary": {"path": path} | sized(binary)}


def packed(source: Path, name: str) -> bytes:
    """A runtime's binary in gzip, the same bytes each time.

    Raises:
        OSError: it is missing.
    """
    return gzip.compress((source / f"{name}.wasm").read_bytes(), 6, mtime=0)


def sized(data: bytes) -> dict[str, Any]:
    """What a manifest says of a file: {"bytes", "sha256"}."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
