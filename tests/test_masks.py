"""Prefixes and causal positions: both forms of each rule hide the same keys, and nothing else."""

import math

import pytest
import torch

from tokenizer_core.nn import masks
from tokenizer_core.nn.layers import attend
from tokenizer_core.nn.masks import causal_blocks, causal_mask, draw_lengths, prefix_blocks, prefix_mask

PATCHES, TOKENS = 128, 128


def test_a_prefix():
    mask = prefix_mask(torch.tensor([0, 2, 4]), 4)
    assert mask.tolist() == [[False] * 4, [True, True, False, False], [True] * 4]


def test_registers_see_the_open_ones_and_those_before():
    mask = causal_mask(5, 3, torch.device("cpu"))
    assert mask.tolist() == [[True, True, True, True, False], [True] * 5]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("rule", ["prefix", "causal"])
def test_both_forms_of_a_rule(rule, generator):
    queries = torch.randn(3, 2, PATCHES, 16, generator=generator)
    keys, values = torch.randn(2, 3, 2, PATCHES + TOKENS, 16, generator=generator)
    if rule == "prefix":
        lengths = torch.tensor([0, 37, TOKENS])
        patches = torch.ones(3, PATCHES, dtype=torch.bool)
        mask = torch.cat([patches, prefix_mask(lengths, TOKENS)], 1)[:, None, None]
        blocks = prefix_blocks(lengths, PATCHES, TOKENS)
    else:
        mask = causal_mask(PATCHES + TOKENS, TOKENS, torch.device("cpu"))
        blocks = causal_blocks(PATCHES + TOKENS, TOKENS, torch.device("cpu"))
    seen = attend(queries, keys, values, mask)
    torch.testing.assert_close(attend(queries, keys, values, blocks), seen, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(attend(queries, keys, values), seen, atol=1e-3)


def test_lengths_of_nested_dropout(generator: torch.Generator) -> None:
    k = draw_lengths(40_000, 256, generator, 0.5, 0.07)
    assert (int(k.min()), int(k.max())) == (0, 256)
    assert abs((k == 0).float().mean() - 0.07) < 0.01
    some = k[k > 0]
    # half log-uniform on 1..256, where 1 to 15 has half of the mass; half uniform
    assert abs((some <= 15).float().mean() - (0.5 * 0.5 + 0.5 * 15 / 256)) < 0.01
    only = draw_lengths(40_000, 256, generator, 1.0, 0.0)
    assert abs(only.float().mean() - 128.5) < 1.5


def shares(lengths: torch.Tensor, num_tokens: int) -> torch.Tensor:
    """How often each of 0..num_tokens was drawn."""
    return torch.bincount(lengths, minlength=num_tokens + 1) / len(lengths)


def test_uniform_lengths_are_as_often_one_as_all_of_them(generator: torch.Generator) -> None:
    found = shares(draw_lengths(200_000, 8, generator, 1.0, 0.0), 8)
    assert found[0] == 0
    torch.testing.assert_close(found[1:], torch.full((8,), 1 / 8), rtol=0, atol=0.004)


def test_logarithmic_lengths_have_their_law_up_to_all_of_them(generator: torch.Generator) -> None:
    """Length k has the share log((k + 1) / k) / log(K + 1): the last one, K, too."""
    for num_tokens, count in ((8, 200_000), (256, 400_000)):
        found = shares(draw_lengths(count, num_tokens, generator, 0.0, 0.0), num_tokens)
        k = torch.arange(1, num_tokens + 1)
        law = ((k + 1) / k).log() / math.log(num_tokens + 1)
        assert found[0] == 0
        error = (found[1:] - law) / (law / count).sqrt()  # in standard deviations
        assert error.abs().max() < 4.5
        assert abs(error[-1]) < 3
        assert error.square().mean() < 1.5


def test_halves_and_empty_ones_are_shares_of_all(generator: torch.Generator) -> None:
    """The empty share is taken from both halves alike, and K = 256 comes from both."""
    count = 400_000
    found = shares(draw_lengths(count, 256, generator, 0.5, 0.07), 256)
    assert found[0].item() == pytest.approx(0.07, abs=0.002)
    full = 0.93 * (0.5 / 256 + 0.5 * math.log(257 / 256) / math.log(257))
    assert found[256].item() == pytest.approx(full, rel=0.1)
    one = 0.93 * (0.5 / 256 + 0.5 * math.log(2) / math.log(257))
    assert found[1].item() == pytest.approx(one, rel=0.03)
    assert draw_lengths(100, 8, generator, 0.5, 1.0).max() == 0


def test_lengths_are_of_their_generator_and_on_its_device() -> None:
    drawn = [draw_lengths(50, 256, torch.Generator().manual_seed(seed), 0.5, 0.07) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    with torch.device("meta"):  # where tensors go that are told no device
        elsewhere = draw_lengths(50, 256, torch.Generator("cpu").manual_seed(1), 0.5, 0.07)
    assert torch.equal(elsewhere, drawn[0])


LAST = 1 - 2**-24  # the largest number that `torch.rand` draws


@pytest.mark.parametrize(
    ("u", "coin", "share", "expected"),
    [
        (LAST, 0.0, 1.0, "all"),
        (LAST, 0.0, 0.0, "all"),
        (0.0, 0.0, 1.0, "one"),
        (0.0, 0.0, 0.0, "one"),
    ],
)
def test_the_least_and_the_last_draw_give_lengths_from_one_to_all(
    u: float,
    coin: float,
    share: float,
    expected: str,
    generator: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No rounding in float32 leads past all of them; a share of 0 is nothing, even for a coin of 0."""
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([[u], [coin], [0.0]]))
    for num_tokens in (*range(1, 300), 1000, 4095, 4096):
        (length,) = draw_lengths(1, num_tokens, generator, share, 0.0).tolist()
        assert length == (num_tokens if expected == "all" else 1)


def test_a_coin_on_the_share_is_past_it(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([[0.5], [0.25], [0.25]]))
    assert draw_lengths(1, 255, generator, 0.25, 0.0).item() == 16, "logarithmic: the root of 256"
    assert draw_lengths(1, 255, generator, 0.26, 0.0).item() == 128, "uniform"


def test_masks_are_on_the_device_that_they_are_asked_for() -> None:
    assert prefix_mask(torch.ones(2, dtype=torch.long, device="meta"), 4).device.type == "meta"
    assert causal_mask(5, 3, torch.device("meta")).device.type == "meta"


def test_blocks_are_on_the_device_that_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = causal_blocks(PATCHES + TOKENS, PATCHES, torch.device("cpu"))
    asked: list[tuple] = []
    monkeypatch.setattr(masks, "create_block_mask", lambda *given: asked.append(given) or plain)
    prefix_blocks(torch.ones(2, dtype=torch.long, device="meta"), PATCHES, TOKENS)
    causal_blocks(PATCHES + TOKENS, PATCHES, torch.device("meta"))
    assert [given[1:] for given in asked] == [
        (2, None, PATCHES, PATCHES + TOKENS, "meta"),
        (None, None, TOKENS, PATCHES + TOKENS, "meta"),
    ]
