"""ALIT: what a pass sees and leaves, early exit, halting, what is remembered, and whose autoencoder it is."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_alit import CHANNELS, CONFIG, PATCHES, TOKENS, make_autoencoder, make_networks, make_tokenizer
from torch.utils.flop_counter import FlopCounterMode

import tokenizer_core as tc
from tokenizer_core.models.alit.catalog import describe
from tokenizer_core.models.alit.config import AlitConfig, tiny_config
from tokenizer_core.models.alit.networks import build_networks, halted_positions, run_passes
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.base import BaseConfig
from tokenizer_core.storage.checkpoints import write_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
close = torch.testing.assert_close
LIMIT = 1.3  # the median error of drawn weights: about half of the positions are halted


@pytest.fixture(scope="module")
def networks():
    return make_networks()


def latents(count=1, seed=0):
    return torch.randn(count, PATCHES, CHANNELS, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def passes_of(networks, latent, limit=LIMIT, passes=CONFIG.passes, generator=None):
    return list(run_passes(networks["encoder"], networks["writer"], latent, limit, passes, generator))


def picture(seed=0, size=64):
    return tc.Picture(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


# The recurrence


def test_each_pass_adds_as_many_tokens_and_predicts_the_whole_latent(networks):
    for number, one in enumerate(passes_of(networks, latents(2))):
        tokens = 2 * (number + 1)
        assert one.number == number
        assert one.start.shape == (2, PATCHES + tokens, 32)
        assert one.quantised.codes.shape == (2, tokens, 4)
        assert one.prediction.shape == (2, PATCHES, CHANNELS)
        assert one.prediction.dtype == torch.float32


def test_the_first_pass_by_hand(networks):
    encoder, latent = networks["encoder"], latents()
    x = latent @ encoder.from_latent.weight.T + encoder.from_latent.bias + encoder.patch_positions
    x = torch.cat([x, encoder.queries[None, :2]], 1) + encoder.pass_vectors[0]
    first = passes_of(networks, latent, passes=1)[0]
    close(first.start, x)
    for block in encoder.blocks:
        x = block(x)
    numbers = encoder.to_code(encoder.norm_tokens(x[:, PATCHES:]))
    assert torch.equal(first.quantised.codes, encoder.quantiser(numbers).codes)


def test_what_a_later_pass_reads_by_hand(networks):
    encoder, latent = networks["encoder"], latents()
    first, second = passes_of(networks, latent, passes=2)
    before = encoder.norm_state(encoder(first.start))
    image = before[:, :PATCHES] + encoder.embed(latent)
    mask = encoder.halted + encoder.patch_positions
    image = torch.where(first.halted[..., None], mask, image)
    tokens = torch.cat([before[:, PATCHES:] + encoder.queries[:2], encoder.queries[None, 2:4]], 1)
    close(second.start, torch.cat([image, tokens], 1) + encoder.pass_vectors[1])


def test_halted_positions_are_masked_and_no_others(networks):
    encoder, latent = networks["encoder"], latents()
    first, second, _ = passes_of(networks, latent)
    halted = first.halted[0]
    assert 0 < halted.sum() < PATCHES
    mask = encoder.halted + encoder.patch_positions + encoder.pass_vectors[1]
    close(second.start[0, :PATCHES][halted], mask[halted])
    assert not torch.isclose(second.start[0, :PATCHES], mask).all(1)[~halted].any()


def test_a_halted_position_no_longer_tells_what_it_was(networks):
    """Whatever its latent is: the image token of the next pass is the same."""
    encoder, halted = networks["encoder"], torch.zeros(1, PATCHES, dtype=torch.bool)
    halted[0, 3] = True
    state = encoder(encoder.start(encoder.embed(latents()), None, None, 0))
    other = latents()
    other[0, 3] += 5
    starts = [encoder.start(encoder.embed(latent), state, halted, 1) for latent in (latents(), other)]
    close(*starts)


def test_halting_is_by_the_error_of_the_prediction(networks):
    latent = latents()
    for one in passes_of(networks, latent):
        error = (one.prediction - latent).abs().mean(-1)
        close(one.error, error)
        assert torch.equal(one.halted, error < LIMIT)


def test_tokens_of_a_short_code_are_rewritten_in_a_longer_one(networks):
    index = [
        networks["encoder"].quantiser.index(one.quantised.codes) for one in passes_of(networks, latents())
    ]
    assert not torch.equal(index[0], index[1][:, :2])


def test_what_a_pass_gives_does_not_depend_on_those_after_it(networks):
    latent = latents()
    few, all_of_them = passes_of(networks, latent, passes=2), passes_of(networks, latent)
    for short, long in zip(few, all_of_them, strict=False):
        assert torch.equal(short.quantised.codes, long.quantised.codes)
        assert torch.equal(short.prediction, long.prediction)


def test_photos_of_a_batch_do_not_know_one_another(networks):
    together = passes_of(networks, latents(3))
    for row in range(3):
        alone = passes_of(networks, latents(3)[row : row + 1])
        for one, many in zip(alone, together, strict=True):
            close(many.prediction[row], one.prediction[0], rtol=1e-4, atol=1e-5)
            assert torch.equal(many.quantised.codes[row], one.quantised.codes[0])
            assert torch.equal(many.halted[row], one.halted[0])


def test_no_pass_is_computed_that_nobody_asks_for(networks):
    counts = []
    for asked in (1, 2, 3):
        passes = run_passes(networks["encoder"], networks["writer"], latents(), LIMIT, CONFIG.passes)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            for _ in range(asked):
                next(passes)
        counts.append(counter.get_total_flops())
    first, second, third = counts[0], counts[1] - counts[0], counts[2] - counts[1]
    assert 0 < first < second < third, "each pass has more tokens than the one before"
    assert third < 1.5 * first


def test_the_writer_can_be_given_what_is_not_rounded(networks):
    given = (networks["encoder"], networks["writer"], latents(), LIMIT, 1)
    with torch.no_grad():
        (hard,), (soft,) = (list(run_passes(*given, soft=soft)) for soft in (False, True))
        by_hand = networks["writer"](hard.quantised.numbers, 0)
    assert torch.equal(hard.quantised.codes, soft.quantised.codes)
    assert torch.equal(soft.prediction, by_hand)
    assert not torch.equal(soft.prediction, hard.prediction)


def test_gradients_reach_the_first_pass_from_the_last(networks):
    networks = make_networks(seed=3)
    last = [*run_passes(networks["encoder"], networks["writer"], latents(), LIMIT, 3)][-1]
    last.prediction.square().mean().backward()
    gradient = networks["encoder"].pass_vectors.grad
    assert (gradient.abs().sum(1) > 0).all()
    assert networks["encoder"].to_code.weight.grad.abs().sum() > 0, "straight through the quantiser"


def test_a_fresh_writer_says_the_mean_latent():
    networks = build_networks(CONFIG)
    with torch.no_grad():
        made = networks["writer"](networks["encoder"].quantiser.codes(torch.zeros(1, 2, dtype=torch.long)), 0)
    assert made.std(1).max() == 0, "the same at every position: training begins from the bias"


# Drawn halting


def test_drawn_halting_has_the_chances_that_it_says():
    error = torch.full((1, 40_000), 0.5)
    halted = halted_positions(error, 1.0, torch.Generator().manual_seed(0))
    assert halted.float().mean().item() == pytest.approx(1 - 0.45 * 0.5, abs=0.01)
    assert halted_positions(torch.zeros(1, 99), 1.0, torch.Generator().manual_seed(0)).all()
    assert not halted_positions(torch.ones(1, 99), 1.0, torch.Generator().manual_seed(0)).any()


def test_drawn_halting_is_the_seed_s_and_halts_fewer(networks):
    latent = latents()
    plain = passes_of(networks, latent)
    drawn = [passes_of(networks, latent, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    for one, again in zip(drawn[0], drawn[1], strict=True):
        assert torch.equal(one.halted, again.halted)
    assert any(not torch.equal(a.halted, b.halted) for a, b in zip(drawn[0], drawn[2], strict=True))
    assert (drawn[0][0].halted & ~plain[0].halted).sum() == 0
    assert drawn[0][0].halted.sum() < plain[0].halted.sum()


# The tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(replace(CONFIG, halt=LIMIT))


def test_encode_stops_after_as_many_passes_as_it_is_told(tokenizer):
    whole, short = tokenizer.encode(picture()), tokenizer.encode(picture(), passes=2)
    assert (whole.lengths, short.lengths) == ((2, 4, 6), (2, 4))
    for length in short.lengths:
        assert np.array_equal(whole.code(length).tokens, short.code(length).tokens)
    for passes in (0, 4):
        with pytest.raises(tc.TokenizerError, match=r"^The number of passes is 1 to 3, not \d\.$"):
            tokenizer.encode(picture(), passes=passes)


def test_stopping_early_saves_the_passes(tokenizer):
    def flops(call):
        with FlopCounterMode(display=False) as counter:
            call()
        return counter.get_total_flops()

    one, two, all_of_them = (flops(lambda n=n: tokenizer.encode(picture(), passes=n)) for n in (1, 2, 3))
    autoencoder = flops(lambda: tokenizer._latent(picture()))
    assert (one - autoencoder) < 0.36 * (all_of_them - autoencoder)
    assert one < two < all_of_them
    grown = flops(lambda: next(tokenizer.grow(picture())))
    assert grown - one == flops(
        lambda: tokenizer._paint(torch.zeros(1, PATCHES, CHANNELS), tokenizer.decoder)
    )


def test_the_bench_shows_what_stopping_early_saves(tokenizer):
    timed = {one.name: one for one in tc.bench(tokenizer, runs=1).timings}
    grown = [timed[f"grown to {length} tokens"].flops for length in (2, 6)]
    decoder = timed["mean, length 6"].flops
    assert grown[0] < grown[1]
    assert grown[1] == timed["encode"].flops + decoder


def test_a_picture_is_the_same_whether_the_photo_is_remembered_or_not(tokenizer):
    encoding = tokenizer.encode(picture(1))
    made = [one for _, one in tokenizer.decode_many(encoding, (6, 2, 4))]
    fresh = make_tokenizer(replace(CONFIG, halt=LIMIT))
    assert made == [one for _, one in fresh.decode_many(encoding, (6, 2, 4))]
    assert len(set(made)) == 3


def test_halting_masks_are_those_of_the_passes(tokenizer):
    encoding = tokenizer.encode(picture(2))
    masks = tokenizer.halted(encoding)
    with torch.no_grad():
        latent = tokenizer._latent(picture(2))
    networks = {"encoder": tokenizer.encoder, "writer": tokenizer.writer}
    for one, (length, mask) in zip(passes_of(networks, latent), masks.items(), strict=True):
        assert length == one.quantised.codes.shape[1]
        assert mask.shape == (4, 4)
        assert np.array_equal(mask.ravel(), one.halted[0].numpy())
    assert list(tokenizer.halted(encoding.code(4))) == [4]


def test_what_needs_the_photo_says_so_when_it_is_forgotten(tokenizer):
    encoding = tokenizer.encode(picture(3))
    for seed in range(4, 12):
        tokenizer.encode(picture(seed))
    with pytest.raises(tc.TokenizerError, match=r"^Read maps need the photo; please encode it again\.$"):
        tokenizer.attention(encoding)
    with pytest.raises(tc.TokenizerError, match=r"^Halting masks need the photo; please encode it again\.$"):
        tokenizer.halted(encoding)
    assert tokenizer.attention(encoding, "write").raw.shape == (4, 4, TOKENS)
    assert tokenizer.decode(encoding, 4)


def test_the_photo_that_was_used_last_stays(tokenizer):
    first, *others = (picture(seed) for seed in range(20, 29))
    encoding = tokenizer.encode(first)
    for other in others:
        tokenizer.encode(other)
        tokenizer.halted(encoding)
    assert tokenizer.attention(encoding).raw.shape == (TOKENS, 4, 4)
    assert len(tokenizer._memory) == 8


def test_maps_of_a_shorter_code_are_those_of_its_pass(tokenizer):
    encoding = tokenizer.encode(picture())
    maps = [tokenizer.attention(encoding, "read", 0, length).raw for length in (2, 4, 6)]
    assert [len(one) for one in maps] == [2, 4, 6]
    assert not np.allclose(maps[0], maps[1][:2]), "tokens look elsewhere after another pass"
    assert tokenizer.attention(encoding, "write", 1, 4).raw.shape == (4, 4, 4)


def test_read_maps_by_hand(tokenizer):
    encoding = tokenizer.encode(picture())
    latent = tokenizer._latent(picture())
    encoder = tokenizer.encoder
    with torch.no_grad():
        x = encoder.blocks[0](encoder.start(encoder.embed(latent), None, None, 0))
        queries, keys, _ = encoder.blocks[1].heads(x)
        weights = (queries @ keys.mT / 16**0.5).softmax(-1).mean(1)[0, PATCHES:, :PATCHES]
    raw = tokenizer.attention(encoding, "read", 1, 2).raw
    close(torch.from_numpy(raw).flatten(1), weights)


def test_without_halting_nothing_is_halted():
    tokenizer = make_tokenizer(replace(CONFIG, halt=0.0))
    assert not any(mask.any() for mask in tokenizer.halted(tokenizer.encode(picture())).values())


def test_drawn_halting_changes_the_codes_and_is_the_seed_s(tokenizer):
    plain, *drawn = (tokenizer.encode(picture(), halting_seed=seed) for seed in (None, 1, 1))
    assert drawn[0] == drawn[1]
    assert plain == tokenizer.encode(picture())
    assert plain.code(2) == drawn[0].code(2), "nothing is halted before the first pass"
    others = [tokenizer.encode(picture(), halting_seed=seed) for seed in range(2, 8)]
    assert any(one != plain for one in others)


def test_sharp_pictures_are_those_of_their_own_networks():
    config = replace(CONFIG, halt=LIMIT, sharp=("writer", "decoder"))
    tokenizer, plain = make_tokenizer(config), make_tokenizer(replace(CONFIG, halt=LIMIT))
    encoding = tokenizer.encode(picture())
    assert encoding.lengths == (2, 4, 6)
    mean, sharp = tokenizer.decode(encoding, 6, steps=1), tokenizer.decode(encoding, 6, steps=2)
    assert mean == tokenizer.decode(encoding, 6)
    assert sharp != mean
    assert sharp == tokenizer.decode(encoding, 6, steps=8, seed=5)
    encoding = plain.encode(picture())
    assert plain.decode(encoding, 6, steps=2) == plain.decode(encoding, 6, steps=1)


def test_its_own_decoder_paints_codes_and_the_base_s_the_goal():
    own, plain = make_tokenizer(replace(CONFIG, own_decoder=True)), make_tokenizer(CONFIG)
    assert own.reconstruct(picture()) == plain.reconstruct(picture())
    assert own.decoder is not own.autoencoder.decoder
    assert plain.decoder is plain.autoencoder.decoder


def test_the_real_sizes_are_those_of_the_pilot():
    config = AlitConfig()
    info = describe(config.to_dict(), "0" * 12, 0)
    assert info.lengths == tuple(range(32, 257, 32))
    assert [info.bytes_of(k) for k in (32, 128, 256)] == [48, 192, 384]
    assert (info.vocabulary, info.ordered, info.adaptive, info.generative) == (4096, False, True, False)
    with torch.device("meta"):
        networks = build_networks(config)
    counts = [sum(p.numel() for p in networks[name].parameters()) for name in ("encoder", "writer")]
    assert [round(count / 1e6, 2) for count in counts] == pytest.approx([18.97, 18.97], abs=0.02)


# Configuration and checkpoints


def test_the_configuration_is_strict_and_comes_back():
    for config in (AlitConfig(), tiny_config(quantiser="bsq"), replace(CONFIG, sharp=("writer",))):
        assert AlitConfig.from_dict(json.loads(config.to_json())) == config
    values = CONFIG.to_dict()
    for wrong, words in (
        ({"quantiser": "vq"}, "quantiser must be fsq or bsq"),
        ({"quantiser": "bsq"}, "bsq has two levels"),
        ({"levels": [1, 8]}, "levels must be 2 or more"),
        ({"passes": 0}, "must be at least 1"),
        ({"width": 40}, "must be a multiple of 64"),
        ({"halt": -1.0}, "halt must be 0 or more"),
        ({"sharp": ["encoder"]}, "sharp names writer and decoder"),
        ({"format_version": 2}, "format version 2"),
        ({"further": 1}, "unknown keys: further"),
        ({"halt": "much"}, "value of the wrong kind"),
    ):
        with pytest.raises(tc.TokenizerError, match=words):
            AlitConfig.from_dict(values | wrong)
    values.pop("halt")
    with pytest.raises(tc.TokenizerError, match="lacks the keys: halt"):
        AlitConfig.from_dict(values)
    with pytest.raises(tc.TokenizerError, match="names a path"):
        BaseConfig(checkpoint="../elsewhere")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Checkpoints of a base and of a tiny ALIT that names it."""
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    write_base(tmp_path, make_autoencoder())
    return tmp_path


