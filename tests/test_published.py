"""What the published families do beyond the interface: cuts, slots, passes, steps, dropped tokens."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_linear
import tiny_published as tiny
import torch

import tokenizer_core as tc
from tokenizer_core.models import registry
from tokenizer_core.models.published import diffusion, semanticist, titok

SMALL = {"width": 32, "depth": 2, "heads": 2, "num_tokens": 24, "pixel_channels": 32, "image_size": 64}


@pytest.fixture(scope="module")
def picture() -> tc.Picture:
    return tc.Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def test_token_n_reads_features_of_all_latents():
    """The legacy reshape: feature f of latent n comes to token (n W + f) mod N."""
    networks = tiny.make_titok().networks
    batch, count, width = 1, 16, 32
    seen = {}

    def latents(pixels, queries):
        return torch.arange(batch * count * width).view(batch, count, width).float()

    networks.encoder.latents = latents
    hook = networks.encoder.conv_out.register_forward_pre_hook(lambda _, given: seen.update(mixed=given[0]))
    networks.numbers(torch.zeros(1, 3, 64, 64))
    hook.remove()
    flat = latents(None, None).flatten()
    for n in (0, 5, 15):
        assert torch.equal(seen["mixed"][0, :, n, 0], flat[n::count])


def test_an_empty_prefix_of_one_d_piece_is_not_offered(picture):
    tokenizer = tiny.make_titok()
    encoding = tokenizer.encode(picture)
    assert tokenizer.info.lengths[0] == 1
    with pytest.raises(tc.TokenizerError, match="The length 0 is out of range; here it is 1 to 16"):
        tokenizer.decode(encoding, 0)


def test_a_token_that_is_left_out_leaves_the_others_where_they_were(picture):
    tokenizer = tiny.make_titok()
    encoding = tokenizer.encode(picture)
    some = encoding.select(np.arange(16) != 3)
    moved = tc.Encoding(some.tokens, np.arange(15), *tokenizer_id(tokenizer), "hard", encoding.vocabulary)
    assert tokenizer.decode(some, 15) != tokenizer.decode(moved, 15)


def tokenizer_id(tokenizer: tc.Tokenizer) -> tuple[str, str]:
    return tokenizer.info.checkpoint_id, tokenizer.info.name


def test_titok_s_shorter_codes_are_cuts_and_say_so(picture):
    tokenizer = tiny.make_titok(titok.UNORDERED)
    encoding = tokenizer.encode(picture)
    assert tokenizer.info.lengths == encoding.lengths == (4, 8, 16)
    for length in encoding.lengths:
        assert np.array_equal(encoding.code(length).tokens, encoding.tokens[:length])
    full = titok.TitokConfig(kind=titok.UNORDERED, num_tokens=128)
    assert full.lengths == (4, 8, 16, 32, 64, 96, 128)


@pytest.mark.parametrize("steps", [2, 25, 249])
def test_few_steps_are_ddim_and_draw_nothing_more(picture, monkeypatch, steps):
    taken = watch(monkeypatch)
    tokenizer = tiny.make_semanticist()
    tokenizer.decode(tokenizer.encode(picture), 4, steps=steps)
    assert taken == {"sample_ddim": [steps]}


def test_one_step_is_the_quick_picture_of_one_noise(picture, monkeypatch):
    tokenizer = tiny.make_semanticist()
    encoding = tokenizer.encode(picture)
    quick = tokenizer.decode(encoding, 4, steps=1, seed=5, guidance_scale=7.0)
    assert quick == tokenizer.decode(encoding, 4, steps=semanticist.QUICK, seed=0, guidance_scale=1.0)


def test_250_steps_are_the_authors(picture, monkeypatch):
    taken = watch(monkeypatch)
    tokenizer = tiny.make_semanticist()
    tokenizer.decode(tokenizer.encode(picture), 4, steps=250)
    assert taken == {"sample_ancestral": [250]}


def watch(monkeypatch) -> dict[str, list[int]]:
    """Which samplers run, and their steps."""
    taken: dict[str, list[int]] = {}
    for name in ("sample_ddim", "sample_ancestral"):

        def run(predict, noise, steps, *rest, name=name):
            taken.setdefault(name, []).append(steps)
            return getattr(diffusion, name)(predict, noise, steps, *rest)

        monkeypatch.setattr(semanticist, name, run)
    return taken


def test_lengths_in_one_batch_are_what_each_is_alone(picture):
    """One noise for all, and guidance against nothing."""
    tokenizer = tiny.make_semanticist()
    encoding = tokenizer.encode(picture)
    for scale in (1.0, 3.0):
        options = {"steps": 4, "seed": 3, "guidance_scale": scale}
        together = dict(tokenizer.decode_many(encoding, (8, 0, 3), batch=3, **options))
        for length, one in together.items():
            alone = tokenizer.decode(encoding, length, **options)
            assert np.abs(one.array.astype(int) - alone.array).max() <= 1


def test_ours_stand_before_all_published_ones(monkeypatch):
    ours, theirs = tiny_linear.make_info(), tiny.make_titok().info
    lines = [replace(theirs, name=name, order=order) for name, order in (("z", 1), ("y", 1), ("x", 2))]
    lines += [replace(ours, name=name, order=order) for name, order in (("c", 2), ("b", 999), ("a", 2))]
    monkeypatch.setattr(registry, "_described", lambda: (lines, []))
    assert [info.name for info in tc.catalog()] == ["a", "c", "b", "y", "z", "x"]


def test_a_wait_is_estimated_before_it(picture, tmp_path, monkeypatch, capsys):
    """Of forwards: two a step where it is guided; and a user is told."""
    from demo.cli import main
    from tokenizer_core.storage.token_files import save_tokens

    tokenizer, calls = tiny.make_semanticist(), []
    monkeypatch.setattr(semanticist.time, "perf_counter", lambda: float(len(calls)))
    forward = tokenizer.networks.dit.forward
    monkeypatch.setattr(tokenizer.networks.dit, "forward", lambda *given: calls.append(1) or forward(*given))
    assert tokenizer.waiting_time() == 2 * semanticist.STEPS
    assert tokenizer.waiting_time(3, steps=1) == 3 * semanticist.QUICK
    assert tokenizer.waiting_time(steps=7, guidance_scale=1.0) == 7
    assert tiny.make_titok().waiting_time(17) == 0
    save_tokens(tokenizer.encode(picture), tmp_path / "tokens.safetensors")
    monkeypatch.setattr(tc, "load", lambda *_: tokenizer)
    words = ["decode", str(tmp_path / "tokens.safetensors"), "-o", str(tmp_path / "out.png"), "--steps", "4"]
    assert main(words) == 0
    assert capsys.readouterr().err == "A picture takes about 8 seconds here; Ctrl-C ends it.\n"


def test_without_a_token_guidance_changes_nothing(picture):
    tokenizer = tiny.make_semanticist()
    encoding = tokenizer.encode(picture)
    plain, pushed = (tokenizer.decode(encoding, 0, steps=3, guidance_scale=s) for s in (1.0, 9.0))
    assert np.abs(plain.array.astype(int) - pushed.array).max() <= 1


def test_slots_do_not_depend_on_how_many_follow():
    networks = tiny.make_semanticist().networks
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    first = networks.tokens(pixels)[:, :5]
    with torch.no_grad():
        networks.encoder.slot_embed[:, 5:] += 1
    torch.testing.assert_close(networks.tokens(pixels)[:, :5], first, rtol=0, atol=1e-5)


def test_alit_computes_no_pass_that_nobody_asked_for(picture, monkeypatch):
    tokenizer, passes = tiny.make_alit(), []
    run = tokenizer.networks.run

    def counted(*arguments):
        for one in run(*arguments):
            passes.append(one)
            yield one

    monkeypatch.setattr(tokenizer.networks, "run", counted)
    next(tokenizer.grow(picture))
    assert len(passes) == 1
    assert tokenizer.encode(picture, passes=2).lengths == (2, 4)
    for wrong in (0, 4):
        with pytest.raises(tc.TokenizerError, match=f"The number of passes is 1 to 3, not {wrong}"):
            tokenizer.encode(picture, passes=wrong)


def test_drawn_halting_repeats_with_its_seed(picture):
    tokenizer = tiny.make_alit()
    plain = tokenizer.halted(tokenizer.encode(picture))
    drawn = [tokenizer.encode(picture, halting_seed=seed) for seed in (1, 1)]
    assert drawn[0] == drawn[1]
    assert tokenizer.halted(drawn[0])[2].sum() <= plain[2].sum()
    other = tiny.make_alit()
    with pytest.raises(tc.TokenizerError, match="please encode it again"):
        other.halted(drawn[0])


def test_karl_drops_what_the_wanted_error_does_not_need(picture):
    tokenizer = tiny.make_karl()
    encoding = tokenizer.encode(picture)
    kept = tokenizer.kept(encoding)
    assert set(kept) == {4, 8, 16}
    assert 0 < kept[16] < 16
    assert kept == tokenizer.kept(tc.Encoding.from_bytes(encoding.to_bytes()))
    assert encoding != tokenizer.encode(picture, wanted=0.3)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(tc.TokenizerError, match="The wanted error is a positive number"):
            tokenizer.encode(picture, wanted=wrong)
    nothing = tc.Encoding.of_codes({4: np.full(4, 1024)}, *tokenizer_id(tokenizer), "hard", 1025)
    assert tokenizer.decode(nothing, 4).array.shape == (64, 64, 3)


def test_a_checkpoint_comes_back_as_it_was(tmp_path, monkeypatch, picture):
    """Exactly: published weights are not made smaller."""
    from tokenizer_core.storage.checkpoints import read_checkpoint, write_checkpoint

    made = tiny.make_titok()
    tensors = made.networks.state_dict()
    write_checkpoint(tmp_path / "one", made.config.to_dict(), {"w.safetensors": tensors}, exact=True)
    checkpoint = read_checkpoint(tmp_path / "one")
    assert all(torch.equal(tensors[name], value) for name, value in checkpoint.tensors.items())
    loaded = titok.TitokTokenizer.from_checkpoint(checkpoint, "cpu", "float32")
    encoding = loaded.encode(picture)
    assert np.array_equal(encoding.tokens, made.encode(picture).tokens)
    assert loaded.decode(encoding, 5) == made.decode(made.encode(picture), 5)


@pytest.mark.parametrize("kind", [titok.ORDERED, titok.UNORDERED])
def test_recorded_calls_give_the_same_tokens_and_pictures(kind, picture, monkeypatch):
    """With a recording that calls the function anew, as a processor has no launches."""
    from tokenizer_core.engine import fast

    recorded = []

    def record(function, tensors):
        recorded.append([tuple(one.shape) for one in tensors])
        inputs = [one.clone() for one in tensors]
        made = fast.Recording(None, inputs, tuple(one.clone() for one in function(*inputs)))

        def replay():
            for one, value in zip(made.outputs, function(*inputs), strict=True):
                one.copy_(value)

        return replace(made, graph=SimpleNamespace(replay=replay))

    plain, quick = tiny.make_titok(kind), tiny.make_titok(kind)
    quick.accelerate()
    assert quick.forms == {}, "nothing is recorded on a processor"
    monkeypatch.setattr(fast, "record", record)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    for call in quick._calls:
        call.on = True
    for turned in (picture, tc.Picture(picture.array[::-1].copy())):
        one, two = plain.encode(turned), quick.encode(turned)
        assert np.array_equal(one.tokens, two.tokens)
        for length in quick.info.lengths[-2:]:
            assert quick.decode(two, length) == plain.decode(one, length)
    assert len(recorded) == 4, "the encoder, a decoder a length, and the pixel decoder: each once"
    names = {"The encoder", "The decoder", "The pixel decoder"}
    assert quick.forms == {name: {"1": "recorded"} for name in names}


def test_the_published_way_is_measured_beside_ours(monkeypatch):
    """Times of tiny networks say nothing; that both ways do what they are said to do is shown here."""
    from studies import published_way

    tokenizer, encoded = tiny.make_semanticist(), []
    encode = tokenizer.encode
    monkeypatch.setattr(tokenizer, "encode", lambda picture: encoded.append(1) or encode(picture))
    monkeypatch.setattr(published_way, "PUBLISHED_STEPS", 4)
    picture = published_way.draw_picture(64)
    assert published_way.ours(tokenizer, picture, 2) == len(tokenizer.info.ladder) == 9
    assert len(encoded) == 1
    for length in (1, 8):
        published_way.published(tokenizer, picture, length, seed=length)
    assert len(encoded) == 3
    found = published_way.measure(tokenizer, runs=1)
    assert list(found) == ["encode", "position, published way", "ladder, 4 steps", "ladder, 25 steps"]
    assert min(found.values()) > 0


def test_the_speed_of_full_sizes_is_measured_on_drawn_weights():
    from studies import published_speed

    assert set(published_speed.OFFERS) == {
        "one-d-piece-s-256",
        "one-d-piece-b-256",
        "titok-s-128",
        "titok-b-64",
    }
    small = replace(published_speed.OFFERS["one-d-piece-s-256"], sizes=SMALL)
    tokenizer = published_speed.random_tokenizer(small, "cpu", "float32")
    assert tokenizer.info.lengths == tuple(range(1, 25))
    found = published_speed.measure(tokenizer, runs=1)
    assert list(found) == ["encode", "a picture of 16 tokens", "a picture of 24 tokens"]
    assert all(min(wall, processor) > 0 for wall, processor, _ in found.values())
    operations = [flops for _, _, flops in found.values()]
    assert operations[2] > operations[1], "more tokens, more arithmetic"
