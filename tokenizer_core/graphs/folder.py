"""The folder `web` of a checkpoint: graphs, the manifest graphs.json, and the sums of both.

The sums stand in the folder's own SHA256SUMS: a checkpoint's id is made of *its* SHA256SUMS, names the
weights in every link, and must not change when graphs are exported anew. Neighbours: `export`, `storage`.
"""

import json
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.graphs.export import export_graph, files_of
from tokenizer_core.graphs.plan import Graph, Plan
from tokenizer_core.graphs.spans import read_spans
from tokenizer_core.storage.checkpoints import SUMS, read_identity, read_sums, sum_of
from tokenizer_core.storage.whole import write_whole

WEB = "web"
MANIFEST = "graphs.json"
FORMAT = 1


def write_graphs(
    out: Path, checkpoint: Path, kind: str, plan: Plan, weights: dict[str, Path]
) -> dict[str, Any]:
    """Export a plan's graphs, and write the manifest and the sums.

    Args:
        out: made if need be; files of an older export are replaced.
        checkpoint: the folder that the plan is of.
        kind: the family's name.
        plan: its graphs.
        weights: the weight files that graphs may point to, by the name that stands in the graphs.

    Returns:
        The manifest.

    Raises:
        TokenizerError: the extra `onnx` is not installed, or the folder cannot be written.
    """
    _, weights_id, _ = read_identity(checkpoint)
    spans = read_spans(weights.values())
    told, used = {}, set[str]()
    for graph in plan.graphs:
        model = export_graph(graph, plan.tensors, spans, weights_id)
        write_whole(out / f"{graph.name}.onnx", model.SerializeToString(), make_folders=True)
        used |= set(files_of(model))
        told[graph.name] = _told(graph, out / f"{graph.name}.onnx") | {"weights": files_of(model)}
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "name": checkpoint.name,
        "weights_id": weights_id,
        "graphs": told,
        "weights": {
            name: {
                "bytes": weights[name].stat().st_size,
                "sha256": sum_of(weights[name]),
                "checkpoint": plan.elsewhere.get(name, checkpoint.name),
            }
            for name in sorted(used)
        },
        "model": plan.model,
    }
    write_whole(out / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    names = sorted([MANIFEST, *(one["file"] for one in told.values())])
    write_whole(out / SUMS, "".join(f"{sum_of(out / name)}  {name}\n" for name in names).encode())
    return manifest


def _told(graph: Graph, path: Path) -> dict[str, Any]:
    """What the manifest says of a graph; the outputs' shapes are those of one call."""
    given = tuple(graph.inputs.values())
    made = graph.module(*given)
    made = (made,) if len(graph.outputs) == 1 else made
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sum_of(path),
        "inputs": [_tensor(name, one) for name, one in graph.inputs.items()],
        "outputs": [_tensor(name, one) for name, one in zip(graph.outputs, made, strict=True)],
    }


def _tensor(name: str, value: Any) -> dict[str, Any]:
    """As a runtime calls it: "float32", "bool", "int64"."""
    return {"name": name, "shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}


def read_manifest(checkpoint: Path, folder: Path | None = None) -> dict[str, Any]:
    """The manifest of a checkpoint's graphs, if they are whole and of these weights.

    Args:
        checkpoint: a folder of weights.
        folder: of the graphs; None is the checkpoint's own.

    Raises:
        TokenizerError: there are no graphs, a file is missing or damaged, or they are of other weights.
    """
    folder = folder or checkpoint / WEB
    name = checkpoint.name
    if not (folder / SUMS).is_file():
        raise TokenizerError(f"{name} has no graphs; `tokendial export-onnx {name}` makes them.")
    sums = read_sums(folder)
    for file, expected in sums.items():
        if not (folder / file).is_file() or sum_of(folder / file) != expected:
            raise TokenizerError(f"The file {file} of the graphs of {name} is missing or damaged.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        version, weights_id = manifest["format"], manifest["weights_id"]
    except (OSError, ValueError, LookupError, TypeError):
        raise TokenizerError(f"{MANIFEST} of {name} is damaged.") from None
    if version != FORMAT:
        raise TokenizerError(f"The graphs of {name} have format {version}; this program reads {FORMAT}.")
    own = read_identity(checkpoint)[1]
    if weights_id != own:
        raise TokenizerError(
            f"The graphs of {name} were made of other weights ({weights_id}, not {own}); "
            f"`tokendial export-onnx {name}` makes them anew."
        )
    return manifest
