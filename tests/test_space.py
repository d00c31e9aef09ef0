"""A clean copy of only what `make publish` sends to a Space starts, answers and shows an example."""

import itertools
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub.utils import filter_repo_objects

import tokenizer_core as tc

ROOT = Path(__file__).resolve().parent.parent
MB = 1e6
START_LIMIT = 60  # seconds; DESIGN's 15 hold for a machine that does nothing else


def publishing() -> list[list[str]]:
    """The words of the two commands of `make publish`."""
    made = subprocess.run(
        ["make", "-n", "-o", ".venv/ready-demo", "publish", "SPACE=someone/tokendial", "ARGS=--private"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = made.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if "/hf " in line]


def kept(files: list[str]) -> list[str]:
    """What the hub's own rule makes of the patterns of `hf upload`."""
    _, upload = publishing()
    said = {option: [b for a, b in itertools.pairwise(upload) if a == option] for option in upload}
    return list(
        filter_repo_objects(files, allow_patterns=said["--include"], ignore_patterns=said["--exclude"])
    )


def space_files() -> list[str]:
    """Of the files that git knows."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return kept(tracked.stdout.splitlines())


def test_publishing_asks_only_what_the_hub_s_command_knows():
    create, upload = publishing()
    assert create[1:4] == ["repos", "create", "someone/tokendial"]
    assert "--private" in create
    assert upload[1:5] == ["upload", "someone/tokendial", ".", "."]
    hf = Path(sys.executable).with_name("hf")
    for words in (create, upload):
        verb = words[1:3] if words[1] == "repos" else words[1:2]
        known = subprocess.run([hf, *verb, "--help"], capture_output=True, text=True, check=True).stdout
        assert all(word in known for word in words if word.startswith("--"))
    deleted = {b for a, b in itertools.pairwise(upload) if a == "--delete"}
    assert deleted == {"checkpoints/*", "demo/*", "tokenizer_core/*"}, "what has gone here goes there"


def test_a_space_gets_no_tests_no_training_code_and_nothing_hidden():
    files = space_files()
    assert {"app.py", "README.md", "requirements.txt", "demo/app.py", "demo/page/dial.html"} <= set(files)
    assert {"checkpoints/pca/model.safetensors", "demo/commands/serve.py"} <= set(files)
    assert not [f for f in files if f.startswith((".", "tests", "docs", "tokenizer_core/training"))]
    litter = ["demo/__pycache__/app.pyc", "tokenizer_core/.x", ".venv/a", "runs/a.png", "demo/.DS_Store"]
    assert kept(litter) == []


@pytest.fixture
def copy(tmp_path):
    for path in space_files():
        target = tmp_path / "space" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)
    return tmp_path / "space"


def clean_environment(port: int) -> dict[str, str]:
    """No PYTHONPATH, no folder of weights elsewhere, no network."""
    unwanted = ("PYTHONPATH", "TOKENDIAL_CHECKPOINTS")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    here = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    return kept | here | {"HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1,localhost"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_copy_is_what_runs_and_is_small_enough(copy):
    code = "import demo, tokenizer_core; print(*demo.__path__, *tokenizer_core.__path__)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env=clean_environment(0),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [str(copy / "demo"), str(copy / "tokenizer_core")]
    assert not (copy / "tokenizer_core/training").exists()
    assert max(p.stat().st_size for p in copy.rglob("*") if p.is_file()) <= 45 * MB


@pytest.mark.slow
def test_app_py_serves_the_page(copy):
    if not any(info.checkpoint_id for info in tc.catalog()):
        pytest.skip("THE BUNDLED WEIGHTS ARE NOT THERE: the Space was not started")
    port = free_port()
    log = (copy.parent / "log.txt").open("w+")
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=copy,
        env=clean_environment(port),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        page = wait_for(f"http://127.0.0.1:{port}/", server, log)
        assert "tokendial" in page
        config = wait_for(f"http://127.0.0.1:{port}/config", server, log)
        assert "dial" in config
        show_an_example(f"http://127.0.0.1:{port}/")
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def wait_for(address: str, server: subprocess.Popen, log) -> str:
    """The page's text, once it is there."""
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    log.flush()
    pytest.fail(f"{address} does not answer:\n{Path(log.name).read_text()[-4000:]}")


def show_an_example(address: str) -> None:
    """In a browser, where there is one: the dial's canvas gets a picture, without being asked."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return
    from playwright.sync_api import sync_playwright

    painted = """() => [...document.querySelectorAll('#dial canvas.pic')].some(canvas => {
        if (!canvas.width || !canvas.height) return false;
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(data).size > 32;
    })"""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function(painted, timeout=30_000)
        browser.close()
