"""Projection and its inverse as graphs, for a runtime without Python. Neighbour: `tokenizer`."""

from typing import Any

import torch
from torch import Tensor, nn

from tokenizer_core.codes.packing import BITS_A_NUMBER, BORDERS, LEVELS
from tokenizer_core.graphs.plan import Graph, Plan
from tokenizer_core.models.linear.tokenizer import SIZE, WIDTH, LinearTokenizer, from_rows, to_rows
from tokenizer_core.storage.checkpoints import Checkpoint


class Project(nn.Module):
    """Pixels to tokens."""

    def __init__(self, tokenizer: LinearTokenizer) -> None:
        super().__init__()
        self.mean, self.components, self.deviations = _weights(tokenizer)

    def forward(self, pixels: Tensor) -> Tensor:
        """(1, 3, 256, 256) in [-1, 1] -> tokens (1, K, D), not on levels."""
        numbers = (to_rows(pixels) - self.mean) @ self.components.T / self.deviations
        return numbers.unflatten(1, (-1, WIDTH))


class Rebuild(nn.Module):
    """Some tokens to pixels."""

    def __init__(self, tokenizer: LinearTokenizer) -> None:
        super().__init__()
        self.mean, self.components, self.deviations = _weights(tokenizer)

    def forward(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """Tokens (1, K, D) on levels, those that count (1, K) -> pixels (1, 3, 256, 256), not clipped."""
        numbers = (tokens * keep.float()[..., None]).flatten(1)
        return from_rows(numbers * self.deviations @ self.components + self.mean)


def plan(checkpoint: Checkpoint) -> Plan:
    """The graphs of a linear checkpoint.

    Raises:
        TokenizerError: config and weights do not fit.
    """
    tokenizer = LinearTokenizer.from_checkpoint(checkpoint)
    tokens = torch.zeros(1, tokenizer.num_tokens, WIDTH)
    keep = torch.ones(1, tokenizer.num_tokens, dtype=torch.bool)
    picture = torch.zeros(1, 3, SIZE, SIZE)
    told: dict[str, Any] = {
        "image_size": SIZE,
        "pixel_range": [-1, 1],
        "num_tokens": tokenizer.num_tokens,
        "token_width": WIDTH,
        "packing": {
            "bits_a_number": BITS_A_NUMBER,
            "levels": LEVELS.tolist(),
            "borders": BORDERS.tolist(),
        },
    }
    return Plan(
        graphs=(
            Graph(name="encode", module=Project(tokenizer), inputs={"pixels": picture}, outputs=("tokens",)),
            Graph(
                name="decode",
                module=Rebuild(tokenizer),
                inputs={"tokens": tokens, "keep": keep},
                outputs=("pixels",),
            ),
        ),
        tensors=checkpoint.tensors,
        model=told,
    )


def _weights(tokenizer: LinearTokenizer) -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
    """Mean, components and deviations, as weights of a module."""
    mean, components, deviations = (
        nn.Parameter(one, requires_grad=False)
        for one in (tokenizer.mean, tokenizer.components, tokenizer.deviations)
    )
    return mean, components, deviations
