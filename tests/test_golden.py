"""Each hop of docs/walk.md from the bundled weights against stored numbers (`python -m tests.golden.make`).

Tolerance: a thousandth of the hop's own spread, in float32 on one thread. AVX2 and AVX-512 kernels of one
machine differ by at most 1e-5 of it, which is the rounding of what is stored; other sums on other processors
may make that ten times as much. The smallest mistakes that were tried move a hop by a hundredth or more: time
features that are 5 % off in their angle, range or base, first order instead of second, guidance up to t = 1.
"""

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.golden.walk import (
    NAME,
    load_networks,
    pack,
    read_golden,
    read_hops,
    some_of,
    write_hops,
)
from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import LEVELS
from tokenizer_core.storage.checkpoints import checkpoints_folder

pytestmark = pytest.mark.slow
TOLERANCE = 1e-3  # of a hop's spread
ON_THE_BORDER = 4  # of 4,096 packed numbers: so near to one that rounding decides
GOLDEN = read_golden()
HOPS, CODE = GOLDEN.hops, GOLDEN.code


@pytest.fixture(scope="module")
def walked() -> Iterator[dict[str, torch.Tensor]]:
    """Every hop, by name, and the packed code as numbers 0..255."""
    if not (checkpoints_folder() / NAME / "SHA256SUMS").is_file():
        missing = f"THE BUNDLED WEIGHTS {NAME} ARE NOT THERE: nothing of them was tested"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    networks, config, checkpoint_id = load_networks()
    assert checkpoint_id == GOLDEN.checkpoint_id, (
        "the numbers are of other weights: python -m tests.golden.make"
    )
    hops, patches = read_hops(networks)
    hops["4 code"] = torch.tensor(list(pack(hops["3 tokens"], checkpoint_id)), dtype=torch.uint8)
    yield hops | write_hops(networks, config, CODE, patches)
    torch.set_num_threads(threads)


def test_every_hop_of_the_walk_has_numbers(walked: dict[str, torch.Tensor]) -> None:
    assert set(HOPS) == set(walked) - {"4 code"}
    assert {name[0] for name in walked} == set("1234567")


@pytest.mark.parametrize("name", HOPS)
def test_a_hop_is_what_it_was(walked: dict[str, torch.Tensor], name: str) -> None:
    hop, stored = walked[name], HOPS[name]
    assert list(hop.shape) == stored["shape"]
    numbers = torch.tensor(stored["numbers"])
    assert numbers.std() > 0.5 * stored["spread"], "what is stored is a fair sample"
    torch.testing.assert_close(some_of(hop), numbers, rtol=0, atol=TOLERANCE * stored["spread"])
    spread, mean = torch.std_mean(hop.double())
    assert mean.item() == pytest.approx(stored["mean"], abs=TOLERANCE * stored["spread"])
    assert spread.item() == pytest.approx(stored["spread"], rel=TOLERANCE)


def test_the_code_is_what_it_was(walked: dict[str, torch.Tensor]) -> None:
    """Byte for byte, but for numbers that lie on the border of two levels."""
    found = Encoding.from_bytes(bytes(walked["4 code"].tolist()))
    stored = Encoding.from_bytes(CODE)
    assert (found.model, found.checkpoint_id) == (stored.model, stored.checkpoint_id)
    assert np.array_equal(found.positions, stored.positions)
    levels = [np.searchsorted(LEVELS, encoding.tokens) for encoding in (found, stored)]
    apart = np.abs(levels[0] - levels[1])
    assert apart.max() <= 1
    assert apart.sum() <= ON_THE_BORDER
    tokens = walked["3 tokens"][0].numpy()
    borders = (found.tokens + stored.tokens) / 2
    assert np.all(np.abs(tokens - borders)[apart > 0] < 10 * TOLERANCE)
    if not apart.any():
        assert bytes(walked["4 code"].tolist()) == CODE
