"""`tokendial encode`: a photo to a file of tokens, or every photo of a folder or archive to one each."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tokenizer_core as tc
from demo.commands import files
from demo.commands.options import add_limit, add_model, add_verb, load, progress, say_skipped


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "encode", run, "turn photos into files of tokens")
    parser.add_argument(
        "photo", metavar="PHOTO", help="a photo, a folder, a zip or a tar; - is standard input"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="TOKENS", help="a .safetensors file, a folder, or -"
    )
    parser.add_argument("--skip-damaged", action="store_true", help="leave out photos that cannot be opened")
    add_limit(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int | None:
    """One photo, or many; 3 where some of many were left out."""
    if files.holds_many(args.photo):
        return _encode_many(args)
    files.refuse_same(args.photo, args.output)
    encoding = load(args).encode(files.read_photo(args.photo))
    count = files.save_tokens(encoding, args.output)
    held = f"{len(encoding)} tokens" if encoding.ordered else f"codes of {_list(encoding.lengths)} tokens"
    files.say(f"{args.output}: {held} of {encoding.model}, {count} bytes", args.output)
    return None


def _encode_many(args: argparse.Namespace) -> int | None:
    tokenizer, folder, report = load(args), Path(args.output), progress()
    done, size, skipped = 0, 0, []
    for name, encoding in _encodings(tokenizer, args, skipped):
        target = files.in_folder(folder, Path(name).with_suffix(".safetensors"))
        size += files.save_tokens(encoding, target)
        done += 1
        if report is not None:
            report(done)
    print(f"{args.output}: {done} files of tokens of {tokenizer.info.name}, {size} bytes of tokens")
    return say_skipped(skipped)


def _encodings(
    tokenizer: tc.Tokenizer, args: argparse.Namespace, skipped: list[tuple[str, str]]
) -> Iterator[tuple[str, tc.Encoding]]:
    for name, data in tc.photo_files(args.photo, args.limit):
        try:
            yield name, tokenizer.encode(data)
        except tc.TokenizerError as error:
            if not args.skip_damaged:
                raise tc.TokenizerError(f"{name}: {error}") from None
            skipped.append((name, str(error)))


def _list(lengths: tuple[int, ...]) -> str:
    return ", ".join(map(str, lengths))
