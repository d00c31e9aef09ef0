"""Figures of the claims that need no model: needs, ranks, files, edges, and maps over masks.

Neighbours: `alit_claims` (asks), `alit_pictures` (the scores that needs are of).
"""

import io

import numpy as np
import torch
from torch import Tensor

import tokenizer_core as tc
from tokenizer_core.measure.criteria import CRITERIA

EDGE = 0.1  # a pixel is an edge where luma's gradient is steeper, of the whole range a pixel


def need(scores: Tensor, criterion: str, threshold: float) -> Tensor:
    """(pictures,) passes until the criterion is reached; one more than there are where it never is."""
    more = CRITERIA[criterion].more_is_better
    reached = scores >= threshold if more else scores <= threshold
    return torch.where(reached.any(1), reached.double().argmax(1) + 1, scores.shape[1] + 1)


def ranks(values: Tensor) -> Tensor:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1) / 2)[place].double()


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's, with ties."""
    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


def separation(higher: Tensor, lower: Tensor) -> float:
    """AUROC: the chance that one of the first is larger than one of the second, ties counting half."""
    count = len(higher)
    above = ranks(torch.cat([higher, lower]))[:count].sum() - count * (count + 1) / 2
    return (above / (count * len(lower))).item()


def usual_threshold(criterion: str) -> float:
    """Of scores as they are here: a label is found again or not."""
    return 0.5 if criterion == "label" else CRITERIA[criterion].threshold


def overlaps(maps: Tensor, masks: Tensor) -> Tensor:
    """(P, K) intersection over union of masks (P, N) with the highest places of maps (P, K, N), as many."""
    sizes = masks.sum(1)
    order = maps.float().argsort(-1, descending=True).argsort(-1)
    taken = order < sizes[:, None, None]
    common = (taken & masks[:, None]).sum(-1)
    return common / (2 * sizes[:, None] - common)


def file_bytes(picture: tc.Picture, form: str) -> int:
    """How many bytes a picture takes as "WebP" or "JPEG" of quality 75."""
    buffer = io.BytesIO()
    picture.to_pil().save(buffer, form, quality=75)
    return len(buffer.getvalue())


def edge_share(picture: tc.Picture) -> float:
    """Share of pixels at edges."""
    luma = np.asarray(picture.to_pil().convert("L"), float) / 255
    down, across = np.gradient(luma)
    return float((np.hypot(down, across) > EDGE).mean())


def discs(side: int, count: int) -> Tensor:
    """Maps (count + 1, N) that fall with the distance from the centres of a grid's cells, then the middle."""
    columns = 2 ** round(np.log2(count) / 2 + 0.25)
    rows = count // columns
    places = [((r + 0.5) / rows, (c + 0.5) / columns) for r in range(rows) for c in range(columns)]
    axis = (torch.arange(side) + 0.5) / side
    distances = [(axis[:, None] - y).square() + (axis - x).square() for y, x in (*places, (0.5, 0.5))]
    return -torch.stack(distances).flatten(1)
