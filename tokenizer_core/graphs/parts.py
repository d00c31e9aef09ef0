"""What the families' graphs share: attention in plain operators, and an autoencoder's latent.

Attention is two products and a softmax, which every runtime takes. What is hidden gets `HIDDEN` added to its
score, and a softmax makes exactly 0 of that. Neighbours: `plan`, the families' own graphs.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.nn.autoencoder import Autoencoder

HIDDEN = -1e4


def weights_of(queries: Tensor, keys: Tensor, hidden: Tensor | None = None) -> Tensor:
    """Softmax weights (1, h, N, M) of every head; `hidden` is added to the scores."""
    scores = (queries / math.sqrt(queries.shape[-1])) @ keys.transpose(-1, -2)
    return (scores if hidden is None else scores + hidden).softmax(-1)


def absent(present: Tensor) -> Tensor:
    """(1, K) -> (1, K): `HIDDEN` where a token is not there."""
    return (1 - present.float()) * HIDDEN


def latent_of(autoencoder: Autoencoder, pixels: Tensor) -> Tensor:
    """`Autoencoder.encode` with its last step written out: a BatchNorm would be folded into weights.

    Folded weights are other bytes than those of the file, and would have to stand in the graph.
    """
    h = autoencoder.down(autoencoder.stem(F.pixel_unshuffle(pixels, 2)))
    latent = autoencoder.to_latent(F.silu(autoencoder.norm_latent(h)))
    norm = autoencoder.standardise
    spread = torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator]
    return (latent - norm.running_mean[:, None, None]) / spread[:, None, None]  # type: ignore[index]
