"""Prefixes and causal positions: both forms of each rule hide the same keys, and nothing else."""

import pytest
import torch

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
