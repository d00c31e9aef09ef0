"""`tokendial judge`: the page that sets a model beside the baseline and codecs at equal bytes."""

import argparse
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import (
    add_model,
    add_photos,
    add_seeds,
    add_spread,
    add_verb,
    load,
    photos_of,
    progress,
    say_skipped,
    spread_of,
)


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "judge", run, "write the page that weights are judged by")
    add_photos(parser, "the validation photos: a folder, a zip or a tar")
    parser.add_argument("--free", required=True, metavar="FOLDER", help="photos that everybody may see")
    parser.add_argument("--out", default="runs/judge", help="a folder (default: runs/judge)")
    parser.add_argument("--baseline", help="the model beside it (default: the first of that role)")
    add_seeds(parser)
    add_spread(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int | None:
    """Measure, print the tables, and write the page."""
    next(tc.PhotoSet(args.free).files())  # found out now, not after an hour of measuring
    tokenizer = load(args)
    baseline = tc.load(_baseline(args.baseline))
    classifier = tc.LiteClassifier(2)
    photos = photos_of(args)
    options = {"classifier": classifier, "progress": progress(), "spread": spread_of(args)}
    found = tc.judge_curves(tokenizer, baseline, photos, args.seeds, **options)
    print(found.tables(), flush=True)
    rows = list(tc.visitors_sheet(tokenizer, photos, args.free))
    with files.sentences(args.out):
        tc.write_judges_page(found, rows, Path(args.out))
    print(f"{args.out}: JUDGE.md, judge.png, judge.webp, and the sheet of {len(rows)} rows")
    return say_skipped(photos.damaged)


def _baseline(name: str | None) -> str:
    """The model that others are set beside: the one that was named, or the first of that role."""
    found = name or next((info.name for info in tc.catalog() if info.role == "baseline"), None)
    if found is None:
        raise tc.TokenizerError("There is no baseline among the models here; name one with --baseline.")
    return found
