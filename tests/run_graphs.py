"""A model's graphs under onnxruntime, given their weights by name as a page gives them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., dict[str, np.ndarray]]


def runner(manifest: dict[str, Any], files: dict[str, Path]) -> Run:
    """A function (graph, inputs by name) -> outputs by name; a skip where there is no onnxruntime."""
    runtime = pytest.importorskip("onnxruntime", reason="graphs are run with onnxruntime")
    weights = {name: files[name].read_bytes() for name in manifest["weights"]}
    sizes = [len(data) for data in weights.values()]
    sessions = {}
    for name, told in manifest["graphs"].items():
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_external_initializers_from_files_in_memory(list(weights), list(weights.values()), sizes)
        sessions[name] = runtime.InferenceSession(files[told["file"]].read_bytes(), options)

    def run(name: str, **inputs: Any) -> dict[str, np.ndarray]:
        session = sessions[name]
        given = {key: np.asarray(value) for key, value in inputs.items()}
        return dict(zip([one.name for one in session.get_outputs()], session.run(None, given), strict=True))

    return run
