"""A model's files from the served page: what its manifest names, from fixed addresses, and nothing else."""

import gzip
import hashlib
import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import tokenizer_core as tc
from demo import app, model_files, runtime
from demo.cli import main
from demo.model_files import ModelFiles
from tests.stand_in import StandIn, info, models

MANIFEST = {
    "kind": "prefix-flow",
    "name": "prefix-flow-256",
    "graphs": {"encode": {"file": "encode.onnx"}},
    "weights": {"encoder.safetensors": {"bytes": 7}},
}
FOR_EVER = "public, max-age=31536000, immutable"
TRICKS = [
    "../../secret",
    "%2e%2e/%2e%2e/secret",
    "ort/../../secret",
    "/etc/passwd",
    "secret",
    "SHA256SUMS",
    "ort/",
    "ort/ort.webgpu.bundle.min.mjs",
    "",
    "encode.onnx/",
]


@pytest.fixture
def files(tmp_path):
    """A model of a few bytes, beside something that is nobody's business."""
    own, ort = tmp_path / "own", tmp_path / "ort"
    own.mkdir()
    ort.mkdir()
    for name in ("encode.onnx", "encoder.safetensors", "secret", "SHA256SUMS"):
        (own / name).write_bytes(b"it is " + name.encode())
    for name in model_files.FILES:
        (ort / name).write_bytes(b"runs " + name.encode())
    paths = {name: own / name for name in ("encode.onnx", "encoder.safetensors", "SHA256SUMS")}
    return ModelFiles(info(), MANIFEST, paths, ort)


@pytest.fixture
def client(files):
    return TestClient(Starlette(routes=files.routes()))


def test_each_file_of_the_manifest_is_there_and_may_be_kept(files, client):
    told = client.get(f"/{files.folder}/graphs.json")
    assert told.headers["content-type"] == "application/json"
    manifest = told.json()
    assert manifest["info"]["name"] == "prefix-flow-256"
    binary, script = manifest["runtime"]["binary"], manifest["runtime"]["script"]
    found = {
        f"{files.folder}/encode.onnx": "application/octet-stream",
        f"{files.folder}/encoder.safetensors": "application/octet-stream",
        binary["path"]: "application/octet-stream",
        script: "text/javascript",
        script.replace("ort.wasm.bundle.min", "ort-wasm-simd-threaded"): "text/javascript",
    }
    for path, kind in found.items():
        answer = client.get(f"/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert answer.headers["cache-control"] == FOR_EVER
        assert "content-encoding" not in answer.headers, "the sum is of what comes"
    data = client.get(f"/{binary['path']}").content
    assert (len(data), hashlib.sha256(data).hexdigest()) == (binary["bytes"], binary["sha256"])
    assert gzip.decompress(data) == b"runs ort-wasm-simd-threaded.wasm"


def test_nothing_else_can_be_reached(files, client):
    for name in TRICKS:
        answer = client.get(f"/{files.folder}/{name}")
        assert answer.status_code == 404, name
        assert b"it is" not in answer.content


def test_another_file_is_another_address(files, tmp_path):
    same = ModelFiles(files.info, MANIFEST, files.files, files.runtime)
    assert same.folder == files.folder
    assert ModelFiles(info(tokens=9), MANIFEST, files.files, files.runtime).folder != files.folder
    graphs = MANIFEST | {"graphs": {"encode": {"file": "encode.onnx", "sha256": "1"}}}
    assert ModelFiles(files.info, graphs, files.files, files.runtime).folder != files.folder
    (files.runtime / "ort-wasm-simd-threaded.wasm").write_bytes(b"newer")
    assert ModelFiles(files.info, MANIFEST, files.files, files.runtime).folder != files.folder


@pytest.mark.parametrize("first", [True, False])
def test_the_page_is_told_where_the_model_is(files, first):
    page = app.build(
        lambda name, device: StandIn(), models() if first else models()[::-1][:1] + models()[:1], own=files
    )
    (dial,) = (block for block in page.blocks.values() if getattr(block, "elem_id", "") == "dial")
    names = ["prefix-flow-256", *([""] if first else [])]
    wanted = {"manifest": f"{files.folder}/graphs.json", "models": names}
    assert f"const own = {json.dumps(wanted)};" in vars(dial)["js_on_load"]
    assert f"/{files.folder}/{{name:path}}" in [route.path for route in page.told]


def test_without_what_runs_it_nothing_is_offered(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "HERE", tmp_path / "demo")
    assert model_files.for_page(models()) is None
    page = app.build(lambda name, device: StandIn(), models())
    (dial,) = (block for block in page.blocks.values() if getattr(block, "elem_id", "") == "dial")
    assert "const own = null;" in vars(dial)["js_on_load"]


def test_the_first_model_that_a_browser_can_run_is_offered(monkeypatch, files):
    def graph_files(name):
        if name == "none":
            raise tc.TokenizerError("It has no graphs.")
        return MANIFEST | {"kind": "linear" if name == "pca" else "prefix-flow"}, files.files

    monkeypatch.setattr(tc, "graph_files", graph_files)
    catalog = [info("none"), info("pca"), info(), info("other")]
    found = model_files.for_page(catalog, str(files.runtime))
    assert found is not None
    assert found.info.name == "prefix-flow-256"
    assert model_files.for_page(catalog[:2], str(files.runtime)) is None
    monkeypatch.setenv("TOKENDIAL_RUNTIME", str(files.runtime))
    assert model_files.for_page(catalog) == found


def test_npm_brings_what_runs_it(monkeypatch, files):
    asked = []

    def find(folder, fetched):
        asked.append((folder, fetched.is_dir()))
        return files.runtime

    monkeypatch.setattr(runtime, "find", find)
    monkeypatch.setattr(tc, "graph_files", lambda name: (MANIFEST, files.files))
    assert model_files.for_page([info()], "npm") is not None
    assert asked == [(None, True)]


def test_a_folder_that_lacks_it_is_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tc, "fetch_chosen", lambda say: None)
    monkeypatch.setattr(tc, "catalog", models)
    assert main(["demo", "--runtime", str(tmp_path)]) == 2
    assert "lacks ort.wasm.bundle.min.mjs" in capsys.readouterr().err
