"""The probe of `soft_and_hard`: which of ten classes can be read from a model's longest code.

Soft tokens are read as their numbers; hard ones, whose indices are no amounts, as how often each occurs,
under a root, whatever their place. Neighbour: `probe`, whose fit this is.
"""

import argparse
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import tokenizer_core as tc
from studies.probe import labelled, probe
from tokenizer_core.codes.packing import HARD
from tokenizer_core.measure.tally import interval


def probe_options(parser: argparse.ArgumentParser) -> None:
    """What a probe is fitted to and tested on."""
    parser.add_argument("--train", nargs="+", help="folders or archives that a probe is fitted to")
    parser.add_argument("--labels", help="lines of JSON: file, source, label")
    parser.add_argument("--source", help="only the photographs of this source")
    parser.add_argument("--test", help="a folder or archive with a folder a class")
    parser.add_argument("--probe-limit", type=int, help="only so many photographs of each")


def readable(encoding: tc.Encoding) -> Tensor:
    """What a linear probe reads of a code, (D,) float64."""
    if encoding.kind == HARD:
        counts = np.bincount(encoding.tokens, minlength=encoding.vocabulary)
        return torch.from_numpy(np.sqrt(counts))
    return torch.from_numpy(encoding.tokens.astype(np.float64).ravel())


def probed(tokenizers: Sequence[tc.Tokenizer], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """By model: the share of test photographs whose class is named, its interval, and how many they are."""
    train, test = labelled(options.train, options.labels, options.source, options.test)
    train, test = train[: options.probe_limit], test[: options.probe_limit]
    y, wanted = (torch.tensor([label for _, label in files]) for files in (train, test))
    found = {}
    for tokenizer in tokenizers:
        rows = [_read(tokenizer, files) for files in (train, test)]
        named, _ = probe((rows[0], y), (rows[1], wanted))
        low, high = interval(named)
        figures = {"accuracy": named.mean().item(), "low": low, "high": high}
        rest = {"photos": len(test), "learnt_from": len(train)}
        found[tokenizer.info.name] = {name: round(value, 4) for name, value in figures.items()} | rest
        print(f"{tokenizer.info.name}: a probe names {named.mean():.3f} of {len(test)}", flush=True)
    return found


def _read(tokenizer: tc.Tokenizer, files: Sequence[tuple[bytes, int]]) -> Tensor:
    pictures = (tc.square_crop(tc.open_photo(io.BytesIO(data))) for data, _ in files)
    return torch.stack([readable(tokenizer.encode(one)) for one in pictures])
