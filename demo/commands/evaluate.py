"""`tokendial evaluate`: a table of measures over many photos."""

import argparse
from typing import Any

import tokenizer_core as tc

from . import files
from .options import (
    add_json,
    add_model,
    add_photos,
    add_seed,
    add_seeds,
    add_spread,
    add_verb,
    load,
    numbers,
    photos_of,
    progress,
    say_skipped,
    spread_of,
)

DEFAULT_LENGTHS = (1, 4, 16, 64, 256)


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "evaluate", run, "measure a model on photos")
    add_photos(parser)
    parser.add_argument("--lengths", type=numbers, help="default: of 1,4,16,64,256, or the model's ladder")
    parser.add_argument("--steps", type=numbers, help="default: one for each of the model's modes")
    parser.add_argument("--guidance-scale", type=float, help="of what is drawn (default: the model's)")
    parser.add_argument("--classifier", action="store_true", help="also measure features and labels (slow)")
    add_seed(parser)
    add_seeds(parser)
    add_spread(parser)
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int | None:
    """Print the table, and write it as JSON if asked to."""
    tokenizer = load(args)
    info = tokenizer.info
    usual = [k for k in DEFAULT_LENGTHS if k in info.lengths]
    lengths = args.lengths or (usual if len(usual) > 2 else [k for k in info.ladder if k > 0])
    steps = args.steps or [info.steps_of(mode) for mode in info.modes]
    options = {"seed": args.seed, "seeds": args.seeds, "progress": progress()}
    options["spread"] = spread_of(args)
    options["guidance_scale"] = args.guidance_scale
    classifier = tc.LiteClassifier(2) if args.classifier else None
    photos = photos_of(args)
    report = tc.evaluate(tokenizer, photos, lengths, steps, classifier=classifier, **options)
    print(report.table())
    files.write_json(args.json, report.to_json())
    return say_skipped(photos.damaged)
