"""Candidates for regions: superpixels, and what they become as the most alike neighbours merge.

Superpixels: SLIC, Achanta et al., IEEE TPAMI 34 (2012) 2274. Merging on their adjacency graph by the rise in
squared error (Ward, J. American Statistical Association 58 (1963) 236). Both are scikit-image's.
"""

from collections.abc import Hashable, Iterator

import networkx
import numpy as np
from jaxtyping import Bool, Int, UInt8
from skimage.color import rgb2lab
from skimage.graph import merge_hierarchical, rag_mean_color
from skimage.segmentation import slic


def candidates(
    array: UInt8[np.ndarray, "H H 3"], superpixels: int, compactness: float
) -> Iterator[Bool[np.ndarray, "H H"]]:
    """Every region of the hierarchy but the whole picture: about twice as many as there are superpixels.

    Args:
        array: the picture.
        superpixels: about how many regions nothing is finer than.
        compactness: how much more a superpixel minds its place than its colour; SLIC's own.

    Yields:
        The pixels of each, superpixels first, then larger and larger ones.
    """
    lab = rgb2lab(array)
    labels = slic(array, n_segments=superpixels, compactness=compactness, start_label=0)
    parts = {label: [label] for label in np.unique(labels).tolist()}
    for label in [*parts]:
        yield labels == label
    for gone, kept in _merges(lab, labels)[:-1]:
        parts[kept] = parts[kept] + parts.pop(gone)
        chosen = np.zeros(labels.max() + 1, bool)
        chosen[parts[kept]] = True
        yield chosen[labels]


def _merges(lab: np.ndarray, labels: Int[np.ndarray, "H H"]) -> list[tuple[int, int]]:
    """All merges, the cheapest first: (label that goes, label that stays)."""
    graph, merges = rag_mean_color(lab, labels), list[tuple[int, int]]()
    for one, other, edge in graph.edges(data=True):
        edge["weight"] = _rise(graph, one, other)

    def merge(graph: networkx.Graph, gone: np.integer, kept: np.integer) -> None:
        merges.append((int(gone), int(kept)))
        source, target = graph.nodes[gone], graph.nodes[kept]
        target["total color"] = target["total color"] + source["total color"]
        target["pixel count"] += source["pixel count"]
        target["mean color"] = target["total color"] / target["pixel count"]

    merge_hierarchical(
        labels,
        graph,
        thresh=np.inf,
        rag_copy=False,
        in_place_merge=True,
        merge_func=merge,
        weight_func=lambda graph, _, kept, other: {"weight": _rise(graph, kept, other)},
    )
    return merges


def _rise(graph: networkx.Graph, one: Hashable, other: Hashable) -> float:
    """By how much the squared error rises if two regions get one colour (Ward's criterion)."""
    a, b = graph.nodes[one], graph.nodes[other]
    apart = a["mean color"] - b["mean color"]
    return float(
        a["pixel count"] * b["pixel count"] / (a["pixel count"] + b["pixel count"]) * (apart @ apart)
    )
