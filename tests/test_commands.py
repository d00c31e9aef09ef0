"""What commands read and write: folders, damaged photos, streams, metadata; a failed write loses nothing."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_in import StandIn

import tokenizer_core as tc
from demo.cli import main
from demo.commands import files
from tests.pasted import AROUND

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def stand_in(monkeypatch):
    """`tc.load` gives this tokenizer, whatever it is asked for."""
    tokenizer = StandIn()
    monkeypatch.setattr(tc, "load", lambda name="", device="", dtype="": tokenizer)
    return tokenizer


@pytest.fixture
def photos(tmp_path):
    """Two photos, one of them in a folder of its own, and a damaged one between them."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "more/c.png")):
        array = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(array).save(folder / name)
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:200])
    return folder


def run(*words: str, **options) -> subprocess.CompletedProcess:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "demo.cli", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, **options)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_decode_takes_a_link_and_what_was_pasted_around_it(stand_in, photos, tmp_path, around):
    text = tc.text_of_tokens(stand_in.encode(photos / "a.png").to_bytes())
    (tmp_path / "link.txt").write_text(around.format(text), "utf-8")
    for number, source in enumerate((around.format(text), str(tmp_path / "link.txt"))):
        assert main(["decode", source, "-o", str(tmp_path / f"{number}.png"), "--length", "16"]) == 0
    wanted = stand_in.decode(tc.load_tokens(text), 16)
    for number in range(2):
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{number}.png")), wanted.array)


def test_a_folder_is_encoded_and_decoded_with_its_names(stand_in, photos, tmp_path, capsys):
    tokens, pictures = tmp_path / "tokens", tmp_path / "pictures"
    assert main(["encode", str(photos), "-o", str(tokens)]) == 2
    assert capsys.readouterr().err.startswith("b.png: ")
    assert main(["encode", str(photos), "-o", str(tokens), "--skip-damaged"]) == 3
    told = capsys.readouterr()
    assert "2 files of tokens" in told.out
    assert told.err.startswith("b.png: ")
    assert told.err.endswith("1 photos were skipped.\n")
    names = {"a.safetensors", "more/c.safetensors"}
    assert {path.relative_to(tokens).as_posix() for path in tokens.rglob("*.*")} == names
    assert main(["decode", str(tokens), "-o", str(pictures), "--length", "16"]) == 0
    assert {path.relative_to(pictures).as_posix() for path in pictures.rglob("*.*")} == {
        "a.png",
        "more/c.png",
    }


def test_damaged_photos_are_skipped_listed_and_counted(stand_in, photos, capsys):
    words = [str(photos), "--lengths", "4", "--steps", "1"]
    assert main(["evaluate", *words]) == 2
    assert capsys.readouterr().err.startswith("b.png: ")
    assert main(["evaluate", *words, "--skip-damaged"]) == 3
    told = capsys.readouterr()
    assert " on 2 photos of photos" in told.out
    assert told.err.startswith("b.png: ")
    assert main(["evaluate", *words, "--limit", "0"]) == 2


def test_a_picture_says_how_it_was_made(stand_in, photos, tmp_path, capsys):
    tokens = tmp_path / "tokens.safetensors"
    assert main(["encode", str(photos / "a.png"), "-o", str(tokens)]) == 0
    about = {"model": "prefix-flow-256", "weights": "57a2d100ab0e", "length": 9, "steps": 8, "seed": 3}
    for suffix in ("png", "webp", "jpg"):
        picture = tmp_path / f"out.{suffix}"
        assert main(["decode", str(tokens), "-o", str(picture), "--length", "9", "--seed", "3"]) == 0
        assert files.read_about(picture) == about
        capsys.readouterr()
        assert main(["decode", str(picture), "-o", str(tmp_path / "again.png")]) == 2
        sentence = capsys.readouterr().err
        assert "painted (model prefix-flow-256, weights 57a2d100ab0e, length 9, steps 8, seed 3)" in sentence
    assert files.read_about(photos / "a.png") is None


def test_the_same_tokens_are_the_same_file_and_the_page_s_are_read(stand_in, photos, tmp_path):
    encoding = tc.Encoding.from_bytes(stand_in.encode(photos / "a.png").to_bytes())
    made = {subprocess_bytes(encoding) for _ in range(3)}
    assert made == {tc.pack_tokens(encoding)}
    (tmp_path / "photo.tokens").write_bytes(encoding.to_bytes())  # what the page saves
    assert tc.load_tokens(tmp_path / "photo.tokens") == encoding
    assert main(["decode", str(tmp_path / "photo.tokens"), "-o", str(tmp_path / "out.png")]) == 0


