"""`tokendial bench`: how fast a model is on this machine, beside the floor by arithmetic."""

import argparse
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_json, add_model, add_verb, load


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "bench", run, "time the encoder and the decoder on this machine")
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the table, and write it as JSON if asked to."""
    report = tc.bench(load(args))
    print(report.table())
    files.write_json(args.json, report.to_json())
