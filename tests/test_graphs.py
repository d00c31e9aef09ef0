"""Graphs of a small flow model: what they say of their weights, and that they compute the same.

In one file, long as it is: the graphs are exported once, in ten seconds, for all of it.
"""

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx_wire
import pytest
import tiny_flow
import torch
from run_graphs import runner

import tokenizer_core as tc
from demo.cli import main
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.graphs.folder import MANIFEST, WEB, read_manifest
from tokenizer_core.graphs.spans import read_spans
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.storage.checkpoints import read_checkpoint, sum_of, write_checkpoint
from tokenizer_core.storage.quantize import dequantize

pytestmark = pytest.mark.slow
NAME = "tiny"
TYPES = {"I8": "3", "F32": "1"}  # safetensors' names of what ONNX has numbers for
LARGEST_INSIDE = 32_768  # bytes: small constants that were computed when the graph was made


def write_tiny(place: Path, seed: int = 0) -> Path:
    """A checkpoint of drawn weights, in three files as the bundled one."""
    tensors = tiny_flow.make_networks(seed).state_dict()
    files = {
        f"{network}.safetensors": {name: one for name, one in tensors.items() if name.startswith(network)}
        for network in ("autoencoder", "encoder", "decoder")
    }
    write_checkpoint(place / NAME, tiny_flow.CONFIG_DICT, files)
    return place / NAME


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of a checkpoint with its graphs."""
    pytest.importorskip("onnxscript", reason="exporting graphs needs the extra onnx")
    place = tmp_path_factory.mktemp("checkpoints")
    folder = write_tiny(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENDIAL_CHECKPOINTS", str(place))
        patch.setenv("TOKENDIAL_MODELS", NAME)
        assert main(["export-onnx", NAME]) == 0
    return folder


@pytest.fixture
def own(exported, tmp_path, monkeypatch):
    """A copy that a test may spoil."""
    shutil.copytree(exported, tmp_path / NAME)
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("TOKENDIAL_MODELS", NAME)
    return tmp_path / NAME


@pytest.fixture(scope="module")
def run(exported):
    """A function (graph, inputs) -> its outputs by name."""
    return runner(read_manifest(exported), files_of(exported))


def files_of(checkpoint: Path) -> dict[str, Path]:
    return {path.name: path for path in (*checkpoint.iterdir(), *(checkpoint / WEB).iterdir())}


@pytest.fixture(scope="module")
def networks(exported):
    """The same weights in PyTorch, rounded as the files have them."""
    networks = tiny_flow.make_networks()
    networks.load_state_dict(read_checkpoint(exported).tensors)
    return networks.requires_grad_(False)


@pytest.fixture(scope="module")
def tokens():
    drawn = torch.randn(1, tiny_flow.TOKENS, tiny_flow.WIDTH, generator=torch.Generator().manual_seed(1))
    return tiny_flow.unit(drawn)


def near(found: np.ndarray, wanted: torch.Tensor, error: float = 2e-5) -> None:
    assert found.shape == tuple(wanted.shape)
    assert np.abs(found - wanted.numpy()).max() <= error * max(1, wanted.abs().max().item())


def keeping(count: int) -> np.ndarray:
    return np.arange(tiny_flow.TOKENS)[None] < count


def test_encode_gives_tokens_latent_and_read_maps(run, networks):
    pixels = tiny_flow.make_picture().to_pixels()
    latent = latent_to_sequence(networks["autoencoder"].encode(pixels))
    found = run("encode", pixels=pixels)
    near(found["latent"], latent)
    near(found["tokens"], networks["encoder"](latent))
    layers = range(tiny_flow.CONFIG.encoder.depth)
    near(found["read"], torch.cat([networks["encoder"].read_attention(latent, layer) for layer in layers]))


@pytest.mark.parametrize("length", [0, 1, 5, tiny_flow.TOKENS])
def test_predict_sees_the_kept_tokens(run, networks, tokens, length):
    decoder = networks["decoder"]
    context = run("context", tokens=tokens, present=keeping(tiny_flow.TOKENS))["context"]
    noise = draw_noise(3, tiny_flow.PATCHES, tiny_flow.CHANNELS)
    for time in (1.0, 0.4, -0.75):
        t = torch.tensor([time])
        found = run("predict", noisy=noise, time=t, context=context, keep=keeping(length))
        near(found["clean"], decoder(noise, t, decoder.context(tokens).first(length)))
    if length:
        t, first = torch.ones(1), decoder.context(tokens).first(length)
        found = run("predict", noisy=noise, time=t, context=context, keep=keeping(length))["write"]
        layers = range(tiny_flow.CONFIG.decoder.depth)
        near(found[..., :length], torch.cat([decoder.write_attention(noise, t, first, i) for i in layers]))
        assert not found[..., length:].any(), "what is hidden gets nothing at all"


@pytest.mark.parametrize("left_out", [0, 3, tiny_flow.TOKENS - 1])
def test_a_token_that_is_not_there_is_seen_by_no_other(run, networks, tokens, left_out):
    decoder = networks["decoder"]
    some = np.arange(tiny_flow.TOKENS) != left_out
    places = torch.from_numpy(np.flatnonzero(some))
    noise, t = draw_noise(3, tiny_flow.PATCHES, tiny_flow.CHANNELS), torch.ones(1)
    wanted = decoder(noise, t, decoder.context(tokens[:, places], places))
    context = run("context", tokens=tokens, present=some[None])["context"]
    near(run("predict", noisy=noise, time=t, context=context, keep=some[None])["clean"], wanted)
    all_there = run("context", tokens=tokens, present=keeping(tiny_flow.TOKENS))["context"]
    other = run("predict", noisy=noise, time=t, context=all_there, keep=some[None])["clean"]
    assert left_out == tiny_flow.TOKENS - 1 or np.abs(other - wanted.numpy()).max() > 1e-3


def test_a_link_s_few_tokens_need_no_others(run, tokens):
    """A causal stream: what stands behind the tokens that are there is of no matter."""
    noise, t = draw_noise(3, tiny_flow.PATCHES, tiny_flow.CHANNELS), torch.ones(1)
    padded = tokens.clone()
    padded[:, 3:] = 0
    contexts = [
        run("context", tokens=tokens, present=keeping(tiny_flow.TOKENS))["context"],
        run("context", tokens=padded, present=keeping(3))["context"],
    ]
    both = [run("predict", noisy=noise, time=t, context=c, keep=keeping(3))["clean"] for c in contexts]
    assert np.abs(both[0] - both[1]).max() < 1e-5


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_manifest_is_enough_to_sample(exported, run, networks, tokens, steps):
    """As a page does it: distilled where the steps are the distilled ones, else guided."""
    told = json.loads((exported / WEB / MANIFEST).read_text())["model"]
    own, decoder = told["sampler"], networks["decoder"]
    noise = draw_noise(5, tiny_flow.PATCHES, tiny_flow.CHANNELS)
    context = run("context", tokens=tokens, present=keeping(tiny_flow.TOKENS))["context"]

    def decode(x, time, given, keep):
        t = time.numpy()
        clean = run("predict", noisy=x, time=t, context=context, keep=keeping(5 if given.length else 0))
        return torch.from_numpy(clean["clean"])

    options = {name: own[name] for name in ("guidance_scale", "time_shift", "distilled_steps")}
    wanted = sample(decoder, decoder.context(tokens).first(5), noise, steps=steps, **options)
    near(
        sample(decode, decoder.context(tokens).first(5), noise, steps=steps, **options).numpy(), wanted, 1e-4
    )
    if steps == own["distilled_steps"]:
        x, times = noise.numpy(), own["distilled_times"]
        assert len(times) == steps + 1
        for now, after in pairwise(times):
            t = np.float32([-now])
            clean = run("predict", noisy=x, time=t, context=context, keep=keeping(5))["clean"]
            x = clean if after == 0 else clean + (x - clean) * np.float32(after / now)
        near(x, wanted, 1e-4)


def test_paint_gives_pixels(run, networks):
    latent = draw_noise(7, tiny_flow.PATCHES, tiny_flow.CHANNELS)
    wanted = networks["autoencoder"].decode(sequence_to_latent(latent))
    near(run("paint", latent=latent)["pixels"], wanted)


def test_the_manifest_says_what_goes_in_and_out(exported):
    manifest = read_manifest(exported)
    assert manifest["weights_id"] == read_checkpoint(exported).checkpoint_id
    assert list(manifest["graphs"]) == ["encode", "context", "predict", "paint"]
    predict = manifest["graphs"]["predict"]
    assert predict["inputs"][0] == {"name": "noisy", "shape": [1, 9, 16], "dtype": "float32"}
    assert predict["inputs"][3] == {"name": "keep", "shape": [1, 8], "dtype": "bool"}
    assert predict["outputs"][1] == {"name": "write", "shape": [2, 9, 8], "dtype": "float32"}
    assert predict["weights"] == ["decoder.safetensors"]
    for name, told in manifest["weights"].items():
        path = exported / name
        assert told == {"bytes": path.stat().st_size, "sha256": sum_of(path), "checkpoint": NAME}
    model = manifest["model"]
    assert (model["image_size"], model["num_tokens"], model["token_width"]) == (48, 8, 16)
    assert model["sampler"]["distilled_times"] == [1, 0.5, 0]
    packing = model["packing"]
    numbers = np.linspace(-3, 3, 100, dtype=np.float32)
    levels = [packing["levels"][sum(border < x for border in packing["borders"])] for x in numbers]
    assert np.array_equal(np.float32(levels), on_levels(numbers)), "those of links"


def test_every_pointer_is_a_tensor_of_a_file(exported):
    assert check_pointers(read_manifest(exported), files_of(exported)) > 20


def check_pointers(manifest: dict[str, Any], files: dict[str, Path]) -> int:
    """Each graph's id, and each initialiser's file, offset, length and type; how many there are."""
    spans, count = read_spans(files[name] for name in manifest["weights"]).values(), 0
    known = {(s.file, str(s.offset), str(s.length), TYPES[s.dtype]) for s in spans if s.dtype in TYPES}
    for told in manifest["graphs"].values():
        model = files[told["file"]].read_bytes()
        assert onnx_wire.metadata(model) == {"weights_id": manifest["weights_id"]}
        pointers = onnx_wire.pointers(model)
        assert {p["location"] for p in pointers} == set(told["weights"])
        assert {(p["location"], p["offset"], p["length"], p["type"]) for p in pointers} <= known
        count += len(pointers)
    return count


def test_no_large_weight_stays_in_a_graph(exported):
    onnx = pytest.importorskip("onnx")
    for path in (exported / WEB).glob("*.onnx"):
        model = onnx.load(path, load_external_data=False)
        inside = [one for one in model.graph.initializer if not one.external_data]
        assert max(len(one.raw_data) for one in inside) <= LARGEST_INSIDE, path.name
        assert "/" not in str([node.doc_string for node in model.graph.node]), "nor a path of this machine"


def test_packed_bytes_are_unpacked_as_python_does(exported):
    """A pointer's bytes, as ONNX says to read them, are the tensor that the networks have."""
    from safetensors.numpy import load_file

    path = exported / "decoder.safetensors"
    data, spans = path.read_bytes(), read_spans([path])
    for name, value in load_file(path).items():
        span = spans[name]
        assert data[span.offset : span.offset + span.length] == value.tobytes()
    packed = {n: torch.from_numpy(v) for n, v in load_file(path).items()}
    own = read_checkpoint(exported).tensors
    assert all(torch.equal(own[name], value) for name, value in dequantize(packed).items())


