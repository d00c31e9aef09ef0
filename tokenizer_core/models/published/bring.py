"""Weights of others into the user's own folder: fetched from the hub, or imported from a file.

Both end alike: what only training needs is left out, every name and shape is checked against the networks,
and the rest is written once as safetensors, with its configuration and sums, as any checkpoint here. From
then on the catalog lists it.

Neighbours: `offers` (what can be fetched), `storage.hub`, `storage.foreign`.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
from torch import Tensor

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.published import alit, karl, semanticist, titok
from tokenizer_core.models.published.adaptive import own_names
from tokenizer_core.models.published.common import Origin, PublishedConfig
from tokenizer_core.models.published.offers import Offer, OfferedFile, offer, offers
from tokenizer_core.models.registry import chosen_models
from tokenizer_core.storage.checkpoints import (
    Checkpoint,
    checkpoints_folder,
    fetched_folder,
    read_identity,
    sum_of,
    write_checkpoint,
)
from tokenizer_core.storage.foreign import read_foreign
from tokenizer_core.storage.hub import Fetched, download
from tokenizer_core.storage.whole import write_whole

WEIGHTS = "weights.safetensors"
ENTRIES = ("ema", "state_dict", "model")  # where files keep their tensors, the first that is there
NO_SPACE = "The converted weights of {} cannot be written: there is no space left, or it is not allowed."

Parts = dict[str, dict[str, Tensor]]
Say = Callable[[str], None]


class Imported(NamedTuple):
    """What a user's own file can be."""

    family: Family
    convert: Callable[[dict[str, Any], Parts], tuple[PublishedConfig, dict[str, Tensor]]]
    title: str
    source: str


def fetch(name: str, say: Say = lambda line: None) -> ModelInfo:
    """Fetch a published model, convert it, and list it.

    Args:
        name: of an offer.
        say: is told what happens, a sentence at a time.

    Raises:
        TokenizerError: no such offer, or no network, space or file, or the wrong one; what arrived is kept.
    """
    wanted = offer(name)
    _require_free(name)
    _require_space(2 * wanted.size_bytes)  # as it comes, and as it stays
    arrived = [_file(wanted, file) for file in wanted.files]
    say("Checking every name and shape, and converting.")
    sums = tuple(f"{one.sha256}  {one.path.name}" for one in arrived)
    origin = Origin(place=wanted.files[0].repository, revision=arrived[0].revision, files=sums)
    said = {"kind": wanted.kind, "name": name, "title": wanted.title, "licence": wanted.licence}
    said |= {"credit": wanted.credit, "source": wanted.source, "origin": origin, **wanted.sizes}
    family, convert = FETCHED[wanted.kind]
    try:
        parts = {file.part: _read(one.path) for file, one in zip(wanted.files, arrived, strict=True)}
        config, tensors = _checked(family, *convert(said, parts))
    except TokenizerError:
        shutil.rmtree(_arrivals(wanted), ignore_errors=True)  # what is wrong is fetched anew the next time
        raise
    info = _write(family, config, tensors)
    for file, one in zip(wanted.files, arrived, strict=True):
        _keep_sum(file, one, say)
    shutil.rmtree(_arrivals(wanted), ignore_errors=True)
    return info


def fetch_chosen(say: Say) -> None:
    """Fetch what TOKENDIAL_MODELS names, can be fetched, and is not here: whoever set it has asked for it.

    Args:
        say: is told what happens, and why something could not be fetched; the others are there nevertheless.
    """
    for name in chosen_models():
        if name in offers() and not (fetched_folder() / name).exists():
            try:
                fetch(name, say)
            except TokenizerError as error:
                say(str(error))


def import_weights(kind: str, path: str | Path, name: str | None = None) -> ModelInfo:
    """Take a file of the user's own, convert it, and list it.

    Args:
        kind: "alit" or "karl".
        path: of the authors' .pth file.
        name: in the catalog; None is "alit-published" or "karl-published".

    Raises:
        TokenizerError: no such kind or file, the name is taken, or the file holds something else.
    """
    if kind not in IMPORTED:
        raise TokenizerError(f"What can be imported is {' or '.join(IMPORTED)}, not {kind}.")
    path, one = Path(path), IMPORTED[kind]
    name = name or f"{kind}-published"
    _require_free(name)
    tensors = _read(path)
    said = {
        "name": name,
        "title": f"{one.title} with its authors' weights, adaptive hard tokens",
        "licence": "none stated by the authors: for your own use",
        "credit": f"{one.title}'s authors",
        "source": one.source,
        "origin": Origin(files=(f"{sum_of(path)}  {path.name}",)),
    }
    return _write(one.family, *_checked(one.family, *one.convert(said, {"own": tensors})))


