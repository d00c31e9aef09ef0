"""Where attention weight went: maps for people to look at, as plain arrays.

*Read*: from each register token to the patches of the photo, in an encoder layer. *Write*: from each picture
position to the tokens, in a decoder layer at the first step (t=1). Weight is averaged over heads. A map says
where weight went, no more.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class AttentionMaps:
    """Attention between tokens and the grid of latent positions.

    Attributes:
        raw: read: (K, s, s), the share of each token's attention that went to each patch (a map sums to at
            most 1; the rest went to other tokens). Write: (s, s, k), the share of each position's attention
            that went to each of the first k tokens.
        normalised: the same shape; each token's map divided by its largest value, 0..1.
        direction: "read" or "write".
        layer: counted from 0.
    """

    raw: Float[np.ndarray, "..."]
    normalised: Float[np.ndarray, "..."]
    direction: str
    layer: int

    @classmethod
    def of(cls, raw: Float[np.ndarray, "..."], direction: str, layer: int) -> "AttentionMaps":
        """Add the normalised maps to raw ones."""
        axes = (1, 2) if direction == "read" else (0, 1)
        largest = raw.max(axes, keepdims=True) if raw.size else np.ones_like(raw)
        return cls(raw, raw / np.maximum(largest, 1e-12), direction, layer)
