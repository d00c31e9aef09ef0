"""Fetching from a hub, and importing a file: whole, or a sentence that says what to do."""

import argparse
import errno
import hashlib
import io
import json
import os
import pickle
import sys

import huggingface_hub
import local_hub
import numpy as np
import pytest
import tiny_published as tiny
import torch
from huggingface_hub import file_download

import tokenizer_core as tc
from demo.cli import main
from tokenizer_core.models.published import adaptive, kl16, offers
from tokenizer_core.models.published.vqgan import taming_names
from tokenizer_core.storage.checkpoints import fetched_folder

NAME, REPOSITORY, FILE = "tiny-one", "somebody/tiny", "pytorch_model.bin"
PLACE = f"{REPOSITORY}/{FILE}"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENDIAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch):
    """The client believes that this is the hub, and does not wait between its tries."""
    with local_hub.serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # what is written at once
        monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
        yield running


def saved(tensors: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def weights() -> dict[str, torch.Tensor]:
    return tiny.make_titok().networks.state_dict()


def sizes(config) -> dict:
    """What an offer says of a configuration."""
    known = {"kind", "name", "title", "licence", "credit", "source", "origin", "format_version"}
    return {key: value for key, value in config.to_dict().items() if key not in known}


def make_offer(tmp_path, monkeypatch, **changes):
    """The only offer there is: a tiny One-D-Piece, or what `changes` make of it."""
    file = {
        "part": "own",
        "repository": REPOSITORY,
        "revision": "",
        "name": FILE,
        "bytes": 10**6,
        "sha256": "",
    }
    line = {
        "kind": "one-d-piece",
        "title": "Tiny",
        "licence": "none",
        "credit": "nobody",
        "source": "nothing",
    }
    line |= {"sizes": sizes(tiny.titok_config()), "files": [file]} | changes
    path = tmp_path / "offers.json"
    path.write_text(json.dumps({NAME: line}))
    monkeypatch.setattr(offers, "FILE", path)
    return file


@pytest.fixture
def offered(tmp_path, monkeypatch, hub):
    hub.files[PLACE] = saved(weights())
    return make_offer(tmp_path, monkeypatch)


def refused(name: str = NAME) -> str:
    """The sentence; and nothing is listed."""
    with pytest.raises(tc.TokenizerError) as error:
        tc.fetch(name)
    text = str(error.value)
    assert text.endswith(".")
    assert not (fetched_folder() / name).exists()
    assert not [folder for folder in fetched_folder().glob("*") if folder.is_dir()]
    return text


def test_every_offer_is_whole():
    for name, one in tc.offers().items():
        assert one.name == name
        assert all((one.title, one.licence, one.credit, one.source))
        assert one.size_bytes > 3e8
        assert all(file.sha256 == "" or len(file.sha256) == 64 for file in one.files)
        assert all(file.revision == "" or len(file.revision) == 40 for file in one.files)
        assert [file.part for file in one.files] == (
            ["own", "kl16"] if one.kind == "semanticist" else ["own"]
        )
    wanted = "one-d-piece-s-256 one-d-piece-b-256 titok-s-128 titok-b-64 semanticist-l semanticist-xl"
    assert list(tc.offers()) == wanted.split()


def test_it_is_fetched_and_then_one_more_name(offered, hub, capsys):
    assert main(["fetch", NAME, "--yes"]) == 0
    said = capsys.readouterr().out
    for word in ("Tiny", "1 MB", f"https://huggingface.co/{REPOSITORY}", "licence  none", "nobody"):
        assert word in said
    assert hashlib.sha256(hub.files[PLACE]).hexdigest() in said
    info = next(info for info in tc.catalog() if info.name == NAME)
    assert (info.role, info.bundled, info.lengths) == ("published", False, tuple(range(1, 17)))
    tokenizer = tc.load(NAME, "cpu", "float32")
    picture = tc.Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    encoding, expected = tokenizer.encode(picture), tiny.make_titok().encode(picture)
    assert np.array_equal(encoding.tokens, expected.tokens)
    assert len(tc.Encoding.from_bytes(encoding.to_bytes())) == 16
    config = json.loads((fetched_folder() / NAME / "config.json").read_text("utf-8"))
    assert config["origin"]["revision"] == local_hub.COMMIT
    assert main(["models"]) == 0
    assert NAME in capsys.readouterr().out
    assert main(["fetch", NAME, "--yes"]) == 2
    assert "There is a model named tiny-one already" in capsys.readouterr().err


def test_nobody_is_asked_where_nobody_is(offered, hub, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["fetch", NAME]) == 2
    assert capsys.readouterr().err == "Nobody can be asked here; --yes fetches without asking.\n"
    assert hub.ranges == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_a_user_is_asked(offered, monkeypatch, capsys, answer, code):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["fetch", NAME]) == code
    assert (fetched_folder() / NAME).exists() == (code == 0)


