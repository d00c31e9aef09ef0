"""Muon in batches takes the steps of torch's own, one matrix at a time."""

import torch
from torch import Generator, nn

from tokenizer_core.training.muon import Muon, orthogonalised

SHAPES = (16, 48), (16, 48), (48, 16), (32, 32), (16, 48)


def test_singular_values_come_near_one() -> None:
    matrices = torch.randn(3, 24, 40, generator=Generator().manual_seed(0))
    for made in (orthogonalised(matrices), orthogonalised(matrices.mT)):
        values = torch.linalg.svdvals(made.float())
        assert values.min() > 0.5
        assert values.max() < 1.4
    alone = orthogonalised(4 * matrices[1:2])[0].float()
    torch.testing.assert_close(orthogonalised(matrices)[1].float(), alone, atol=0.02, rtol=0)


def test_steps_are_those_of_one_matrix_at_a_time() -> None:
    generator = Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in SHAPES]
    ours, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    muon = Muon(ours, 0.01, 0.02, 0.95)
    reference = torch.optim.Muon(theirs, 0.01, 0.02, 0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        for one, other in zip(ours[:-1], theirs[:-1], strict=True):  # the last one has no gradient
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        muon.step()
        reference.step()
    for before, one, other in zip(start, ours, theirs, strict=True):
        moved, expected = one - before, other - before
        assert (moved - expected).norm() <= 0.01 * expected.norm()
    assert torch.equal(ours[-1], start[-1])


def test_its_state_is_a_momentum_a_matrix() -> None:
    """So a snapshot holds it by parameter, and goes on also where the matrices are grouped anew."""
    generator = Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in SHAPES]
    gradients = [[torch.randn(shape, generator=generator) for shape in SHAPES] for _ in range(3)]

    def stepped(matrices: list[nn.Parameter], muon: Muon, steps: list[list[torch.Tensor]]) -> None:
        for values in steps:
            for matrix, value in zip(matrices, values, strict=True):
                matrix.grad = value.clone()
            muon.step()

    ours = [nn.Parameter(value.clone()) for value in start]
    muon = Muon(ours, 0.01, 0.02, 0.95)
    stepped(ours, muon, gradients[:2])
    for matrix in ours:
        assert {name: value.shape for name, value in muon.state[matrix].items()} == {
            "momentum_buffer": matrix.shape
        }
    others = [nn.Parameter(matrix.detach().clone()) for matrix in ours]
    again = Muon(others, 0.01, 0.02, 0.95)
    for matrix, other in zip(ours, others, strict=True):
        again.state[other] = {name: value.clone() for name, value in muon.state[matrix].items()}
    stepped(ours, muon, gradients[2:])
    stepped(others, again, gradients[2:])
    for matrix, other, before in zip(ours, others, start, strict=True):
        assert torch.equal(matrix, other)
        assert not torch.equal(matrix, before)
