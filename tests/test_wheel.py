"""A wheel, built and installed without a network: its names, its files, and weights that are elsewhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WHERE = "TOKENDIAL_CHECKPOINTS says where it is.\n"
pytestmark = pytest.mark.slow


def tracked() -> list[str]:
    """What is in a clone, but for the weights."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if not name.startswith(("checkpoints/", "tests/"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    copy = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-index", "--no-deps"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", copy / "out", copy], check=True)
    (made,) = (copy / "out").iterdir()
    subprocess.run([*pip, "install", *offline, "--target", copy / "site", made], check=True)
    return made


@pytest.fixture
def tokendial(wheel, tmp_path):
    """Runs the installed command in an empty folder; its exit status and what it said."""
    site = wheel.parent.parent / "site"

    def run(*words, **environment):
        done = subprocess.run(
            [sys.executable, site / "bin" / "tokendial", *words],
            env=os.environ | {"PYTHONPATH": str(site)} | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_its_packages_have_names_of_ours_and_all_their_files(wheel):
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in files} == {"tokendial", "tokenizer_core"}
    wanted = {name for name in tracked() if name.startswith(("demo/", "tokenizer_core/"))}
    renamed = {
        "tokendial" + name.removeprefix("demo") if name.startswith("demo/") else name for name in wanted
    }
    assert renamed == files


def test_another_package_named_demo_is_nobody_s_concern(tokendial, wheel):
    site = wheel.parent.parent / "site"
    (site / "demo.py").write_text("raise SystemExit('this is somebody else')")
    code, said, _ = tokendial("--version")
    (site / "demo.py").unlink()
    assert (code, said) == (0, "tokendial 0.1.0\n")


@pytest.mark.parametrize(
    "words",
    [
        ["encode", "photo.png", "-o", "tokens.safetensors"],
        pytest.param(["models"], marks=pytest.mark.long),
        pytest.param(["demo"], marks=pytest.mark.long),
    ],
)
def test_without_weights_it_says_where_they_are(tokendial, tmp_path, words):
    Image.new("RGB", (300, 300)).save(tmp_path / "photo.png")
    code, said, wrong = tokendial(*words)
    assert (code, said) == (2, "")
    assert wrong.endswith(WHERE), wrong
    assert wrong.count("\n") == 1


def test_weights_are_found_where_they_are_said_to_be_or_beside_the_packages(tokendial, wheel):
    code, said, _ = tokendial("models", TOKENDIAL_CHECKPOINTS=str(ROOT / "checkpoints"))
    assert code == 0
    assert "prefix-flow-256" in said
    beside = wheel.parent.parent / "site" / "checkpoints"
    beside.symlink_to(ROOT / "checkpoints")
    assert tokendial("models")[:2] == (code, said)
    beside.unlink()
