"""The linear tokenizer: its fit, exact prefixes, and the sentences for what does not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_linear import TOKENS, make_tokenizer

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.models.linear.tokenizer import LinearTokenizer, from_rows, to_rows
from tokenizer_core.models.registry import load
from tokenizer_core.photos.photo import Picture
from tokenizer_core.reports.bench import draw_picture
from tokenizer_core.training.components import fit_pca
from tokenizer_core.training.pca import PcaRun, run


@pytest.fixture(scope="module")
def tokenizer() -> LinearTokenizer:
    return make_tokenizer()


@pytest.fixture(scope="module")
def encoding(tokenizer: LinearTokenizer) -> Encoding:
    return tokenizer.encode(draw_picture())


def test_fit_finds_what_a_full_decomposition_finds() -> None:
    generator = torch.Generator().manual_seed(1)
    falling = torch.linspace(3, 0.1, 192)
    turn = torch.linalg.qr(torch.randn((192, 192), generator=generator)).Q
    pictures = (torch.randn((400, 192), generator=generator) * falling @ turn + 0.3).view(-1, 3, 8, 8)
    found = fit_pca(pictures.split(150), count=40)
    both = torch.cat([pictures, pictures.flip(3)]).flatten(1).double()
    _, values, expected = torch.linalg.svd(both - both.mean(0), full_matrices=False)
    torch.testing.assert_close(found.mean, both.mean(0).float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.deviations, (values[:40] / 800**0.5).float(), rtol=1e-3, atol=0)
    overlap = (found.components.double() @ expected[:40].T).square().sum(1)  # in the span of the true ones
    assert overlap[:30].min() > 0.999
    torch.testing.assert_close(found.components @ found.components.T, torch.eye(40), atol=1e-4, rtol=0)
    assert (found.components.amax(1) == found.components.abs().amax(1)).all()
    assert found.photos == 400


def test_fit_needs_photographs() -> None:
    with pytest.raises(TokenizerError, match="40 components need at least 20 photographs; there are 3"):
        fit_pca([torch.zeros(3, 3, 8, 8)], count=40)


def test_what_the_components_span_is_kept(tokenizer: LinearTokenizer) -> None:
    numbers = torch.randn(1, TOKENS * 16, generator=torch.Generator().manual_seed(2)) * 0.4  # none clipped
    rows = numbers * tokenizer.deviations @ tokenizer.components
    blocks = torch.nn.functional.interpolate(rows.view(1, 3, 64, 64), scale_factor=4, mode="nearest")
    tokens = tokenizer.project(Picture.from_pixels(blocks[0]))
    np.testing.assert_allclose(tokens.ravel(), numbers[0], atol=0.01)  # the picture has 8 bit
    encoding = Encoding(tokens, np.arange(TOKENS), tokenizer.info.checkpoint_id, tokenizer.info.name)
    assert psnr(tokenizer.decode(encoding), Picture.from_pixels(from_rows(rows)[0])) > 50


def test_prefixes_are_exact(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    for length in range(TOKENS + 1):
        expected = tokenizer.decode(encoding, length)
        assert tokenizer.decode(encoding.prefix(length)) == expected
        changed = encoding.tokens.copy()
        changed[length:] += 1
        other = Encoding(changed, encoding.positions, encoding.checkpoint_id, encoding.model)
        assert tokenizer.decode(other, length) == expected


def test_more_tokens_are_nearer(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    pictures = [tokenizer.decode(encoding, length) for length in range(TOKENS + 1)]
    figures = [psnr(picture, draw_picture()) for picture in pictures]
    assert figures == sorted(figures)
    assert figures[-1] > figures[0] + 1


def test_length_0_is_the_mean_photograph(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    assert (tokenizer.decode(encoding, 0).array == 128).all()


def test_decode_many_keeps_the_order_asked_for(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    expected = {length: tokenizer.decode(encoding, length) for length in (0, 1, 4)}
    for batch in (None, 1, 2):
        got = list(tokenizer.decode_many(encoding, [4, 0, 1, 4], batch=batch))
        assert [length for length, _ in got] == [4, 0, 1, 4]
        for length, picture in got:  # a product of other sizes may round another way
            assert np.abs(picture.array.astype(int) - expected[length].array).max() <= 1
    assert list(tokenizer.decode_many(encoding, [])) == []


def test_steps_guidance_and_seed_change_nothing(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    assert tokenizer.decode(encoding, 2, steps=8, guidance_scale=3.0, seed=5) == tokenizer.decode(encoding, 2)


def test_single_tokens_by_position(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    only_third = encoding.select(np.array([False, False, True, False]))
    zeroed = encoding.tokens * np.array([0, 0, 1, 0], np.float32)[:, None]
    other = Encoding(zeroed, encoding.positions, encoding.checkpoint_id, encoding.model)
    assert tokenizer.decode(only_third) == tokenizer.decode(other)


def test_four_bits_a_number_cost_little(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    exact = replace(encoding, tokens=tokenizer.project(draw_picture()))
    loss = psnr(tokenizer.decode(exact), draw_picture()) - psnr(tokenizer.decode(encoding), draw_picture())
    assert 0 < loss < 0.1


def test_an_encoding_and_its_bytes_are_one_picture(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    packed = Encoding.from_bytes(encoding.to_bytes())
    assert packed == encoding
    assert tokenizer.decode(packed) == tokenizer.decode(encoding)


@pytest.mark.parametrize("length", [-1, 5])
def test_length_out_of_range(tokenizer: LinearTokenizer, encoding: Encoding, length: int) -> None:
    with pytest.raises(TokenizerError, match=f"length {length} is out of range; here it is 0 to 4"):
        tokenizer.decode(encoding, length)


def test_foreign_tokens(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    foreign = Encoding(encoding.tokens, encoding.positions, "ffffff", encoding.model)
    with pytest.raises(TokenizerError, match="not made by these weights of pca"):
        tokenizer.decode_many(foreign, [1])
    beyond = Encoding(encoding.tokens, encoding.positions + 60, encoding.checkpoint_id, encoding.model)
    with pytest.raises(TokenizerError, match="do not fit"):
        tokenizer.decode(beyond)


def test_no_attention(tokenizer: LinearTokenizer, encoding: Encoding) -> None:
    with pytest.raises(TokenizerError, match="no attention"):
        tokenizer.attention(encoding)


def test_rows_are_block_means() -> None:
    pixels = draw_picture().to_pixels()
    rows = to_rows(pixels).view(3, 64, 64)
    torch.testing.assert_close(rows[1, 5, 9], pixels[0, 1, 20:24, 36:40].mean(), atol=1e-6, rtol=0)


@pytest.mark.slow
def test_train_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(9):
        turned = np.rot90(draw_picture(seed=seed).array, seed).copy()
        Picture(turned).to_pil().save(photos / f"{seed}.png")
    run(PcaRun(photos=(str(photos),), out=tmp_path / "models/pca", num_tokens=1))
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path / "models"))
    tokenizer = load("pca", "cpu")
    assert tokenizer.info.lengths == (0, 1)
    encoding = tokenizer.encode(draw_picture())
    figures = [psnr(tokenizer.decode(encoding, length), draw_picture()) for length in (0, 1)]
    assert figures[1] > figures[0] + 3


def test_bundled_checkpoint_on_a_picture() -> None:
    tokenizer = load("pca", "cpu")
    assert tokenizer.info.lengths == tuple(range(65))
    assert tokenizer.info.size_bytes <= 15 * 2**20
    encoding = Encoding.from_bytes(tokenizer.encode(draw_picture()).to_bytes())
    pictures = dict(tokenizer.decode_many(encoding, [0, 1, 4, 16, 64]))
    figures = [psnr(picture, draw_picture()) for picture in pictures.values()]
    assert figures == sorted(figures)
    assert figures[-1] > 25
