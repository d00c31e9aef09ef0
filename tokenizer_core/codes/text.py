"""Packed tokens as text, as a link has them behind `t=`: base64url without padding.

What people paste is read, too: with blanks and line breaks in it, in quotation marks, padded, in the other
alphabet of base64, or with the whole link around it.
"""

import base64
import re
from urllib.parse import unquote

from tokenizer_core.codes.encoding import DAMAGED
from tokenizer_core.errors import TokenizerError

LONGEST = 100_000  # characters that are looked at
BLANK = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")  # and what chats put where a line may break
IN_LINK = re.compile(r"(?:^|[#?&])t=([^#&]*)")
AROUND = "\"'`<>()[].,;:\u201c\u201d\u2018\u2019\u00ab\u00bb"


def text_of_tokens(data: bytes) -> str:
    """Packed tokens as a link holds them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def tokens_of_text(text: str) -> bytes:
    """The packed tokens in a text.

    Raises:
        TokenizerError: it holds none, or is over 100,000 characters long.
    """
    if not 0 < len(text) <= LONGEST:
        raise TokenizerError(DAMAGED)
    plain = BLANK.sub("", text)
    in_link = IN_LINK.search(plain)
    code = unquote(in_link[1] if in_link else plain).strip(AROUND).rstrip("=")
    code = code.replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise TokenizerError(DAMAGED) from None
