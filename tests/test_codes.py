"""Encodings: exact prefixes, and bytes that either come back as they were or say that they are damaged."""

import base64
import contextlib
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenizer_core as tc
from tests.pasted import AROUND, broken
from tokenizer_core.codes.encoding import MAGIC, MAGIC_3, Encoding
from tokenizer_core.codes.packing import BORDERS, LEVELS, bits_of
from tokenizer_core.errors import TokenizerError

IDENTITY = "0123456789ab"
DAMAGED = "These tokens are damaged or incomplete."


def make(count: int = 8, width: int = 16, seed: int = 0, identity: str = IDENTITY, model: str = "tiny"):
    """Numbers on the 16 levels that the bytes hold."""
    halves = np.random.default_rng(seed).integers(0, 16, (count, width))
    return Encoding(LEVELS[halves], np.arange(count), identity, model)


def same(a: Encoding, b: Encoding) -> bool:
    return (
        np.array_equal(a.tokens, b.tokens)
        and np.array_equal(a.positions, b.positions)
        and (a.checkpoint_id, a.model) == (b.checkpoint_id, b.model)
        and a.tokens.dtype == b.tokens.dtype == np.float32
        and a.positions.dtype == b.positions.dtype == np.int64
    )


def pack(body: bytes) -> bytes:
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def test_a_prefix_is_the_first_tokens():
    encoding = make()
    short = encoding.prefix(3)
    assert len(short) == 3
    assert np.array_equal(short.tokens, encoding.tokens[:3])
    assert short.positions.tolist() == [0, 1, 2]
    assert (short.checkpoint_id, short.model) == (IDENTITY, "tiny")
    assert same(encoding.prefix(8), encoding)
    assert encoding.prefix(0).tokens.shape == (0, 16)


@given(st.integers(0, 8), st.integers(0, 8))
def test_a_prefix_of_a_prefix_is_the_shorter_one(a, b):
    encoding = make()
    if b <= a:
        assert same(encoding.prefix(a).prefix(b), encoding.prefix(min(a, b)))
    else:
        with pytest.raises(TokenizerError):
            encoding.prefix(a).prefix(b)


@pytest.mark.parametrize("k", [-1, 9])
def test_no_prefix_beyond_the_ends(k):
    with pytest.raises(TokenizerError, match=f"^A prefix of {k} is not possible: this code holds 8 tokens.$"):
        make().prefix(k)


def test_selected_tokens_stay_in_their_slots():
    encoding = make()
    keep = np.array([True, False, False, True, False, False, True, False])
    some = encoding.select(keep)
    assert some.positions.tolist() == [0, 3, 6]
    assert np.array_equal(some.tokens, encoding.tokens[[0, 3, 6]])
    assert some.prefix(2).positions.tolist() == [0, 3]
    with pytest.raises(TokenizerError, match=r"^The mask must have 8 entries, not 3\.$"):
        encoding.select(np.array([True, False, True]))


def test_a_mix_is_the_head_of_one_and_the_tail_of_another():
    a, b = make(seed=1), make(seed=2)
    mixed = a.mix(b, 3)
    assert np.array_equal(mixed.tokens[:3], a.tokens[:3])
    assert np.array_equal(mixed.tokens[3:], b.tokens[3:])
    assert mixed.positions.tolist() == list(range(8))
    assert same(a.mix(b, 0), b)
    assert same(a.mix(b, 8), a)


@pytest.mark.parametrize("other", [{"identity": "ba9876543210"}, {"model": "another"}])
def test_codes_of_different_weights_do_not_mix(other):
    with pytest.raises(TokenizerError, match=r"^Tokens of different models cannot be mixed\.$"):
        make().mix(make(**other), 3)


@given(st.integers(0, 12), st.integers(1, 20), st.integers(0, 9), st.data())
def test_bytes_come_back_exactly_on_the_levels(count, width, seed, data):
    encoding = make(count, width, seed)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool)
    for one in (encoding, encoding.select(keep)):
        assert same(Encoding.from_bytes(one.to_bytes()), one)


def test_off_the_levels_the_nearest_one_comes_back():
    numbers = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
    encoding = Encoding(numbers, np.arange(64), IDENTITY, "tiny")
    back = Encoding.from_bytes(encoding.to_bytes())
    nearest = LEVELS[np.abs(numbers[..., None] - LEVELS).argmin(-1)]
    assert np.array_equal(back.tokens, nearest)
    assert back.to_bytes() == encoding.to_bytes()


