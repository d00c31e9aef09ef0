"""What an ONNX file says of weights that lie elsewhere, read as plain Protocol Buffers.

Numbers of fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator

MODEL_GRAPH, MODEL_METADATA = 7, 14
GRAPH_INITIALIZER = 5
TENSOR_TYPE, TENSOR_NAME, TENSOR_EXTERNAL = 2, 8, 13
KEY, VALUE = 1, 2


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of every field of a message, in its order."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size, at = {1: (8, at), 5: (4, at)}.get(kind) or _varint(data, at)
            value, at = data[at : at + size], at + size
        yield number, value


def pointers(model: bytes) -> list[dict[str, str]]:
    """Of every initialiser whose bytes lie elsewhere: name, type, location, offset, length."""
    found = []
    for graph in _all(model, MODEL_GRAPH):
        for tensor in _all(graph, GRAPH_INITIALIZER):
            where = dict(_pair(entry) for entry in _all(tensor, TENSOR_EXTERNAL))
            if where:
                own = dict(fields(tensor))
                found.append({"name": own[TENSOR_NAME].decode(), "type": str(own[TENSOR_TYPE]), **where})
    return found


def metadata(model: bytes) -> dict[str, str]:
    return dict(_pair(entry) for entry in _all(model, MODEL_METADATA))


def _all(message: bytes, number: int) -> list[bytes]:
    return [value for found, value in fields(message) if found == number]


def _pair(entry: bytes) -> tuple[str, str]:
    both = dict(fields(entry))
    return both[KEY].decode(), both[VALUE].decode()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at
