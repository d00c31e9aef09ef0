"""The README and the pages it was cut into against reality: commands, Python, figures, tree, dependencies."""

import argparse
import ast
import importlib.metadata
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import tokenizer_core as tc
from demo.commands import build_parser
from studies.figures import CHECKPOINT, PAGE, blocks, read_bench, read_evaluation, readme_table
from studies.pages import between

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {"README.md": README, **{f"docs/{name}": text for name, text in DOCS.items()}}
PAGES |= {name: (ROOT / name).read_text("utf-8") for name in ("studies/README.md", "CHANGELOG.md")}
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall(README)
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def lines(start: str, pages: dict[str, str]) -> list[str]:
    """Lines of the pages' blocks that begin like this, without their comments."""
    blocks = [block for text in pages.values() for _, block in BLOCK.findall(text)]
    found = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in found if line.startswith(start)]


def quoted(start: str, pages: dict[str, str]) -> list[str]:
    """What stands between backticks in a line of the pages, and begins like this."""
    found = [code for text in pages.values() for code in re.findall(r"`([^`\n]+)`", text)]
    return [code for code in found if code.startswith(start)]


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


def test_it_is_short():
    assert len(README.splitlines()) <= 160
    assert max(len(line) for line in README.splitlines() if not line.startswith("|")) <= 120


def test_the_make_commands_are_targets():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = [*lines("make ", PAGES), *quoted("make ", PAGES)]
    made = {word for line in commands for word in line.split()[1:] if re.fullmatch("[a-z]+", word)}
    assert {"demo", "test"} <= made <= targets


def test_the_first_command_gets_what_the_others_need():
    start = README.split("## Start")[1].split("```")[1]
    clone, folder, *rest = [line.split("#")[0].split() for line in start.strip().splitlines()]
    assert clone[:4] == ["git", "clone", "--depth", "1"]
    assert folder == ["cd", clone[-1]]
    assert rest == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("command", lines("tokendial ", PAGES))
def test_the_commands_parse(command):
    words = shlex.split(command)[1:]
    if words[0] == "train":
        return  # test_cli asks the training code's own parser
    assert build_parser().parse_args(words).run


def test_the_verbs_and_options_that_the_pages_name_are_there():
    actions = build_parser()._actions
    verbs = next(one for one in actions if isinstance(one, argparse._SubParsersAction)).choices
    named = [code.split()[1:] for code in quoted("tokendial ", PAGES)]
    assert len(named) > 5
    for verb, *words in named:
        if verb.strip(",") == "train":
            continue
        shown = verbs[verb.strip(",")].format_help()
        assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[\w-]+", shown)), verb
    helps = "".join(verb.format_help() for verb in verbs.values())
    for option in quoted("--", {"README.md": README}):
        assert option.split()[0] in helps, option


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


def test_a_folder_s_first_lines_list_its_files():
    """Where they list files, they list all of them, and no others."""
    listing = 0
    for path in [*ROOT.glob("tokenizer_core/**/__init__.py"), ROOT / "demo/__init__.py"]:
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        named = set(re.findall(r"^([\w/]+(?:\.\w+)?)  +\S", doc, re.MULTILINE))
        if not named or path.parent.name == "tokenizer_core":
            continue
        listing += 1
        files = {p.name for p in path.parent.glob("*.*") if p.suffix in (".py", ".md", ".json")} - {path.name}
        folders = {f"{p.name}/" for p in path.parent.iterdir() if p.is_dir() and p.name != "__pycache__"}
        assert named == files | folders, path.parent.relative_to(ROOT)
    assert listing > 8


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page])
    assert links or page not in ("README.md", "docs/figures.md", "studies/README.md")
    assert not [link for link in links if not ((ROOT / page).parent / link).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    named = re.findall(r"`((?:tests|studies|docs|checkpoints|demo|tokenizer_core)/[\w/.-]*)`", PAGES[page])
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_no_cell_of_a_table_is_prose(page):
    rows = [line for line in PAGES[page].splitlines() if line.startswith("|")]
    assert max((len(cell.strip()) for row in rows for cell in row.split("|")), default=0) <= 200


def test_the_figures_are_those_that_were_measured():
    judged = (CHECKPOINT / "JUDGE.md").read_text("utf-8")
    assert between(README, "figures") == readme_table(judged), "run python -m studies.figures"
    for name, block in blocks().items():
        assert between(DOCS[PAGE.name], name) == block, "run python -m studies.figures"


def test_they_are_of_the_bundled_weights():
    (info,) = (info for info in tc.catalog() if info.name == "prefix-flow-256")
    if not info.checkpoint_id:
        pytest.skip("the bundled weights are not there")
    evaluation, bench = (
        read(CHECKPOINT / name)
        for read, name in ((read_evaluation, "evaluation.json"), (read_bench, "bench.json"))
    )
    faces = json.loads((CHECKPOINT / "faces.json").read_text("utf-8"))
    assert {evaluation.checkpoint_id, bench.checkpoint_id, faces["checkpoint_id"]} == {info.checkpoint_id}
    assert f"Weights `{info.checkpoint_id}`" in (CHECKPOINT / "JUDGE.md").read_text("utf-8")


def test_the_table_leaves_out_what_is_not_possible():
    measures = ("PSNR, dB", "label agreement", "spectrum error, high band, decades")
    page = "\n\n".join(
        f"| {name} | 1: 8 bytes | 2: 1,600 bytes |\n|---|---|---|\n"
        + "".join(f"| {row} | not possible | 0.5 |\n" for row in ("sample", "mean", "pca", "WebP", "JPEG"))
        for name in measures
    )
    rows = readme_table(page).splitlines()[2:]
    assert rows == ["| 1 | 8 |" + "  |" * 9, "| 2 | 1,600 |" + " 0.5 |" * 9]


def test_each_dependency_has_a_reason():
    table = DOCS["dependencies.md"]
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
