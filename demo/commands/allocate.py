"""`tokendial allocate`: how many tokens each photo needs until its picture is near enough."""

import argparse
from typing import Any

import tokenizer_core as tc

from . import files
from .options import (
    add_json,
    add_model,
    add_photos,
    add_verb,
    load,
    numbers,
    photos_of,
    progress,
    say_skipped,
)


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "allocate", run, "find how many tokens each photo needs")
    add_photos(parser)
    parser.add_argument("--criterion", choices=tuple(tc.CRITERIA), default="l1", help="default: l1")
    usual = ", ".join(f"{kind.threshold:g} for {name}" for name, kind in tc.CRITERIA.items())
    parser.add_argument("--threshold", type=float, help=f"default: {usual}")
    parser.add_argument("--lengths", type=numbers, help="that are tried (default: the model's ladder)")
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int | None:
    """Print the histogram and a line a photo, and write them as JSON if asked to."""
    criterion = tc.criterion_of(args.criterion, args.threshold)
    options = {"lengths": args.lengths, "progress": progress()}
    photos = photos_of(args)
    report = tc.allocate(load(args), photos, criterion, **options)
    print(report.table())
    files.write_json(args.json, report.to_json())
    return say_skipped(photos.damaged)
