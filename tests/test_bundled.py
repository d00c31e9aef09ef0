"""The bundled prefix-flow-256 on the free example photos: what the README promises of it, in small."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import tokenizer_core as tc
from tests.golden.walk import read_golden
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.networks import build_networks
from tokenizer_core.nn.autoencoder import latent_to_sequence
from tokenizer_core.storage.checkpoints import checkpoints_folder, fill, read_checkpoint

NAME = "prefix-flow-256"
EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "demo/examples").glob("*.webp"))
LENGTHS = (4, 16, 64, 256)
MEGABYTE = 1e6
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def own_thread() -> Iterator[None]:
    """Beside other programs several threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = checkpoints_folder() / NAME
    if not (folder / "SHA256SUMS").is_file():
        missing = f"THE BUNDLED WEIGHTS {NAME} ARE NOT THERE: nothing of them was tested"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return tc.load(device="cpu")


@pytest.fixture(scope="module")
def exact(folder):
    """The networks in float32, whatever is fastest here."""
    checkpoint = read_checkpoint(folder)
    networks = build_networks(TokenizerConfig.from_dict(checkpoint.config))
    fill(networks, checkpoint.tensors, NAME)
    return networks.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pictures():
    assert len(EXAMPLES) == 12
    return [tc.square_crop(tc.open_photo(path)) for path in EXAMPLES]


@pytest.fixture(scope="module")
def encodings(tokenizer, pictures):
    return [tokenizer.encode(picture) for picture in pictures]


def test_it_is_the_default_model_and_in_the_catalog(tokenizer):
    info = tc.catalog()[0]
    assert info == tokenizer.info
    assert (info.name, info.lengths, info.bundled) == (NAME, tuple(range(257)), True)
    assert (info.tokens, info.ordered, info.generative, info.has_attention) == ("soft", True, True, True)
    assert info.bytes_per_token == 8
    assert info.default_steps > 1


def test_it_fits_the_repository(folder):
    weights = list(folder.glob("*.safetensors"))
    assert sum(path.stat().st_size for path in weights) <= 70 * MEGABYTE
    assert max(path.stat().st_size for path in weights) <= 45 * MEGABYTE
    for path in weights:
        with safe_open(path, "pt") as file:
            parts = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            matrices = {key: part.get_dtype() for key, part in parts.items() if len(part.get_shape()) > 1}
        assert matrices
        assert set(matrices.values()) <= {"I8", "BF16"}
        assert list(matrices.values()).count("I8") >= 0.8 * len(matrices)


def test_its_papers_are_there(folder):
    assert {"CARD.md", "TRAINING_LOG.md"} <= {path.name for path in folder.iterdir()}


def test_tokens_survive_half_a_byte_a_number(encodings):
    for encoding in encodings:
        assert encoding.tokens.shape == (256, 16)
        packed = tc.Encoding.from_bytes(encoding.to_bytes())
        assert np.square(packed.tokens - encoding.tokens).mean() < 0.02  # a Gaussian's is 0.0095


def test_every_step_of_tokens_is_nearer_to_the_photo(tokenizer, pictures, encodings):
    rows = []
    for picture, encoding in zip(pictures, encodings, strict=True):
        packed = tc.Encoding.from_bytes(encoding.to_bytes())
        rows.append([tc.psnr(mean, picture) for _, mean in tokenizer.decode_many(packed, LENGTHS, steps=1)])
    mean = np.mean(rows, 0)
    assert np.all(np.diff(mean) > 0.2), mean
    stored = [read_golden().psnr[length] for length in LENGTHS]
    assert mean == pytest.approx(stored, abs=0.05), "in float32 or bfloat16, whichever is faster here"


def test_a_prefix_is_what_fewer_registers_would_make(exact, pictures):
    with torch.inference_mode():
        pixels = torch.cat([picture.to_pixels() for picture in pictures])
        latent = latent_to_sequence(exact["autoencoder"].encode(pixels))
        everything = exact["encoder"](latent)
        for k in (1, 100, 200):
            torch.testing.assert_close(exact["encoder"](latent, k), everything[:, :k], rtol=0, atol=1e-5)


def test_tokens_past_k_never_change_the_picture_of_the_first_k(tokenizer, encodings):
    cat, other = encodings[1], encodings[2]
    assert tokenizer.decode(cat.mix(other, 16), 16, steps=1) == tokenizer.decode(cat, 16, steps=1)
    assert tokenizer.decode(cat.mix(other, 16), 17, steps=1) != tokenizer.decode(cat, 17, steps=1)


def test_a_sample_is_of_its_seed_and_holds_the_detail_that_a_mean_lacks(tokenizer, encodings):
    cat = encodings[1]
    mean = tokenizer.decode(cat, 16, steps=1)
    one, two = (tokenizer.decode(cat, 16, steps=4, seed=seed) for seed in (1, 2))
    assert np.abs(one.array.astype(int) - two.array.astype(int)).mean() > 2
    for sample in (one, two):
        ratio = np.log10(tc.power_spectrum(sample).power / tc.power_spectrum(mean).power)
        assert ratio[85:].mean() > 0.1, "the high third of the rings"
        assert tc.psnr(sample, mean) > 10, "a sample is of the same photo"


def test_its_maps_are_shares(tokenizer, encodings):
    read = tokenizer.attention(encodings[-1])
    assert read.raw.shape == (256, 16, 16)
    assert np.all(read.raw.sum((1, 2)) <= 1.01)
    write = tokenizer.attention(encodings[-1], "write", length=16)
    assert write.raw.shape == (16, 16, 16)
    assert np.all(write.raw.sum(2) <= 1.01)
    assert np.allclose(write.normalised.max((0, 1)), 1)


def test_one_flipped_byte_is_a_sentence(folder, tmp_path, monkeypatch):
    copy = tmp_path / NAME
    copy.mkdir()
    for path in filter(Path.is_file, folder.iterdir()):
        (copy / path.name).write_bytes(path.read_bytes())
    largest = max(copy.glob("*.safetensors"), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    with pytest.raises(tc.TokenizerError, match=rf"^The file {largest.name} of {NAME} is damaged"):
        tc.load(device="cpu")
