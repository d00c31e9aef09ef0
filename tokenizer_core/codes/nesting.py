"""Is a short code the beginning of a long one? How much of it is another one there.

In an ordered model it is, by definition. In one that rewrites its tokens in every pass it is not: a code of
64 tokens is not a code of 32 and 32 more. Neighbour: `encoding` (holds either).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import packer_of


class Change(NamedTuple):
    """Between a short code and as many first tokens of a longer one.

    Attributes:
        short: length of the short code.
        long: of the longer one.
        tokens: share of the tokens that differ, 0..1; of unrelated codes it is 1 - 1 / V.
        bits: share of the packed bits that differ, 0..1; of unrelated codes it is about a half.
    """

    short: int
    long: int
    tokens: float
    bits: float


def nesting(encoding: Encoding, lengths: Sequence[int] | None = None) -> tuple[Change, ...]:
    """What changes from each length to the next one.

    Args:
        encoding: of any model.
        lengths: ascending, each of a code that is held; none of no token counts. None is all of them.

    Raises:
        TokenizerError: there is no code of such a length.
    """
    lengths = [length for length in (encoding.lengths if lengths is None else lengths) if length > 0]
    return tuple(_change(encoding.code(short), encoding.code(long)) for short, long in pairwise(lengths))


def _change(short: Encoding, long: Encoding) -> Change:
    count, packer = len(short), packer_of(short.kind)
    size = short.vocabulary or short.tokens.shape[1]
    pair = short.tokens, long.tokens[:count]
    same = (pair[0] == pair[1]).reshape(count, -1).all(1)
    bits = [np.unpackbits(np.frombuffer(packer.pack(tokens, size), np.uint8)) for tokens in pair]
    return Change(count, len(long), 1 - float(same.mean()), float((bits[0] != bits[1]).mean()))
