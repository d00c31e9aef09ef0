"""The README against reality: its front matter, commands, Python, tree and dependencies."""

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import tokenizer_core as tc
from demo.cli import build_parser

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def lines(start: str) -> list[str]:
    """Lines of the README's blocks that begin like this, without their comments."""
    return [
        line.split("#")[0].strip()
        for _, block in BLOCKS
        for line in block.splitlines()
        if line.startswith(start)
    ]


def names(text: str) -> set[str]:
    return {re.split(r"[<>=\[; ]", name)[0].lower() for name in text.split("\n") if name and name[0] != "#"}


def dependencies() -> set[str]:
    block = PYPROJECT.split("\ndependencies = [\n")[1].split("\n]")[0]
    return names("\n".join(re.findall(r'"(.*?)"', block)))


def test_the_front_matter_is_a_spaces():
    about = yaml.safe_load(README.split("---")[1])
    required = {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file", "license"}
    assert required <= set(about)
    assert about["sdk"] == "gradio"
    assert about["sdk_version"] == importlib.metadata.version("gradio")
    assert (ROOT / about["app_file"]).is_file()
    assert len(about["short_description"]) <= 60


def test_the_make_commands_are_targets():
    made = {line.split()[1] for line in lines("make ")} | set(re.findall(r"`make (\w+)", README))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= made <= targets


@pytest.mark.parametrize("command", lines("tokendial "))
def test_the_commands_parse(command):
    words = shlex.split(command)[1:]
    if words[0] == "train":
        return  # test_cli asks the training code's own parser
    assert build_parser().parse_args(words).run


@pytest.mark.slow
def test_the_python_runs(tmp_path):
    if not any(info.name == "prefix-flow-256" and info.checkpoint_id for info in tc.catalog()):
        pytest.skip("the bundled weights are not there")
    (tmp_path / "demo").mkdir()
    shutil.copytree(ROOT / "demo/examples", tmp_path / "demo/examples")
    (code,) = (block for kind, block in BLOCKS if kind == "python")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "256 tokens:" in run.stdout
    assert (tmp_path / "cat-32.png").is_file()


def test_the_tree_is_the_repository_s():
    (tree,) = (block for _, block in BLOCKS if block.startswith("app.py "))
    listed, folder = set(), ""
    for line in tree.splitlines():
        name, phrase = line.strip().split(maxsplit=1)
        assert phrase
        inside = line.startswith(" ")
        listed.add(folder + name if inside else name)
        folder = folder if inside else name
    assert not [name for name in listed if not (ROOT / name).exists()]
    packages = {
        p.parent for folder in ("tokenizer_core", "demo") for p in (ROOT / folder).rglob("__init__.py")
    }
    rooms = {f"{p.relative_to(ROOT).as_posix()}/" for p in packages if len(p.relative_to(ROOT).parts) < 3}
    assert not rooms - listed


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_each_dependency_has_a_reason():
    table = README.split("## Why each dependency")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)) - {"package"} == dependencies()


def test_a_space_installs_what_the_core_needs():
    wanted = names((ROOT / "requirements.txt").read_text("utf-8"))
    assert wanted == dependencies() - {"gradio"}  # a Space brings its own, by sdk_version


def test_everything_installed_for_the_tests_is_locked():
    locked = names((ROOT / "requirements.lock").read_text("utf-8"))
    assert dependencies() <= locked
    extras = names(
        "\n".join(
            re.findall(r'^  "(.*?)"', PYPROJECT.split("optional-dependencies]")[1].split("\n[")[0], re.M)
        )
    )
    assert extras - {"tokendial"} <= locked
