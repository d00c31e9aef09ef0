"""Looking up codes, and painting them, as graphs for a runtime without Python. Neighbour: `tokenizer`."""

from typing import Any

import torch
from torch import Tensor, nn

from tokenizer_core.graphs.parts import latent_of
from tokenizer_core.graphs.plan import Graph, Plan
from tokenizer_core.models.grid.config import GridConfig
from tokenizer_core.models.grid.tokenizer import GridTokenizer, nearest_code, shared_weights
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.storage.checkpoints import Checkpoint, checkpoints_folder, read_part


class LookUp(nn.Module):
    """Pixels to the code of every cell, in the model's order."""

    def __init__(self, tokenizer: GridTokenizer) -> None:
        super().__init__()
        self.autoencoder, self.order = tokenizer.autoencoder, tokenizer.order
        self.codebook = nn.Parameter(tokenizer.parts.codebook, requires_grad=False)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, S, S) in [-1, 1] -> tokens (1, N) int32, and the latent (1, N, C)."""
        latent = latent_to_sequence(latent_of(self.autoencoder, pixels))
        return nearest_code(latent[0], self.codebook)[self.order][None].int(), latent


class Show(nn.Module):
    """Some tokens to pixels; other cells are as the mean has them."""

    def __init__(self, tokenizer: GridTokenizer) -> None:
        super().__init__()
        self.decoder = tokenizer.decoder
        self.place = tokenizer.order.argsort()  # of each cell, in the row of tokens
        self.codebook = nn.Parameter(tokenizer.parts.codebook, requires_grad=False)
        self.mean = nn.Parameter(tokenizer.parts.mean, requires_grad=False)

    def forward(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """Tokens (1, N) int32, those that count (1, N) -> pixels (1, 3, S, S), not clipped."""
        cells = self.codebook[tokens[:, self.place].long()]
        cells = torch.where(keep[:, self.place][..., None], cells, self.mean)
        return self.decoder(sequence_to_latent(cells))


class Goal(nn.Module):
    """What the base's autoencoder makes of a latent: the goal of all codes."""

    def __init__(self, tokenizer: GridTokenizer) -> None:
        super().__init__()
        self.decoder = tokenizer.autoencoder.decoder

    def forward(self, latent: Tensor) -> Tensor:
        """(1, N, C) -> (1, 3, S, S), not clipped."""
        return self.decoder(sequence_to_latent(latent))


def plan(checkpoint: Checkpoint) -> Plan:
    """The graphs of a grid checkpoint; the autoencoder's weights are another one's.

    Raises:
        TokenizerError: config and weights do not fit, or the base or the shared weights are not here.
    """
    tokenizer = GridTokenizer.from_checkpoint(checkpoint, "cpu", "float32")
    config, base = tokenizer.config, tokenizer.config.base
    own = checkpoint.tensors if config.has_weights else shared_weights(config)
    elsewhere = {base.file: base.checkpoint}
    if not config.has_weights:
        elsewhere[config.weights.file] = config.weights.checkpoint
    sizes = config.autoencoder
    tokens = torch.zeros(1, config.num_tokens, dtype=torch.int32)
    keep = torch.ones(1, config.num_tokens, dtype=torch.bool)
    picture = torch.zeros(1, 3, sizes.image_size, sizes.image_size)
    latent = torch.zeros(1, config.num_tokens, sizes.latent_channels)
    return Plan(
        graphs=(
            Graph(
                name="encode",
                module=LookUp(tokenizer),
                inputs={"pixels": picture},
                outputs=("tokens", "latent"),
            ),
            Graph(
                name="decode",
                module=Show(tokenizer),
                inputs={"tokens": tokens, "keep": keep},
                outputs=("pixels",),
            ),
            Graph(name="goal", module=Goal(tokenizer), inputs={"latent": latent}, outputs=("pixels",)),
        ),
        tensors=own | read_part(checkpoints_folder() / base.checkpoint, base.file)[0],
        model=_told(config),
        elsewhere=elsewhere,
    )


def _told(config: GridConfig) -> dict[str, Any]:
    """What a page's script needs beside the graphs."""
    return {
        "image_size": config.autoencoder.image_size,
        "pixel_range": [-1, 1],
        "num_tokens": config.num_tokens,
        "vocabulary": config.vocabulary,
        "order": config.order,
    }
