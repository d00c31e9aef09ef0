"""The parts of the networks against plain formulas: transformer layers, and the autoencoder."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_flow import (
    CHANNELS,
    draw_weights,
    make_networks,
    unit,
)
from torch.nn.attention import SDPBackend, sdpa_kernel

from tokenizer_core.nn import layers
from tokenizer_core.nn.autoencoder import (
    Down,
    LevelConv,
    ResidualBlock,
    Up,
    latent_to_sequence,
    sequence_to_latent,
)
from tokenizer_core.nn.flow_decoder import DecoderBlock

pytestmark = pytest.mark.usefixtures("one_thread")
close = torch.testing.assert_close
TIGHT = {"rtol": 1e-5, "atol": 1e-5}


# Transformer layers


def naive_heads(x, width: int = 16):
    """(B, N, D) -> a list of (B, N, 16), one a head."""
    return x.split(width, -1)


def naive_attention(q, k, v, seen):
    """Head by head; `seen` (N, M) is True where a query may look."""
    out = []
    for one_q, one_k, one_v in zip(*map(naive_heads, (q, k, v)), strict=True):
        scores = unit(one_q) @ unit(one_k).mT / math.sqrt(16)
        out.append(scores.masked_fill(~seen, -torch.inf).exp())
        out[-1] = out[-1] / out[-1].sum(-1, keepdim=True) @ one_v
    return torch.cat(out, -1)


def naive_swiglu(mlp, x):
    gate, value = (x @ mlp.gate_and_value.weight.T).split(mlp.out.in_features, -1)
    return (gate * torch.sigmoid(gate) * value) @ mlp.out.weight.T


def draw_block(generator):
    block = layers.Block(32)
    for value in block.parameters():
        value.data = torch.randn(value.shape, generator=generator) / value.shape[-1] ** 0.5 + (
            value.dim() < 2
        )
    return block


def test_a_block_without_a_mask_is_the_plain_formula(generator):
    block, x = draw_block(generator), torch.randn(2, 5, 32, generator=generator)
    q, k, v = (unit(x) * block.norm_attention.weight @ block.qkv.weight.T).chunk(3, -1)
    after = x + naive_attention(q, k, v, torch.ones(5, 5, dtype=torch.bool)) @ block.out.weight.T
    after = after + naive_swiglu(block.mlp, unit(after) * block.norm_mlp.weight)
    close(block(x), after, **TIGHT)
    close(block(x, rows=3), after[:, :3], **TIGHT)


def test_a_block_that_is_shut_is_the_identity(generator):
    block, x = draw_block(generator), torch.randn(1, 4, 32, generator=generator)
    block.start_as_identity()
    assert torch.equal(block(x), x)


def test_attention_by_products_is_attention(generator):
    q, k, v = (torch.randn(2, 3, n, 16, generator=generator) for n in (5, 7, 7))
    close(layers.attend_by_products(q, k, v), layers.attend(q, k, v), **TIGHT)
    block, x = draw_block(generator).bfloat16(), torch.randn(2, 5, 32, generator=generator)
    with torch.no_grad():
        close(block(x.bfloat16()).float(), block.float()(x), rtol=0.1, atol=0.1)


def test_a_norm_keeps_the_numbers_that_it_gets(generator):
    norm, x = layers.RMSNorm(8), torch.randn(3, 8, generator=generator)
    norm.weight.data = torch.rand(8, generator=generator)
    close(norm(x), unit(x) * norm.weight)
    assert norm(x.bfloat16()).dtype == torch.bfloat16, "without a warning"


def test_heads_split_and_merge():
    x = torch.randn(2, 5, 128, generator=torch.Generator().manual_seed(0))
    assert layers.split_heads(x).shape == (2, 2, 5, 64)
    assert torch.equal(layers.split_heads(x)[:, 1], x[..., 64:])
    assert torch.equal(layers.merge_heads(layers.split_heads(x)), x)
    close(layers.normalised_heads(x).square().mean(-1), torch.ones(2, 2, 5))


@pytest.mark.parametrize(("width", "hidden"), [(384, 1024), (512, 1344), (32, 80)])
def test_the_hidden_width_is_8_thirds(width, hidden):
    assert layers.SwiGLU(width).out.in_features == hidden


def test_swiglu_is_its_formula(generator):
    mlp = draw_weights(layers.SwiGLU(32))
    x = torch.randn(2, 5, 32, generator=generator)
    close(mlp(x), naive_swiglu(mlp, x))


@pytest.mark.parametrize("num_open", [0, 3])
def test_a_causal_block_is_attention_and_mlp_under_its_mask(generator, num_open):
    block = draw_weights(layers.CausalBlock(32))
    x = torch.randn(2, 7, 32, generator=generator)
    seen = torch.tensor([[j <= i or (i < num_open and j < num_open) for j in range(7)] for i in range(7)])
    q, k, v = (unit(x) * block.norm_attention.weight @ block.qkv.weight.T).split(32, -1)
    y = x + naive_attention(q, k, v, seen) @ block.out.weight.T
    y = y + naive_swiglu(block.mlp, unit(y) * block.norm_mlp.weight)
    close(block(x, num_open), y, **TIGHT)


def test_a_decoder_block_is_gated_attention_and_mlp(generator):
    block = draw_weights(DecoderBlock(32))
    x, tokens = (torch.randn(2, n, 32, generator=generator) for n in (5, 3))
    modulation = torch.randn(2, 6, 32, generator=generator)
    scale1, shift1, gate1, scale2, shift2, gate2 = (modulation + block.modulation_bias)[:, :, None].unbind(1)
    q, k, v = ((unit(x) * (1 + scale1) + shift1) @ block.qkv.weight.T).split(32, -1)
    token_k, token_v = (tokens @ block.token_keys_values.weight.T).split(32, -1)
    seen = torch.ones(5, 8, dtype=torch.bool)
    mixed = naive_attention(q, torch.cat([k, token_k], 1), torch.cat([v, token_v], 1), seen)
    y = x + gate1 * (mixed @ block.out.weight.T)
    y = y + gate2 * naive_swiglu(block.mlp, unit(y) * (1 + scale2) + shift2)
    keys, values = layers.normalised_heads(token_k), layers.split_heads(token_v)
    close(block(x, modulation, keys, values, None), y, **TIGHT)


def test_sinusoids_have_geometric_periods_and_no_equal_rows():
    features = layers.sinusoids(torch.tensor([0.0, 0.3, 1.0]), 8)
    frequency = torch.tensor([1000 ** (-i / 4) for i in range(4)])
    angle = 2 * math.pi * 0.3 * frequency
    close(features[1], torch.cat([angle.cos(), angle.sin()]), rtol=1e-4, atol=1e-4)
    assert features[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    grid = layers.sinusoids(torch.linspace(0, 1, 101))
    assert (torch.cdist(grid, grid) + 9 * torch.eye(101)).min() > 0.1


@given(st.integers(1, 6), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_attention_weights_are_those_of_attend(n, m, masked, seed):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(2, 2, size, 16, generator=generator) for size in (n, m, m))
    mask = torch.rand(2, 1, n, m, generator=generator) < 0.5 if masked else None
    if mask is not None:
        mask[..., 0] = True
    weights = layers.attention_weights(q, k, mask)
    close(weights.sum(-1), torch.ones(2, n))
    assert mask is None or torch.all(weights[~mask[:, 0]] == 0)
    same_v = v[:, :1].expand(-1, 2, -1, -1)  # with one value for both heads, weights may be averaged first
    with sdpa_kernel(SDPBackend.MATH):
        out = layers.attend(q, k, same_v, mask)
    close(weights @ same_v[:, 0], (out[..., :16] + out[..., 16:]) / 2, **TIGHT)


def test_what_a_mask_hides_has_no_weight(generator):
    q, k = (torch.randn(1, 2, 4, 16, generator=generator) for _ in range(2))
    weights = layers.attention_weights(q, k, torch.ones(4, 4, dtype=torch.bool).tril())
    assert torch.equal(weights[0] > 0, torch.ones(4, 4, dtype=torch.bool).tril())


def test_latents_are_read_row_by_row():
    latent = torch.arange(2 * 4 * 9.0).view(2, 4, 3, 3)
    sequence = latent_to_sequence(latent)
    assert torch.equal(sequence[1, 5], latent[1, :, 1, 2])
    assert torch.equal(sequence_to_latent(sequence), latent)


# The autoencoder


def naive_norm(norm, x):
    groups = x.unflatten(1, (16, -1)).flatten(2)
    normed = (groups - groups.mean(2, keepdim=True)) / (
        groups.var(2, keepdim=True, correction=0) + 1e-5
    ).sqrt()
    y = normed.view_as(x) * norm.weight[:, None, None] + norm.bias[:, None, None]
    return y * torch.sigmoid(y)


def test_a_residual_block_adds_to_its_input(generator):
    block = draw_weights(ResidualBlock(32))
    x = torch.randn(2, 32, 5, 5, generator=generator)
    inner = block.conv2(naive_norm(block.norm2, block.conv1(naive_norm(block.norm1, x))))
    close(block(x), x + inner, **TIGHT)
    assert torch.equal(ResidualBlock(32)(x), x)


def test_down_and_up(generator):
    down, up = draw_weights(Down(4, 6)), draw_weights(Up(6, 4))
    x = torch.randn(2, 4, 6, 6, generator=generator)
    blocks = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 2).flatten(1, 2)
    close(down(x), down.blocks(blocks) + down.strided(x), **TIGHT)
    fine = up.conv(down(x)).unflatten(1, (4, 2, 2))
    assert torch.equal(up(down(x))[:, :, 1::2, 0::2], fine[:, :, 1, 0])


def test_a_flat_map_comes_up_flat(generator):
    conv = draw_weights(LevelConv(5, 8, 3, padding=1))
    kernels = conv.weight.detach().unflatten(0, (2, 4))
    sums = kernels.sum((3, 4), keepdim=True)
    level = kernels - (sums - sums.mean(1, keepdim=True)) / 9  # one sum a block, else as they were
    bias = conv.bias.detach().view(2, 4).mean(1).repeat_interleave(4)
    x = torch.randn(2, 5, 6, 6, generator=generator)
    close(conv(x), torch.nn.functional.conv2d(x, level.flatten(0, 1), bias, padding=1), **TIGHT)
    flat = torch.randn(1, 5, 1, 1, generator=generator).expand(1, 5, 6, 6)
    fine = torch.nn.functional.pixel_shuffle(conv(flat), 2)[:, :, 2:-2, 2:-2]  # away from the border
    close(fine, fine[:, :, :1, :1].expand_as(fine), **TIGHT)
    assert not torch.allclose(conv(x)[:, 0], conv(x)[:, 1], atol=0.1)


def test_the_autoencoder_is_its_levels_in_order(generator):
    autoencoder = make_networks()["autoencoder"]
    pixels = torch.rand(1, 3, 48, 48, generator=generator) * 2 - 1
    x = autoencoder.stem(torch.nn.functional.pixel_unshuffle(pixels, 2))
    kinds = [type(part).__name__ for part in autoencoder.down]
    assert kinds == ["ResidualBlock", "Down"] * 3 + ["ResidualBlock"]
    for part in autoencoder.down:
        x = part(x)
    raw = autoencoder.to_latent(naive_norm(autoencoder.norm_latent, x))
    close(autoencoder.encode(pixels), autoencoder.standardise(raw), **TIGHT)
    decoder = autoencoder.decoder
    x = decoder.from_latent(raw)
    assert [type(part).__name__ for part in decoder.up] == ["ResidualBlock", "Up"] * 3 + ["ResidualBlock"]
    for part in decoder.up:
        x = part(x)
    out = torch.nn.functional.pixel_shuffle(decoder.out(naive_norm(decoder.norm_out, x)), 2)
    close(autoencoder.decode(raw), out, **TIGHT)


def test_pixels_become_a_latent_sixteen_times_smaller_and_come_back(generator):
    autoencoder = make_networks()["autoencoder"]
    pixels = torch.rand(2, 3, 48, 48, generator=generator) * 2 - 1
    latent = autoencoder.encode(pixels)
    assert latent.shape == (2, CHANNELS, 3, 3)
    assert autoencoder(pixels).shape == pixels.shape
    close(autoencoder(pixels), autoencoder.decode(latent))
    close(autoencoder.encode(pixels[1:]), latent[1:], **TIGHT)


def test_the_latent_is_standardised_by_running_statistics(generator):
    autoencoder = make_networks()["autoencoder"]
    pixels = torch.rand(1, 3, 48, 48, generator=generator) * 2 - 1
    before = autoencoder.encode(pixels)
    with torch.no_grad():
        autoencoder.standardise.running_mean += 2 * autoencoder.standardise.running_var.sqrt()
    close(autoencoder.encode(pixels), before - 2, rtol=1e-3, atol=1e-3)