def write_base(folder, autoencoder):
    tensors = {f"autoencoder.{name}": value for name, value in autoencoder.state_dict().items()}
    write_checkpoint(folder / "base", {"kind": "another"}, {"autoencoder.safetensors": tensors})


def write_model(folder, **more):
    sums = dict(reversed(line.split()) for line in (folder / "base/SHA256SUMS").read_text().splitlines())
    base = BaseConfig(checkpoint="base", sha256=sums["autoencoder.safetensors"])
    config = replace(CONFIG, base=base, **more)
    tensors = make_networks(config).state_dict()
    files = {f"{name}.safetensors": name for name in ("encoder", "writer", "decoder", "sharp")}
    held = {f: {k: v for k, v in tensors.items() if k.startswith(f"{room}.")} for f, room in files.items()}
    write_checkpoint(
        folder / "tiny-alit", config.to_dict(), {f: values for f, values in held.items() if values}
    )


def test_it_is_loaded_with_the_base_s_autoencoder(folder):
    write_model(folder)
    assert [info.name for info in tc.catalog()] == ["tiny-alit"]
    tokenizer = tc.load("tiny-alit", "cpu", "float32")
    assert isinstance(tokenizer, AlitTokenizer)
    encoding = tokenizer.encode(picture())
    assert tc.Encoding.from_bytes(encoding.to_bytes()) == encoding
    assert tokenizer.decode(encoding, 6).array.shape == (64, 64, 3)
    assert set((folder / "tiny-alit").iterdir()) >= {folder / "tiny-alit/writer.safetensors"}
    assert not (folder / "tiny-alit/autoencoder.safetensors").exists()


