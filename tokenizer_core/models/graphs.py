"""A model's networks as graphs: exported by whoever bundles weights, checked before they are used.

Neighbours: `registry` (which models are here), the room `graphs` (does it).
"""

from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.graphs.folder import MANIFEST, WEB, read_manifest, write_graphs
from tokenizer_core.models.registry import families, family_of, folder_of
from tokenizer_core.storage.checkpoints import SUMS, checkpoints_folder, read_checkpoint, sum_of


def export_graphs(name: str | None = None, out: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Write a model's graphs.

    Args:
        name: from the catalog; None is the default model.
        out: a folder; None is `web` in the model's own.

    Returns:
        The folder, and the manifest that is in it, see docs/web.md.

    Raises:
        TokenizerError: no such model, its weights are damaged, its family has no graphs, the extra `onnx` is
            not installed, or the folder cannot be written.
    """
    folder = folder_of(name)
    checkpoint = read_checkpoint(folder)
    family = family_of(checkpoint.config, folder.name)
    if family.graphs is None:
        having = ", ".join(sorted(name for name, one in families().items() if one.graphs))
        raise TokenizerError(f"Models of the kind {family.name} have no graphs; these have: {having}.")
    plan = family.graphs(checkpoint)
    weights = {path.name: path for path in sorted(folder.glob("*.safetensors"))}
    weights |= {file: checkpoints_folder() / other / file for file, other in plan.elsewhere.items()}
    out = folder / WEB if out is None else out
    return out, write_graphs(out, folder, family.name, plan, weights)


def graph_files(name: str | None = None) -> tuple[dict[str, Any], dict[str, Path]]:
    """A model's manifest, and every file that it names: graphs.json, the graphs and the weights.

    Args:
        name: from the catalog; None is the default model.

    Returns:
        The manifest, and paths by the names that stand in it.

    Raises:
        TokenizerError: no such model, it has no graphs, or a file is missing, damaged or of other weights.
    """
    folder = folder_of(name)
    manifest = read_manifest(folder)
    names = [MANIFEST, SUMS, *(told["file"] for told in manifest["graphs"].values())]
    files = {file: folder / WEB / file for file in names}
    for file, told in manifest["weights"].items():
        own = told["checkpoint"] == folder.name
        path = (folder if own else checkpoints_folder() / told["checkpoint"]) / file
        if not path.is_file() or sum_of(path) != told["sha256"]:
            raise TokenizerError(f"The weights {file} that the graphs of {folder.name} need are not here.")
        files[file] = path
    return manifest, files
