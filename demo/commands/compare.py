"""`tokendial compare`: every model that is here beside WebP and JPEG, at equal bytes."""

import argparse
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_device, add_photos, add_verb, numbers, photos_of, progress, say_skipped


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "compare", run, "set all models beside each other at equal bytes")
    add_photos(parser)
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="names (default: all that are here)")
    parser.add_argument("--bytes", type=numbers, default=tc.BUDGETS, help="default: 32,64,...,2048")
    parser.add_argument("--out", default="runs/compare", help="a folder (default: runs/compare)")
    add_device(parser)


def run(args: argparse.Namespace) -> int | None:
    """Measure, print the tables, and write them with a figure."""
    names = args.models or [info.name for info in tc.catalog()]
    tokenizers = [tc.load(name, args.device, args.dtype) for name in dict.fromkeys(names)]
    photos = photos_of(args)
    found = tc.compare(
        tokenizers, photos, budgets=args.bytes, classifier=tc.LiteClassifier(2), progress=progress()
    )
    print(found.tables(), flush=True)
    with files.sentences(args.out):
        tc.write_comparison(found, Path(args.out))
    print(f"{args.out}: COMPARE.md, compare.png and compare.json")
    return say_skipped(photos.damaged)
