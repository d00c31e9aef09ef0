"""What a family wants as graphs: plain modules, what goes in and comes out, and what a page must know.

A family makes a `Plan` from its checkpoint; `export` writes it. Neighbours: `models.family` (where a family
says that it has one), `export`.
"""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One network as a graph of fixed shapes.

    Attributes:
        name: of its file, without .onnx.
        module: takes the inputs in their order and returns the outputs in theirs; float32, on the CPU.
        inputs: by name, of the shapes and types that the graph has; the values are of no matter.
        outputs: their names.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All graphs of a checkpoint.

    Attributes:
        graphs: in the order in which a picture goes through them.
        tensors: the weights as the modules have them, by their names in the weight files.
        model: what a page's script needs of the configuration; plain data.
        elsewhere: weight files that belong to another checkpoint, each with that one's name.
    """

    graphs: tuple[Graph, ...]
    tensors: dict[str, Tensor]
    model: dict[str, Any]
    elsewhere: dict[str, str] = field(default_factory=dict)
