"""Checkpoints: what was written comes back, and anything damaged or foreign is a sentence without a path."""

import hashlib
import json
import math
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tiny_flow import CONFIG, CONFIG_DICT, make_networks, make_picture, make_tokenizer

import tokenizer_core as tc
from tokenizer_core.engine.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.prefix_flow.config import SamplerConfig, TokenizerConfig
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.config import AutoencoderConfig
from tokenizer_core.storage.checkpoints import (
    SUMS,
    checkpoints_folder,
    fill,
    read_checkpoint,
    read_identity,
    read_part,
    write_checkpoint,
)
from tokenizer_core.storage.quantize import SCALE, dequantize, quantize

pytestmark = pytest.mark.usefixtures("one_thread")
FILES = {"autoencoder.safetensors": "autoencoder.", "flow.safetensors": ("encoder.", "decoder.")}


def make_files(state: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    return {name: {k: v for k, v in state.items() if k.startswith(start)} for name, start in FILES.items()}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A checkpoint of the tiny model, where `load` looks for it."""
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    write_checkpoint(tmp_path / "tiny", CONFIG_DICT, make_files(make_networks().state_dict()))
    return tmp_path / "tiny"


def rewrite(folder: Path, config: dict | None = None, **files) -> None:
    """Other contents under right checksums."""
    kept = {name: dequantize(load_file(folder / name)) for name in FILES}
    kept |= {name.replace("_", "."): tensors for name, tensors in files.items()}
    write_checkpoint(folder, CONFIG_DICT if config is None else config, kept)


def sentence_of(folder: Path, name: str = "tiny") -> str:
    """What `load` says; never a path, never a second line."""
    with pytest.raises(TokenizerError) as error:
        tc.load(name, device="cpu")
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "/" not in text
    assert str(folder.parent) not in text
    return text


# One file that another model shares


def test_one_file_is_read_with_its_sum(folder):
    tensors, found = read_part(folder, "autoencoder.safetensors")
    assert found == hashlib.sha256((folder / "autoencoder.safetensors").read_bytes()).hexdigest()
    whole = read_checkpoint(folder).tensors
    assert set(tensors) == {name for name in whole if name.startswith("autoencoder.")}
    assert all(torch.equal(value, whole[name]) for name, value in tensors.items())


@pytest.mark.parametrize("name", ["sharp.safetensors", "../tiny/flow.safetensors"])
def test_a_file_that_a_checkpoint_does_not_list_is_a_sentence(folder, name):
    with pytest.raises(TokenizerError, match=r"^The checkpoint tiny has no file .*\.$"):
        read_part(folder, name)


def test_a_damaged_file_is_not_shared(folder):
    (folder / "flow.safetensors").write_bytes(b"no")
    assert read_part(folder, "autoencoder.safetensors")
    with pytest.raises(TokenizerError, match="is damaged"):
        read_part(folder, "flow.safetensors")


# 8-bit weights


def test_a_row_s_error_is_at_most_half_a_step(generator):
    rows = torch.randn(6, 5, 3, 3, generator=generator) * 10.0 ** torch.arange(-3, 3)[:, None, None, None]
    packed = quantize({"w": rows})
    assert packed["w"].dtype == torch.int8
    assert packed["w"].shape == rows.shape
    assert packed["w" + SCALE].dtype == torch.float32
    largest = rows.flatten(1).abs().amax(1)
    torch.testing.assert_close(packed["w" + SCALE], largest / 127)
    assert torch.equal(packed["w"].flatten(1).int().abs().amax(1), torch.full((6,), 127).int())
    error = (dequantize(packed)["w"] - rows).flatten(1).abs().amax(1)
    assert torch.all(error <= largest / 254 * 1.001)
    assert torch.all(error > largest / 2540)


@given(st.integers(1, 5), st.integers(1, 5), st.floats(-30, 4), st.integers(0, 99))
def test_packing_again_changes_nothing(rows, columns, size, seed):
    drawn = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 10.0**size
    once = dequantize(quantize({"w": drawn}))["w"]
    assert torch.isfinite(once).all()
    torch.testing.assert_close(dequantize(quantize({"w": once}))["w"], once, rtol=1e-5, atol=0)


def test_vectors_counters_and_matrices():
    tensors = {
        "bias": torch.tensor([0.1, 1e-9]),
        "count": torch.tensor(7),
        "zero": torch.zeros(2, 3),
        "own.scale": torch.ones(3),
    }
    packed = quantize(tensors)
    assert {k: v.dtype for k, v in packed.items()} == {
        "bias": torch.float32,
        "count": torch.int64,
        "zero": torch.int8,
        "zero.scale": torch.float32,
        "own.scale": torch.float32,
    }
    back = dequantize(packed)
    assert set(back) == set(tensors)
    for name in ("bias", "count", "zero", "own.scale"):
        assert torch.equal(back[name], tensors[name])


# What was written comes back


def test_what_was_written_comes_back(folder):
    state = make_networks().state_dict()
    checkpoint = read_checkpoint(folder)
    assert checkpoint.name == "tiny"
    assert checkpoint.config == CONFIG_DICT
    assert set(checkpoint.tensors) == set(state)
    for key, value in dequantize(quantize(state)).items():
        assert torch.equal(checkpoint.tensors[key], value), key
    listed = [folder / name for name in ("config.json", *FILES)]
    assert checkpoint.size_bytes == sum(path.stat().st_size for path in listed)
    assert read_identity(folder) == (CONFIG_DICT, checkpoint.checkpoint_id, checkpoint.size_bytes)
    assert {path.name for path in folder.iterdir()} == {"config.json", SUMS, *FILES}


def test_a_written_model_loads_and_decodes(folder):
    tokenizer = tc.load("tiny", device="cpu")
    assert isinstance(tokenizer, FlowTokenizer)
    assert tokenizer.info == tc.catalog()[0]
    assert tokenizer.info.checkpoint_id == read_identity(folder)[1]
    encoding = tokenizer.encode(make_picture())
    tokenizer.decode(tc.Encoding.from_bytes(encoding.to_bytes()), 3)
    networks = make_networks()
    fill(networks, read_checkpoint(folder).tensors, "tiny")
    exact = FlowTokenizer(CONFIG, tokenizer.info, networks, "cpu", torch.float32)
    near = exact.encode(make_picture()).tokens - make_tokenizer().encode(make_picture()).tokens
    assert 0 < abs(near).max() < 0.7  # a level or two
    assert (near == 0).mean() > 0.8


def test_sums_are_those_of_sha256sum(folder):
    lines = (folder / SUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["config.json", *sorted(FILES)]
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


def test_the_id_is_that_of_the_contents(folder, tmp_path):
    state = make_networks().state_dict()
    first = read_identity(folder)[1]
    assert len(first) == 12
    assert int(first, 16) > 0
    assert write_checkpoint(tmp_path / "again", CONFIG_DICT, make_files(state)) == first
    other = CONFIG_DICT | {"sampler": CONFIG_DICT["sampler"] | {"steps": 5}}
    assert write_checkpoint(tmp_path / "steps", other, make_files(state)) != first
    state["decoder.to_latent.bias"] = state["decoder.to_latent.bias"] + 1e-3
    assert write_checkpoint(tmp_path / "bias", CONFIG_DICT, make_files(state)) != first


def test_the_folder_is_where_the_variable_points(monkeypatch, tmp_path):
    monkeypatch.delenv("TOKENDIAL_CHECKPOINTS", raising=False)
    assert checkpoints_folder() == Path(__file__).resolve().parent.parent / "checkpoints"
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    assert checkpoints_folder() == tmp_path
    assert tc.catalog() == []
    assert sentence_of(tmp_path, "tiny").startswith("There is no model named tiny; here are: none. ")
    assert "TOKENDIAL_CHECKPOINTS" in sentence_of(tmp_path, "tiny")


# Damage


@pytest.mark.parametrize("name", ["config.json", *FILES])
def test_one_flipped_bit_is_noticed(folder, name):
    data = (folder / name).read_bytes()
    for at in (0, len(data) // 2, len(data) - 1):
        (folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        expected = f"The file {name} of tiny is damaged: its checksum is not the one in SHA256SUMS."
        assert sentence_of(folder) == expected


@pytest.mark.parametrize("name", list(FILES))
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    assert sentence_of(folder) == f"The file {name} of tiny is missing."


def test_missing_or_damaged_sums(folder):
    (folder / SUMS).write_text("nothing of use\n")
    assert sentence_of(folder) == "SHA256SUMS of tiny is damaged."
    (folder / SUMS).write_text(f"{'0' * 64}  config.json\n{'0' * 64}  ../config.json\n")
    assert sentence_of(folder) == "SHA256SUMS of tiny is damaged."
    (folder / SUMS).unlink()
    assert sentence_of(folder) == "The weights of tiny are not here: there is no SHA256SUMS."


def test_missing_and_extra_and_misshapen_tensors(folder):
    autoencoder = dequantize(load_file(folder / "autoencoder.safetensors"))
    rows = dict(autoencoder)
    del rows["autoencoder.stem.bias"]
    rewrite(folder, autoencoder_safetensors=rows)
    assert sentence_of(folder) == "The weights of tiny lack autoencoder.stem.bias."
    del rows["autoencoder.stem.weight"], rows["autoencoder.to_latent.bias"]
    rewrite(folder, autoencoder_safetensors=rows)
    assert sentence_of(folder) == "The weights of tiny lack autoencoder.stem.bias and 2 more."
    rewrite(folder, autoencoder_safetensors=autoencoder | {"autoencoder.wing": torch.ones(2)})
    assert sentence_of(folder) == "The weights of tiny hold an unknown entry, autoencoder.wing."
    rewrite(folder, autoencoder_safetensors=autoencoder | {"autoencoder.stem.bias": torch.ones(2)})
    assert sentence_of(folder) == "autoencoder.stem.bias in the weights of tiny has the wrong shape."


def test_a_config_of_another_size(folder):
    rewrite(folder, CONFIG_DICT | {"decoder": CONFIG_DICT["decoder"] | {"depth": 3}})
    assert sentence_of(folder).startswith("The weights of tiny lack decoder.blocks.2.")


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_never_opened(folder, tmp_path):
    (folder / "flow.safetensors").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    sums = (folder / SUMS).read_text().splitlines()
    digest = hashlib.sha256((folder / "flow.safetensors").read_bytes()).hexdigest()
    (folder / SUMS).write_text("\n".join([*sums[:-1], f"{digest}  flow.safetensors"]) + "\n")
    assert sentence_of(folder) == "flow.safetensors of tiny is not a readable safetensors file."
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": "red"}, "config has unknown keys: colour."),
        (
            {"sampler": {"steps": 4, "time_shift": 1}},
            "config.sampler lacks the keys: distilled_steps, guidance_scale.",
        ),
        ({"sampler": 4}, "config.sampler must be an object."),
        ({"kind": "magic"}, "The checkpoint tiny is of a kind that this program does not know."),
        (
            {"format_version": 2},
            "This checkpoint has format version 2; this program reads version 1.",
        ),
    ],
)
def test_a_config_that_this_program_does_not_know(folder, change, sentence):
    rewrite(folder, CONFIG_DICT | change)
    assert sentence_of(folder) == sentence


def test_a_config_without_a_key(folder):
    rewrite(folder, {k: v for k, v in CONFIG_DICT.items() if k != "encoder"})
    assert sentence_of(folder) == "config lacks the keys: encoder."


def test_a_broken_model_is_not_in_the_catalog(folder):
    assert [info.name for info in tc.catalog()] == ["tiny"]
    (folder / "config.json").write_text("{}")
    assert tc.catalog() == []


@pytest.mark.parametrize("name", ["..", "../tiny", "nobody", ""])
def test_only_names_of_the_catalog(folder, name):
    with pytest.raises(TokenizerError, match=r"^There is no model named .*; here are: tiny\.$"):
        tc.load(name)


def test_beside_a_gpu_few_threads_stay(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 32)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    assert [find_device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda:0", "cuda:1"]
    assert asked == [4, 4, 4]
    assert find_device("cpu") == "cpu"
    assert len(asked) == 3, "a processor alone keeps all its threads"


def test_devices(folder):
    with pytest.raises(TokenizerError, match=r"^abacus is not the name of a device; try auto"):
        tc.load("tiny", device="abacus")
    with pytest.raises(TokenizerError, match=r"^The device cuda:99 is not there\.$"):
        tc.load("tiny", device="cuda:99")
    assert tc.load("tiny", device="cpu").device == "cpu"


# Configurations


def test_a_config_comes_back_from_json():
    for config in (CONFIG, TokenizerConfig(), TokenizerConfig(sampler=SamplerConfig(time_shift=0.5))):
        assert TokenizerConfig.from_dict(json.loads(config.to_json())) == config


def test_sizes_that_follow_from_others():
    assert (AutoencoderConfig().patch_size, AutoencoderConfig().latent_size) == (16, 16)
    assert CONFIG.autoencoder.latent_size == 3


@pytest.mark.parametrize(
    ("room", "values", "sentence"),
    [
        ("autoencoder", {"image_size": 40}, "image_size 40 must divide by 16."),
        (
            "autoencoder",
            {"encoder_blocks": [1, 1]},
            "channels, encoder_blocks and decoder_blocks must have one entry a level, not 4, 2 and 4.",
        ),
        ("encoder", {"width": 100}, "encoder width 100 must be a multiple of 64."),
        ("decoder", {"width": 100}, "decoder width 100 must be a multiple of 64."),
        ("sampler", {"steps": 0}, "steps must be at least 1, not 0."),
        ("sampler", {"time_shift": 0.0}, "time_shift must be above 0, not 0.0."),
        ("sampler", {"time_shift": math.inf}, "time_shift must be finite, not inf."),
    ],
)
def test_sizes_that_cannot_be(room, values, sentence):
    with pytest.raises(TokenizerError) as error:
        TokenizerConfig.from_dict(CONFIG_DICT | {room: CONFIG_DICT[room] | values})
    assert str(error.value) == sentence