def test_the_levels_are_those_of_least_error_for_a_gaussian():
    """Lloyd's two conditions: borders halfway, and each level the mean of what falls to it."""
    assert np.array_equal(LEVELS, -LEVELS[::-1])
    grid = np.linspace(-9, 9, 1_800_001)
    density, cell = np.exp(-grid * grid / 2), np.searchsorted(BORDERS, grid)
    means = np.bincount(cell, density * grid) / np.bincount(cell, density)
    assert np.abs(means - LEVELS).max() < 1e-3
    error = (density * np.square(grid - LEVELS[cell])).sum() / density.sum()
    assert error == pytest.approx(0.009497, abs=1e-5)  # Max's table I


def test_what_is_far_out_is_clipped():
    wild = Encoding(np.array([[1e6, -1e6, 2.733]], np.float32), np.arange(1), IDENTITY, "tiny")
    assert Encoding.from_bytes(wild.to_bytes()).tokens == pytest.approx(np.array([[2.733, -2.733, 2.733]]))


def test_the_format_is_written_down():
    body = b"\x04tiny" + bytes.fromhex(IDENTITY) + b"\x02\x00\x03\x00\x01" + bytes([0x7F, 0x80, 0x5A])
    tokens = LEVELS[[[15, 7, 0], [8, 10, 5]]]
    assert Encoding(tokens, np.arange(2), IDENTITY, "tiny").to_bytes() == pack(body)
    body = b"\x04tiny" + bytes.fromhex(IDENTITY) + b"\x01\x00\x01\x00\x00\x05\x01" + bytes([0x0B])
    lone = Encoding(np.ones((1, 1), np.float32), np.array([261]), IDENTITY, "tiny")
    assert lone.to_bytes() == pack(body)


def test_256_tokens_take_2048_bytes_and_a_short_head():
    assert len(make(256).to_bytes()) == 2048 + 8 + 5 + 6 + 5


def test_version_1_says_so():
    with pytest.raises(
        TokenizerError, match=r"^These tokens were written by another version of this program\.$"
    ):
        Encoding.from_bytes(b"TKD1" + make().to_bytes()[4:])


@pytest.mark.parametrize("of", ["prefix", "selection"])
def test_cut_short_is_damaged(of):
    encoding = make(3, 4)
    data = (encoding if of == "prefix" else encoding.select(np.array([True, False, True]))).to_bytes()
    for end in range(len(data)):
        with pytest.raises(TokenizerError, match="another version" if end == 3 else f"^{DAMAGED}$"):
            Encoding.from_bytes(data[:end])


def test_one_flipped_bit_is_noticed():
    data = make(3, 4).to_bytes()
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            with pytest.raises(TokenizerError) as error:
                Encoding.from_bytes(bytes(flipped))
            other = "These tokens were written by another version of this program."
            known = flipped[:4] == MAGIC_3
            assert str(error.value) == (other if at == 3 and not known else DAMAGED)


def test_too_long_is_damaged():
    data = make(3, 4).to_bytes()
    with pytest.raises(TokenizerError, match=DAMAGED):
        Encoding.from_bytes(data + b"\x00")
    with pytest.raises(TokenizerError, match=DAMAGED):
        Encoding.from_bytes(pack(data[8:] + b"\x00"))


@given(st.binary(max_size=64))
def test_any_other_bytes_are_damaged(data):
    with pytest.raises(TokenizerError):
        Encoding.from_bytes(data)


@given(st.binary(max_size=64))
def test_a_right_checksum_around_anything_is_tokens_or_damaged(body):
    try:
        encoding = Encoding.from_bytes(pack(body))
    except TokenizerError:
        pass
    else:
        assert np.all(np.diff(encoding.positions) > 0)
        assert len(encoding) <= 128


def head(count: int, width: int, plain: int) -> bytes:
    return b"\x04tiny" + bytes.fromhex(IDENTITY) + struct.pack("<HHB", count, width, plain)


