"""The promises of encoder and decoder on drawn weights, and how each is put together."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_flow import (
    CHANNELS,
    CONFIG,
    PATCHES,
    TOKENS,
    WIDTH,
    make_decoder,
    make_encoder,
    make_networks,
    unit,
)
from torch import nn

from tokenizer_core.models.prefix_flow.networks import build_networks
from tokenizer_core.nn import layers
from tokenizer_core.nn.flow_decoder import TokenContext

pytestmark = pytest.mark.usefixtures("one_thread")
close = torch.testing.assert_close
TIGHT = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def latent(generator):
    return torch.randn(3, PATCHES, CHANNELS, generator=generator)


@pytest.fixture
def tokens(generator):
    return torch.randn(3, TOKENS, WIDTH, generator=generator.manual_seed(1))


@pytest.fixture
def times():
    return torch.tensor([1.0, 0.6, 0.1])


def changed(x, start: int):
    """The same up to `start` along the second axis, something else from there on."""
    return torch.cat([x[:, :start], 3 - 2 * x[:, start:]], 1)


# The encoder


def test_the_encoder_is_its_blocks_between_two_projections(latent):
    encoder = make_encoder()
    x = torch.cat(
        [encoder.from_latent(latent) + encoder.patch_positions, encoder.registers.expand(3, -1, -1)], 1
    )
    for block in encoder.blocks:
        x = block(x, PATCHES)
    close(encoder(latent), unit(encoder.to_token(unit(x[:, PATCHES:]) * encoder.norm_out.weight)), **TIGHT)


def test_the_first_tokens_do_not_depend_on_how_many_follow(latent):
    encoder = make_encoder()
    everything = encoder(latent)
    assert everything.shape == (3, TOKENS, WIDTH)
    for k in range(1, TOKENS):
        close(encoder(latent, k), everything[:, :k], rtol=0, atol=1e-5)


def test_each_register_counts_for_those_after_it(latent):
    encoder = make_encoder()
    before = encoder(latent)
    for i in range(TOKENS):
        other = make_encoder()
        with torch.no_grad():
            other.registers[i] += 1
        difference = (other(latent) - before).abs().amax((0, 2))
        assert torch.all(difference[:i] < 1e-6)
        assert torch.all(difference[i:] > 1e-4)


def test_patches_never_look_at_registers(latent):
    encoder = make_encoder()
    x = encoder._start(latent, None)
    other = changed(x, PATCHES)
    for block in encoder.blocks:
        x, other = (block(one, num_open=PATCHES) for one in (x, other))
    close(other[:, :PATCHES], x[:, :PATCHES], rtol=0, atol=0)
    assert (other[:, PATCHES:] - x[:, PATCHES:]).abs().min() > 0


def test_every_token_depends_on_every_patch(latent):
    encoder = make_encoder()
    before = encoder(latent)
    for n in range(PATCHES):
        other = latent.clone()
        other[:, n] += 1
        assert (encoder(other) - before).abs().amax(2).min() > 1e-4


def test_tokens_have_root_mean_square_1(latent):
    close(make_encoder()(latent).square().mean(-1), torch.ones(3, TOKENS))


def test_read_maps_are_the_share_of_each_layer_s_attention(latent):
    encoder = make_encoder()
    for layer in range(2):
        raw = encoder.read_attention(latent, layer)
        assert raw.shape == (3, TOKENS, PATCHES)
        assert raw.min() >= 0
        sums = raw.sum(-1)
        assert sums.max() < 1  # each register looks at itself, too
        assert sums.min() > 0.1
    x = encoder.blocks[0](encoder._start(latent, None), PATCHES)
    q, k, _ = encoder.blocks[1].heads(x)
    one = torch.stack([(q[0, h, PATCHES + 2] @ k[0, h, : PATCHES + 3].T / 4).softmax(-1) for h in range(2)])
    close(encoder.read_attention(latent, 1)[0, 2], one.mean(0)[:PATCHES], **TIGHT)


# The decoder


def test_a_context_is_a_causal_stream_seen_by_each_block(tokens):
    decoder = make_decoder()
    stream = unit(decoder.token_blocks[0](decoder.from_token(tokens) + decoder.token_positions))
    context = decoder.context(tokens)
    for block, keys, values in zip(decoder.blocks, context.keys, context.values, strict=True):
        k, v = block.token_keys_values(stream).split(32, -1)
        close(keys, layers.normalised_heads(k), **TIGHT)
        close(values, layers.split_heads(v), **TIGHT)


def test_the_decoder_starts_from_patches_in_their_places_and_time(latent, times):
    decoder = make_decoder()
    x, modulation = decoder._start(latent, times)
    close(x, decoder.from_latent(latent) + decoder.patch_positions)
    close(modulation.flatten(1), decoder.time(layers.sinusoids(times, 256)))


@pytest.mark.parametrize("k", range(TOKENS))
def test_tokens_past_k_never_change_what_the_first_k_give(latent, tokens, times, k):
    decoder = make_decoder()
    one, other = (decoder.context(some).first(k) for some in (tokens, changed(tokens, k)))
    close(decoder(latent, times, other), decoder(latent, times, one), rtol=0, atol=1e-6)
    short = decoder.context(tokens[:, :k]) if k else decoder.context(tokens).first(0)
    close(decoder(latent, times, short), decoder(latent, times, one), **TIGHT)
    full = decoder(latent, times, decoder.context(tokens))
    assert (full - decoder(latent, times, one)).abs().max() > 1e-3


@settings(max_examples=25)
@given(st.lists(st.integers(0, TOKENS), min_size=3, max_size=3))
def test_a_mask_is_a_slice(lengths):
    generator = torch.Generator().manual_seed(2)
    latent, tokens = (
        torch.randn(3, PATCHES, 16, generator=generator),
        torch.randn(3, 8, 16, generator=generator),
    )
    decoder, times = make_decoder(), torch.tensor([1.0, 0.6, 0.1])
    context = decoder.context(tokens)
    masked = decoder(latent, times, context, torch.arange(TOKENS) < torch.tensor(lengths)[:, None])
    for i, length in enumerate(lengths):
        sliced = decoder(latent, times, context.first(length))
        close(masked[i], sliced[i], **TIGHT)


def test_three_at_once_are_three_alone(latent, tokens, times):
    networks = make_networks()
    encoder, decoder = networks["encoder"], networks["decoder"]
    together = decoder(latent, times, decoder.context(tokens))
    for i in range(3):
        one = slice(i, i + 1)
        close(encoder(latent)[one], encoder(latent[one]), **TIGHT)
        close(together[one], decoder(latent[one], times[one], decoder.context(tokens[one])), **TIGHT)


def test_the_empty_prefix_is_no_key_at_all(latent, tokens, times):
    decoder = make_decoder()
    empty = decoder.context(tokens).first(0)
    assert empty.length == 0
    assert all(part.shape[2] == 0 for part in (*empty.keys, *empty.values))
    close(decoder(latent, times, empty), decoder(latent, times, decoder.context(7 - tokens).first(0)))
    nothing_kept = torch.zeros(3, TOKENS, dtype=torch.bool)
    close(
        decoder(latent, times, decoder.context(tokens), nothing_kept), decoder(latent, times, empty), **TIGHT
    )


def test_keys_and_values_of_a_token_depend_on_it_and_those_before(tokens):
    decoder = make_decoder()
    before = decoder.context(tokens)
    for i in range(TOKENS):
        other = tokens.clone()
        other[:, i] += 1
        after = decoder.context(other)
        for old, new in zip(before.keys + before.values, after.keys + after.values, strict=True):
            difference = (old - new).abs().amax((0, 1, 3))
            assert i == 0 or difference[:i].max() < 1e-6
            assert difference[i:].min() > 1e-4


def test_positions_say_which_slot_a_token_holds(tokens):
    decoder = make_decoder()
    plain = decoder.context(tokens)
    named = decoder.context(tokens, torch.arange(TOKENS))
    elsewhere = decoder.context(tokens[:, :3], torch.tensor([0, 4, 5]))
    close(named.keys[1], plain.keys[1])
    close(elsewhere.keys[1][:, :, 0], plain.keys[1][:, :, 0])
    assert (elsewhere.keys[1][:, :, 1:] - plain.keys[1][:, :, 1:3]).abs().max() > 1e-3


def test_a_context_is_shared_by_a_batch_without_a_copy(tokens):
    context = make_decoder().context(tokens[:1])
    many = context.expand(5)
    assert all(part.shape[0] == 5 for part in many.keys + many.values)
    assert many.keys[0].data_ptr() == context.keys[0].data_ptr()
    assert isinstance(many, TokenContext)
    assert many.length == TOKENS


def test_time_counts(latent, tokens):
    decoder = make_decoder()
    context = decoder.context(tokens)
    answers = [decoder(latent, torch.full((3,), t), context) for t in (1.0, 0.99, 0.5)]
    assert (answers[0] - answers[1]).abs().max() > 1e-4
    assert (answers[0] - answers[2]).abs().max() > 1e-3


def test_a_time_below_0_asks_for_the_distilled_prediction(latent, tokens):
    """Each item has its own; the switch is one vector beside the time, and without it nothing changes."""
    decoder = make_decoder()
    context, t = decoder.context(tokens), torch.tensor([0.5, -0.5, 0.5])
    mixed, plain = decoder(latent, t, context), decoder(latent, t.abs(), context)
    close(mixed[[0, 2]], plain[[0, 2]])
    assert (mixed[1] - plain[1]).abs().max() > 0.01
    hidden = decoder.time[0](layers.sinusoids(t.abs(), 256))
    wanted = decoder.time[2](F.silu(hidden + torch.tensor([[0.0], [1], [0]]) * decoder.distilled))
    close(decoder._start(latent, t)[1].flatten(1), wanted)
    nn.init.zeros_(decoder.distilled)
    close(decoder(latent, t, context), plain)


def test_the_stream_after_a_block_is_handed_out(latent, tokens, times):
    decoder = make_decoder()
    context = decoder.context(tokens)
    prediction, start = decoder.predict(latent, times, context)
    x, modulation = decoder._start(latent, times)
    close(start, x)
    for i in range(2):
        x = decoder.blocks[i](x, modulation, context.keys[i], context.values[i], None)
        close(decoder.predict(latent, times, context, hidden_after=i + 1)[1], x)
    scale, shift = decoder.modulation_out
    close(prediction, decoder.to_latent(unit(x) * (1 + scale) + shift), **TIGHT)
    close(decoder(latent, times, context), prediction)


def test_write_maps_are_the_share_of_each_position_s_attention(latent, tokens, times):
    decoder = make_decoder()
    context = decoder.context(tokens)
    for layer in range(2):
        raw = decoder.write_attention(latent, times, context, layer)
        assert raw.shape == (3, PATCHES, TOKENS)
        assert raw.min() >= 0
        assert 0.1 < raw.sum(-1).min() < raw.sum(-1).max() < 1
    assert decoder.write_attention(latent, times, context.first(0), 1).shape == (3, PATCHES, 0)
    x, modulation = decoder._start(latent, times)
    x = decoder.blocks[0](x, modulation, context.keys[0], context.values[0], None)
    q, k, _ = decoder.blocks[1].heads(x, modulation)
    k = torch.cat([k, context.keys[1]], 2)
    one = torch.stack([(q[0, h, 4] @ k[0, h].T / 4).softmax(-1) for h in range(2)]).mean(0)
    close(decoder.write_attention(latent, times, context, 1)[0, 4], one[PATCHES:], **TIGHT)


def test_a_fresh_decoder_predicts_the_mean_latent_with_open_gates(latent, tokens, times):
    decoder = build_networks(CONFIG)["decoder"]
    assert torch.equal(decoder(latent, times, decoder.context(tokens)), torch.zeros_like(latent))
    _, modulation = decoder._start(latent, times)
    expected = torch.tensor([0.0, 0, 1, 0, 0, 1])[None, :, None].expand_as(modulation)
    assert torch.equal(modulation, expected)
