"""The command line: its option list, its files, and that mistakes end in a sentence."""

import argparse
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from stand_in import StandIn

import tokenizer_core as tc
from demo.cli import main
from demo.commands import build_parser
from tokenizer_core.storage.token_files import ABOUT, load_tokens, save_tokens

# The whole surface. A change here is a change for users: say so in CHANGELOG.md.
OPTIONS = {
    "demo": "--host --port --root-path --share --runtime --device --dtype",
    "models": "",
    "fetch": "NAME --yes",
    "import": "KIND FILE --name",
    "encode": "PHOTOS --limit --skip-damaged --exact -o --output --model --device --dtype",
    "decode": "TOKENS -o --output --length --mode --steps --guidance-scale --seed --device --dtype",
    "tokenize": "SOURCE --out --model --device --dtype --ray --worker --exact --skip-damaged --shard-size"
    " --workers --batch --compile",
    "detokenize": "DIR -o --output --length --limit --mode --steps --seed --device --dtype",
    "evaluate": "PHOTOS --limit --skip-damaged --exact --lengths --steps --guidance-scale --classifier --seed"
    " --seeds --processes --ray --model --device --dtype --json",
    "allocate": "PHOTOS --limit --skip-damaged --exact --criterion --threshold --lengths --model --device"
    " --dtype --json",
    "export-page": "FOLDER --with-model --runtime --weights",
    "compare": "PHOTOS --limit --skip-damaged --exact --models --bytes --out --processes --ray --device"
    " --dtype",
    "judge": "PHOTOS --limit --skip-damaged --exact --free --out --baseline --seeds"
    " --processes --ray --model --device --dtype",
    "bench": "--model --device --dtype --films --plain --visitors --json",
    "export-onnx": "MODEL --out",
    "train": "rest",
}


@pytest.fixture
def stand_in(monkeypatch):
    """`tc.load` gives this tokenizer, whatever it is asked for."""
    tokenizer = StandIn()
    monkeypatch.setattr(tc, "load", lambda name="", device="", dtype="": tokenizer)
    return tokenizer


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(path)
    return path


def test_the_option_list_is_frozen():
    verbs = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    found = {
        name: " ".join(
            part
            for action in parser._actions
            if not isinstance(action, argparse._HelpAction)
            for part in (action.option_strings or [str(action.metavar or action.dest)])
        )
        for name, parser in verbs.items()
    }
    assert found == OPTIONS


def test_encode_and_decode(stand_in, photo, tmp_path, capsys):
    tokens, picture = tmp_path / "tokens.safetensors", tmp_path / "out.png"
    assert main(["encode", str(photo), "-o", str(tokens)]) == 0
    assert "256 tokens" in capsys.readouterr().out
    assert (
        main(["decode", str(tokens), "--length", "32", "--steps", "4", "--seed", "7", "-o", str(picture)])
        == 0
    )
    expected = stand_in.decode(load_tokens(tokens), 32, steps=4, seed=7)
    assert np.array_equal(np.asarray(Image.open(picture)), expected.array)
    assert main(["decode", str(tokens), "--length", "32", "--mode", "mean", "-o", str(picture)]) == 0
    expected = stand_in.decode(load_tokens(tokens), 32, steps=1)
    assert np.array_equal(np.asarray(Image.open(picture)), expected.array)
    assert main(["decode", str(tokens), "--mode", "sharp", "-o", str(picture)]) == 2
    assert "no pictures of the kind sharp; it has mean and sample." in capsys.readouterr().err
    assert main(["decode", str(tokens), "-o", str(picture)]) == 0
    expected = stand_in.decode(load_tokens(tokens), 256)
    assert np.array_equal(np.asarray(Image.open(picture)), expected.array)


def test_a_tokens_file_holds_the_packed_bytes_and_says_whose_they_are(stand_in, photo, tmp_path):
    from safetensors import safe_open

    encoding, path = stand_in.encode(photo), tmp_path / "tokens.safetensors"
    assert save_tokens(encoding.prefix(5), path) == len(encoding.prefix(5).to_bytes())
    with safe_open(path, framework="np") as file:
        assert file.metadata() == ABOUT
        assert file.get_tensor("tokens").tobytes() == encoding.prefix(5).to_bytes()
    assert load_tokens(path).to_bytes() == encoding.prefix(5).to_bytes()


