"""A link's tokens, as text: what a stranger sent becomes a film without a photo, or one sentence.

The text is `Encoding.to_bytes` in base64url; its version, checksum and the checkpoint's id are in there.
"""

import base64
import hashlib
from collections.abc import Mapping

import tokenizer_core as tc

from .film import Film

LONGEST = 3_000  # characters; all 256 tokens take 2,778
DAMAGED = "This link is damaged or was cut short. Please ask for it once more."
FOREIGN = "This link was made with other weights than this page has, so its picture cannot be painted here."
CREDIT = "It stayed with the sender, as a link holds only the tokens: no scores here, and no maps of looks."


def text(data: bytes) -> str:
    """Packed tokens as a link holds them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def film(text: object, infos: Mapping[str, tc.ModelInfo]) -> Film:
    """The film of a link's tokens; the same link is the same film.

    Raises:
        TokenizerError: the text is damaged, too long, not a whole code, or of weights that are not here.
    """
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        raise tc.TokenizerError(DAMAGED)
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        encoding = tc.Encoding.from_bytes(data)
    except (ValueError, tc.TokenizerError):
        raise tc.TokenizerError(DAMAGED) from None
    info = infos.get(encoding.model)
    if info is None or encoding.checkpoint_id != info.checkpoint_id:
        raise tc.TokenizerError(FOREIGN)
    if not _fits(encoding, info):
        raise tc.TokenizerError(DAMAGED)
    lengths = info.lengths if info.ordered else encoding.lengths
    told = {"tokens": base64.b64encode(data).decode()}
    key = f"link/{hashlib.sha256(data).hexdigest()}"
    return Film(None, info, credit=CREDIT, key=key, told=told, lengths=lengths)


def _fits(encoding: tc.Encoding, info: tc.ModelInfo) -> bool:
    """Whether these are whole codes of the model: all of an ordered one, or any lengths of another."""
    codes = [encoding] if encoding.ordered else [encoding.code(length) for length in encoding.lengths]
    held = {len(code) for code in codes}
    return (
        (encoding.kind, encoding.vocabulary, encoding.ordered) == (info.tokens, info.vocabulary, info.ordered)
        and bool(info.vocabulary or encoding.tokens.shape[1:] == (info.numbers_per_token,))
        and (held == {info.lengths[-1]} if info.ordered else held <= set(info.lengths))
        and all(code.positions.tolist() == list(range(len(code))) for code in codes)
    )