def subprocess_bytes(encoding: tc.Encoding) -> bytes:
    """A file of tokens as another process writes it: the order of a hash changes from run to run."""
    code = "import sys, tokenizer_core as tc; data = sys.stdin.buffer.read()\n"
    code += "sys.stdout.buffer.write(tc.pack_tokens(tc.Encoding.from_bytes(data)))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=encoding.to_bytes(), capture_output=True, cwd=ROOT
    )
    return done.stdout


def test_standard_input_and_output(stand_in, photos, monkeypatch, capfdbinary):
    class Stream:
        def __init__(self, data: bytes):
            self.buffer = io.BytesIO(data)

    monkeypatch.setattr(sys, "stdin", Stream((photos / "a.png").read_bytes()))
    assert main(["encode", "-", "-o", "-"]) == 0
    tokens = capfdbinary.readouterr().out
    assert tc.load_tokens(tokens).to_bytes() == stand_in.encode(photos / "a.png").to_bytes()
    monkeypatch.setattr(sys, "stdin", Stream(tokens))
    assert main(["decode", "-", "-o", "-", "--length", "4"]) == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).size == (256, 256)


def test_what_is_read_is_not_written_over(stand_in, photos, tmp_path, capsys):
    photo = photos / "a.png"
    before = photo.read_bytes()
    os.link(photo, tmp_path / "link.png")
    for target in (photo, tmp_path / "link.png"):
        assert main(["encode", str(photo), "-o", str(target)]) == 2
        assert "write to another file" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    path.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        tc.TokenizerError, match=r"^out.json could not be written: No space left on device\.$"
    ):
        tc.write_whole(path, b"new" * 1000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("device", ["mps", "xpu", "meta", "nonsense", "cuda:99"])
def test_a_device_that_is_no_device_here_is_a_sentence(device, photos, tmp_path, capsys):
    for words in (["encode", str(photos / "a.png"), "-o", str(tmp_path / "t")], ["demo"], ["bench"]):
        assert main([*words, "--device", device]) == 2
        sentence = capsys.readouterr().err
        assert sentence.endswith(".\n")
        assert sentence.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "99999", "-1"])
def test_a_port_that_is_no_port_is_a_sentence(port, capsys):
    assert main(["demo", "--port", port]) == 2
    assert capsys.readouterr().err == f"A port is a number from 1 to 65535, not {port}.\n"


@pytest.mark.parametrize("content", ["nothing", "a file", "odd kinds", "no text"])
def test_checkpoints_that_are_none_are_a_sentence(content, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "checkpoints"
    if content == "a file":
        folder.write_text("no folder")
    elif content != "nothing":
        (folder / "odd").mkdir(parents=True)
        config = {"odd kinds": b'{"kind": ["a", "list"]}', "no text": b"\xff\xfe"}[content]
        (folder / "odd" / "config.json").write_bytes(config)
        (folder / "odd" / "SHA256SUMS").write_bytes(b"\xff not text")
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(folder))
    if content in ("odd kinds", "no text"):
        assert main(["models"]) == 0
        assert "odd is left out" in capsys.readouterr().out
    verbs = [["demo"], ["bench"], ["encode", "x.png", "-o", "x"]]
    for words in verbs if (folder / "odd").exists() else [["models"], *verbs]:
        assert main(words) == 2
        assert "TOKENDIAL_CHECKPOINTS says where it is." in capsys.readouterr().err


def test_the_version_is_said():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.decode().startswith("tokendial ")


def test_a_terminal_without_such_letters_shows_their_numbers(tmp_path):
    done = run("encode", "\u00e9t\u00e9.png", "-o", "x", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_closed_pipe_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "demo.cli", "models"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no list of what a process has loaded")
def test_ctrl_c_while_libraries_load_ends_quietly():
    command = [sys.executable, "-m", "demo.cli", "bench"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    maps = Path(f"/proc/{process.pid}/maps")
    while maps.exists() and "torch" not in maps.read_text() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)  # while torch is imported
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Traceback" not in told
