"""The graphs beside the bundled weights: of these weights, whole, and small; onnx is not needed here."""

import pytest
from test_graphs import check_pointers

import tokenizer_core as tc
from tokenizer_core.storage.checkpoints import checkpoints_folder, read_identity

WITH_GRAPHS = sorted(path.parent.parent.name for path in checkpoints_folder().glob("*/web/graphs.json"))


def test_the_model_that_opens_has_graphs():
    assert tc.default_model() in WITH_GRAPHS


@pytest.mark.parametrize("name", WITH_GRAPHS)
def test_they_are_of_the_weights_beside_them(name):
    """Sums of all files, the weights' id in each graph, and every initialiser's file, offset and length."""
    manifest, files = tc.graph_files(name)
    assert manifest["weights_id"] == read_identity(checkpoints_folder() / name)[1]
    assert check_pointers(manifest, files) > 1
    graphs = [files[told["file"]] for told in manifest["graphs"].values()]
    assert sum(path.stat().st_size for path in graphs) < 1e6, "graphs hold no weights"


@pytest.mark.parametrize("name", WITH_GRAPHS)
def test_they_did_not_change_the_weights_id(name):
    """An id stands in every link: SHA256SUMS names weights and configuration, and no graph."""
    sums = (checkpoints_folder() / name / "SHA256SUMS").read_text("utf-8")
    assert "onnx" not in sums
    assert (checkpoints_folder() / name / "web" / "SHA256SUMS").is_file()
