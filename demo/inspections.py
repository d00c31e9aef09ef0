"""What is asked of a tokenizer about a photo beside its pictures: where tokens look, what is right already.

Neighbours: `studio` (calls these where the device is used), `views` (what the page gets of them).
"""

from typing import Any

import numpy as np

import tokenizer_core as tc

from .film import b64


def look(
    tokenizer: Any,
    encoding: tc.Encoding,
    direction: str = "read",
    layer: int | None = None,
    length: int | None = None,
) -> list:
    """A map for each token of a code (of the longest one), 0..255 in base64, and its mass, 0..1.

    Read: where it looks, and how much of its attention that is. Write: which patches look at it, and how much
    of all patches' attention it gets.
    """
    maps = tokenizer.attention(encoding, direction, layer, length)
    each, mass = maps.normalised, maps.raw.sum((1, 2))
    if direction == "write":  # row, column, token
        each, mass = np.moveaxis(each, -1, 0), maps.raw.mean((0, 1))
    return [b64((each * 255).astype(np.uint8).tobytes()), [round(float(share), 4) for share in mass]]


def right(tokenizer: Any, encoding: tc.Encoding) -> dict[str, str]:
    """By length: which positions are halted, row by row, a byte each (1: it is right already), in base64."""
    masks = tokenizer.halted(encoding)
    return {str(length): b64(mask.astype(np.uint8).tobytes()) for length, mask in masks.items()}


def spread(tokenizer: Any, encoding: tc.Encoding) -> dict[str, float]:
    """By length: the mean entropy of the tokens' maps of looks, in bits.

    It is 0 where each token looks at one place, and log2 of the number of places where all look everywhere.
    """
    found = {}
    for length in encoding.lengths:
        maps = tokenizer.attention(encoding, "read", None, length).raw
        shares = maps.reshape(len(maps), -1).astype(np.float64)
        shares /= np.maximum(shares.sum(1, keepdims=True), 1e-12)
        bits = -(shares * np.log2(np.maximum(shares, 1e-12))).sum(1)
        found[str(length)] = round(float(bits.mean()), 3)
    return found


INSPECTIONS = {"layer": look, "halted": right, "sharpness": spread}  # of a tokenizer and an encoding
