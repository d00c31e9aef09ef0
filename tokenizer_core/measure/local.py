"""Where two pictures differ, and what became of outlines: two measures of one picture against another.

Neighbours: `metrics` (the whole picture), `spectrum` (structure by its size, wherever it is).
"""

import numpy as np
from jaxtyping import Float

from tokenizer_core.photos.photo import Picture

SIDE = 16  # places on a side
PLACES = 16  # of the 256 that count as one spot
EDGES = 0.1  # share of pixels that count as outlines


def share_at(picture: Picture, other: Picture) -> float | None:
    """How much of the squared difference of two pictures lies in one sixteenth of their area.

    Returns:
        0.0625 where it is spread evenly, 1 where the 16 of 16 x 16 places that differ most hold all of it;
        None where there is no difference.

    Raises:
        ValueError: their sizes differ, or are no multiple of 16.
    """
    squared = np.square(picture.array.astype(float) - other.array).sum(2)
    size = squared.shape[0] // SIDE
    places = np.sort(squared.reshape(SIDE, size, SIDE, size).sum((1, 3)).ravel())
    whole = places.sum()
    return float(places[-PLACES:].sum() / whole) if whole else None


def edges_kept(picture: Picture, original: Picture) -> float:
    """How much of the original's outlines a picture has: its slope where the original is steepest.

    Over the tenth of pixels with the largest gradient of the original's luma: the picture's gradient along
    the original's, over that, both weighted by the original's. 1 is as sharp and in place, 0 is nothing of
    them. 1 for an original without any gradient.
    """
    ours, wanted = (np.array(np.gradient(_luma(one))) for one in (picture, original))
    steep = np.square(wanted).sum(0)
    at = steep >= np.quantile(steep, 1 - EDGES)
    whole = steep[at].sum()
    return float((ours * wanted).sum(0)[at].sum() / whole) if whole else 1.0


def _luma(picture: Picture) -> Float[np.ndarray, "H W"]:
    return picture.array.astype(float) @ [0.299, 0.587, 0.114]
