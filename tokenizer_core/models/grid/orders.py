"""Ways through a square of cells: which cell the first token is of, which the second.

None of them makes a picture's tokens ordered: a token says nothing of any cell but its own, so k tokens are k
cells, whichever come first.
"""

import numpy as np
from jaxtyping import Int


def raster(side: int) -> Int[np.ndarray, " N"]:
    """Row by row, as text is read."""
    return np.arange(side * side)


def spiral(side: int) -> Int[np.ndarray, " N"]:
    """From the middle outward, ring by ring, each ring turning around the middle."""
    down, across = np.divmod(np.arange(side * side), side)
    middle = (side - 1) / 2
    ring = np.maximum(abs(down - middle), abs(across - middle))
    angle = np.arctan2(down - middle, across - middle)
    return np.lexsort((angle, ring))


def coarse(side: int) -> Int[np.ndarray, " N"]:
    """Every cell of a coarse lattice first, then those halfway between, and so on; each round row by row."""
    down, across = np.divmod(np.arange(side * side), side)
    return np.lexsort((across, down, -np.minimum(_evenness(down, side), _evenness(across, side))))


def _evenness(number: Int[np.ndarray, " N"], side: int) -> Int[np.ndarray, " N"]:
    """The largest power of two that divides each number, at most `side`; 0 is divided by all."""
    power = number & -number
    return np.where(number == 0, side, power)


ORDERS = {"raster": raster, "spiral": spiral, "coarse": coarse}
