"""The probe of `soft_and_hard`: which of ten classes can be read from a model's longest code.

Soft tokens are read as their numbers; hard ones, whose indices are no amounts, as how often each occurs,
under a root, whatever their place. What was found is kept in a file as soon as it is found, and serves again
as long as weights and photographs are the same. Neighbour: `probe`, whose fit this is.
"""

import argparse
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

import tokenizer_core as tc
from studies.probe import labelled, probe
from tokenizer_core.codes.packing import HARD
from tokenizer_core.measure.tally import interval
from tokenizer_core.reports.blocks import Portable, places_of
from tokenizer_core.storage.whole import write_whole

Files = Sequence[tuple[bytes, int]]  # of photographs: the file's bytes, the class
FIGURES = ("accuracy", "low", "high", "photos", "learnt_from")


def probe_options(parser: argparse.ArgumentParser) -> None:
    """What a probe is fitted to and tested on."""
    parser.add_argument("--train", nargs="+", help="folders or archives that a probe is fitted to")
    parser.add_argument("--labels", help="lines of JSON: file, source, label")
    parser.add_argument("--source", help="only the photographs of this source")
    parser.add_argument("--test", help="a folder or archive with a folder a class")
    parser.add_argument("--probe-limit", type=int, help="only so many photographs of each")
    parser.add_argument(
        "--probes", type=Path, metavar="FILE", help="found ones are kept here, and read again"
    )


def readable(encoding: tc.Encoding) -> Float64[np.ndarray, " D"]:
    """What a linear probe reads of a code."""
    if encoding.kind == HARD:
        return np.sqrt(np.bincount(encoding.tokens, minlength=encoding.vocabulary))
    return encoding.tokens.astype(np.float64).ravel()


@dataclass
class ReadWork:
    """What a worker makes once: a function from a model's number and a file's bytes to a row."""

    models: Sequence[Portable]

    def __call__(self, device: str | None) -> Callable[[tuple[int, bytes]], np.ndarray]:
        """The function, with the models on the worker's device."""
        models = [one.get(device) for one in self.models]

        def read(item: tuple[int, bytes]) -> np.ndarray:
            model, data = item
            return readable(models[model].encode(tc.square_crop(tc.open_photo(io.BytesIO(data)))))

        return read


class Kept:
    """Found probes by model, each with the weights and the photographs that it is of.

    Args:
        path: of the file; None keeps nothing beyond this run.

    Raises:
        TokenizerError: the file is there, and is none of probes.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.found = path, dict[str, dict[str, Any]]()
        if path is not None and path.exists():
            try:
                self.found = {str(name): dict(one) for name, one in json.loads(path.read_bytes()).items()}
            except (ValueError, TypeError, AttributeError):
                raise tc.TokenizerError(f"{path.name} holds no probes.") from None

    def of(self, info: tc.ModelInfo, photographs: str | None) -> dict[str, Any] | None:
        """The figures of these weights and photographs, whichever they are if None; None: not found yet."""
        one = self.found.get(info.name, {})
        same = one.get("checkpoint_id") == info.checkpoint_id
        if not same or not one.keys() >= set(FIGURES) or photographs not in (None, one.get("photographs")):
            return None
        return {name: one[name] for name in FIGURES}

    def add(self, info: tc.ModelInfo, photographs: str, figures: dict[str, Any]) -> None:
        """Keep what was found, in the file at once."""
        self.found[info.name] = {"checkpoint_id": info.checkpoint_id, "photographs": photographs, **figures}
        if self.path is not None:
            write_whole(self.path, (json.dumps(self.found, indent=1) + "\n").encode())


def probed(
    tokenizers: Sequence[tc.Tokenizer], options: argparse.Namespace, spread: tc.Spread | None = None
) -> dict[str, dict[str, Any]]:
    """By model: the share of test photographs whose class is named, its interval, and how many they are.

    Args:
        tokenizers: each of another name.
        options: those of `probe_options`; without `train` what was kept is all there is.
        spread: over which processes photographs are read; what is read is the same.

    Raises:
        TokenizerError: the kept probes cannot be read or written.
    """
    kept, photographs = Kept(options.probes), None
    if options.train:
        train, test = labelled(options.train, options.labels, options.source, options.test)
        train, test = train[: options.probe_limit], test[: options.probe_limit]
        photographs = _name_of(train, test)
        missing = [one for one in tokenizers if kept.of(one.info, photographs) is None]
        for tokenizer, rows in zip(missing, _read(missing, [*train, *test], spread), strict=True):
            kept.add(tokenizer.info, photographs, _fitted(rows, train, test))
            print(f"{tokenizer.info.name}: a probe is found", flush=True)
    found = dict[str, dict[str, Any]]()
    for info in (one.info for one in tokenizers):
        figures = kept.of(info, photographs)
        if figures is not None:
            found[info.name] = figures
            print(f"{info.name}: a probe names {figures['accuracy']:.3f} of {figures['photos']}", flush=True)
    return found


def _name_of(train: Files, test: Files) -> str:
    """Of these photographs and their classes, in this order: 12 hexadecimal digits."""
    total = hashlib.sha256()
    for files in (train, test):
        total.update(f"{len(files)} files".encode())
        for data, label in files:
            total.update(f"{label} {len(data)} ".encode())
            total.update(data)
    return total.hexdigest()[:12]


def _read(tokenizers: Sequence[tc.Tokenizer], files: Files, spread: tc.Spread | None) -> Iterator[Tensor]:
    """What is read of all files, (N, D), of one model after the other."""
    if not tokenizers:
        return
    device = next((one.device for one in tokenizers if one.device != "cpu"), "cpu")
    items = ((model, data) for model in range(len(tokenizers)) for data, _ in files)
    work = ReadWork([Portable(one) for one in tokenizers])
    rows = places_of(tc.Spread() if spread is None else spread, device).map(work, items)
    for _ in tokenizers:
        yield torch.from_numpy(np.stack(list(islice(rows, len(files)))))


def _fitted(rows: Tensor, train: Files, test: Files) -> dict[str, Any]:
    """`FIGURES` of the probe that learns from the first rows and is tested on the rest."""
    y, wanted = (torch.tensor([label for _, label in files]) for files in (train, test))
    named, _ = probe((rows[: len(train)], y), (rows[len(train) :], wanted))
    low, high = interval(named)
    figures = {"accuracy": named.mean().item(), "low": low, "high": high}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return rounded | {"photos": len(test), "learnt_from": len(train)}
