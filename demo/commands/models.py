"""`tokendial models`: what is here, what can be fetched, and in which numbers this machine computes."""

import argparse
from typing import Any

import tokenizer_core as tc

from .options import add_verb, print_table

DTYPE_CHOICE = "the quicker of bfloat16 and float32 in a matrix product timed now; --dtype chooses."


def add(subparsers: Any) -> None:
    """Its options: none."""
    add_verb(subparsers, "models", run, "list the models")


def run(args: argparse.Namespace) -> None:
    """A line a model, and what is wrong with those that cannot be read.

    Raises:
        TokenizerError: there is no model at all.
    """
    known, damaged = tc.catalog(), tc.damaged_models()
    if not known and not damaged:
        tc.default_model()  # says in a sentence where to get them
    head = ("name", "role", "MB", "tokens", "bits a token", "ordered", "id", "licence", "title")
    rows = [
        (
            info.name,
            info.role,
            f"{info.size_bytes / 1e6:.1f}",
            f"{info.lengths[-1]} {info.tokens}",
            str(info.bits_per_token),
            "yes" if info.ordered else "no",
            info.checkpoint_id or "not here",
            info.licence,
            info.title,
        )
        for info in known
    ]
    print_table(head, rows)
    for name, why in damaged:
        print(f"{name} is left out: {why}")
    device = tc.find_device("auto")
    dtype = str(tc.find_dtype("auto", device)).removeprefix("torch.")
    print(f"\nOn this machine: {device}, {dtype}, {DTYPE_CHOICE}")
    missing = set(tc.offers()) - {row[0] for row in rows}
    if missing:
        print(f"`tokendial fetch NAME` brings: {', '.join(sorted(missing))}.")
