"""Who may import whom: arrows go down, from the page to the rooms of the science, and never in a circle."""

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "tokenizer_core").rglob("*.py"))
DEMO = sorted((ROOT / "demo").rglob("*.py"))

# A room imports itself and rooms of lower steps. Rooms on one step do not know one another.
STEPS = (
    {"errors"},
    {"stopping"},
    {"codes", "photos", "nn", "engine"},
    {"storage"},
    {"graphs"},
    {"models", "measure"},
    {"reports", "sets", "training"},
)
STEP = {room: i for i, rooms in enumerate(STEPS) for room in rooms}


def imports(path: Path) -> list[str]:
    """Every module that a file imports, wherever in it, as dotted names; of `from a import b`, `a.b`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, ["." * node.level, node.module]))
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def names(paths: list[Path]) -> list[str]:
    return [p.relative_to(ROOT).as_posix() for p in paths]


def room_of(path: Path) -> str:
    """The folder below tokenizer_core that a file is in, or the file's own name."""
    first = path.relative_to(ROOT / "tokenizer_core").parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_arrows_go_down(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in STEP, f"give {room} a step in STEPS"
    used = {name.split(".")[1] for name in imports(path) if name.startswith("tokenizer_core.")} - {room}
    upward = {other for other in used if other in STEP and STEP[other] >= STEP[room]}
    assert not upward, f"{room} imports {upward}, which is not below it"


def test_nothing_imports_in_a_circle():
    modules = {
        p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): p
        for p in CORE
    }
    graph = {}
    for module, path in modules.items():
        found = imports(path)
        graph[module] = {name for name in modules if name != module and name in found}
        graph[module] |= {name.rpartition(".")[0] for name in found} & set(modules) - {module}
        graph[module].discard(
            "tokenizer_core"
        )  # `import tokenizer_core as tc` is for what nobody below imports
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("family", sorted(p.parent.name for p in CORE if p.parent.parent.name == "models"))
def test_a_family_knows_no_other(family):
    files = (ROOT / "tokenizer_core/models" / family).glob("*.py")
    used = {
        name.split(".")[2] for p in files for name in imports(p) if name.startswith("tokenizer_core.models.")
    }
    families = {p.parent.name for p in CORE if p.parent.parent.name == "models"}
    assert not used & (families - {family})


@pytest.mark.parametrize("path", DEMO, ids=names(DEMO))
def test_the_page_is_a_client_of_the_public_list(path):
    text = path.read_text("utf-8")
    allowed = {"tokenizer_core.training.cli.train"} if path.name == "train.py" else set()
    assert {n for n in imports(path) if n.startswith("tokenizer_core.")} <= allowed
    assert text.count("import tokenizer_core") == text.count("import tokenizer_core as tc")
    assert not {n for n in imports(path) if n.split(".")[0] == "torch"}


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_the_core_keeps_its_annotations(path):
    assert "__future__.annotations" not in imports(path), "jaxtyping cannot read them then"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("tokenizer_core", ("gradio", "matplotlib", "torchvision", "diffusers", "tokenizer_core.training")),
        ("demo.cli", ("gradio", "matplotlib", "tokenizer_core.training")),  # `tokendial --help` is quick
        ("demo.app", ("matplotlib", "tokenizer_core.training")),
    ],
)
def test_an_import_stays_light(module, absent):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("code", "before", "policy"),
    [
        ("import tokenizer_core", {}, "passive"),
        ("import demo.commands", {}, "passive"),
        ("import demo.app", {}, "passive"),
        ("import tokenizer_core", {"OMP_WAIT_POLICY": "active"}, "active"),
        ("import torch, tokenizer_core", {}, None),
    ],
)
def test_threads_that_wait_sleep_unless_somebody_decided_otherwise(code, before, policy):
    """It is set before torch's library of threads reads it, or not at all."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = f"{code}; import os; print(os.environ.get('OMP_WAIT_POLICY'))"
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, env=environment | before, capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.strip() == str(policy)
