"""`tokenize`: a data set to a folder of shards, on one machine or on Ray.

What was begun goes on: shards that are done stay, and the plan that was written first is the plan.
Neighbours: `machine`, `cluster` (who runs the shard function), `plan`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.registry import catalog, default_model
from tokenizer_core.sets import cluster, machine, sources, tables
from tokenizer_core.sets import plan as plans
from tokenizer_core.sets.layout import Layout
from tokenizer_core.sets.plan import Plan
from tokenizer_core.sets.settings import BATCH, SetProgress, SetSettings, Told


@dataclass(frozen=True)
class Summary:
    """What a call of `tokenize` did.

    Attributes:
        rows: photographs in all shards that are done.
        damaged: (key, sentence) of those that are in none, of all shards that are done.
        complete: whether every shard of the plan is done.
        progress: of this call.
    """

    rows: int
    damaged: tuple[tuple[str, str], ...]
    complete: bool
    progress: SetProgress


def tokenize(
    source: str | Path | Sequence[str | Path],
    folder: str | Path,
    settings: SetSettings | None = None,
    *,
    ray: str | None = None,
    progress: Told | None = None,
) -> Summary:
    """Encode every photograph of a data set into shards of tokens; what was begun goes on.

    Args:
        source: a folder of photographs, of tars or of Parquet files; one of these files; a zip; a text file
            with a path a line; or a list of paths. See `sources`.
        folder: of the shards; made if need be.
        settings: the model, the device and so on.
        ray: the address of a Ray cluster, or "auto"; None is this machine alone, without Ray.
        progress: called after each batch.

    Returns:
        What was done. Each photograph is one row of one shard, or one entry of `damaged`.

    Raises:
        TokenizerError: there is no such source or model, a photograph cannot be opened and is not to be
            skipped, the folder was begun with other settings, or a disk is full.
    """
    settings = settings or SetSettings()
    engine = machine if ray is None else cluster
    info = describe(settings.model)
    devices = engine.devices(settings, info, ray)
    plan = prepare(source, Path(folder), settings, info, devices[0])
    numbers = plan.to_do(settings.share)
    state = SetProgress(sum(map(plan.count, numbers)), devices=len(devices))
    if numbers:
        engine.make(plan, numbers, settings, devices, state, progress or (lambda state: None))
    state.ended = time.monotonic()
    complete = plan.finish()
    marks = list(plan.marks())
    damaged = tuple(pair for mark in marks for pair in mark.damaged)
    return Summary(sum(mark.rows for mark in marks), damaged, complete, state)


def describe(name: str | None) -> ModelInfo:
    """The catalog's line of a model.

    Raises:
        TokenizerError: there is no such model.
    """
    name = default_model() if name is None else name
    found = {info.name: info for info in catalog()}
    if name not in found:
        raise TokenizerError(f"There is no model named {name}; here are: {', '.join(found)}.")
    return found[name]


def prepare(
    source: str | Path | Sequence[str | Path],
    folder: Path,
    settings: SetSettings,
    info: ModelInfo,
    device: str,
) -> Plan:
    """The plan of a folder: the one that is there, or a new one.

    Raises:
        TokenizerError: the folder was begun with other settings, or the source holds nothing.
    """
    kind = device.split(":")[0]
    listed = not isinstance(source, (str, Path))
    path = Path.cwd() if listed else Path(source)
    about = _about(info, settings, kind) | {"source": "a list" if listed else path.name}
    if (folder / plans.MANIFEST).is_file():
        begun = plans.read_manifest(folder)
        if settings.dtype == "auto":
            about["dtype"] = begun.get("dtype")
        if settings.form is None:
            about["form"] = begun.get("form")
        plans.check_same(begun, about, folder.name)
        return Plan(folder, path if listed or path.is_dir() else path.parent)
    if about["dtype"] is None:
        about["dtype"] = _numbers(info, device)
    found = sources.find(source)
    plans.make(folder, found, about)
    return Plan(folder, found.root)


def _numbers(info: ModelInfo, device: str) -> str:
    """What a model computes in where nobody asks for anything: what is quickest here, of what it can."""
    quickest = str(find_dtype("auto", device)).removeprefix("torch.")
    return quickest if quickest in info.dtypes else info.dtypes[0]


def _about(info: ModelInfo, settings: SetSettings, kind: str) -> dict[str, object]:
    layout = Layout.of(info)
    form = settings.form or ("parquet" if _has_arrow() else "safetensors")
    dtype = None if settings.dtype == "auto" else settings.dtype
    return {
        "model": info.name,
        "checkpoint_id": info.checkpoint_id,
        "tokens": layout.kind,
        "size": layout.size,
        "lengths": list(layout.lengths),
        "ordered": layout.ordered,
        "token_bytes": layout.token_bytes,
        "picture_size": info.picture_size,
        "device": kind,
        "dtype": dtype,
        "batch": settings.batch or BATCH[kind],
        "compiled": settings.compiled and kind == "cuda",
        "exact": settings.exact,
        "shard_size": settings.shard_size,
        "form": form,
    }


def _has_arrow() -> bool:
    try:
        tables.arrow()
    except TokenizerError:
        return False
    return True
