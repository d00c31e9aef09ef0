"""`tokendial train`: hands its words on to the training code, which nothing else imports."""

import argparse
from typing import Any

from .options import add_verb, say_skipped


def add(subparsers: Any) -> None:
    """Every word after `train`, dashes or not, is for the training code's own parser."""
    parser = add_verb(subparsers, "train", run, "train a model", add_help=False, prefix_chars="\0")
    parser.add_argument("rest", nargs="*")


def run(args: argparse.Namespace) -> int | None:
    """Train; see docs/training.md."""
    from tokenizer_core.training.cli import train

    return say_skipped(train(args.rest))
