"""A `Plan` as ONNX files whose weights are bytes of the checkpoint's own safetensors files.

The graphs hold no weights: an initialiser says in which file, where and how long its bytes are (ONNX calls
that external data), and what is stored as int8 with a scale a row is unpacked by DequantizeLinear. So a
checkpoint is stored once, for Python and for a page. Needs the extra `onnx`; neighbours: `plan`, `spans`.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from tokenizer_core.errors import TokenizerError
from tokenizer_core.graphs.plan import Graph
from tokenizer_core.graphs.spans import Span
from tokenizer_core.storage.quantize import SCALE

OPSET = 20  # what runtimes in browsers take everywhere
FEW = 256  # numbers: so many stay in the graph
FOLDED = 4096  # bytes: larger constants stay as the nodes that make them
WEIGHTS_ID = "weights_id"  # of a graph's metadata


def export_graph(
    graph: Graph, tensors: dict[str, torch.Tensor], spans: dict[str, Span], weights_id: str
) -> Any:
    """One graph as an onnx.ModelProto.

    Args:
        graph: what to export.
        tensors: the weights, by their names in the files.
        spans: of the files' tensors.
        weights_id: of the checkpoint; it stands in the graph's metadata.

    Raises:
        TokenizerError: the extra is not installed.
    """
    onnx, optimizer = _libraries()
    program = _traced(graph)
    optimizer.optimize(program.model, output_size_limit=FOLDED)
    model = onnx.ModelProto.FromString(program.model_proto.SerializeToString())
    _forget_origins(model)
    names = [one.name for one in (*model.graph.input, *model.graph.output)]
    assert names == [*graph.inputs, *graph.outputs], "a name that stands twice is changed without a word"
    onnx.checker.check_model(model)
    _merge_equal(model, onnx)
    _point_to_files(model, _by_value(tensors), spans, onnx)
    model.metadata_props.add(key=WEIGHTS_ID, value=weights_id)
    return model


def files_of(model: Any) -> list[str]:
    """Names of the weight files that a graph points to."""
    rows = [row for one in model.graph.initializer for row in one.external_data]
    return sorted({row.value for row in rows if row.key == "location"})


def _traced(graph: Graph) -> Any:
    """PyTorch's own export, without its remarks on what is not installed or will be called otherwise."""
    remarks = logging.getLogger("torch.onnx")
    level = remarks.level
    remarks.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                graph.module.eval(),
                tuple(graph.inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                optimize=False,
                verbose=False,
            )
    finally:
        remarks.setLevel(level)
    assert program is not None
    return program


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        from onnxscript import optimizer
    except ImportError:
        raise TokenizerError(
            "Exporting graphs needs the extra onnx: pip install 'tokendial[onnx]'."
        ) from None
    return onnx, optimizer


def _forget_origins(model: Any) -> None:
    """Names of this machine's files and lines do not belong into a file for others."""
    for rows in (model.graph.node, model.graph.value_info, model.graph.input, model.graph.output):
        for row in rows:
            row.doc_string = ""
            del row.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]


def _digest(array: np.ndarray) -> tuple:
    whole = np.ascontiguousarray(array)
    return whole.shape, whole.dtype.str, hashlib.sha256(whole.tobytes()).digest()


def _merge_equal(model: Any, onnx: Any) -> None:
    """Equal initialisers become one."""
    first, names, kept = {}, {}, []
    for one in model.graph.initializer:
        same = first.setdefault(_digest(onnx.numpy_helper.to_array(one)), one.name)
        names[one.name] = same
        kept += [one] if same == one.name else []
    _replace(model.graph.initializer, kept)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _by_value(tensors: dict[str, torch.Tensor]) -> dict[tuple, tuple[str, bool]]:
    """A weight's digest, or that of its transpose: its name in the files, and whether it was transposed.

    The exporter renames and transposes; values it leaves alone.
    """
    found = {}
    for name, value in tensors.items():
        array = value.numpy()
        found[_digest(array)] = name, False
        if array.ndim == 2:
            found.setdefault(_digest(array.T), (name, True))
    return found


def _point_to_files(
    model: Any, known: dict[tuple, tuple[str, bool]], spans: dict[str, Span], onnx: Any
) -> None:
    """Initialisers that are weights become pointers into the files, unpacked where they are used."""
    initialisers, nodes = {}, []
    for one in model.graph.initializer:
        array = onnx.numpy_helper.to_array(one)
        stored, turned = known.get(_digest(array), (None, False)) if array.size >= FEW else (None, False)
        if stored is None:
            initialisers[one.name] = one
        else:
            parts, made = _pointer(one.name, stored, turned, spans, onnx)
            initialisers |= {part.name: part for part in parts}
            nodes += made
    _replace(model.graph.initializer, initialisers.values())
    _replace(model.graph.node, [*nodes, *model.graph.node])


def _pointer(name: str, stored: str, turned: bool, spans: dict[str, Span], onnx: Any) -> tuple[list, list]:
    """Initialisers and nodes that make the value `name` of a stored tensor."""
    node = onnx.helper.make_node
    last = name + ".turned" if turned else name
    nodes = []
    if spans[stored].dtype == "I8":
        parts = [f"{stored}.int8", f"{stored}{SCALE}"]
        initialisers = [
            _external(part, spans[where], onnx)
            for part, where in zip(parts, (stored, stored + SCALE), strict=True)
        ]
        nodes.append(node("DequantizeLinear", parts, [last], axis=0, name=f"unpack {stored} as {name}"))
    else:
        initialisers = [_external(last, spans[stored], onnx)]
    if turned:
        nodes.append(node("Transpose", [last], [name], perm=[1, 0], name=f"turn {stored}"))
    return initialisers, nodes


def _external(name: str, span: Span, onnx: Any) -> Any:
    types = {"I8": onnx.TensorProto.INT8, "F32": onnx.TensorProto.FLOAT}
    one = onnx.TensorProto(name=name, data_type=types[span.dtype], dims=span.shape)
    one.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", span.file), ("offset", span.offset), ("length", span.length)):
        one.external_data.add(key=key, value=str(value))
    return one


def _replace(rows: Any, others: Iterable) -> None:
    """A protobuf list's rows by others."""
    others = list(others)
    del rows[:]
    rows.extend(others)
