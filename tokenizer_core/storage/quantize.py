"""Weights in one byte: each matrix and kernel as int8 with one scale for every output channel.

A tensor `name` with two axes or more is stored as `name` (int8) and `name.scale` (float32, one a row of the
first axis); value = int8 * scale. Vectors stay float32. Scales are chosen so that the largest weight of a row
is 127.
"""

import torch
from torch import Tensor

SCALE = ".scale"


def quantize(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors -> what a file holds."""
    packed = {}
    for name, value in tensors.items():
        if value.dim() < 2 or not value.is_floating_point():
            packed[name] = value.float().contiguous() if value.is_floating_point() else value
        else:
            rows = value.float().flatten(1)
            scale = rows.abs().amax(1).clamp(min=1e-12) / 127
            packed[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape).contiguous()
            packed[name + SCALE] = scale
    return packed


def dequantize(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `quantize`: every tensor in float32 (counters keep their type)."""
    tensors = {}
    for name, value in packed.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in packed:
            continue
        if value.dtype == torch.int8 and name + SCALE in packed:
            scale = packed[name + SCALE]
            tensors[name] = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
        else:
            tensors[name] = value.float() if value.is_floating_point() else value
    return tensors
