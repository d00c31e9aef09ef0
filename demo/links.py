"""A link's tokens, as text: what a stranger sent becomes a film without a photo, or one sentence.

The text is `Encoding.to_bytes` in base64url; its version, checksum and the checkpoint's id are in there. What
people paste around it, as the rest of the link, does no harm.
"""

import base64
import hashlib
from collections.abc import Mapping

import tokenizer_core as tc

from .film import Film

LONGEST = 2_250  # bytes; all 256 tokens take 2,083
DAMAGED = "This link is damaged or was cut short. Please ask for it once more."
FOREIGN = "This link was made with other weights than this page has, so its picture cannot be painted here."
CREDIT = "It stayed with the sender, as a link holds only the tokens: no scores here, and no maps of looks."


text = tc.text_of_tokens


def film(text: object, infos: Mapping[str, tc.ModelInfo]) -> Film:
    """The film of a link's tokens; the same link is the same film.

    Raises:
        TokenizerError: the text is damaged, too long, not a whole code, or of weights that are not here.
    """
    try:
        data = tc.tokens_of_text(text) if isinstance(text, str) else b""
        encoding = tc.Encoding.from_bytes(data if len(data) <= LONGEST else b"")
    except tc.TokenizerError:
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
