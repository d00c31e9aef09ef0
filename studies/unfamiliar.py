"""Pictures drawn by rule, which no training saw, and photographs with a piece of another one pasted in.

`DRAWN` has a function a kind, from a random generator to (256, 256, 3) uint8. `pasted` gives pictures whose
object is known to the pixel: a mask without anybody's labels.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw, ImageFont

Array = UInt8[np.ndarray, "256 256 3"]
SIDE = 256
WORDS = (
    "a",
    "the",
    "of",
    "and",
    "river",
    "mountain",
    "seven",
    "window",
    "under",
    "yellow",
    "quickly",
    "paper",
    "garden",
    "letter",
    "north",
    "music",
)
LEAST_AREA, LARGEST_AREA = 0.06, 0.35  # of the picture, that a pasted piece covers


def drawing(random: np.random.Generator) -> Array:
    """Flat shapes with black outlines on a light ground, as in a children's book."""
    image = Image.new("RGB", (SIDE, SIDE), _colour(random, 200, 256))
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(4, 12)):
        x, y, w, h = *random.integers(-20, 220, 2), *random.integers(25, 110, 2)
        look = {"fill": _colour(random, 0, 256), "outline": (0, 0, 0), "width": 3}
        if random.random() < 0.5:
            pen.ellipse((x, y, x + w, y + h), **look)
        else:
            corners = random.integers(0, 2, (5, 2)) * (w, h) + random.integers(-20, 20, (5, 2)) + (x, y)
            pen.polygon([tuple(map(int, corner)) for corner in corners], **look)
    return np.array(image)


def text(random: np.random.Generator) -> Array:
    """Lines of black words on white."""
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    pen, size = ImageDraw.Draw(image), int(random.integers(10, 30))
    for y in range(6, SIDE, round(size * 1.4)):
        pen.text((8, y), " ".join(random.choice(WORDS, 12)), (0, 0, 0), ImageFont.load_default(size))
    return np.array(image)


def noise(random: np.random.Generator) -> Array:
    """Every number of every pixel drawn for itself."""
    return random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def chessboard(random: np.random.Generator) -> Array:
    """Fields of two colours, of 8 to 64 pixels, not always in step with the patches."""
    field, shift = random.choice([8, 12, 16, 24, 32, 64]), random.integers(0, 64, 2)
    down, across = (np.arange(SIDE) + shift[0]) // field, (np.arange(SIDE) + shift[1]) // field
    colours = np.array([_colour(random, 0, 120), _colour(random, 136, 256)], np.uint8)
    return colours[(down[:, None] + across) % 2]


def fractal(random: np.random.Generator) -> Array:
    """A Julia set of z^2 + c, coloured by how soon it escapes."""
    angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0.9, 1.5)
    c = 0.7885 * np.exp(1j * angle)
    axis = np.linspace(-reach, reach, SIDE)
    z, escaped = axis[None] + 1j * axis[:, None], np.full((SIDE, SIDE), 60.0)
    for step in range(60):
        z = np.where(np.abs(z) < 4, z * z + c, z)
        escaped = np.minimum(escaped, np.where(np.abs(z) < 4, 60.0, step))
    phase = random.uniform(0, 2 * np.pi, 3) + np.sqrt(escaped)[..., None] * random.uniform(0.5, 1.5)
    return (127.5 + 127.5 * np.cos(phase)).astype(np.uint8)


DRAWN: dict[str, Callable[[np.random.Generator], Array]] = {
    "drawings": drawing,
    "text": text,
    "noise": noise,
    "chessboards": chessboard,
    "fractals": fractal,
}


def pasted(
    photos: Sequence[Array], count: int, seed: int = 0
) -> Iterator[tuple[Array, Bool[np.ndarray, "256 256"]]]:
    """Photographs with an ellipse or a star of another photograph pasted in, and where that is."""
    random = np.random.default_rng(seed)
    while count:
        ground, piece = random.choice(len(photos), 2, replace=False)
        mask = _shape(random)
        if LEAST_AREA < mask.mean() < LARGEST_AREA:
            count -= 1
            yield np.where(mask[..., None], photos[piece], photos[ground]), mask


def _shape(random: np.random.Generator) -> Bool[np.ndarray, "256 256"]:
    angle = np.sort(random.uniform(0, 2 * np.pi, 60))
    lobes, depth, turn = random.integers(2, 7), random.uniform(0, 0.5), random.uniform(0, 2 * np.pi)
    radius = random.uniform(40, 100) * (1 + depth * np.cos(lobes * angle + turn))
    centre = random.uniform(60, 196, 2)
    corners = centre + radius[:, None] * np.stack([np.cos(angle), random.uniform(0.6, 1) * np.sin(angle)], 1)
    image = Image.new("1", (SIDE, SIDE))
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
    return np.array(image)


def _colour(random: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = random.integers(low, high, 3).tolist()
    return red, green, blue
