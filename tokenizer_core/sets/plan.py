"""The plan: which photographs are in which shard, decided once and written down, and what is done already.

A folder of shards holds

    manifest.json      model, checkpoint id, numbers, crop, sizes; at the end also counts and each shard's sum
    plan.jsonl         a line a shard: the pieces of the source that it is made of
    shard-00017.*      the rows; written beside and renamed, so it is whole or not there
    shard-00017.json   its mark: rows, damaged ones with their sentences, sum. Written last: it is done

Nothing in these files depends on when, where or in how many processes they were made. Neighbours: `sources`
(pieces), `shards` (the rows), `work`.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.sets.sources import Item, Piece, Source, all_items, cut, size_of
from tokenizer_core.storage.whole import write_whole

FORMAT = "tokendial-shards-1"
MANIFEST, PLAN = "manifest.json", "plan.jsonl"
CROP = "middle square, Lanczos"
FIXED = {  # what all shards of a folder share, and how people call it
    "model": "the model",
    "checkpoint_id": "the weights",
    "device": "the kind of device",
    "dtype": "the numbers",
    "batch": "the batch",
    "compiled": "--compile",
    "exact": "--exact",
    "shard_size": "the size of a shard",
    "form": "the kind of file",
    "source": "the data set",
}


@dataclass(frozen=True)
class Mark:
    """What is known of a shard that is done.

    Attributes:
        shard: its number.
        rows: photographs in it.
        damaged: (key, sentence) of those that are not.
        file: its name.
        bytes: its size.
        sha256: its sum.
        plan: the sum of the plan.
    """

    shard: int
    rows: int
    damaged: tuple[tuple[str, str], ...]
    file: str
    bytes: int
    sha256: str
    plan: str


class Plan:
    """A folder of shards that is being made, or is whole.

    Args:
        folder: with a manifest and a plan.
        root: the folder that the pieces' names are below; None where nothing is to be made.

    Raises:
        TokenizerError: it is no such folder, or a part of it is damaged.
    """

    def __init__(self, folder: str | Path, root: str | Path | None = None) -> None:
        self.folder = Path(folder)
        self.root = Path(root) if root is not None else Path()
        self.about = read_manifest(self.folder)
        plan = self.folder / PLAN
        try:
            with plan.open("rb") as file:
                digest, self._offsets = hashlib.sha256(), [0]
                for line in file:
                    digest.update(line)
                    self._offsets.append(self._offsets[-1] + len(line))
        except OSError:
            raise TokenizerError(f"{PLAN} of {self.folder.name} cannot be read.") from None
        if digest.hexdigest() != self.about["plan_sha256"]:
            raise TokenizerError(f"{PLAN} of {self.folder.name} is damaged, or of another data set.")

    def __len__(self) -> int:
        """How many shards."""
        return len(self._offsets) - 1

    def pieces(self, number: int) -> list[Piece]:
        """The pieces of a shard."""
        with (self.folder / PLAN).open("rb") as file:
            file.seek(self._offsets[number])
            return json.loads(file.read(self._offsets[number + 1] - self._offsets[number]))["pieces"]

    def items(self, number: int) -> list[Item]:
        """The photographs of a shard, in order."""
        return list(all_items(self.root, self.pieces(number), self.about["labels"]))

    def count(self, number: int) -> int:
        """How many photographs a shard is of."""
        whole, size = self.about["photographs"], self.about["shard_size"]
        return min(size, whole - number * size)

    def file(self, number: int) -> Path:
        """Where a shard's rows are."""
        ending = {"parquet": "parquet", "safetensors": "safetensors"}[self.about["form"]]
        return self.folder / f"shard-{number:05d}.{ending}"

    def mark(self, number: int) -> Mark | None:
        """What is known of a shard; None if it is not done."""
        try:
            values = json.loads((self.folder / f"shard-{number:05d}.json").read_text("utf-8"))
            values["damaged"] = tuple((key, why) for key, why in values["damaged"])
            mark = Mark(**values)
            same = (self.folder / mark.file).stat().st_size == mark.bytes
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return mark if same and mark.plan == self.about["plan_sha256"] else None

    def to_do(self, worker: tuple[int, int] = (0, 1)) -> list[int]:
        """The shards that are not done, of those with number i, i + n, i + 2 n, ... for worker i of n."""
        return [number for number in range(worker[0], len(self), worker[1]) if self.mark(number) is None]

    def commit(self, number: int, data: bytes, rows: int, damaged: Sequence[tuple[str, str]]) -> Mark:
        """Write a shard, whole or not at all, and then its mark.

        Raises:
            TokenizerError: the disk is full, or cannot be written to.
        """
        path, name = self.file(number), self.file(number).name
        digest = hashlib.sha256(data).hexdigest()
        mark = Mark(number, rows, tuple(damaged), name, len(data), digest, self.about["plan_sha256"])
        self._move_in(path, data)
        text = json.dumps(mark.__dict__, indent=1) + "\n"
        self._move_in(path.with_suffix(".json"), text.encode())
        return mark

    def finish(self) -> bool:
        """Write sums and counts into the manifest, if every shard is done; whether that is so."""
        marks = [self.mark(number) for number in range(len(self))]
        found = [mark for mark in marks if mark is not None]
        if len(found) < len(marks):
            return False
        self.about |= {
            "complete": True,
            "rows": sum(mark.rows for mark in found),
            "damaged": sum(len(mark.damaged) for mark in found),
            "files": [{"file": mark.file, "rows": mark.rows, "sha256": mark.sha256} for mark in found],
        }
        _write_manifest(self.folder, self.about)
        for part in self.folder.glob(".shard-*"):  # of runs that were killed
            part.unlink(missing_ok=True)
        return True

    def marks(self) -> Iterator[Mark]:
        """Of all shards that are done."""
        for number in range(len(self)):
            mark = self.mark(number)
            if mark is not None:
                yield mark

    def _move_in(self, path: Path, data: bytes) -> None:
        """Two processes may make one shard, where one was thought dead: each writes a file of its own."""
        beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
        write_whole(beside, data)
        try:
            beside.replace(path)
        except OSError as error:
            raise TokenizerError(f"{path.name} could not be written: {error.strerror}.") from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a folder of shards.

    Raises:
        TokenizerError: there is none, or it is damaged.
    """
    try:
        values = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise TokenizerError(f"{folder.name} is no folder of token shards: it has no {MANIFEST}.") from None
    except (OSError, ValueError):
        values = None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise TokenizerError(f"{MANIFEST} of {folder.name} is damaged or of another version.")
    return values


def make(folder: Path, source: Source, about: dict[str, Any]) -> None:
    """Cut a source into shards, and write plan and manifest.

    Args:
        folder: made if need be.
        source: from `sources.find`.
        about: what the manifest says; `shard_size` is used here.
    """
    lines, pieces, room = [], list[Piece](), about["shard_size"]
    for piece in source.pieces:
        first = 0
        while first < size_of(piece):
            some = min(room, size_of(piece) - first)
            pieces.append(cut(piece, first, some))
            first, room = first + some, room - some
            if room == 0:
                lines.append(pieces)
                pieces, room = [], about["shard_size"]
    if pieces:
        lines.append(pieces)
    text = "".join(
        json.dumps({"shard": number, "pieces": pieces}) + "\n" for number, pieces in enumerate(lines)
    )
    data = text.encode()
    count = sum(map(size_of, source.pieces))
    values = {"format": FORMAT, **about, "labels": list(source.labels), "crop": CROP, "photographs": count}
    values |= {"shards": len(lines), "plan_sha256": hashlib.sha256(data).hexdigest(), "complete": False}
    write_whole(folder / PLAN, data, make_folders=True)
    _write_manifest(folder, values)


def check_same(about: dict[str, Any], wanted: dict[str, Any], folder: str) -> None:
    """Whether a folder was begun as it is to be gone on with.

    Raises:
        TokenizerError: another model, other weights or options.
    """
    for name, called in FIXED.items():
        if about.get(name) != wanted[name]:
            raise TokenizerError(
                f"{folder} was begun with another value of {called}: {about.get(name)}, not {wanted[name]}. "
                "Go on with that, or choose another folder."
            )


def _write_manifest(folder: Path, values: dict[str, Any]) -> None:
    write_whole(folder / MANIFEST, (json.dumps(values, indent=1) + "\n").encode())
