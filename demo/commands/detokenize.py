"""`tokendial detokenize`: shards of tokens to pictures."""

import argparse
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_device, add_seed, add_verb, progress


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "detokenize", run, "turn shards of tokens into pictures")
    parser.add_argument("shards", metavar="DIR", help="what `tokenize` wrote")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER", help="of the pictures")
    parser.add_argument("--length", type=int, help="how many tokens, from the first on (default: all)")
    parser.add_argument("--limit", type=int, help="only the first so many photos")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--mode", choices=tc.MODES, help="which of the model's pictures (default: as --steps)")
    how.add_argument("--steps", type=int, help="1 is the mean; more is a sample (default: the model's)")
    add_seed(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """A picture a row, named by its key."""
    tokens = tc.open_tokens(args.shards)
    tokenizer = tc.load(tokens.about["model"], args.device, args.dtype)
    steps = args.steps if args.mode is None else tokenizer.info.steps_of(args.mode)
    report, many = progress(), tokens if args.limit is None else tokens[: args.limit]
    done = 0
    for done, row in enumerate(many, 1):
        length = len(row.encoding) if args.length is None else args.length
        picture = tokenizer.decode(row.encoding, length, steps=steps, seed=args.seed)
        made = {"model": tokenizer.info.name, "weights": tokenizer.info.checkpoint_id, "length": length}
        about = made | {"steps": tokenizer.info.default_steps if steps is None else steps, "seed": args.seed}
        target = files.in_folder(Path(args.output), Path(f"{_inside(row.key)}.png"))
        files.save_picture(picture, target, about)
        if report is not None:
            report(done)
    print(f"{args.output}: {done} pictures, seed {args.seed}")


def _inside(key: str) -> str:
    """A key as a name below a folder: a list may have paths from the root, or through folders above."""
    return "/".join(part for part in key.split("/") if part not in ("", ".", ".."))
