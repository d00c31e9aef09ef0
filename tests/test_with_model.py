"""`tokendial export-page --with-model`: which files there are, and what runs the model."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

import demo.export
import tokenizer_core as tc
from demo import runtime, with_model
from demo.cli import main
from tokenizer_core.storage.checkpoints import sum_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def ort(tmp_path):
    """A folder with files of onnxruntime-web's names."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in runtime.FILES:
        (folder / name).write_text(f"stands in for {name}")
    return folder


def test_what_runs_the_model_is_the_lock_file_s():
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    told = lock[f"node_modules/{runtime.ABOUT['package']}"]
    assert (told["version"], told["integrity"]) == (runtime.ABOUT["version"], runtime.ABOUT["integrity"])


@pytest.mark.slow
def test_the_folder_has_the_model_and_says_what_each_file_is(ort, tmp_path, monkeypatch):
    monkeypatch.setattr(demo.export, "write_beside", lambda folder, size: None)  # it is slow, and no model's
    page = tmp_path / "page"
    assert main(["export-page", str(page), "--with-model", "--runtime", str(ort)]) == 0
    told = json.loads((page / "model/graphs.json").read_text("utf-8"))
    manifest, files = tc.graph_files()
    assert told.items() >= manifest.items()
    assert told["info"]["checkpoint_id"] == told["weights_id"]
    sized = {one["file"]: one for one in told["graphs"].values()} | told["weights"]
    assert set(sized) == set(files) - {"graphs.json", "SHA256SUMS"}
    for name, one in sized.items():
        path = page / "model" / name
        assert (path.stat().st_size, sum_of(path)) == (one["bytes"], one["sha256"]), name
    [pca] = told["beside"]
    manifest, files = tc.graph_files("pca")
    assert pca.items() >= manifest.items()
    assert pca["info"]["role"] == "baseline"
    for name in (*pca["weights"], *(one["file"] for one in pca["graphs"].values())):
        assert sum_of(page / "model" / "pca" / name) == sum_of(files[name]), name
    binary = told["runtime"]["binary"]
    assert binary["sha256"] == sum_of(page / binary["path"])
    assert (page / told["runtime"]["script"]).is_file()
    assert "model/graphs.json" in (page / "index.html").read_text("utf-8")


def test_without_the_option_there_is_no_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo.export, "write_beside", lambda folder, size: None)
    assert main(["export-page", str(tmp_path / "page")]) == 0
    assert not (tmp_path / "page" / "model").exists()
    assert not (tmp_path / "page" / "ort").exists()
    assert main(["export-page", str(tmp_path / "other"), "--runtime", str(tmp_path)]) == 2
    assert "they go with --with-model.\n" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_weights_may_lie_on_another_host(ort, tmp_path):
    """Graphs stay with the page; what is fetched from elsewhere is known by its sum, too."""
    manifest, files = tc.graph_files()
    info = next(one for one in tc.catalog() if one.name == manifest["name"])
    at = "https://hub.example/someone/weights/resolve/0123456/"
    beside = with_model.baseline(ort)
    with_model.write(tmp_path / "page", with_model.WebModel(info, manifest, files, ort, at, beside))
    told = json.loads((tmp_path / "page/model/graphs.json").read_text("utf-8"))
    assert set(told["weights"]) == set(manifest["weights"])
    for name, one in told["weights"].items():
        assert one == manifest["weights"][name] | {"url": at + name}
    assert told["beside"][0]["weights"]["model.safetensors"]["url"] == f"{at}pca/model.safetensors"
    assert not list((tmp_path / "page").rglob("*.safetensors"))
    assert len(list((tmp_path / "page/model").glob("*.onnx"))) == len(manifest["graphs"])


def test_an_address_that_a_page_may_not_ask_is_a_sentence(ort, tmp_path, capsys):
    words = ["export-page", str(tmp_path / "page"), "--with-model", "--runtime", str(ort)]
    assert main([*words, "--weights", "http://hub.example/weights"]) == 2
    assert capsys.readouterr().err == "The address of the weights begins with https://.\n"
    assert not (tmp_path / "page").exists()


def test_a_folder_that_lacks_a_file_is_a_sentence(ort, tmp_path):
    assert runtime.find(ort, tmp_path) == ort
    (ort / runtime.FILES[1]).unlink()
    with pytest.raises(tc.TokenizerError, match=f"lacks {runtime.FILES[1]}, a file of onnxruntime-web"):
        runtime.find(ort, tmp_path)


def test_node_modules_count_if_they_are_of_the_version(tmp_path):
    package = tmp_path / "onnxruntime-web"
    assert runtime.installed(tmp_path) is None
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"version": runtime.ABOUT["version"]}))
    assert runtime.installed(tmp_path) == package / "dist"
    (package / "package.json").write_text(json.dumps({"version": "1.0.0"}))
    assert runtime.installed(tmp_path) is None


def archive_of(files: dict[str, bytes]) -> bytes:
    """As npm packs a package."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_npm_s_archive_is_taken_by_its_sum(tmp_path, monkeypatch):
    archive = archive_of({name: name.encode() for name in [*runtime.FILES, "another"]})
    with pytest.raises(tc.TokenizerError, match="its sum differs"):
        runtime.unpacked(archive, tmp_path)
    assert list(tmp_path.iterdir()) == []
    right = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    monkeypatch.setitem(runtime.ABOUT, "integrity", right)
    monkeypatch.setattr(runtime, "installed", lambda modules: None)
    monkeypatch.setattr(runtime, "pack", lambda folder: archive)
    assert runtime.find(None, tmp_path) == tmp_path
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: name.encode() for name in runtime.FILES
    }


def test_without_npm_a_sentence_says_what_helps(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    with pytest.raises(tc.TokenizerError, match="neither is npm, which would bring it"):
        runtime.pack(tmp_path)


def test_an_npm_that_fails_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_npm", lambda: ["false"])
    with pytest.raises(tc.TokenizerError, match=r"^npm could not bring onnxruntime-web@"):
        runtime.pack(tmp_path)