def test_after_a_cut_it_goes_on_where_it_was(offered, hub, cache):
    hub.cut = 5000
    assert "the same command goes on from there" in refused()
    (part,) = cache.glob("arrivals/**/*.part")
    assert part.stat().st_size == 5000
    hub.cut, hub.ranges = None, []
    tc.fetch(NAME)
    assert hub.ranges == [5000]
    assert not list(cache.glob("arrivals/**/*.*"))
    assert NAME in [info.name for info in tc.catalog()]


def test_a_wrong_sum_is_thrown_away(offered, tmp_path, monkeypatch, hub, cache):
    make_offer(tmp_path, monkeypatch, files=[offered | {"sha256": "0" * 64}])
    assert "was not taken" in refused()
    assert not list(cache.glob("arrivals/**/*.bin"))


def test_a_sum_that_was_taken_is_kept(offered, hub, cache):
    said = []
    tc.fetch(NAME, said.append)
    assert "Nobody has confirmed a sum" in said[-1]
    for file in (fetched_folder() / NAME).iterdir():
        file.unlink()
    (fetched_folder() / NAME).rmdir()
    hub.files[PLACE] = saved(weights() | {"more": torch.zeros(1)})
    assert "is not the file that it should be" in refused()
    hub.files[PLACE] = saved(weights())
    said.clear()
    tc.fetch(NAME, said.append)
    assert not [line for line in said if "confirmed" in line]


def test_names_and_shapes_must_fit(offered, hub):
    whole = weights()
    for tensors, sentence in (
        (whole | {"extra": torch.zeros(1)}, "hold an unknown entry, extra."),
        ({k: v for k, v in whole.items() if k != "latent_tokens"}, "lack latent_tokens."),
        (
            whole | {"latent_tokens": torch.zeros(2, 2)},
            "latent_tokens in the weights of tiny-one has the wrong",
        ),
        ({"state_dict": 5}, "holds no tensors by name."),
        (whole | {"epoch": 3}, "holds an entry that is no tensor, epoch."),
    ):
        hub.files[PLACE] = saved(tensors)
        assert sentence in refused()


class Program:
    """What a pickle can do when it is read."""

    def __reduce__(self):
        return os.system, ("echo this ran > ran.txt",)


def test_a_pickle_with_a_program_is_not_read(offered, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data in (saved(weights() | {"x": Program()}), pickle.dumps({"x": Program()})):
        hub.files[PLACE] = data
        assert "It was not read." in refused()
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize("data", [b"", b"\x80", b"no weights", saved({"a": torch.zeros(99)})[:300]], ids=len)
def test_a_damaged_file_is_a_sentence(tmp_path, data):
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(tc.TokenizerError, match=r"weights\.pth (is damaged|holds more than tensors)"):
        tc.import_weights("alit", path)


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_space_is_a_sentence(offered, monkeypatch, hub):
    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", full)
        assert "no space left on the disk for pytorch_model.bin" in refused()
    with monkeypatch.context() as patch:
        patch.setattr("tokenizer_core.storage.checkpoints.save_file", full)
        assert "The converted weights of tiny-one cannot be written" in refused()
    assert list(fetched_folder().parent.glob("arrivals/**/*.bin")), "what arrived is kept"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda place: argparse.Namespace(free=10**5))
        assert refused().startswith("This takes 0.0 GB while it is converted")
    tc.fetch(NAME)


def test_offline_is_a_sentence(offered, monkeypatch, hub):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "The hub cannot be reached" in refused()


def test_what_is_gone_is_a_sentence(offered, hub):
    hub.files.clear()
    assert refused() == f"{REPOSITORY} has no file {FILE} at this revision any more."
    hub.gone.add(REPOSITORY)
    assert "is not on the hub any more" in refused()


def test_what_is_not_offered_is_a_sentence(capsys):
    assert main(["fetch", "nothing", "--yes"]) == 2
    assert "nothing cannot be fetched; these can: one-d-piece-s-256" in capsys.readouterr().err


