"""The probe finds what is linearly there, nothing where nothing is, and its fit is the minimum."""

import torch

from studies.probe import fit, probe

GENERATOR = torch.Generator().manual_seed(0)


def draw(n, apart, seed):
    """Three classes whose means are `apart` standard deviations from the origin, each on its own axis."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=generator)
    x = torch.randn(n, 8, generator=generator, dtype=torch.float64)
    x[torch.arange(n), y] += apart
    return x, y


def test_classes_that_are_apart_are_named_and_noise_is_not():
    assert probe(draw(300, 8.0, 1), draw(300, 8.0, 2))[0].mean() > 0.99
    assert abs(probe(draw(300, 0.0, 1), draw(300, 0.0, 2))[0].mean() - 1 / 3) < 0.1


def test_the_fit_is_the_minimum():
    x, y = draw(200, 1.0, 3)
    weights = fit(x, y, 0.3, 3)
    rows = torch.nn.functional.pad(x, (0, 1), value=1.0)
    slope = rows.T @ ((rows @ weights).softmax(1) - torch.nn.functional.one_hot(y, 3)) / len(x)
    slope[:-1] += 0.3 * weights[:-1]
    assert slope.abs().max() < 1e-4


def test_scale_and_offset_of_a_number_do_not_matter():
    (x, y), other = draw(200, 2.0, 4), draw(200, 2.0, 5)
    change = lambda rows: rows * torch.logspace(-3, 3, 8, dtype=rows.dtype) + 7  # noqa: E731
    assert torch.equal(probe((x, y), other)[0], probe((change(x), y), (change(other[0]), other[1]))[0])