def _titok(said: dict[str, Any], parts: Parts) -> tuple[PublishedConfig, dict[str, Tensor]]:
    return titok.TitokConfig(**said), parts["own"]


def _semanticist(said: dict[str, Any], parts: Parts) -> tuple[PublishedConfig, dict[str, Tensor]]:
    config = semanticist.SemanticistConfig(**said)
    return config, semanticist.own_names(config, parts["own"], parts["kl16"])


def _alit(said: dict[str, Any], parts: Parts) -> tuple[PublishedConfig, dict[str, Tensor]]:
    tensors = own_names(parts["own"])
    return alit.AlitConfig.of_file(tensors, **said), tensors


def _karl(said: dict[str, Any], parts: Parts) -> tuple[PublishedConfig, dict[str, Tensor]]:
    tensors = own_names(parts["own"])
    return karl.KarlConfig.of_file(tensors, **said), tensors


FETCHED = {
    titok.ORDERED: (titok.ONE_D_PIECE, _titok),
    titok.UNORDERED: (titok.TITOK, _titok),
    semanticist.KIND: (semanticist.FAMILY, _semanticist),
}
IMPORTED = {
    "alit": Imported(alit.FAMILY, _alit, "ALIT", "Adaptive Length Image Tokenization, arXiv 2411.02393"),
    "karl": Imported(karl.FAMILY, _karl, "KARL", "Single-pass Adaptive Image Tokenization, arXiv 2507.07995"),
}


def _checked(
    family: Family, config: PublishedConfig, tensors: dict[str, Tensor]
) -> tuple[PublishedConfig, dict[str, Tensor]]:
    """By loading them as they will be loaded."""
    family.load(Checkpoint(config.name, config.to_dict(), tensors, "0" * 12, 0), "cpu", "float32")
    return config, tensors


def _write(family: Family, config: PublishedConfig, tensors: dict[str, Tensor]) -> ModelInfo:
    """Whole, or not at all."""
    name = config.name
    try:
        fetched_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=fetched_folder()) as place:
            write_checkpoint(Path(place) / name, config.to_dict(), {WEIGHTS: tensors}, exact=True)
            (Path(place) / name).replace(fetched_folder() / name)
    except (OSError, safetensors.SafetensorError):
        raise TokenizerError(NO_SPACE.format(name)) from None
    return family.describe(*read_identity(fetched_folder() / name))


def _file(wanted: Offer, file: OfferedFile) -> Fetched:
    """One file of an offer, with the revision and the sum that are known of it."""
    kept = _known().get(f"{file.repository}/{file.name}", {})
    revision, sha256 = file.revision or kept.get("revision", ""), file.sha256 or kept.get("sha256", "")
    return download(file.repository, revision, file.name, _arrivals(wanted) / file.part, sha256)


def _keep_sum(file: OfferedFile, one: Fetched, say: Say) -> None:
    """What nobody knew of a file before, for the next time; said, if it is new."""
    known, place = _known(), f"{file.repository}/{file.name}"
    if file.sha256 or place in known:
        return
    known[place] = {"revision": one.revision, "sha256": one.sha256}
    write_whole(_sums(), json.dumps(known, indent=1).encode(), make_folders=True)
    say(
        f"Nobody has confirmed a sum of {file.name} yet: it was taken as the hub has it. Its SHA-256 is "
        f"{one.sha256}, which every later fetch on this machine must have."
    )


def _read(path: Path) -> dict[str, Tensor]:
    return read_foreign(path, ENTRIES)


def _known() -> dict[str, dict[str, str]]:
    """Revisions and sums that earlier fetches took, by repository and file."""
    try:
        return json.loads(_sums().read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _sums() -> Path:
    return fetched_folder().parent / "sums.json"


def _arrivals(wanted: Offer) -> Path:
    return fetched_folder().parent / "arrivals" / wanted.name


def _require_free(name: str) -> None:
    if Path(name).name != name or name.startswith("."):
        raise TokenizerError(f"{name} is not a name for a model.")
    if any((place / name).exists() for place in (checkpoints_folder(), fetched_folder())):
        raise TokenizerError(f"There is a model named {name} already.")


def _require_space(size: int) -> None:
    """Before anything is fetched."""
    folder = fetched_folder()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise TokenizerError(
            f"This takes {size / 1e9:.1f} GB while it is converted; {free / 1e9:.1f} GB are free."
        )
