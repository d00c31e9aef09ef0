"""Graphs of the other families, beside their tokenizers in Python: the same tokens and pictures."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_alit
import tiny_grid
import tiny_linear
from run_graphs import runner
from test_graphs import write_tiny
from tiny_flow import draw_weights

import tokenizer_core as tc
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.models.base import BaseConfig
from tokenizer_core.models.grid.config import tiny_config
from tokenizer_core.storage.checkpoints import sum_of, write_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A linear model, a flow model, and grids on its autoencoder: row by row, and in another order."""
    pytest.importorskip("onnxscript", reason="exporting graphs needs the extra onnx")
    place = tmp_path_factory.mktemp("checkpoints")
    write_linear(place)
    flow = write_tiny(place)
    base = BaseConfig(checkpoint=flow.name, sha256=sum_of(flow / "autoencoder.safetensors"))
    grid = replace(tiny_config(), base=base, own_decoder=True)
    write_checkpoint(place / "row", grid.to_dict(), {"grid.safetensors": parts_of(grid)})
    shared = BaseConfig(
        checkpoint="row", file="grid.safetensors", sha256=sum_of(place / "row/grid.safetensors")
    )
    write_checkpoint(place / "other", replace(grid, order="spiral", weights=shared).to_dict(), {})
    alit = replace(tiny_alit.SHARP, base=base)
    networks = {f"{name}.safetensors": one for name, one in by_network(tiny_alit.make_networks(alit)).items()}
    write_checkpoint(place / "passes", alit.to_dict(), networks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENDIAL_CHECKPOINTS", str(place))
        for name in ("pca", "row", "other", "passes"):
            tc.export_graphs(name)
        yield place


def write_linear(place: Path) -> None:
    made = tiny_linear.make_tokenizer()
    tensors = {name: getattr(made, name) for name in ("mean", "components", "deviations")}
    config = {"kind": "linear", "format_version": 1, "num_tokens": made.num_tokens}
    write_checkpoint(place / "pca", config, {"model.safetensors": tensors})


def parts_of(config):
    """Codebook, mean and a decoder of its own, drawn."""
    parts = tiny_grid.make_parts(config)
    draw_weights(parts.decoder, 3)
    return parts.state_dict()


def by_network(networks):
    """The tensors of each network, by its name."""
    tensors = networks.state_dict()
    return {name: {k: v for k, v in tensors.items() if k.startswith(f"{name}.")} for name in networks}


def level(pixels: np.ndarray) -> np.ndarray:
    """As a page rounds them."""
    return np.clip(np.rint((pixels[0] + 1) * 127.5), 0, 255).transpose(1, 2, 0)


def near(picture: tc.Picture, pixels: np.ndarray) -> None:
    assert np.abs(picture.array.astype(int) - level(pixels)).max() <= 1
    assert picture.array.std() > 5, "not a flat picture"


def test_pca(place):
    tokenizer, run = tc.load("pca", "cpu"), runner(*tc.graph_files("pca"))
    picture = tc.draw_picture(256)
    encoding = tokenizer.encode(picture)
    tokens = run("encode", pixels=picture.to_pixels())["tokens"]
    assert np.array_equal(on_levels(tokens[0]), encoding.tokens)
    for length in (0, 1, tiny_linear.TOKENS):
        keep = np.arange(tiny_linear.TOKENS)[None] < length
        made = run("decode", tokens=encoding.tokens[None], keep=keep)["pixels"]
        assert np.abs(tokenizer.decode(encoding, length).array.astype(int) - level(made)).max() <= 1


@pytest.mark.parametrize("name", ["row", "other"])
def test_grid(place, name):
    tokenizer, run = tc.load(name, "cpu", "float32"), runner(*tc.graph_files(name))
    picture = tc.draw_picture(64)
    encoding = tokenizer.encode(picture)
    found = run("encode", pixels=picture.to_pixels())
    assert found["tokens"].dtype == np.int32
    assert np.array_equal(found["tokens"][0], encoding.tokens)
    for length in (0, 5, 16):
        keep = np.arange(16)[None] < length
        near(tokenizer.decode(encoding, length), run("decode", tokens=found["tokens"], keep=keep)["pixels"])
    near(tokenizer.reconstruct(picture), run("goal", latent=found["latent"])["pixels"])


def test_alit_pass_by_pass(place):
    """Each pass's tokens, positions that are right, maps; and the pictures of a link's tokens alone."""
    tokenizer, run = tc.load("passes", "cpu", "float32"), runner(*tc.graph_files("passes"))
    picture, config = tc.draw_picture(64), tokenizer.config
    encoding = tokenizer.encode(picture)
    latent = run("latent", pixels=picture.to_pixels())["latent"]
    near(tokenizer.reconstruct(picture), run("paint", latent=latent)["pixels"])
    state = np.zeros((1, tiny_alit.PATCHES + tiny_alit.TOKENS, config.width), np.float32)
    halted = np.zeros((1, tiny_alit.PATCHES), bool)
    for number, length in enumerate(config.lengths):
        which = np.int32([number])
        made = run("pass", latent=latent, state=state, halted=halted, number=which)
        state, halted = made["next_state"], made["next_halted"]
        assert np.array_equal(made["tokens"][0, :length], encoding.code(length).tokens)
        assert np.array_equal(halted[0], tokenizer.halted(encoding)[length].ravel())
        read = tokenizer.attention(encoding, "read", 1, length).raw.reshape(length, -1)
        assert np.abs(made["read"][1, :length] - read).max() < 1e-5
        few = np.zeros((1, tiny_alit.TOKENS), np.int32)
        few[0, :length] = encoding.code(length).tokens
        written = run("write", tokens=few, number=which)
        assert np.abs(written["latent"] - made["prediction"]).max() < 1e-4
        write = tokenizer.attention(encoding, "write", 1, length).raw.reshape(-1, length)
        assert np.abs(written["write"][1, :, :length] - write).max() < 1e-5
        near(tokenizer.decode(encoding, length), run("paint", latent=written["latent"])["pixels"])
        sharp = run("write_sharp", tokens=few, number=which)["latent"]
        near(tokenizer.decode(encoding, length, steps=2), run("paint_sharp", latent=sharp)["pixels"])


def test_weights_of_other_checkpoints_are_named(place):
    told = tc.graph_files("other")[0]
    assert {file: one["checkpoint"] for file, one in told["weights"].items()} == {
        "autoencoder.safetensors": "tiny",
        "grid.safetensors": "row",
    }
    assert told["graphs"]["decode"]["weights"] == ["grid.safetensors"]
    assert told["model"]["order"] == "spiral"


def test_another_base_is_refused(place, tmp_path, monkeypatch):
    shutil.copytree(place, tmp_path / "all")
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path / "all"))
    file = tmp_path / "all/tiny/autoencoder.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(
        tc.TokenizerError, match=r"^The weights autoencoder\.safetensors that the graphs of row"
    ):
        tc.graph_files("row")
