"""Sources: where the photographs of a data set are, without reading them.

A source is a folder of photographs; a zip; tars as WebDataset writes them (members of one base name are one
sample; its picture is encoded, what else it has are labels), one or a folder of them; Parquet or Arrow
files with a column of pictures, as the Hugging Face hub and `datasets` write them, one or a folder of them;
or a text file with a path a line, which may have a label behind a tab.

A *piece* is a run of neighbouring photographs of one file, plain data for JSON; a *place* says where the
bytes of one photograph are. Neighbours: `plan` (cuts pieces into shards), `tables`, `decoding` (reads
places).
"""

import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.archives import members, read_zipped, shown_name
from tokenizer_core.photos.files import check_size, read_bytes
from tokenizer_core.photos.names import is_photo
from tokenizer_core.sets import tables

Piece = dict[str, Any]
Place = tuple[Any, ...]

LIST_SUFFIXES = (".txt", ".lst", ".tsv")
LARGEST_LABEL = 1 << 20  # bytes of a member of a tar that is a label


@dataclass(frozen=True)
class Item:
    """One photograph.

    Attributes:
        key: names it in the whole set; no two have one.
        place: where its bytes are: ("file", path), ("part", path, offset, size), ("zip", path, name) or
            ("row", path, group, row, column).
        labels: by column; of a tar, the place of each, read when the shard is written.
    """

    key: str
    place: Place
    labels: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """All pieces of a data set.

    Attributes:
        root: the folder that the names of the pieces are below.
        pieces: in order of their names.
        labels: the columns that are passed on.
    """

    root: Path
    pieces: list[Piece]
    labels: tuple[str, ...] = ()


def find(source: str | Path | Sequence[str | Path]) -> Source:
    """Look at a source.

    Args:
        source: see above; a sequence is a list of paths of photographs.

    Raises:
        TokenizerError: there is no such source, it holds no photographs, or a part of it cannot be read.
    """
    if not isinstance(source, (str, Path)):
        return _listed([str(path) for path in source], Path.cwd(), "The list")
    path = Path(source)
    shown = shown_name(path.name)
    if not path.exists():
        raise TokenizerError(f"There is no data set named {shown}.")
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    if suffix == ".tar":
        return _tars(path.parent, [path])
    if suffix in tables.SUFFIXES:
        return _tables(path.parent, [path])
    if suffix in LIST_SUFFIXES:
        lines = path.read_text("utf-8", "replace").splitlines()
        return _listed([line for line in lines if line.strip()], path.parent, shown)
    if suffix == ".zip":
        names = [member.name for member in members(path)]
        return _some(Source(path.parent, [{"kind": "zip", "file": path.name, "names": names}]), shown)
    raise TokenizerError(
        f"{shown} is no folder, zip, tar, Parquet or Arrow file, and no list (.txt) of paths."
    )


def size_of(piece: Piece) -> int:
    """How many photographs a piece has."""
    return len(piece["names"]) if "names" in piece else piece["count"]


def cut(piece: Piece, first: int, count: int) -> Piece:
    """`count` photographs of a piece, from its `first` on."""
    if "names" in piece:
        some = {key: piece[key][first : first + count] for key in ("names", "labels") if key in piece}
        return piece | some
    return piece | {"first": piece["first"] + first, "count": count}


def items(root: Path, piece: Piece, labels: Sequence[str] = ()) -> list[Item]:
    """The photographs of a piece, in order.

    Raises:
        TokenizerError: its file is gone, or is not what it was.
    """
    kind = piece["kind"]
    if kind == "files":
        given = piece.get("labels") or [None] * len(piece["names"])
        return [
            Item(name, ("file", str(root / name)), {} if label is None else {"label": label})
            for name, label in zip(piece["names"], given, strict=True)
        ]
    path = str(root / piece["file"])
    if kind == "zip":
        return [Item(f"{piece['file']}/{name}", ("zip", path, name)) for name in piece["names"]]
    if kind == "tar":
        some = _samples(path)[piece["first"] : piece["first"] + piece["count"]]
        return [_item(path, piece["file"], sample, labels) for sample in some]
    column = piece["column"]
    rows = tables.places(path, piece["first"], piece["count"])
    numbers = range(piece["first"], piece["first"] + piece["count"])
    return [
        Item(f"{piece['file']}/{number}", ("row", path, group, row, column))
        for number, (group, row) in zip(numbers, rows, strict=True)
    ]


