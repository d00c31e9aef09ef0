"""The verbs of `tokendial`, a file each: `add` builds its options, and `run` does it.

options.py      options that several verbs have, and what they print
files.py        token files, pictures that say how they were made, standard input and output
models.py       list the models
fetch.py        published models, from the hub or from a file
encode.py       photos to files of tokens
decode.py       files of tokens to pictures
tokenize.py     a data set to shards of tokens
detokenize.py   shards of tokens to pictures
evaluate.py     measure a model on photos
allocate.py     how many tokens each photo needs
compare.py      all models and codecs at equal bytes
judge.py        the page that weights are judged by
bench.py        times on this machine
graphs.py       a model's networks as ONNX graphs
train.py        hands its words on to the training code
serve.py        the page, served or as static files

Neighbour: `demo.cli` (the command itself, which is light until a verb is known).
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import tokenizer_core as tc

from . import (
    allocate,
    bench,
    compare,
    decode,
    detokenize,
    encode,
    evaluate,
    fetch,
    graphs,
    judge,
    models,
    serve,
    tokenize,
    train,
)

VERBS = (serve, models, fetch, encode, decode, tokenize, detokenize)
VERBS = (*VERBS, evaluate, allocate, judge, compare, bench, graphs, train)


def build_parser() -> argparse.ArgumentParser:
    """All verbs and options; `tests/test_cli.py` holds the list."""
    parser = argparse.ArgumentParser(prog="tokendial", description="Image tokens with a live dial.")
    parser.add_argument("--version", action="version", version=f"tokendial {_version()}")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        verb.add(subparsers)
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `tokendial`; None takes the process's own.

    Returns:
        0; 2 when the user can mend it: then a sentence is on stderr; 3 where some photos were skipped.
        (argparse exits by itself.)
    """
    args = build_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except tc.TokenizerError as error:
        print(error, file=sys.stderr)
        return 2


def _version() -> str:
    try:
        return version("tokendial")
    except PackageNotFoundError:  # run from a folder, not installed
        return "(not installed)"
