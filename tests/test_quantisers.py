"""Quantisers: codes and indices, what is rounded to what, and gradients that go straight through."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tokenizer_core.nn.quantisers import BinarySpherical, FiniteScalar

pytestmark = pytest.mark.usefixtures("one_thread")
close = torch.testing.assert_close

LEVELS = st.lists(st.integers(2, 9), min_size=1, max_size=6)
BITS = 12


def numbers(*shape, seed=0, spread=2.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * spread


@given(LEVELS)
def test_indices_come_back_from_codes(levels):
    quantiser = FiniteScalar(levels)
    index = torch.arange(quantiser.vocabulary)[:5000]
    codes = quantiser.codes(index)
    assert quantiser.vocabulary == math.prod(levels)
    assert torch.equal(quantiser.index(codes), index)
    assert len(codes.unique(dim=0)) == len(index)


def test_twelve_bits_either_way():
    for quantiser in (FiniteScalar((8, 8, 8, 8)), BinarySpherical((2,) * BITS)):
        index = torch.arange(4096).view(64, 64)
        assert quantiser.vocabulary == 4096
        assert torch.equal(quantiser.index(quantiser.codes(index)), index)


@given(LEVELS, st.integers(0, 1000))
def test_what_is_quantised_has_an_index(levels, seed):
    quantiser = FiniteScalar(levels)
    codes = quantiser(numbers(3, 7, len(levels), seed=seed, spread=20.0)).codes
    index = quantiser.index(codes)
    assert 0 <= index.min() <= index.max() < quantiser.vocabulary
    assert torch.equal(quantiser.codes(index), codes), "to the last bit"


@given(LEVELS, st.integers(0, 1000))
def test_a_code_is_the_point_next_to_its_numbers(levels, seed):
    quantiser = FiniteScalar(levels)
    found = quantiser(numbers(2, 5, len(levels), seed=seed))
    half_a_step = 1 / torch.tensor(levels)
    assert ((found.codes - found.numbers).abs() <= half_a_step + 1e-5).all()


def test_numbers_of_bsq_are_on_the_sphere_of_its_codes():
    found = BinarySpherical((2,) * BITS)(numbers(2, 3, BITS))
    close(found.numbers.norm(dim=-1), found.codes.norm(dim=-1))
    close((found.numbers > 0).float() * 2 - 1, found.codes)


def test_levels_of_fsq_are_even_steps_around_nothing():
    eight = FiniteScalar([8]).codes(torch.arange(8))[:, 0]
    close(eight, torch.arange(-7, 8, 2) / 8)
    close(FiniteScalar([5]).codes(torch.arange(5))[:, 0], torch.arange(-2, 3) * 0.4)


@pytest.mark.parametrize("levels", range(2, 10))
def test_fsq_reaches_every_level_and_rounds_upwards_in_order(levels):
    quantiser = FiniteScalar([levels])
    codes = quantiser(torch.linspace(-9, 9, 2001).view(1, -1, 1)).codes.flatten()
    assert (codes.diff() >= 0).all()
    assert quantiser.index(codes[:, None]).unique().tolist() == list(range(levels))


def test_fsq_is_the_published_formula():
    """Mentzer et al., listing 1, whose codes are half a step lower for an even number of levels."""
    x, levels = numbers(2, 50, 4), torch.tensor([8, 8, 5, 6])
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = torch.where(levels % 2 == 1, 0.0, 0.5)
    shift = (offset / half).atanh()
    published = (((x + shift).tanh() * half - offset).round()) / (levels // 2)
    codes = FiniteScalar(levels.tolist())(x).codes
    close(codes, (published * (levels // 2) + offset) * 2 / levels)


def test_gradients_of_fsq_are_those_of_the_bounded_numbers():
    x = numbers(2, 3, 4).requires_grad_()
    quantiser = FiniteScalar((8, 8, 8, 8))
    quantiser(x).codes.sum().backward()
    half = 7 * 1.001 / 2
    inside = x.detach() + math.atanh(0.5 / half)
    close(x.grad, (1 - torch.tanh(inside) ** 2) * half / 4)


def test_bsq_keeps_the_signs_and_asks_for_no_length():
    quantiser, x = BinarySpherical((2,) * BITS), numbers(2, 5, BITS)
    codes = quantiser(x).codes
    assert torch.equal(codes, torch.where(x >= 0, 1.0, -1.0))
    assert torch.equal(quantiser(7 * x).codes, codes)
    assert quantiser(torch.zeros(1, 1, BITS)).codes.tolist() == [[[1.0] * BITS]]


def test_gradients_of_bsq_are_those_of_the_sphere():
    x, weights = numbers(2, 3, BITS).requires_grad_(), numbers(2, 3, BITS, seed=1)
    (BinarySpherical((2,) * BITS)(x).codes * weights).sum().backward()
    direct = x.detach().requires_grad_()
    on_sphere = direct / direct.norm(dim=-1, keepdim=True) * math.sqrt(BITS)
    (on_sphere * weights).sum().backward()
    close(x.grad, direct.grad)
    close((x.grad * x.detach()).sum(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_commit_is_nothing_on_a_code_and_grows_away_from_it():
    quantiser = BinarySpherical((2,) * BITS)
    on_code = quantiser(torch.ones(1, 2, BITS))
    close(on_code.commit, torch.tensor(0.0), atol=1e-10, rtol=0)
    one_axis = torch.zeros(1, 2, BITS)
    one_axis[..., 0] = 1.0
    assert quantiser(one_axis).commit > 1


def test_balance_tells_photos_with_one_code_from_photos_with_all():
    quantiser, half = BinarySpherical((2,) * BITS), torch.ones(4, 3, BITS)
    assert quantiser(half).balance > 0.9
    even = torch.cat([half, -half])
    close(quantiser(even).balance, torch.tensor(0.0))
    assert FiniteScalar((8,) * 4)(numbers(2, 3, 4)).balance == 0
