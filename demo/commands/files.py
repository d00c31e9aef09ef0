"""What commands read and write: photos, files of tokens, pictures that say how they were made, streams."""

import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tokenizer_core as tc

STREAM = "-"
TOKEN_SUFFIXES = (".safetensors", ".tokens")
MADE_BY = "tokendial"  # the entry of a picture's metadata
DESCRIPTION = 0x010E  # the EXIF tag for it where there are no texts
LARGEST_INPUT = 21 << 20  # bytes; larger than any photo that is opened


def holds_many(source: str) -> bool:
    """Whether a command is to go through a folder or an archive."""
    return is_folder(source) or Path(source).suffix.lower() in (".zip", ".tar", ".tgz", ".gz")


def is_folder(source: str) -> bool:
    """Whether there is such a folder; a link with tokens is too long for any name."""
    try:
        return source != STREAM and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def read_photo(source: str) -> str | bytes:
    """What `Tokenizer.encode` takes: a path, or what standard input gave."""
    return sys.stdin.buffer.read(LARGEST_INPUT) if source == STREAM else source


def load_tokens(source: str | Path) -> tc.Encoding:
    """The tokens of a file, standard input or a link; a picture is a sentence that says what it holds."""
    data = sys.stdin.buffer.read(LARGEST_INPUT) if source == STREAM else None
    try:
        return tc.load_tokens(source if data is None else data)
    except tc.TokenizerError:
        about = read_about(source if data is None else io.BytesIO(data))
        if about is None:
            raise
        made = ", ".join(f"{name} {value}" for name, value in about.items())
        raise tc.TokenizerError(
            f"This is a picture that tokendial painted ({made}); it holds no tokens."
        ) from None


def save_tokens(encoding: tc.Encoding, target: str | Path) -> int:
    """Write a file of tokens, or standard output; the number of bytes of the tokens themselves."""
    if target != STREAM:
        return tc.save_tokens(encoding, target)
    sys.stdout.buffer.write(tc.pack_tokens(encoding))
    return len(encoding.to_bytes())


def save_picture(picture: tc.Picture, target: str | Path, about: Mapping[str, Any]) -> None:
    """Write a picture that says in its metadata how it was made; to standard output as PNG.

    Args:
        picture: what was painted.
        target: a name that ends in .png, .webp or .jpg; or -.
        about: model, weights, length, steps, seed.

    Raises:
        TokenizerError: the name has another ending, or the file cannot be written.
    """
    if target == STREAM:
        sys.stdout.buffer.write(_picture_bytes(picture, "PNG", about))
        return
    path = Path(target)
    form = Image.registered_extensions().get(path.suffix.lower())
    if form not in ("PNG", "WEBP", "JPEG"):
        raise tc.TokenizerError(f"{path.name} could not be written: pictures end in .png, .webp or .jpg.")
    tc.write_whole(path, _picture_bytes(picture, form, about))


def _picture_bytes(picture: tc.Picture, form: str, about: Mapping[str, Any]) -> bytes:
    image, buffer, text = picture.to_pil(), io.BytesIO(), json.dumps(dict(about))
    if form == "PNG":
        info = PngInfo()
        info.add_text(MADE_BY, text)
        image.save(buffer, form, pnginfo=info)
    else:
        exif = Image.Exif()
        exif[DESCRIPTION] = f"{MADE_BY} {text}"
        image.save(buffer, form, exif=exif, quality=95)
    return buffer.getvalue()


def read_about(source: str | Path | io.BytesIO) -> dict[str, Any] | None:
    """How a picture that `save_picture` wrote was made; None of any other file."""
    try:
        with Image.open(source, formats=("PNG", "WEBP", "JPEG")) as image:
            text = image.info.get(MADE_BY) or str(image.getexif().get(DESCRIPTION, ""))
            about = json.loads(text.removeprefix(f"{MADE_BY} "))
    except Exception:  # decoders of damaged files raise nearly anything
        return None
    return about if isinstance(about, dict) and "model" in about else None


def refuse_same(source: str, target: str) -> None:
    """A command never writes over what it reads.

    Raises:
        TokenizerError: both are one file.
    """
    if STREAM in (source, target):
        return
    a, b = Path(source), Path(target)
    try:
        same = a.exists() and b.exists() and a.samefile(b)
    except (OSError, ValueError):  # a link with tokens is no file's name
        return
    if same:
        raise tc.TokenizerError(f"{b.name} is what is read: please write to another file.")


def write_json(path: str | None, text: str) -> None:
    """Figures as a file, where one was asked for; to standard output with -."""
    if path == STREAM:
        print(text)
    elif path is not None:
        tc.write_whole(path, (text + "\n").encode())


def say(line: str, target: str | Path) -> None:
    """What was done: beside the file on standard output, or where that is the file, on standard error."""
    print(line, file=sys.stderr if target == STREAM else sys.stdout)


def in_folder(folder: Path, name: Path) -> Path:
    """A file's path in a folder of many, which is made; nothing leads out of it.

    Raises:
        TokenizerError: the folder cannot be made, or the name leads out of it.
    """
    if name.is_absolute() or ".." in name.parts:
        raise tc.TokenizerError(f"{name.name} has a name that leads out of {folder.name}.")
    target = folder / name
    with sentences(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


@contextmanager
def sentences(folder: str | Path) -> Iterator[None]:
    """Whatever cannot be written inside is a TokenizerError."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unknown kind of file"
        raise tc.TokenizerError(f"{Path(folder).name} could not be written: {reason}.") from None