def test_networks_of_its_own_come_in_files_of_their_own(folder):
    write_model(folder, sharp=("writer", "decoder"), own_decoder=True)
    tokenizer = tc.load("tiny-alit", "cpu", "float32")
    encoding = tokenizer.encode(picture())
    assert tokenizer.decode(encoding, 2, steps=2) != tokenizer.decode(encoding, 2)
    (folder / "tiny-alit/config.json").write_text("{}")
    with pytest.raises(tc.TokenizerError, match="damaged"):
        tc.load("tiny-alit", "cpu", "float32")


def test_without_its_base_it_is_a_sentence(folder):
    write_model(folder)
    (folder / "base/autoencoder.safetensors").unlink()
    with pytest.raises(
        tc.TokenizerError, match=r"^tiny-alit needs the autoencoder of base, which is not here\.$"
    ):
        tc.load("tiny-alit", "cpu", "float32")


def test_with_another_base_it_is_a_sentence(folder):
    write_model(folder)
    other = make_autoencoder()
    with torch.no_grad():
        other.to_latent.weight += 0.1
    write_base(folder, other)
    words = r"^tiny-alit was trained on another autoencoder than base has here; the sum in its config\.json"
    with pytest.raises(tc.TokenizerError, match=words):
        tc.load("tiny-alit", "cpu", "float32")


def test_with_a_damaged_base_it_is_a_sentence(folder):
    write_model(folder)
    path = folder / "base/autoencoder.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(tc.TokenizerError, match="is damaged: its checksum is not the one in SHA256SUMS"):
        tc.load("tiny-alit", "cpu", "float32")


def test_the_tiny_one_has_either_quantiser():
    for quantiser in ("fsq", "bsq"):
        tokenizer = make_tokenizer(tiny_config(quantiser=quantiser))
        assert tokenizer.info.vocabulary == 4096
        assert len(tokenizer.encode(picture()).code(6).to_bytes()) > 9