def test_graphs_of_other_weights_are_refused(own):
    web = own / WEB
    shutil.move(web, own.parent / WEB)
    shutil.rmtree(own)
    write_tiny(own.parent, seed=1)
    shutil.move(own.parent / WEB, web)
    with pytest.raises(tc.TokenizerError, match=r"^The graphs of tiny were made of other weights"):
        tc.graph_files(NAME)


def test_a_damaged_graph_is_refused(own):
    manifest, files = tc.graph_files(NAME)
    assert set(files) == {MANIFEST, "SHA256SUMS", *manifest["weights"]} | {
        told["file"] for told in manifest["graphs"].values()
    }
    path = own / WEB / "paint.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(tc.TokenizerError, match=r"^The file paint\.onnx of the graphs of tiny is missing or"):
        tc.graph_files(NAME)
    path.unlink()
    with pytest.raises(tc.TokenizerError, match="missing or damaged"):
        tc.graph_files(NAME)


def test_damaged_weights_are_refused(own):
    path = own / "decoder.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(tc.TokenizerError, match=r"^The weights decoder\.safetensors that the graphs of tiny"):
        tc.graph_files(NAME)


def test_another_format_and_no_graphs_are_sentences(own):
    path, sums = own / WEB / MANIFEST, own / WEB / "SHA256SUMS"
    old = sum_of(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    sums.write_text(sums.read_text().replace(old, sum_of(path)))
    with pytest.raises(tc.TokenizerError, match="have format 2; this program reads 1"):
        tc.graph_files(NAME)
    shutil.rmtree(own / WEB)
    with pytest.raises(tc.TokenizerError, match=r"^tiny has no graphs; `tokendial export-onnx tiny` makes"):
        tc.graph_files(NAME)


def test_what_cannot_be_exported_is_a_sentence(own, tmp_path, monkeypatch, capsys):
    assert main(["export-onnx", "nosuch"]) == 2
    assert capsys.readouterr().err.startswith("There is no model named nosuch; ")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export-onnx", NAME, "--out", str(tmp_path / "out")]) == 2
    assert "needs the extra onnx: pip install" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_family_without_graphs_says_who_has_them(monkeypatch, capsys):
    monkeypatch.delenv("TOKENDIAL_CHECKPOINTS", raising=False)
    assert main(["export-onnx", "regions"]) == 2
    assert capsys.readouterr().err.startswith("Models of the kind regions have no graphs; these have: ")
