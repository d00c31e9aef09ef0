"""`tokendial compare`: every model that is here beside WebP and JPEG, at equal bytes."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import (
    add_device,
    add_photos,
    add_spread,
    add_verb,
    numbers,
    photos_of,
    progress,
    say_skipped,
    spread_of,
)


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "compare", run, "set all models beside each other at equal bytes")
    add_photos(parser)
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="names (default: all that are here)")
    parser.add_argument("--bytes", type=numbers, default=tc.BUDGETS, help="default: 32,64,...,2048")
    parser.add_argument("--out", default="runs/compare", help="a folder (default: runs/compare)")
    add_spread(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> int | None:
    """Measure, print the tables, and write them with a figure."""
    tokenizers = load_all(args.models, args.device, args.dtype)
    photos = photos_of(args)
    found = tc.compare(
        tokenizers,
        photos,
        budgets=args.bytes,
        classifier=tc.LiteClassifier(2),
        spread=spread_of(args),
        progress=progress(),
    )
    print(found.tables(), flush=True)
    with files.sentences(args.out):
        tc.write_comparison(found, Path(args.out))
    print(f"{args.out}: COMPARE.md, compare.png and compare.json")
    return say_skipped(photos.damaged)


def load_all(names: Sequence[str] | None, device: str, dtype: str) -> list[tc.Tokenizer]:
    """Models by name, all that are here if None, each where it may run.

    Raises:
        TokenizerError: no such model, device or dtype.
    """
    infos = {info.name: info for info in tc.catalog()}
    found = []
    for name in dict.fromkeys(names or infos):
        own = infos[name].device_of(device) if name in infos else device
        found.append(tc.load(name, own, dtype if own == device else "auto"))
    return found