@pytest.mark.parametrize(
    "body",
    [
        head(4097, 2, 1) + bytes(4097),
        head(2, 1025, 1) + bytes(1025),
        head(3, 0, 1),
        head(1, 1, 2) + bytes(3),
        head(2, 1, 0) + b"\x05\x00\x05\x00" + bytes(1),
        head(2, 1, 0) + b"\x05\x00\x04\x00" + bytes(1),
        head(1, 1, 1) + b"\x10",
        b"\x02\xff\xff" + head(1, 1, 1)[5:] + bytes(1),
        b"\xff" + head(1, 1, 1)[1:] + bytes(1),
    ],
    ids=["count", "width", "no width", "flag", "twice", "descending", "odd half", "no text", "long name"],
)
def test_a_right_checksum_does_not_excuse_wrong_sizes(body):
    with pytest.raises(TokenizerError, match=f"^{DAMAGED}$"):
        Encoding.from_bytes(pack(body))


def test_the_largest_sizes_are_allowed():
    assert len(Encoding.from_bytes(pack(head(4096, 1, 1) + bytes(2048)))) == 4096
    assert Encoding.from_bytes(pack(head(1, 1024, 1) + bytes(512))).tokens.shape == (1, 1024)


# ---- every kind of token, one code or several


@st.composite
def encodings(draw) -> Encoding:
    """Soft or hard, ordered or with a code a length, whole or with some tokens left out."""
    kind = draw(st.sampled_from(["soft", "hard"]))
    ordered = draw(st.booleans())
    counts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=1 if ordered else 4, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    size = draw(st.integers(1, 20)) if kind == "soft" else draw(st.integers(2, 70_000))

    def tokens(count: int) -> np.ndarray:
        if kind == "soft":
            return LEVELS[rng.integers(0, 16, (count, size))]
        return rng.integers(0, size, count)

    about = (IDENTITY, "tiny", kind, 0 if kind == "soft" else size)
    if ordered:
        whole = Encoding(tokens(counts[0]), np.arange(counts[0]), *about)
        keep = np.array(draw(st.lists(st.booleans(), min_size=counts[0], max_size=counts[0])), bool)
        return draw(st.sampled_from([whole, whole.select(keep)]))
    return Encoding.of_codes({count: tokens(count) for count in counts}, *about)


@given(encodings())
def test_every_kind_comes_back_as_it_was(encoding):
    data = encoding.to_bytes()
    back = Encoding.from_bytes(data)
    assert back == encoding
    assert hash(back) == hash(encoding)
    assert back.to_bytes() == data
    assert back.lengths == encoding.lengths
    assert back.tokens.dtype == (np.float32 if encoding.kind == "soft" else np.int64)


