"""`tokendial bench`: how fast a model is on this machine, beside the floor by arithmetic."""

import argparse
import json
import logging
import time
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_json, add_model, add_verb, load


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "bench", run, "time the encoder and the decoder on this machine")
    add_model(parser)
    parser.add_argument("--films", action="store_true", help="also films: a picture of every length")
    parser.add_argument("--plain", action="store_true", help="on a GPU: nothing recorded, nothing compiled")
    parser.add_argument("--visitors", type=int, default=0, help="also so many visitors of the page at once")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the table, and write it as JSON if asked to."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    began = time.perf_counter()
    tokenizer = load(args)
    tokenizer.decode(tokenizer.encode(tc.draw_picture(tokenizer.info.picture_size)), steps=1)
    cold_start = time.perf_counter() - began
    if not args.plain:
        tokenizer.accelerate(wait=True)
    report = tc.bench(tokenizer, films=args.films, cold_start_seconds=cold_start)
    print(report.table())
    told = json.loads(report.to_json())
    if args.visitors:
        from ..crowd import measure  # slow: it brings the page

        told["visitors"] = crowd = measure(tokenizer, args.visitors)
        print("\n".join(f"{name}: {value}" for name, value in crowd.items()))
    files.write_json(args.json, json.dumps(told, indent=1))