def test_a_bad_tokens_file_is_a_sentence(stand_in, photo, tmp_path, capsys):
    from safetensors.numpy import save

    path = tmp_path / "tokens.safetensors"
    save_tokens(stand_in.encode(photo), path)
    good = path.read_bytes()
    flipped = good[:-40] + bytes([good[-40] ^ 1]) + good[-39:]
    other = save({"tokens": np.zeros(3, np.uint8)}, {"format": "something else"})
    lacking = save({"numbers": np.zeros(3, np.uint8)}, ABOUT)
    wrong = save({"tokens": np.zeros((2, 3), np.float32)}, ABOUT)
    cases = [b"", b"PK\x03\x04", good[: len(good) // 2], flipped, other, lacking, wrong, bytes(2 << 20)]
    for case in cases:
        path.write_bytes(case)
        _expect_sentence(["decode", str(path), "-o", str(tmp_path / "out.png")], capsys, tmp_path)
    path.unlink()
    _expect_sentence(["decode", str(path), "-o", str(tmp_path / "out.png")], capsys, tmp_path)
    assert not (tmp_path / "out.png").exists()


def test_what_cannot_be_written_is_a_sentence(stand_in, photo, tmp_path, capsys):
    tokens = tmp_path / "tokens.safetensors"
    _expect_sentence(
        ["encode", str(photo), "-o", str(tmp_path / "no" / "such.safetensors")], capsys, tmp_path
    )
    assert main(["encode", str(photo), "-o", str(tokens)]) == 0
    for name in ("no/such.png", "out.thing", "out"):
        _expect_sentence(["decode", str(tokens), "-o", str(tmp_path / name)], capsys, tmp_path)


def test_the_module_is_the_command():
    """`python -m demo.cli`, where the command is not installed."""

    def run(*words):
        return subprocess.run([sys.executable, "-m", "demo.cli", *words], capture_output=True, text=True)

    listed = run("models").stdout
    assert all(info.name in listed for info in tc.catalog())
    wrong = run("decode", "nothing.safetensors", "-o", "x.png")
    assert (wrong.returncode, wrong.stderr) == (2, "There is no file named nothing.safetensors.\n")


def test_models_lists_the_catalog(capsys):
    assert main(["models"]) == 0
    lines, where = capsys.readouterr().out.split("\n\n")
    assert where.startswith("On this machine: ")
    assert [line.split()[0] for line in lines.splitlines()[1:]] == [info.name for info in tc.catalog()]


def test_evaluate_prints_a_table_and_writes_json(stand_in, photo, tmp_path, capsys):
    report = tmp_path / "out.json"
    command = ["evaluate", str(photo.parent), "--lengths", "1,16", "--steps", "1,2", "--limit", "1"]
    assert main([*command, "--json", str(report), "--seeds", "2"]) == 0
    assert "seed 0 (2 a photo)" in capsys.readouterr().out
    rows = json.loads(report.read_text())["rows"]
    assert [(row["steps"], row["length"]) for row in rows] == [(1, 1), (1, 16), (2, 1), (2, 16)]
    for row in rows:
        assert {"length", "steps", "guidance_scale", "psnr", "ssim", "spectrum_error"} <= set(row)
        assert set(row["spectrum_error"]) == {"low", "middle", "high"}
    _expect_sentence(["evaluate", str(tmp_path / "nowhere"), "--limit", "1"], capsys, tmp_path)
    _expect_sentence(["evaluate", str(photo.parent), "--lengths", "257"], capsys, tmp_path)
    _expect_sentence([*command, "--seeds", "0"], capsys, tmp_path)


def test_judge_takes_any_model(stand_in, photo, tmp_path, capsys):
    """The stand-in has no autoencoder to set its pictures beside; its own page leaves that out."""
    out = tmp_path / "out"
    assert (
        main(["judge", str(photo.parent), "--free", str(photo.parent), "--out", str(out), "--limit", "1"])
        == 0
    )
    assert "| sample |" in capsys.readouterr().out
    assert "autoencoder alone" not in (out / "JUDGE.md").read_text().split("![")[0]
    assert {path.name for path in out.iterdir()} >= {"JUDGE.md", "judge.json", "judge.png", "sheet-1.png"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--free", "nowhere"], "There is no folder or archive named nowhere."),
        (["--free", "empty"], "empty holds no photographs."),
        (["--free", "photos", "--seeds", "0"], "The number of seeds is 1 or more."),
        (["--free", "photos", "--limit", "0"], "The number of photos is 1 or more."),
    ],
)
def test_judge_says_what_is_wrong_before_it_measures(
    stand_in, photo, tmp_path, monkeypatch, capsys, options, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    photo.rename((tmp_path / "photos").mkdir() or tmp_path / "photos" / "photo.png")
    assert main(["judge", "photos", *options]) == 2
    assert capsys.readouterr().err == f"{sentence}\n"
    assert stand_in.encoded == 0


def test_words_that_are_no_numbers_are_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["evaluate", "photos", "--lengths", "one,two"])
    assert refused.value.code == 2
    assert "whole numbers" in capsys.readouterr().err


def test_train_hands_its_words_on(capsys):
    with pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    assert left.value.code == 0
    listed = capsys.readouterr().out
    assert all(verb in listed for verb in ("autoencoder", "prefix-flow", "polish", "pca"))
    with pytest.raises(SystemExit) as left:
        main(["train", "pca", "--help"])
    assert left.value.code == 0
    assert "tokendial train pca" in capsys.readouterr().out


def test_an_address_that_cannot_be_served_is_a_sentence(monkeypatch, capsys, tmp_path):
    import demo.app

    def launch(*args, **options):
        raise OSError("Cannot find empty port in range: 80-80.")

    monkeypatch.setattr(demo.app, "launch", launch)
    _expect_sentence(["demo", "--port", "80"], capsys, tmp_path)
    _expect_sentence(["demo"], capsys, tmp_path)
    _expect_sentence(["demo", "--host", "nosuch.invalid"], capsys, tmp_path)


def _expect_sentence(argv, capsys, folder):
    assert main(argv) == 2
    sentence = capsys.readouterr().err
    assert sentence[0].isupper() or sentence.split()[0].endswith((".safetensors", ".png", ".thing", "out"))
    assert sentence.endswith(".\n")
    assert sentence.count("\n") == 1
    assert "Traceback" not in sentence
    assert str(folder) not in sentence