@given(encodings(), st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_of_any_kind_is_noticed(encoding, at, bit):
    data = bytearray(encoding.to_bytes())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(TokenizerError):
        Encoding.from_bytes(bytes(data))


@given(st.binary(max_size=80))
def test_a_right_checksum_of_version_3_is_tokens_or_a_sentence(body):
    data = MAGIC_3 + struct.pack("<I", zlib.crc32(MAGIC_3 + body)) + body
    with contextlib.suppress(TokenizerError):
        Encoding.from_bytes(data).check()


@pytest.mark.parametrize(("vocabulary", "bits"), [(2, 1), (3, 2), (1024, 10), (1025, 11), (4096, 12)])
def test_an_index_takes_so_many_bits(vocabulary, bits):
    assert bits_of(vocabulary) == bits
    few, many = (
        len(Encoding(np.zeros(count, int), np.arange(count), IDENTITY, "tiny", "hard", vocabulary).to_bytes())
        for count in (0, 256)
    )
    assert many - few == 256 * bits // 8


def test_256_hard_tokens_of_12_bits_take_384_bytes_low_bits_first():
    tokens = np.array([0xABC, 0x123])
    data = Encoding(tokens, np.arange(2), IDENTITY, "tiny", "hard", 4096).to_bytes()
    assert data[-3:] == bytes([0xBC, 0x3A, 0x12])


def test_a_code_a_length_is_no_prefix():
    codes = {4: np.array([1, 2, 3, 0]), 2: np.array([3, 3])}
    encoding = Encoding.of_codes(codes, IDENTITY, "tiny", "hard", 4)
    assert encoding.lengths == (2, 4)
    assert len(encoding) == 4
    assert encoding.code(2).tokens.tolist() == [3, 3]
    assert encoding.code(4).tokens.tolist() == [1, 2, 3, 0]
    assert encoding.code(4).shorter == ()
    with pytest.raises(
        TokenizerError, match=r"^There is no code of 3 tokens here; there are codes of 2, 4\.$"
    ):
        encoding.code(3)
    with pytest.raises(TokenizerError, match=r"^Tokens of tiny have no order: the first 2 are no code\.$"):
        encoding.prefix(2)
    with pytest.raises(TokenizerError, match=r"^Tokens of tiny have no order, so they cannot be mixed\.$"):
        encoding.mix(encoding, 2)
    assert repr(encoding) == "<Encoding: hard codes of 2, 4 tokens of tiny (0123456789ab)>"


def test_an_encoding_says_in_a_line_what_it_is():
    assert repr(make()) == "<Encoding: 8 soft tokens of tiny (0123456789ab)>"


@given(
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.data(),
)
def test_what_is_selected_and_then_mixed_has_each_slot_once(keep_a, keep_b, data):
    a, b = make(seed=1).select(np.array(keep_a)), make(seed=2).select(np.array(keep_b))
    slots = max([*a.positions, *b.positions], default=-1) + 1
    mixed = a.mix(b, data.draw(st.integers(0, slots)))
    assert np.all(np.diff(mixed.positions) > 0)
    assert Encoding.from_bytes(mixed.to_bytes()) == mixed  # its own bytes are never damaged


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"tokens": np.full((8, 16), np.nan, np.float32)}, "These tokens hold values that are not numbers."),
        ({"tokens": np.full((8, 16), np.inf, np.float32)}, "These tokens hold values that are not numbers."),
        ({"tokens": np.zeros((8, 0), np.float32)}, "Soft tokens have 1 to 1024 numbers each."),
        ({"tokens": np.zeros((8, 1025), np.float32)}, "Soft tokens have 1 to 1024 numbers each."),
        ({"positions": np.arange(8) + 4089}, "The positions of tokens are different slots, 0 to 4095."),
        ({"positions": np.zeros(8, int)}, "The positions of tokens are different slots, 0 to 4095."),
        ({"positions": np.arange(8)[::-1]}, "The positions of tokens are different slots, 0 to 4095."),
        ({"positions": np.arange(7)}, "The positions of tokens are different slots, 0 to 4095."),
        ({"kind": "smell"}, "These tokens are of a kind that this program does not know."),
        ({"checkpoint_id": "no digits at"}, "These tokens do not say which weights made them."),
        ({"model": "m" * 256}, "These tokens do not say which weights made them."),
        ({"kind": "hard", "vocabulary": 16}, "Hard tokens are a row of whole numbers."),
        (
            {"kind": "hard", "vocabulary": 1, "tokens": np.zeros(8, int)},
            "A vocabulary has 2 to 16777216 entries.",
        ),
        ({"kind": "hard", "vocabulary": 4, "tokens": np.full(8, 4)}, "Hard tokens of this model are 0 to 3."),
        (
            {"kind": "hard", "vocabulary": 4, "tokens": np.full(8, -1)},
            "Hard tokens of this model are 0 to 3.",
        ),
    ],
)
def test_what_bytes_cannot_hold_is_a_sentence(wrong, sentence):
    with pytest.raises(TokenizerError) as error:
        replace(make(), **wrong).to_bytes()
    assert str(error.value) == sentence


def test_a_foreign_kind_in_the_bytes_is_said():
    data = Encoding(np.zeros(3, int), np.arange(3), IDENTITY, "tiny", "hard", 4).to_bytes()
    body = data[8:].replace(b"\x04hard", b"\x05smell")
    with pytest.raises(TokenizerError, match="of a kind that this program does not know"):
        Encoding.from_bytes(MAGIC_3 + struct.pack("<I", zlib.crc32(MAGIC_3 + body)) + body)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_tokens_are_whole_whatever_was_pasted_around_them(around, tmp_path):
    encoding = make(9)
    data = encoding.to_bytes()
    text = tc.text_of_tokens(data)
    for whole in (text, broken(text), base64.b64encode(data).decode()):
        pasted = around.format(whole)
        assert tc.tokens_of_text(pasted) == data
        assert tc.load_tokens(pasted) == encoding
        (tmp_path / "mail.txt").write_text(pasted, "utf-8")
        assert tc.load_tokens(tmp_path / "mail.txt") == encoding


@pytest.mark.parametrize("text", ["", "?", "t=", "https://example.org/#k=3", "a" * 200_000, "\0", "VEtEMg"])
def test_a_text_without_tokens_is_a_sentence(text):
    with pytest.raises(tc.TokenizerError):
        tc.load_tokens(text)
