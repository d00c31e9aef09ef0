"""Data sets to shards: every source, every row once, damaged ones listed, killed runs gone on with."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tokenizer_core as tc
from demo.cli import main
from tests import tiny_alit
from tokenizer_core.photos.photo import to_picture
from tokenizer_core.sets import pool as pools
from tokenizer_core.sets import sources, tables
from tokenizer_core.sets.decoding import InThisProcess, Job
from tokenizer_core.sets.encoder import Encoder
from tokenizer_core.sets.layout import Layout
from tokenizer_core.sets.plan import Plan
from tokenizer_core.sets.work import make_shards

ROOT = Path(__file__).resolve().parent.parent
QUICK = tc.SetSettings(
    model="pca", device="cpu", workers=0, shard_size=5, batch=2, skip_damaged=True, form="safetensors"
)


def photo(seed: int, form: str = "JPEG") -> bytes:
    """A small photograph of smooth colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((50 + seed % 3, 40)).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """13 photographs, one of them in a folder of its own, and a damaged one."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for number in range(13):
        name = f"more/{number:02d}.png" if number == 4 else f"{number:02d}.jpg"
        (folder / name).write_bytes(photo(number, "PNG" if number == 4 else "JPEG"))
    (folder / "07a.jpg").write_bytes(photo(7)[:300])
    return folder


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory) -> Path:
    """Its shards."""
    folder = tmp_path_factory.mktemp("whole")
    tc.tokenize(photos, folder, QUICK)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder of shards."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_photograph_is_one_row_or_is_listed(photos, whole):
    tokens = tc.open_tokens(whole)
    pca = tc.load("pca", "cpu")
    assert [row.key for row in tokens] == sorted(
        str(path.relative_to(photos)) for path in photos.rglob("*.*") if path.name != "07a.jpg"
    )
    assert [key for key, _ in tokens.damaged] == ["07a.jpg"]
    assert tokens.damaged[0][1].startswith("This picture is damaged")
    for row in tokens:
        wanted = pca.encode(to_picture(photos / row.key, 256))
        assert (row.encoding.tokens == wanted.tokens).mean() > 0.999  # a batch may round another way
        assert row.encoding.checkpoint_id == wanted.checkpoint_id
    left, top, right, bottom = tokens[0].crop
    assert (top, bottom) == (0, 1)
    assert right - left == pytest.approx(40 / 50, abs=1e-6)
    about = json.loads((whole / "manifest.json").read_text())
    assert (about["rows"], about["damaged"], about["complete"]) == (13, 1, True)
    assert [file["rows"] for file in about["files"]] == [5, 4, 4]
    tokens.check()


def test_the_first_tokens_of_everything_are_a_slice(whole):
    tokens = tc.open_tokens(whole)
    some = tokens.packed(32)
    assert some.shape == (13, 32, 8)
    assert np.array_equal(some, tokens.packed()[:, :32])
    assert np.array_equal(tokens.layout.unpack(some[6]), tokens[6].encoding.prefix(32).tokens)
    batch = next(iter(torch.utils.data.DataLoader(tokens.torch(32), batch_size=13)))
    assert np.array_equal(batch[6].numpy(), tokens[6].encoding.prefix(32).tokens)
    assert [row.key for row in tokens[-2:]] == [tokens[11].key, tokens[-1].key]
    with pytest.raises(tc.TokenizerError, match="no code of 65 tokens"):
        tokens.packed(65)
    with pytest.raises(IndexError):
        tokens[13]


def test_a_damaged_photograph_stops_the_work_unless_it_may_be_skipped(photos, tmp_path):
    with pytest.raises(tc.TokenizerError, match=r"^07a\.jpg: .*damaged"):
        tc.tokenize(photos, tmp_path, replace(QUICK, skip_damaged=False))
    assert tc.tokenize(photos, tmp_path, QUICK).rows == 13


def test_a_shard_that_is_lacking_is_made_again_and_no_other(photos, whole, tmp_path):
    tc.tokenize(photos, tmp_path / "a", QUICK)
    (tmp_path / "a/shard-00001.json").unlink()
    (tmp_path / "a/.shard-00001.json.there.1").write_bytes(b"of a run that was killed")
    os.truncate(tmp_path / "a/shard-00002.safetensors", 100)
    old = (tmp_path / "a/shard-00000.safetensors").stat().st_mtime_ns
    assert tc.tokenize(photos, tmp_path / "a", QUICK).progress.done == 9
    assert (tmp_path / "a/shard-00000.safetensors").stat().st_mtime_ns == old
    assert contents(tmp_path / "a") == contents(whole)


@pytest.mark.parametrize(
    "options", [{"shard_size": 6}, {"exact": True}, {"model": "regions"}, {"batch": 3}, {"dtype": "bfloat16"}]
)
def test_a_folder_goes_on_only_as_it_was_begun(photos, whole, options):
    with pytest.raises(tc.TokenizerError, match="was begun with another value of"):
        tc.tokenize(photos, whole, replace(QUICK, **options))


def test_shares_of_several_machines_are_the_whole(photos, whole, tmp_path):
    first = tc.tokenize(photos, tmp_path / "a", replace(QUICK, share=(1, 2)))
    assert (first.complete, first.rows) == (False, 4)
    assert tc.tokenize(photos, tmp_path / "a", replace(QUICK, share=(0, 2))).complete
    assert contents(tmp_path / "a") == contents(whole)


def test_processes_decode_as_this_one_does_and_survive_one_that_is_killed(photos, monkeypatch):
    places = [("file", str(path)) for path in sorted(photos.rglob("*.*"))]
    jobs = [Job(i, places[i : i + 4]) for i in range(0, len(places), 4)] * 3
    monkeypatch.setattr(pools, "CHUNK", 2)
    pool = pools.Processes(2, 32, 4)
    try:
        wanted, killed = InThisProcess(32, 4).batches(jobs), False
        for one in pool.batches(jobs):
            other = next(wanted)
            assert (one.mark, one.count, one.damaged) == (other.mark, other.count, other.damaged)
            assert np.array_equal(one.levels[: one.count], other.levels[: one.count])
            assert np.array_equal(one.crops, other.crops)
            if not killed and pool._workers[0].ready:
                pool._workers[0].process.kill()
                killed = True
            one.release()
        assert next(wanted, None) is None
        assert killed
    finally:
        pool.close()


def test_a_program_without_a_file_decodes_in_processes_too(photos, whole, tmp_path):
    code = (
        "import sys, tokenizer_core as tc\n"
        "settings = tc.SetSettings(model='pca', device='cpu', workers=1, shard_size=5, batch=2,"
        " skip_damaged=True, form='safetensors')\n"
        "tc.tokenize(sys.argv[1], sys.argv[2], settings)"
    )
    words = [sys.executable, "-", str(photos), str(tmp_path / "a")]
    subprocess.run(words, cwd=ROOT, input=code.encode(), check=True)
    assert contents(tmp_path / "a") == contents(whole)


def test_processes_that_cannot_start_are_a_sentence(photos, monkeypatch):
    """And not a damaged photograph each."""
    monkeypatch.setattr(pools, "_work", exit)
    pool = pools.Processes(1, 32, 8)
    try:
        with pytest.raises(tc.TokenizerError, match="end as they start"):
            list(pool.batches([Job(0, [("file", str(photos / "00.jpg"))])]))
    finally:
        pool.close()


def test_a_photograph_that_ends_its_process_is_damaged(photos, tmp_path):
    """A place of a kind that no reader knows ends a decoding process with a traceback."""
    good = [("file", str(path)) for path in sorted(photos.glob("0[0-3].jpg"))]
    pool = pools.Processes(1, 32, 8)
    try:
        (batch,) = pool.batches([Job(0, [*good[:2], ("row",), *good[2:]])])
        assert batch.damaged == {2: pools.ENDED}
        assert batch.levels[[0, 1, 3, 4]].any((1, 2, 3)).all()
        assert not batch.levels[2].any()
    finally:
        pool.close()


def test_two_processes_that_encode_give_the_same_files(photos, whole, tmp_path):
    found = tc.tokenize(photos, tmp_path / "a", replace(QUICK, device="cpu,cpu"))
    assert (found.rows, found.progress.devices) == (13, 2)
    assert contents(tmp_path / "a") == contents(whole)
    with pytest.raises(tc.TokenizerError, match=r"^07a\.jpg: "):
        tc.tokenize(photos, tmp_path / "b", replace(QUICK, device="cpu,cpu", skip_damaged=False))


def test_killed_twice_and_gone_on_with_gives_the_same_bytes(tmp_path):
    source = tmp_path / "photos"
    source.mkdir()
    for number in range(240):
        (source / f"{number:03d}.jpg").write_bytes(photo(number % 7))
    settings = replace(QUICK, shard_size=8, batch=4)
    tc.tokenize(source, tmp_path / "whole", settings)
    code = (
        "import sys, tokenizer_core as tc\n"
        "settings = tc.SetSettings(model='pca', device='cpu', workers=0, shard_size=8, batch=4,"
        " skip_damaged=True, form='safetensors')\n"
        "tc.tokenize(sys.argv[1], sys.argv[2], settings)"
    )
    words = [sys.executable, "-c", code, str(source), str(tmp_path / "killed")]
    for kill in range(2):
        process = subprocess.Popen(words, cwd=ROOT)
        while len(list(tmp_path.glob("killed/shard-*.json"))) < 2 + 4 * kill:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 0 < len(Plan(tmp_path / "killed").to_do()) < 30
    tc.tokenize(source, tmp_path / "killed", settings)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_zips_lists_and_tars_with_labels(photos, whole, tmp_path):
    names = ["00.jpg", "more/04.png", "12.jpg"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.write(photos / name, name)
    (tmp_path / "list.txt").write_text("".join(f"{photos / name}\tlabel {name}\n" for name in names))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number, name in enumerate(names):
            for member, data in (
                (f"x/{number}{Path(name).suffix}", (photos / name).read_bytes()),
                (f"x/{number}.cls", b"" if number else b"7"),
                (f"x/{number}.json", b'{"a": 1}'),
            ):
                about = tarfile.TarInfo(member)
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
    by_key = {row.key: row.encoding for row in tc.open_tokens(whole)}
    wanted = [by_key[name] for name in sorted(names)]
    found = {}
    for source in ("a.zip", "list.txt", "a.tar"):
        tc.tokenize(tmp_path / source, tmp_path / f"{source}-out", replace(QUICK, shard_size=2))
        found[source] = list(tc.open_tokens(tmp_path / f"{source}-out"))
    assert [row.encoding for row in found["a.zip"]] == wanted
    assert [row.key for row in found["a.zip"]] == [f"a.zip/{name}" for name in sorted(names)]
    assert [row.encoding for row in found["list.txt"]] == [by_key[name] for name in names]
    assert [row.labels for row in found["list.txt"]] == [{"label": f"label {name}"} for name in names]
    assert [row.encoding for row in found["a.tar"]] == [by_key[name] for name in names]
    assert [row.labels["cls"] for row in found["a.tar"]] == ["7", "", ""]
    assert found["a.tar"][1].labels["json"] == '{"a": 1}'
    assert [row.key for row in found["a.tar"]] == ["a.tar/x/0", "a.tar/x/1", "a.tar/x/2"]
    listed = [photos / name for name in names]
    assert tc.tokenize(listed, tmp_path / "listed", QUICK).rows == 3


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.tar", b"no tar", "cannot be read as a tar"),
        ("a.csv", b"a", "is no folder, zip, tar"),
        ("a.txt", b"x.jpg\nx.jpg\n", "names x.jpg twice"),
        ("a.txt", b"\n", "holds no photographs"),
    ],
)
def test_a_source_that_is_none_is_a_sentence(tmp_path, name, data, sentence):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(tc.TokenizerError, match=sentence):
        sources.find(tmp_path / name)


def test_parquet_and_arrow_in_and_parquet_out(photos, whole, tmp_path):
    pa = pytest.importorskip("pyarrow")
    names = ["00.jpg", "07a.jpg", "more/04.png", "12.jpg", "01.jpg"]
    pictures = [{"bytes": (photos / name).read_bytes(), "path": name} for name in names]
    table = pa.table({"image": [*pictures, None], "label": pa.array([1, 2, 3, 4, 5, 6], pa.int8())})
    (tmp_path / "set").mkdir()
    tables.arrow().parquet.write_table(table, tmp_path / "set/a.parquet", row_group_size=2)
    with pa.ipc.new_stream(str(tmp_path / "b.arrow"), table.schema) as stream:
        stream.write_table(table, max_chunksize=4)
    by_key = {row.key: row.encoding for row in tc.open_tokens(whole)}
    good = [name for name in names if name != "07a.jpg"]
    for source in ("set", "b.arrow"):
        out = tmp_path / f"{source}-out"
        tc.tokenize(tmp_path / source, out, replace(QUICK, form="parquet", shard_size=3))
        tokens = tc.open_tokens(out)
        assert [row.encoding for row in tokens] == [by_key[name] for name in good]
        assert [row.labels["label"] for row in tokens] == [1, 3, 4, 5]
        assert [key.rpartition("/")[2] for key, _ in tokens.damaged] == ["1", "5"]
        read = tables.arrow().parquet.read_table(out / "shard-00000.parquet")
        assert read.schema.field("label").type == pa.int8()
        assert read.schema.field("tokens").type == pa.binary(64 * 8)
    first = (tmp_path / "set-out/shard-00000.parquet").read_bytes()
    (tmp_path / "set-out/shard-00000.json").unlink()
    tc.tokenize(tmp_path / "set", tmp_path / "set-out", replace(QUICK, form="parquet", shard_size=3))
    assert (tmp_path / "set-out/shard-00000.parquet").read_bytes() == first


def test_a_damaged_shard_is_a_sentence(photos, tmp_path):
    tc.tokenize(photos, tmp_path, QUICK)
    path = tmp_path / "shard-00001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(tc.TokenizerError, match=r"shard-00001\.safetensors is damaged"):
        tc.open_tokens(tmp_path).check()
    path.unlink()
    assert len(tc.open_tokens(tmp_path)) == 9  # a shard that is gone is not done
    (tmp_path / "plan.jsonl").write_text("{}")
    with pytest.raises(tc.TokenizerError, match=r"plan\.jsonl of"):
        tc.open_tokens(tmp_path)
    with pytest.raises(tc.TokenizerError, match="no folder of token shards"):
        tc.open_tokens(photos)


@pytest.mark.parametrize(
    ("kind", "size", "tokens"),
    [
        ("soft", 16, np.random.default_rng(0).normal(size=(3, 5, 16)).astype(np.float32)),
        ("hard", 70_000, np.random.default_rng(0).integers(0, 70_000, (3, 5))),
        ("hard", 16, np.random.default_rng(0).integers(0, 16, (3, 5))),
        ("soft", 3, np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)),
    ],
)
def test_tokens_are_whole_bytes_and_come_back(kind, size, tokens):
    layout = Layout(kind, size, (5,), True)
    packed = np.stack([layout.pack(one) for one in tokens])
    assert packed.shape == (3, 5, layout.token_bytes)
    back = np.stack([layout.unpack(one) for one in packed])
    assert np.array_equal(np.stack([layout.pack(one) for one in back]), packed)
    assert np.array_equal(np.stack([layout.unpack(one[:2]) for one in packed]), back[:, :2])
    if kind == "hard":
        assert np.array_equal(back, tokens)
    if layout.packs_on_device():
        from tokenizer_core.codes.packing import BORDERS

        on_device = layout.pack_on_device(torch.from_numpy(tokens), torch.from_numpy(BORDERS))
        assert np.array_equal(on_device.numpy(), packed)


def test_a_model_without_order_has_a_column_a_length(photos, tmp_path):
    """Any tokenizer that encodes one photograph at a time goes through the same shard function."""
    tokenizer = tiny_alit.make_tokenizer()
    from tokenizer_core.sets import plan as plans
    from tokenizer_core.sets import run

    about = run._about(tokenizer.info, QUICK, "cpu") | {"dtype": "float32", "source": "photos"}
    source = sources.find(photos)
    plans.make(tmp_path, source, about)
    plan = Plan(tmp_path, source.root)
    decoder = InThisProcess(tokenizer.info.picture_size, 2)
    make_shards(plan, plan.to_do(), Encoder(tokenizer, 2), decoder, skip_damaged=True)
    tokens = tc.open_tokens(tmp_path)
    assert len(tokens) == 13
    wanted = tokenizer.encode(to_picture(photos / tokens[3].key, tokenizer.info.picture_size))
    assert tokens[3].encoding == wanted
    length = tokenizer.info.lengths[0]
    assert tokens.packed(length).shape[1] == length


def test_a_model_that_computes_in_float32_alone_does_so_where_bfloat16_is_quicker(
    photos, tmp_path, monkeypatch
):
    from tokenizer_core.sets import run

    monkeypatch.setattr(run, "find_dtype", lambda asked, device: torch.bfloat16)
    assert run.prepare(photos, tmp_path / "a", QUICK, run.describe("pca"), "cpu").about["dtype"] == "float32"
    soft = run.prepare(photos, tmp_path / "b", QUICK, run.describe("prefix-flow-256"), "cpu")
    assert soft.about["dtype"] == "bfloat16"


def test_the_command_says_what_it_did(photos, tmp_path, capsys):
    words = ["tokenize", str(photos), "--out", str(tmp_path / "a"), "--model", "pca", "--device", "cpu"]
    words += ["--workers", "0", "--shard-size", "5"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("07a.jpg: ")
    assert main([*words, "--skip-damaged"]) == 3
    told = capsys.readouterr()
    assert "13 photos are in all of its shards" in told.out
    assert told.err.endswith("1 photos were skipped.\n")
    words = [
        "detokenize",
        str(tmp_path / "a"),
        "-o",
        str(tmp_path / "b"),
        "--length",
        "32",
        "--device",
        "cpu",
    ]
    assert main(words) == 0
    pictures = sorted(path.relative_to(tmp_path / "b").as_posix() for path in tmp_path.glob("b/**/*.png"))
    assert len(pictures) == 13
    pca, row = tc.load("pca", "cpu"), tc.open_tokens(tmp_path / "a")[0]
    painted = np.asarray(Image.open(tmp_path / "b" / f"{row.key}.png"))
    assert np.array_equal(painted, pca.decode(row.encoding, 32).array)