def read_place(place: Place) -> bytes:
    """The bytes of a photograph.

    Raises:
        TokenizerError: they cannot be read, or are too many.
    """
    kind, path, *where = place
    if kind == "file":
        return read_bytes(path)
    if kind == "part":
        return _read_part(path, *where)
    if kind == "zip":
        archive = _zip(path)
        return read_zipped(archive, archive.getinfo(where[0]))
    return tables.picture(path, *where)


def read_label(place: Place) -> str:
    """A label that is a member of a tar, as text."""
    _, path, offset, size = place
    if size > LARGEST_LABEL:
        raise TokenizerError(f"A label of over 1 MB is in {Path(path).name}.")
    return _read_part(path, offset, size, empty=True).decode("utf-8", "replace").strip()


def _read_part(path: str, offset: int, size: int, empty: bool = False) -> bytes:
    if not (empty and size == 0):
        check_size(size)
    try:
        with Path(path).open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError:
        raise TokenizerError("This file cannot be read.") from None
    if len(data) != size:
        raise TokenizerError("This file cannot be read: it is damaged or cut off.")
    return data


@lru_cache(4)
def _zip(path: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _some(source: Source, shown: str) -> Source:
    if not any(map(size_of, source.pieces)):
        raise TokenizerError(f"{shown} holds no photographs.")
    return source


def _folder(path: Path) -> Source:
    files = sorted(file for file in path.rglob("*") if not file.name.startswith("."))
    found = [file for file in files if file.suffix.lower() in tables.SUFFIXES and file.is_file()]
    if found:
        return _tables(path, found)
    found = [file for file in files if file.suffix.lower() == ".tar" and file.is_file()]
    if found:
        return _tars(path, found)
    names = [member.name for member in members(path)]
    return _some(Source(path, [{"kind": "files", "names": names}]), shown_name(path.name))


def _listed(lines: list[str], root: Path, shown: str) -> Source:
    names, labels = [], []
    for line in lines:
        name, _, label = line.partition("\t")
        names.append(name.strip())
        labels.append(label.strip())
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TokenizerError(f"{shown} names {shown_name(twice)} twice.")
    piece: Piece = {"kind": "files", "names": names}
    if any(labels):
        return _some(Source(root, [piece | {"labels": labels}], ("label",)), shown)
    return _some(Source(root, [piece]), shown)


def _tars(root: Path, paths: Iterable[Path]) -> Source:
    pieces, labels = [], set[str]()
    for path in paths:
        samples = _samples(str(path))
        name = path.relative_to(root).as_posix()
        pieces.append({"kind": "tar", "file": name, "first": 0, "count": len(samples)})
        labels |= {suffix for _, parts in samples for suffix in parts if not is_photo(f"a.{suffix}")}
    return _some(Source(root, pieces, tuple(sorted(labels))), shown_name(root.name))


Sample = tuple[str, dict[str, tuple[int, int]]]  # its key; suffix -> where in the tar, and how many bytes


@lru_cache(2)
def _samples(path: str) -> tuple[Sample, ...]:
    """The samples of a tar that have a picture, in the tar's order: headers are read, and nothing else."""
    shown = shown_name(Path(path).name)
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isreg():
                    key, suffix = _key_and_suffix(member.name)
                    found.setdefault(key, {})[suffix] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError):
        raise TokenizerError(
            f"{shown} cannot be read as a tar: it is damaged, cut off, or compressed (unpack it first)."
        ) from None
    return tuple(
        (key, parts) for key, parts in found.items() if any(is_photo(f"a.{suffix}") for suffix in parts)
    )


def _key_and_suffix(name: str) -> tuple[str, str]:
    """The base name up to the first dot behind the last slash, and what follows, as WebDataset has them."""
    folder, slash, base = name.rpartition("/")
    base, _, suffix = base.partition(".")
    return folder + slash + base, suffix.lower()


def _item(path: str, file: str, sample: Sample, labels: Sequence[str]) -> Item:
    key, parts = sample
    suffix = next(suffix for suffix in parts if is_photo(f"a.{suffix}"))
    known = {label: ("part", path, *parts[label]) for label in labels if label in parts}
    return Item(f"{file}/{key}", ("part", path, *parts[suffix]), known)


def _tables(root: Path, paths: Sequence[Path]) -> Source:
    column = tables.picture_column(str(paths[0]))
    pieces: list[Piece] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        count = tables.count(str(path))
        pieces.append({"kind": "table", "file": name, "first": 0, "count": count, "column": column})
    labels = tables.label_columns(str(paths[0]), column)
    return _some(Source(root, pieces, labels), shown_name(root.name))


def all_items(root: Path, pieces: Iterable[Piece], labels: Sequence[str]) -> Iterator[Item]:
    """The photographs of several pieces, in order."""
    for piece in pieces:
        yield from items(root, piece, labels)
