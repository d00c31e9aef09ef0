"""Work over several processes: in order, one sentence for what fails, and the figures of one process."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import tokenizer_core as tc
from demo.cli import main
from tests import tiny_linear
from tokenizer_core.engine.spread import Spread
from tokenizer_core.measure.tally import Tally
from tokenizer_core.reports import evaluate as evaluation


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """37 photographs, two blocks and a part of one, and a damaged one."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(37):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
        Image.fromarray(coarse).resize((70, 64)).save(folder / f"{seed:02d}.png")
    (folder / "05a.png").write_bytes((folder / "05.png").read_bytes()[:90])
    return folder


@pytest.fixture
def small_blocks(monkeypatch):
    """So that four processes have several blocks each."""
    monkeypatch.setattr(evaluation, "PHOTOS_AT_A_TIME", 4)


class Times:
    """A worker's function: made once, and it knows its process."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, device: str | None):
        return self.times

    def times(self, item: int) -> tuple[int, int]:
        if item == -1:
            raise tc.TokenizerError("Minus one is no item.")
        if item == -2:
            os._exit(1)
        return self.factor * item, os.getpid()


def test_results_come_in_order_from_several_processes():
    found = list(Spread(2).map(Times(3), iter(range(20))))
    assert [value for value, _ in found] == list(range(0, 60, 3))
    assert os.getpid() not in {process for _, process in found}
    assert [process for _, process in Spread().map(Times(3), [1])] == [os.getpid()]


class Told:
    """A worker's function that reads the environment when it is made."""

    def __call__(self, device: str | None):
        return [os.environ.get("TOKENDIAL_TOLD"), os.environ.get("TOKENDIAL_GONE")].__getitem__


def test_processes_have_today_s_environment(monkeypatch):
    monkeypatch.setenv("TOKENDIAL_TOLD", "before")
    monkeypatch.setenv("TOKENDIAL_GONE", "before")
    list(Spread(2).map(Told(), [0]))  # whatever processes are started from has begun now
    monkeypatch.setenv("TOKENDIAL_TOLD", "now")
    monkeypatch.delenv("TOKENDIAL_GONE")
    assert list(Spread(2).map(Told(), [0, 1, 0, 1])) == ["now", None, "now", None]


@pytest.mark.parametrize(("item", "sentence"), [(-1, "Minus one is no item"), (-2, "ended by itself")])
def test_what_fails_in_a_process_is_a_sentence(item, sentence):
    with pytest.raises(tc.TokenizerError, match=sentence):
        list(Spread(2).map(Times(1), [1, 2, item, 4]))
    with pytest.raises(tc.TokenizerError, match="1 to 1024"):
        Spread(0)


def test_merged_tallies_are_the_tally_of_all():
    generator = torch.Generator().manual_seed(0)
    pixels, originals = (torch.rand(12, 3, 64, 64, generator=generator) * 2 - 1 for _ in range(2))
    whole, merged = Tally(), Tally()
    for start in range(0, 12, 4):
        some = slice(start, start + 4)
        part = Tally()
        for tally in (whole, part):
            tally.add(pixels[some], originals[some])
        back = Tally()
        back.__setstate__(part.__getstate__())
        merged.merge(back)
    assert merged.mean() == whole.mean()


def test_four_processes_give_the_figures_of_one_to_the_last_digit(photos, small_blocks, one_thread):
    tokenizer, done = tiny_linear.make_tokenizer(), []
    sets = [tc.PhotoSet(photos, skip_damaged=True) for _ in range(2)]
    alone = tc.evaluate(tokenizer, sets[0], [1, 4], [1])
    spread = tc.evaluate(tokenizer, sets[1], [1, 4], [1], spread=Spread(4), progress=done.append)
    assert spread.to_json() == alone.to_json()
    assert (spread.n, done[-1], len(done)) == (37, 37, 10)
    assert sets[1].damaged == sets[0].damaged
    assert [name for name, _ in sets[1].damaged] == ["05a.png"]


def test_the_judge_has_the_same_curves_from_several_processes(photos, small_blocks, one_thread):
    tokenizer = tiny_linear.make_tokenizer()
    other = tiny_linear.make_tokenizer()
    other.info = replace(other.info, name="other")
    found = [
        tc.judge_curves(tokenizer, other, tc.PhotoSet(photos, 6, True), spread=spread)
        for spread in (None, Spread(2))
    ]
    assert found[0] == found[1]
    assert {"mean", "other", "WebP", "JPEG"} <= set(found[0].curves)


def test_the_command_takes_processes_and_loads_models_there(photos, tmp_path, capsys, one_thread):
    words = [
        "evaluate",
        str(photos),
        "--model",
        "pca",
        "--lengths",
        "1,16",
        "--device",
        "cpu",
        "--limit",
        "8",
    ]
    words += ["--skip-damaged", "--json"]
    for processes in ("1", "2"):
        assert main([*words, str(tmp_path / processes), "--processes", processes]) == 3
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert main([*words, "-", "--ray", "127.0.0.1:1"]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith(("This needs the package ray", "There is no Ray"))
    )
