"""What one visitor wants decoded, beside others' in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizer_core.codes.encoding import Encoding


@dataclass(frozen=True, kw_only=True)
class DecodeRequest:
    """One photo's tokens, and the pictures wanted of them; the options are those of `Tokenizer.decode_many`.

    Attributes:
        encoding: from this model.
        lengths: one picture each.
        steps: 1 is the mean; None is the model's default.
        guidance_scale: None is the model's default.
        seed: of the noise.
    """

    encoding: Encoding
    lengths: Sequence[int]
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int = 0
