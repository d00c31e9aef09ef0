"""A model beside the static page, which runs it in a visitor's own browser: DIR/model and DIR/ort.

What runs the graphs is onnxruntime-web, kept by others and brought by npm. Neighbours: `export`, which calls
this; `installable`; page/onnx, which reads what is written here; docs/publish.md.
"""

import gzip
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizer_core as tc

ONE, GPU = "ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"
SCRIPTS = {ONE: "ort.wasm.bundle.min.mjs", GPU: "ort.webgpu.bundle.min.mjs"}  # a runtime's binary: its script
PACKED = ".packed"  # a quarter of the size; no host takes such a name for a compressed answer
MANIFEST = "model/graphs.json"


@dataclass(frozen=True)
class WebModel:
    """What a page needs to run a model.

    Attributes:
        info: the model's line of the catalog.
        manifest: of its graphs, as `tokenizer_core.graph_files` gives it.
        files: paths of all files that the manifest names, by name.
        runtime: a folder with onnxruntime-web's files (its `dist`).
        weights_at: address of the folder of the weight files on another host; "": they lie with the page.
    """

    info: tc.ModelInfo
    manifest: dict[str, Any]
    files: dict[str, Path]
    runtime: Path
    weights_at: str = ""


def write(folder: Path, model: WebModel) -> None:
    """Copy a model's files into a page's folder, with a manifest that names all of them.

    Raises:
        OSError: a file is missing, or the folder cannot be written.
    """
    for part in ("model", "ort"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    graphs = [one["file"] for one in model.manifest["graphs"].values()]
    beside = () if model.weights_at else tuple(model.manifest["weights"])
    for name in (*graphs, *beside):
        shutil.copyfile(model.files[name], folder / "model" / name)
    runtime = write_runtime(folder, model.runtime, ONE) | {"gpu": write_runtime(folder, model.runtime, GPU)}
    weights = {
        name: about if name in beside else about | {"url": f"{model.weights_at.rstrip('/')}/{name}"}
        for name, about in model.manifest["weights"].items()
    }
    told = model.manifest | {"info": model.info.to_dict(), "runtime": runtime, "weights": weights}
    (folder / MANIFEST).write_text(json.dumps(told), "utf-8")


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
