"""`tokendial encode`: a photo to a file of tokens, or every photo of a folder or archive to one each."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from . import files
from .options import add_model, add_photos, add_verb, load, photos_of, progress, say_skipped


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "encode", run, "turn photos into files of tokens")
    add_photos(parser, "a photo, a folder, a zip or a tar; - is standard input")
    parser.add_argument(
        "-o", "--output", required=True, metavar="TOKENS", help="a .safetensors file, a folder, or -"
    )
    add_model(parser)


def run(args: argparse.Namespace) -> int | None:
    """One photo, or many; 3 where some of many were left out."""
    if files.holds_many(args.photos):
        return _encode_many(args)
    files.refuse_same(args.photos, args.output)
    encoding = load(args).encode(_source(files.read_photo(args.photos), args.exact))
    count = files.save_tokens(encoding, args.output)
    held = f"{len(encoding)} tokens" if encoding.ordered else f"codes of {_list(encoding.lengths)} tokens"
    files.say(f"{args.output}: {held} of {encoding.model}, {count} bytes", args.output)
    return None


def _encode_many(args: argparse.Namespace) -> int | None:
    photos = photos_of(args)
    tokenizer, folder, report = load(args), Path(args.output), progress()
    done, size = 0, 0
    for name, encoding in _encodings(tokenizer, photos):
        target = files.in_folder(folder, Path(name).with_suffix(".safetensors"))
        size += files.save_tokens(encoding, target)
        done += 1
        if report is not None:
            report(done)
    print(f"{args.output}: {done} files of tokens of {tokenizer.info.name}, {size} bytes of tokens")
    return say_skipped(photos.damaged)


def _encodings(tokenizer: tc.Tokenizer, photos: tc.PhotoSet) -> Iterator[tuple[str, tc.Encoding]]:
    for name, data in photos.files():
        try:
            encoding = tokenizer.encode(_source(data, photos.exact))
        except tc.TokenizerError as error:
            photos.leave_out(name, error)
            continue
        yield name, encoding


def _source(photo: str | bytes, exact: bool) -> Any:
    """What `Tokenizer.encode` takes; it opens JPEGs at twice the crop by itself."""
    return tc.open_photo(photo, exact=True) if exact else photo


def _list(lengths: tuple[int, ...]) -> str:
    return ", ".join(map(str, lengths))
