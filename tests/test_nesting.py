"""Is a short code the beginning of a long one? By hand, and of models of both kinds."""

import numpy as np
import pytest
import tiny_alit
import tiny_flow

import tokenizer_core as tc


def hard(codes: dict[int, list[int]], vocabulary: int = 16) -> tc.Encoding:
    arrays = {length: np.array(code, np.int64) for length, code in codes.items()}
    return tc.Encoding.of_codes(arrays, "0" * 12, "by-hand", "hard", vocabulary)


def test_shares_are_of_the_short_code_s_tokens_and_bits():
    encoding = hard({2: [0, 15], 4: [0, 14, 7, 7], 8: [15, 1, 7, 7, 0, 0, 0, 0]})
    first, second = tc.nesting(encoding)
    assert (first.short, first.long, second.short, second.long) == (2, 4, 4, 8)
    assert (first.tokens, first.bits) == (1 / 2, 1 / 8), "the lowest bit of the second token"
    assert (second.tokens, second.bits) == (2 / 4, 8 / 16), "all bits of two of four tokens"


def test_a_prefix_is_a_code_and_nothing_changes():
    tokenizer = tiny_flow.make_tokenizer()
    size = tokenizer.info.picture_size
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    encoding = tokenizer.encode(tc.Picture(noise))
    found = tc.nesting(encoding, tokenizer.info.ladder)
    assert [change.short for change in found] == [k for k in tokenizer.info.ladder if k > 0][:-1]
    assert {(change.tokens, change.bits) for change in found} == {(0.0, 0.0)}


def test_a_model_that_rewrites_its_tokens_is_not_nested():
    tokenizer = tiny_alit.make_tokenizer()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    found = tc.nesting(tokenizer.encode(tc.Picture(noise)))
    assert [(change.short, change.long) for change in found] == [(2, 4), (4, 6)]
    assert all(0 < change.bits <= change.tokens <= 1 for change in found)


def test_a_length_that_is_not_there_is_a_sentence():
    with pytest.raises(tc.TokenizerError, match="no code of 3 tokens"):
        tc.nesting(hard({2: [1, 2], 4: [1, 2, 3, 4]}), [2, 3])
