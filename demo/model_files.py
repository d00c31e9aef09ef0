"""A model's files as the served page hands them out, for visitors who decode on their own machine.

A browser gets graphs, weights, and what runs them: nothing but what the manifest names, each from a fixed
address, which changes with the files, so that a browser may keep them. Neighbours: `with_model`, which puts
the same files beside a static page; `runtime`, which finds onnxruntime-web; page/onnx, which reads them.
"""

import atexit
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

import tokenizer_core as tc

from . import runtime
from .static import FOR_EVER
from .with_model import ONE, PACKED, SCRIPTS, OwnModel, packed, sized

KIND = "prefix-flow"  # the family that page/onnx can run
FILES = (SCRIPTS[ONE], f"{ONE}.mjs", f"{ONE}.wasm")  # of onnxruntime-web; further threads load the second
NPM = "npm"
VARIABLE = "TOKENDIAL_RUNTIME"
MANIFEST = "graphs.json"
TYPES = {".mjs": "text/javascript", ".onnx": "application/octet-stream"}
FOLDER = "gradio_api/tokendial/model"  # below /gradio_api, as `static` says


@dataclass(frozen=True)
class ModelFiles(OwnModel):
    """A model as the server hands it out."""

    @functools.cached_property
    def folder(self) -> str:
        """The files' address, below the page's: another one where a file is another one."""
        sums = hashlib.sha256(json.dumps([self.manifest, self.info.to_dict()]).encode())
        for name in FILES:
            sums.update((self.runtime / name).read_bytes())
        return f"{FOLDER}/{self.info.name}/{sums.hexdigest()[:12]}"

    @functools.cached_property
    def binary(self) -> bytes:
        """What runs the graphs, packed. That takes a second, and is done when somebody first asks."""
        return packed(self.runtime, ONE)

    @functools.cached_property
    def told(self) -> bytes:
        """The manifest as a page reads it."""
        ort = f"{self.folder}/ort"
        binary = {"path": f"{ort}/{ONE}.wasm{PACKED}"} | sized(self.binary)
        more = {"info": self.info.to_dict(), "runtime": {"script": f"{ort}/{SCRIPTS[ONE]}", "binary": binary}}
        return json.dumps({**self.manifest, **more}).encode()

    @functools.cached_property
    def paths(self) -> Mapping[str, Path]:
        """What is handed out as it lies on the disk, by its name below the address."""
        graphs = [one["file"] for one in self.manifest["graphs"].values()]
        found = {name: self.files[name] for name in (*graphs, *self.manifest["weights"])}
        return found | {f"ort/{name}": self.runtime / name for name in FILES[:2]}

    def answer(self, name: str) -> Response:
        """A file, by its name below the address; 404 for every other name."""
        headers = {"cache-control": FOR_EVER}
        if name == MANIFEST:
            return Response(self.told, headers=headers, media_type="application/json")
        if name == f"ort/{ONE}.wasm{PACKED}":
            return Response(self.binary, headers=headers, media_type="application/octet-stream")
        if name not in self.paths:
            return Response(status_code=404)
        path = self.paths[name]
        return FileResponse(
            path, headers=headers, media_type=TYPES.get(path.suffix, "application/octet-stream")
        )

    def routes(self) -> list[Route]:
        """Where these files are."""

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self.answer, request.path_params["name"])

        return [Route(f"/{self.folder}/{{name:path}}", answer)]


def for_page(models: Sequence[tc.ModelInfo], where: str | None = None) -> ModelFiles | None:
    """The files of the first model that a browser can run; None where there is none, or nothing that runs it.

    Args:
        models: of the page.
        where: a folder with onnxruntime-web's files, or "npm", which brings them; None: what
            TOKENDIAL_RUNTIME says, else node_modules beside this program, if they are there.

    Raises:
        TokenizerError: the folder lacks a file, or npm could not bring them.
    """
    folder = runtime_folder(where or os.environ.get(VARIABLE, ""))
    if folder is None:
        return None
    for info in models:
        try:
            manifest, files = tc.graph_files(info.name)
        except tc.TokenizerError:  # it has no graphs, or its weights are not here
            continue
        if manifest["kind"] == KIND:
            return ModelFiles(info, manifest, files, folder)
    return None


def runtime_folder(where: str) -> Path | None:
    """Where onnxruntime-web is, see `for_page`.

    Raises:
        TokenizerError: see there.
    """
    if not where:
        return runtime.installed(runtime.HERE.parent / "node_modules")
    if where == NPM:
        fetched = Path(tempfile.mkdtemp(prefix="tokendial-runtime-"))
        atexit.register(shutil.rmtree, fetched, ignore_errors=True)
        return runtime.find(None, fetched)
    return runtime.find(Path(where), Path(), FILES)
