"""Six pictures of ours for *How many tokens does it need?*: from a sky to one that no code can shorten.

Five are drawn here, the same each time; the face is a public-domain photograph of the examples. All are
256 x 256 in mode RGB. Neighbour: `needs` (asks for them).
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tokenizer_core as tc

from .examples import FOLDER

SIDE = 256
DRAWN = 1024  # made smaller, as a camera's picture is
WALLS = ((178, 92, 70), (214, 190, 150), (150, 156, 166), (196, 160, 110), (120, 86, 76), (222, 214, 200))
WORDS = (
    "How many tokens does a picture need? Whoever can read these lines has all of them. A short code keeps"
    " where the words are long before it keeps one letter: black marks in rows on white, even as bricks. To"
    " a reader that is nothing, and to a measure of pixels it is nearly the whole page."
)


def clouds(side: int, seed: int) -> np.ndarray:
    """(side, side) in 0..1: smooth noise, in octaves of half the size and half the strength."""
    generator, total = np.random.default_rng(seed), np.zeros((side, side))
    for octave in range(1, 7):
        cells = generator.random((2**octave + 1, 2**octave + 1)).astype(np.float32)
        total += np.asarray(Image.fromarray(cells).resize((side, side), Image.Resampling.BICUBIC)) / 2**octave
    return (total - total.min()) / np.ptp(total)


def sky() -> Image.Image:
    """Blue above, pale below, and a few clouds."""
    down = np.linspace(0, 1, SIDE)[:, None, None]
    blue = (1 - down) * np.array([62, 118, 190]) + down * np.array([176, 208, 232])
    cover = np.clip(clouds(SIDE, 3) * 2.2 - 1.1, 0, 1)[:, :, None]
    return Image.fromarray((blue + cover * (248 - blue)).astype(np.uint8))


def face() -> Image.Image:
    """Eileen Collins; NASA, public domain."""
    return tc.square_crop(tc.open_photo(FOLDER / "round-2.webp")).to_pil()


def _front(seed: int) -> Image.Image:
    """A row of house fronts with windows, 1024 x 512."""
    generator = np.random.default_rng(seed)
    front = Image.new("RGB", (1024, 512))
    pen = ImageDraw.Draw(front)
    for left in range(0, 1024, 128):
        wall = WALLS[generator.integers(len(WALLS))]
        pen.rectangle((left, 0, left + 128, 512), wall)
        for top in range(14, 430, 82):
            for x in range(left + 12, left + 120, 38):
                light = generator.random() < 0.3
                pen.rectangle((x - 3, top - 3, x + 27, top + 53), tuple(level * 3 // 4 for level in wall))
                pen.rectangle((x, top, x + 24, top + 50), (236, 214, 150) if light else (48, 58, 74))
        pen.rectangle((left + 50, 440, left + 84, 512), (60, 40, 34))
    grain = generator.normal(0, 9, (512, 1024, 1))
    return Image.fromarray((np.asarray(front) + grain).clip(0, 255).astype(np.uint8))


def street() -> Image.Image:
    """Fronts on both sides that meet far away, a road with its marks, cars and lamps."""
    picture = sky().resize((DRAWN, DRAWN))
    pen = ImageDraw.Draw(picture)
    far_left, far_right, horizon = 440, 570, 560
    pen.polygon([(0, DRAWN), (far_left, horizon), (far_right, horizon), (DRAWN, DRAWN)], (92, 92, 96))
    for side, seed in ((0, 1), (1, 2)):
        near, far = ((0, far_left), (DRAWN, far_right))[side]
        corners = [(near, -160), (far, 420), (far, horizon + 10), (near, DRAWN)]
        front = _warped(_front(seed), corners)
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).polygon(corners, 255)
        picture.paste(front, mask=mask)
    for part in (0.1, 0.22, 0.38, 0.6, 0.9):  # of the way from the horizon to our feet
        y, width = horizon + part * (DRAWN - horizon), 22 * part
        nearer, below = 1.3 * width, y + 60 * part
        pen.polygon(
            [(505 - width, y), (505 + width, y), (505 + nearer, below), (505 - nearer, below)], "white"
        )
    for part, x, colour in ((0.16, 460, "#961e1e"), (0.34, 400, "#284682"), (0.5, 690, "#bebec4")):
        size, y = 260 * part, horizon + part * (DRAWN - horizon)
        roof = (x - size * 0.7, y - size * 1.2, x + size * 0.7, y - size * 0.5)
        pen.rounded_rectangle((x - size, y - size * 0.7, x + size, y), size / 4, colour)
        pen.rounded_rectangle(roof, size / 4, "#242830")
        for wheel in (-0.7, 0.5):
            left = x + wheel * size
            pen.ellipse((left, y - size * 0.2, left + size * 0.3, y + size * 0.1), "#141416")
    for part, x in ((0.2, 360), (0.45, 210), (0.45, 820)):
        y = horizon + part * (DRAWN - horizon)
        pen.line((x, y, x, y - 1100 * part), (30, 32, 36), max(2, int(26 * part)))
        pen.ellipse((x - 40 * part, y - 1180 * part, x + 40 * part, y - 1100 * part), (250, 240, 200))
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _warped(flat: Image.Image, corners: Sequence[tuple[float, float]]) -> Image.Image:
    """A flat picture in perspective: its corners (top left and right, bottom right and left) go to these."""
    width, height = flat.size
    places = [(0, 0), (width, 0), (width, height), (0, height)]
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, places, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    numbers = np.linalg.solve(np.array(rows, float), np.array(values, float))
    transform, sampling = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return flat.transform((DRAWN, DRAWN), transform, list(numbers), sampling)


def text() -> Image.Image:
    """A page of words."""
    picture = Image.new("RGB", (DRAWN, DRAWN), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(62)
    line, top = "", 40
    for word in (WORDS + " ").split(" "):
        if word and pen.textlength(f"{line} {word}", font) < DRAWN - 96:
            line = f"{line} {word}".strip()
            continue
        pen.text((48, top), line, "black", font)
        line, top = word, top + 86
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def noise() -> Image.Image:
    """Each colour of each pixel by itself."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def chessboard() -> Image.Image:
    """Eight by eight."""
    cells = np.indices((8, 8)).sum(0) % 2
    board = Image.fromarray((cells * 255).astype(np.uint8)).convert("RGB")
    return board.resize((SIDE, SIDE), Image.Resampling.NEAREST)


OURS: dict[str, Callable[[], Image.Image]] = {
    "sky": sky,
    "face": face,
    "street": street,
    "text": text,
    "noise": noise,
    "chessboard": chessboard,
}
