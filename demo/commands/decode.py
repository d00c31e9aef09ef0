"""`tokendial decode`: a file of tokens to a picture, or every such file of a folder to one each."""

import argparse
import sys
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_device, add_seed, add_verb, progress

WORTH_A_WORD = 5  # seconds


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "decode", run, "turn the first tokens of a file into a picture")
    parser.add_argument(
        "tokens", metavar="TOKENS", help="what `encode` or the page wrote; a folder; a link; -"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="PICTURE", help="a .png, .webp or .jpg file, a folder, or -"
    )
    parser.add_argument("--length", type=int, help="how many tokens, from the first on (default: all)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--mode", choices=tc.MODES, help="which of the model's pictures (default: as --steps)")
    how.add_argument("--steps", type=int, help="1 is the mean; more is a sample (default: the model's)")
    parser.add_argument("--guidance-scale", type=float, help="1 is off (default: the model's)")
    add_seed(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """One file, or all of a folder."""
    painter = _Painter(args)
    if files.is_folder(args.tokens):
        _decode_many(args, painter)
        return
    files.refuse_same(args.tokens, args.output)
    encoding = files.load_tokens(args.tokens)
    picture, about = painter.paint(encoding)
    files.save_picture(picture, args.output, about)
    files.say(f"{args.output}: {about['length']} of {len(encoding)} tokens, seed {args.seed}", args.output)


def _decode_many(args: argparse.Namespace, painter: "_Painter") -> None:
    folder, report = Path(args.tokens), progress()
    found = sorted(path for path in folder.rglob("*") if path.suffix in files.TOKEN_SUFFIXES)
    if not found:
        raise tc.TokenizerError(f"{folder.name} holds no files of tokens.")
    for done, path in enumerate(found, 1):
        target = files.in_folder(Path(args.output), path.relative_to(folder).with_suffix(".png"))
        picture, about = painter.paint(files.load_tokens(path))
        files.save_picture(picture, target, about)
        if report is not None:
            report(done)
    print(f"{args.output}: {len(found)} pictures, seed {args.seed}")


class _Painter:
    """Paints encodings as the options say, each with its own model, loaded once."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.models: dict[str, tc.Tokenizer] = {}

    def paint(self, encoding: tc.Encoding) -> tuple[tc.Picture, dict[str, Any]]:
        """The picture, and what its file says of it."""
        args = self.args
        if encoding.model not in self.models:
            self.models[encoding.model] = tc.load(encoding.model, args.device, args.dtype)
        tokenizer = self.models[encoding.model]
        info = tokenizer.info
        length = len(encoding) if args.length is None else args.length
        steps = args.steps if args.mode is None else info.steps_of(args.mode)
        options = {"steps": steps, "guidance_scale": args.guidance_scale, "seed": args.seed}
        tokenizer.check(encoding, [length], **options)
        seconds = tokenizer.waiting_time(steps=steps, guidance_scale=args.guidance_scale)
        if seconds > WORTH_A_WORD:
            print(f"A picture takes about {seconds:.0f} seconds here; Ctrl-C ends it.", file=sys.stderr)
        picture = tokenizer.decode(encoding, length, **options)
        steps = info.default_steps if steps is None else steps
        about = {"model": info.name, "weights": info.checkpoint_id, "length": length, "steps": steps}
        return picture, about | {"seed": args.seed}
