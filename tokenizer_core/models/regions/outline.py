"""One region as a token: 21 whole numbers of 0..255, a byte each.

    0, 1    x and y of its centre, in pixels from the left and from the top
    2..4    its colour: red, green, blue
    5..20   its outline: how far it reaches from the centre, in pixels, in 16 directions: to the right, then
            clockwise. Between two directions the reach changes evenly with the angle

So an outline has no holes, and every point of it can be seen from the centre. A region of another shape is
covered as nearly as that allows. Neighbours: `hierarchy` finds regions, `tokenizer` paints them.
"""

import numpy as np
from jaxtyping import Bool, UInt8

from tokenizer_core.errors import TokenizerError

SIZE = 256  # side of the picture in pixels
DIRECTIONS = 16
WIDTH = 5 + DIRECTIONS  # numbers a token
STEP = 2 * np.pi / DIRECTIONS
WHOLE = 255  # a reach in every direction that covers the picture from its middle


class RegionPacker:
    """Rows of whole numbers 0..255, one byte each."""

    kind = "region"

    def bits(self, size: int) -> int:
        """8 bits a number."""
        return 8 * size

    def check(self, tokens: np.ndarray, size: int) -> None:
        """(K, 21) uint8.

        Raises:
            TokenizerError: another shape or type.
        """
        if tokens.dtype != np.uint8 or tokens.ndim != 2 or not tokens.shape[1] == size == WIDTH:
            raise TokenizerError(f"A region is {WIDTH} whole numbers of 0 to 255.")

    def pack(self, tokens: np.ndarray, size: int) -> bytes:
        """The numbers in a row."""
        return tokens.tobytes()

    def unpack(self, data: bytes, count: int, size: int) -> np.ndarray:
        """(K, 21) uint8."""
        if size != WIDTH or len(data) != count * size:
            raise ValueError("not so many regions")
        return np.frombuffer(data, np.uint8).reshape(count, size).copy()


def whole_picture(colour: UInt8[np.ndarray, " 3"]) -> UInt8[np.ndarray, " W"]:
    """The token that covers everything."""
    middle = SIZE // 2
    return np.array([middle, middle, *colour, *[WHOLE] * DIRECTIONS], np.uint8)


def fit(mask: Bool[np.ndarray, "H H"]) -> UInt8[np.ndarray, " W"]:
    """A region's token, black as yet: centre, and in each direction the reach of a sector of equal area.

    The centre is the centroid, or, where that lies outside, the region's own pixel nearest to it. A sector of
    angle a and radius r has the area a r^2 / 2, so r = sqrt(2 area / a).

    Args:
        mask: the region's pixels, at least one.
    """
    down, across = np.nonzero(mask)
    x, y = round(across.mean()), round(down.mean())
    if not mask[y, x]:
        nearest = np.argmin((across - x) ** 2 + (down - y) ** 2)
        x, y = int(across[nearest]), int(down[nearest])
    angles = np.arctan2(down - y, across - x)
    sector = np.round(angles / STEP).astype(int) % DIRECTIONS
    area = np.bincount(sector, minlength=DIRECTIONS)
    reach = np.sqrt(2 * area / STEP).round().clip(0, 255)
    return np.array([x, y, 0, 0, 0, *reach], np.uint8)


def cover(token: UInt8[np.ndarray, " W"]) -> tuple[tuple[slice, slice], Bool[np.ndarray, "h w"]]:
    """The pixels that a token's outline covers: a window of the picture, and a mask in it.

    Returns:
        ((rows, columns), mask of that window); the centre is always covered.
    """
    x, y = int(token[0]), int(token[1])
    reach = token[5:].astype(np.float64)
    far = int(reach.max())
    top, left = max(y - far, 0), max(x - far, 0)
    window = np.s_[top : min(y + far + 1, SIZE), left : min(x + far + 1, SIZE)]
    down, across = np.ogrid[window]
    angle = np.arctan2(down - y, across - x) % (2 * np.pi)
    limit = np.interp(angle / STEP, np.arange(DIRECTIONS + 1), [*reach, reach[0]])
    return window, np.hypot(down - y, across - x) <= limit
