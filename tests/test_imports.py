"""Who may import whom, and how much code there may be: DESIGN's rules, read off the source."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "tokenizer_core").glob("*.py"))
TRAINING = sorted((ROOT / "tokenizer_core/training").rglob("*.py"))
DEMO = sorted((ROOT / "demo").rglob("*.py"))
PAGE = sorted(p for p in (ROOT / "demo").rglob("*") if p.suffix in (".py", ".js", ".css", ".html"))

# Arrows go down: a room imports only rooms of lower steps.
STEPS = (
    {"errors"},
    {"config", "colours", "quantize", "devices", "masks"},
    {"photo", "flow", "layers", "components"},
    {"tokens", "metrics", "spectrum", "classifier", "photoset", "autoencoder", "encoder", "decoder"},
    {"sampler", "attention", "catalog", "tally", "scorer", "codecs", "sheet"},
    {"checkpoints", "interface", "figure", "networks"},
    {"tokenizer", "linear", "bundle", "weights"},
    {"models", "evaluate", "bench"},
    {"judge"},
    {"cli"},
)
STEP = {room: i for i, rooms in enumerate(STEPS) for room in rooms}


def imports(path: Path) -> list[str]:
    """Every module that a file imports, wherever in it, as dotted names; of `from a import b`, `a.b`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def names(paths: list[Path]) -> list[str]:
    return [p.relative_to(ROOT).as_posix() for p in paths]


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_arrows_go_down(path):
    if path.stem == "__init__":
        return
    assert path.stem in STEP, f"give {path.name} a step in STEPS"
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("tokenizer_core.")}
    assert "training" not in rooms or path.stem == "cli"
    upward = {room for room in rooms - {"training"} if STEP.get(room, 0) >= STEP[path.stem]}
    assert not upward, f"{path.stem} imports {upward}, which is not below it"


@pytest.mark.parametrize("path", DEMO, ids=names(DEMO))
def test_the_page_is_a_client_of_the_public_list(path):
    text = path.read_text("utf-8")
    allowed = {"tokenizer_core.cli.add_verbs"} if path.name == "cli.py" else set()
    assert {n for n in imports(path) if n.startswith("tokenizer_core.")} <= allowed
    assert text.count("import tokenizer_core") == text.count("import tokenizer_core as tc")
    assert not {n for n in imports(path) if n.split(".")[0] == "torch"}


@pytest.mark.parametrize("path", CORE + TRAINING, ids=names(CORE + TRAINING))
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
    ("what", "paths", "limit"),
    [("core", CORE, 2500), ("page and command line", PAGE, 1200), ("training", TRAINING, 700)],
    ids=["core", "page", "training"],
)
def test_budget(what, paths, limit):
    sizes = {p.relative_to(ROOT).as_posix(): code_lines(p) for p in paths}
    assert sum(sizes.values()) <= limit, f"{what}: {sum(sizes.values())} lines of code, {sizes}"


def code_lines(path: Path) -> int:
    """Lines that hold code: not blank, no comment, and in Python no docstring."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))
    skipped = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    held = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in skipped
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            held -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(held)