def test_what_the_hub_s_own_cache_has_is_not_fetched_again(offered, hub, tmp_path, monkeypatch):
    """As a Space's `preload_from_hub` leaves it; also without a network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    place = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    (place / "snapshots" / local_hub.COMMIT).mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(local_hub.COMMIT)
    (place / "snapshots" / local_hub.COMMIT / FILE).write_bytes(hub.files[PLACE])
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    tc.fetch(NAME)
    assert hub.ranges == []
    assert (place / "snapshots" / local_hub.COMMIT / FILE).exists()
    config = json.loads((fetched_folder() / NAME / "config.json").read_text("utf-8"))
    assert config["origin"]["revision"] == local_hub.COMMIT


def test_chosen_models_are_fetched_at_the_start(offered, hub, monkeypatch):
    said = []
    monkeypatch.setenv("TOKENDIAL_MODELS", f"pca,{NAME}")
    tc.fetch_chosen(said.append)
    assert [info.name for info in tc.catalog()] == ["pca", NAME]
    requests = len(hub.ranges)
    tc.fetch_chosen(said.append)
    assert len(hub.ranges) == requests


def test_a_chosen_model_that_cannot_be_fetched_leaves_the_others(offered, hub, monkeypatch):
    said = []
    hub.gone.add(REPOSITORY)
    monkeypatch.setenv("TOKENDIAL_MODELS", f"pca,{NAME}")
    tc.fetch_chosen(said.append)
    assert "is not on the hub any more" in said[0]
    assert [info.name for info in tc.catalog()] == ["pca"]


@pytest.mark.parametrize("form", ["MAR's", "that of diffusers"])
def test_semanticist_comes_with_its_autoencoder(tmp_path, monkeypatch, hub, form):
    made = tiny.make_semanticist()
    own = {
        f"dit._orig_mod.{k.removeprefix('dit.')}" if k.startswith("dit.") else k: v
        for k, v in made.networks.state_dict().items()
    }
    own |= {"dit._orig_mod.projector.0.weight": torch.zeros(2, 2), "nested_sampler.arange": torch.arange(8)}
    vae = made.autoencoder.state_dict()
    if form != "MAR's":
        flat = {
            name: value[:, :, 0, 0] if "attn" in name and value.dim() == 4 else value
            for name, value in vae.items()
        }
        vae = {kl16.diffusers_names(k): v for k, v in flat.items()}
    files = [
        {
            "part": part,
            "repository": f"somebody/{part}",
            "revision": "",
            "name": "w.ckpt",
            "bytes": 10**6,
            "sha256": "",
        }
        for part in ("own", "kl16")
    ]
    hub.files = {"somebody/own/w.ckpt": saved(own), "somebody/kl16/w.ckpt": saved({"model": vae})}
    make_offer(tmp_path, monkeypatch, kind="semanticist", sizes=sizes(made.config), files=files)
    tc.fetch(NAME)
    picture = tc.Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    loaded = tc.load(NAME, "cpu", "float32")
    assert loaded.reconstruct(picture) == made.reconstruct(picture)
    assert np.array_equal(loaded.encode(picture).tokens, made.encode(picture).tokens)


def authors_file(networks: torch.nn.Module) -> dict:
    """As ALIT's and KARL's authors save: their names, training's parts, and their options."""
    ema = {
        (taming_names(name) if name.startswith(adaptive.BASE) else name): value
        for name, value in networks.state_dict().items()
    }
    ema |= {"gan_losses.0.logvar": torch.zeros(1)}
    return {"model": {}, "ema": ema, "epoch": 3, "args": argparse.Namespace(lr=1e-4)}


@pytest.mark.parametrize("kind", ["alit", "karl"])
def test_a_file_of_the_user_s_own_is_imported(tmp_path, monkeypatch, capsys, kind):
    monkeypatch.setitem(adaptive.HEADS, 2, 2)
    made = {"alit": tiny.make_alit, "karl": tiny.make_karl}[kind]()
    path = tmp_path / "own.pth"
    path.write_bytes(saved(authors_file(made.networks)))
    assert main(["import", kind, str(path), "--name", "mine"]) == 0, capsys.readouterr().err
    assert "mine is in the catalog now" in capsys.readouterr().out
    info = next(info for info in tc.catalog() if info.name == "mine")
    assert "own use" in info.licence
    assert info.role == "published"
    assert main(["import", kind, str(path), "--name", "mine"]) == 2
    other = {"alit": "karl", "karl": "alit"}[kind]
    assert main(["import", other, str(path), "--name", "no"]) == 2
    assert f"These are not weights of {other.upper()}" in capsys.readouterr().err
    for name in ("..", "a/b", ".hidden", "pca"):
        assert main(["import", kind, str(path), "--name", name]) == 2
    assert main(["import", "flextok", str(path)]) == 2
    assert main(["import", kind, str(tmp_path / "none.pth")]) == 2
    assert "There is no file named none.pth." in capsys.readouterr().err


def test_models_can_be_chosen(offered, monkeypatch):
    tc.fetch(NAME)
    everything = [info.name for info in tc.catalog()]
    assert NAME in everything
    monkeypatch.setenv("TOKENDIAL_MODELS", f"{NAME}, unknown")
    assert [info.name for info in tc.catalog()] == [NAME]
    assert tc.damaged_models() == [("unknown", "TOKENDIAL_MODELS names unknown, which is not here.")]
    with pytest.raises(tc.TokenizerError, match="There is no model named"):
        tc.load(next(name for name in everything if name != NAME))
    monkeypatch.setenv("TOKENDIAL_MODELS", " ")
    assert [info.name for info in tc.catalog()] == everything
