"""Which published models can be fetched: offers.json as objects.

A file whose SHA-256 or revision nobody has confirmed yet has "" there: the first fetch takes what the hub
has, says so, and keeps both; every later fetch on that machine must give the same. Neighbour: `bring`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError

FILE = Path(__file__).with_name("offers.json")


@dataclass(frozen=True, kw_only=True)
class OfferedFile:
    """One file of the hub.

    Attributes:
        part: "own", the model's weights, or "kl16", the autoencoder's.
        repository: "owner/name".
        revision: commit; "" is not known yet.
        name: of the file there.
        bytes: about.
        sha256: "" is not known yet.
    """

    part: str
    repository: str
    revision: str
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One model that can be fetched.

    Attributes:
        name: in the catalog.
        kind: its family.
        title: one phrase for people.
        licence: of the weights.
        credit: whose weights they are.
        source: the paper.
        sizes: of its configuration, where they are not the family's defaults.
        files: to fetch.
    """

    name: str
    kind: str
    title: str
    licence: str
    credit: str
    source: str
    sizes: dict[str, Any]
    files: tuple[OfferedFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files together, about."""
        return sum(file.bytes for file in self.files)

    @property
    def places(self) -> list[str]:
        """Addresses of its repositories, for people."""
        return list(dict.fromkeys(f"https://huggingface.co/{file.repository}" for file in self.files))


def offers() -> dict[str, Offer]:
    """Every model that can be fetched, by name."""
    found = {}
    for name, line in json.loads(FILE.read_text("utf-8")).items():
        files = tuple(OfferedFile(**file) for file in line.pop("files"))
        sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in line.pop("sizes").items()}
        found[name] = Offer(name=name, files=files, sizes=sizes, **line)
    return found


def offer(name: str) -> Offer:
    """One of them.

    Raises:
        TokenizerError: there is no such offer.
    """
    known = offers()
    if name not in known:
        raise TokenizerError(f"{name} cannot be fetched; these can: {', '.join(known)}.")
    return known[name]
