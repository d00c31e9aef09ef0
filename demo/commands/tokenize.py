"""`tokendial tokenize`: a data set to a folder of shards of tokens; what was begun goes on."""

import argparse
import sys
import time
from typing import Any

import tokenizer_core as tc

from .options import add_verb, say_skipped

EVERY = 30  # seconds between two lines where nobody watches


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "tokenize", run, "turn a data set into shards of tokens")
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder of photos, of tars or of Parquet files; such a file; a zip; a .txt with a path a line",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the shards")
    parser.add_argument("--model", help="a name of `tokendial models` (default: the first)")
    parser.add_argument("--device", default="auto", help="auto: every GPU, or the CPU; or cpu, cuda:0,cuda:1")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 (default: auto, as timed)")
    parser.add_argument("--ray", metavar="ADDRESS", help="of a Ray cluster; auto: the one of this machine")
    parser.add_argument(
        "--worker", type=share, default=(0, 1), metavar="I/N", help="this is one of N machines"
    )
    parser.add_argument("--exact", action="store_true", help="decode JPEGs larger than they are needed")
    parser.add_argument("--skip-damaged", action="store_true", help="list photos that cannot be opened")
    parser.add_argument("--shard-size", type=int, default=2048, metavar="N", help="photos (default: 2048)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that decode, a device")
    parser.add_argument("--batch", type=int, metavar="N", help="photos that a device encodes at once")
    parser.add_argument("--compile", action="store_true", help="compile the encoder on a GPU: a minute more")


def run(args: argparse.Namespace) -> int | None:
    """Make the shards that are lacking; 3 where photos are damaged."""
    settings = tc.SetSettings(
        model=args.model,
        device=args.device,
        dtype=args.dtype,
        exact=args.exact,
        skip_damaged=args.skip_damaged,
        shard_size=args.shard_size,
        workers=args.workers,
        batch=args.batch,
        compiled=args.compile,
        share=args.worker,
    )
    line = Line()
    try:
        found = tc.tokenize(args.source, args.out, settings, ray=args.ray, progress=line)
    finally:
        line.end()
    state = found.progress
    print(f"{args.out}: {found.rows} photos are in {'all' if found.complete else 'some'} of its shards")
    if state.done:
        print(
            f"{state.done} photos in {state.seconds:.1f} s, {state.rate:.0f}/s; "
            f"{state.devices} device{'s' * (state.devices > 1)}, computing {100 * state.busy:.0f} % of that"
        )
    return say_skipped(found.damaged)


def share(text: str) -> tuple[int, int]:
    """3/8 as (3, 8)."""
    first, _, shares = text.partition("/")
    if not (first.isdecimal() and shares.isdecimal() and int(first) < int(shares)):
        raise argparse.ArgumentTypeError("expected 0/n to (n-1)/n, such as 3/8")
    return int(first), int(shares)


class Line:
    """A line on standard error: how far the work is. Over itself for people, now and then in a log."""

    def __init__(self) -> None:
        self.watched, self.last = sys.stderr.isatty(), time.monotonic()

    def __call__(self, state: tc.SetProgress) -> None:
        """Photos done, photos a second, time left."""
        now = time.monotonic()
        if now - self.last < (0.2 if self.watched else EVERY):
            return
        self.last = now
        left = "" if state.seconds_left is None else f", {_time(state.seconds_left)} left"
        text = f"{state.done:,} of {state.total:,} photos, {state.rate:,.0f}/s{left}"
        if state.damaged:
            text += f", {len(state.damaged)} damaged"
        print(
            f"\r{text:70s}" if self.watched else text,
            end="" if self.watched else "\n",
            file=sys.stderr,
            flush=True,
        )

    def end(self) -> None:
        """What follows begins on a line of its own."""
        if self.watched:
            print(f"\r{'':70s}\r", end="", file=sys.stderr)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
