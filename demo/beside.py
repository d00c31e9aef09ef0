"""What *Compare* sets beside a film: other models, and the photo in WebP and JPEG files of as many bytes.

A codec's frames are a reel of the film, by the most bytes that their files may have: they are kept, bounded
and forgotten as the film is. A page without a server has them as files, which `stored` makes.
"""

import functools
from collections.abc import Sequence
from typing import Any

import tokenizer_core as tc

from .examples import Example
from .film import MEAN, Film, Take, ladder

CODECS = "WebP", "JPEG"
MOST_SIZES = 32  # in one question
LARGEST = 1 << 20  # bytes; a photo's picture has fewer in any codec
NO_PHOTO = "A link brings no photo, so there is nothing that other models or codecs could show."


def models(infos: Sequence[tc.ModelInfo]) -> dict:
    """{"models": [info, ...]}: those whose weights are here."""
    return {"models": [info.to_dict() for info in infos if info.checkpoint_id]}


def wanted(ask: Any) -> tuple[str, list[int]]:
    """The codec and the sizes in bytes, ascending, that a page asks for; untrusted.

    Raises:
        TokenizerError: there is no such codec, or these are no such sizes.
    """
    codec, sizes = ask["of"], [int(size) for size in ask["sizes"]]
    if codec not in CODECS:
        raise tc.TokenizerError("There is no such codec on this page.")
    rising = sizes == sorted(set(sizes)) and len(sizes) <= MOST_SIZES
    if not rising or (sizes and not 0 <= sizes[0] <= sizes[-1] <= LARGEST):
        raise tc.TokenizerError(
            f"Sizes are up to {MOST_SIZES} rising numbers of bytes, each up to {LARGEST}."
        )
    return codec, sizes


def files(film: Film, codec: str, sizes: list[int]) -> dict:
    """A film's photo in a codec, nothing made twice.

    Returns:
        {"files": for each size [bytes, *frame], or None where no file is so small}.

    Raises:
        TokenizerError: the film has no photo.
    """
    if film.original is None:
        raise tc.TokenizerError(NO_PHOTO)
    take = Take(codec, 1, 0)
    with film.reading(take) as reel:
        lacking = [size for size in sizes if size not in reel]
        with film.making([(take, size) for size in lacking]) as mine:
            made = tc.best_pictures(film.original, codec, [size for _, size in mine])
            for size, picture in made.items():
                film.keep(take, size, film.frame(picture.array))
        film.wait([(take, size) for size in lacking])
        return {"files": [[size, *reel[size]] if size in reel else None for size in sizes]}


@functools.cache  # tests write a folder again and again
def stored(about: Example, info: tc.ModelInfo, sizes: tuple[int, ...]) -> dict[str, Any]:
    """What a page without a server has beside an example's film.

    Args:
        about: the example.
        info: of a model whose pictures are quickly made: the baseline.
        sizes: the most bytes of the codecs' files.

    Returns:
        By pane's name the model's {"start", "frames"} and a codec's {"files"}.
    """
    film = Film(tc.open_photo(about.photo), info, example=about.name, token=about.name)
    tokenizer, original = tc.load(info.name, "cpu"), film.original
    assert original is not None  # it has a photo
    encoding = tc.Encoding.from_bytes(tokenizer.encode(original).to_bytes())
    for k, picture in tokenizer.decode_many(encoding, ladder(film.lengths), steps=1):
        film.keep(MEAN, k, film.frame(picture.array))
    frames = [[MEAN.mode, k, *frame] for k, frame in film.reel(MEAN).items()]
    codecs = {codec: files(film, codec, list(sizes)) for codec in CODECS}
    return {info.name: {"start": film.start(), "frames": frames}} | codecs
