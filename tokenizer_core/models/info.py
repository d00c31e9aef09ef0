"""What is known of a model without loading its weights: plain data that pages, commands and links show."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """One line of the catalog.

    Attributes:
        name: what `load` takes.
        title: one phrase for people.
        size_bytes: of the weight files together.
        licence: of the weights.
        lengths: allowed code lengths, ascending.
        tokens: "soft" (numbers) or "hard" (indices).
        numbers_per_token: width D of a token.
        bytes_per_token: bytes a token takes in `Encoding.to_bytes`.
        ordered: a short code is a prefix of a long one.
        generative: decoding can draw samples besides the mean.
        has_attention: `Tokenizer.attention` works.
        layers_read: encoder layers with read attention.
        layers_write: decoder layers with write attention.
        bundled: comes with the program; nothing is fetched.
        checkpoint_id: 12 hexadecimal digits of the weights, "" where they are not there.
        default_steps: of a sample.
        default_guidance: guidance scale of a sample.
    """

    name: str
    title: str
    size_bytes: int
    licence: str
    lengths: tuple[int, ...]
    tokens: str
    numbers_per_token: int
    bytes_per_token: int
    ordered: bool
    generative: bool
    has_attention: bool
    layers_read: int
    layers_write: int
    bundled: bool
    checkpoint_id: str
    default_steps: int
    default_guidance: float
