"""Tiny drawn networks of every published family against stored numbers: see tests/golden/published.py."""

import pytest
import torch

from tests.golden.published import FAMILIES, all_stages, read_golden, some_of

TOLERANCE = 1e-3  # of a stage's spread: other processors round otherwise
GOLDEN = read_golden()


@pytest.fixture(scope="module")
def stages() -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in all_stages().items()}


def test_every_family_has_numbers(stages):
    assert set(stages) == set(GOLDEN)
    assert {name.split(":")[0] for name in GOLDEN} == set(FAMILIES)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stage_is_what_it_was(stages, name):
    stage, stored = stages[name], GOLDEN[name]
    assert list(stage.shape) == stored["shape"]
    if "exactly" in stored:
        assert stage.long().flatten().tolist() == stored["exactly"]
        return
    allowed = TOLERANCE * stored["spread"]
    torch.testing.assert_close(some_of(stage), torch.tensor(stored["numbers"]), rtol=0, atol=allowed)
    spread, mean = torch.std_mean(stage.double())
    assert mean.item() == pytest.approx(stored["mean"], abs=allowed)
    assert spread.item() == pytest.approx(stored["spread"], rel=TOLERANCE)


@pytest.mark.parametrize("name", ["alit: halted", "karl: dropped"])
def test_what_is_stored_shows_both_sides_of_a_threshold(name):
    assert set(GOLDEN[name]["exactly"]) == {0, 1}
