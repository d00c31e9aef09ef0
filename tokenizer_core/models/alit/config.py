"""Sizes of an ALIT model, its defaults, and whose autoencoder it computes with: its config.json.

Neighbours: `networks` (builds what this says), `nn.config` (the strict form).
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from tokenizer_core.models.base import BaseConfig
from tokenizer_core.nn.config import (
    FORMAT_VERSION,
    AutoencoderConfig,
    DecoderConfig,
    JsonConfig,
    require,
    require_heads,
)
from tokenizer_core.nn.quantisers import QUANTISERS

FLOW_SHA256 = "bc6c78e95e15f3819b8976708dc70c2a00cfa3191b3272fe361b8feeaf6ad73c"  # of prefix-flow-256
OWN_NETWORKS = ("writer", "decoder")  # that the sharp pictures may have for themselves


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeConfig:
    """How another checkpoint's flow paints these tokens; see `bridge`.

    Attributes:
        present: the weights have a bridge.
        base: the file of the flow's decoder.
        decoder: sizes of that.
        token_depth: blocks of the bridge's own stream of tokens.
        rank: of what is added to the decoder's matrices.
        steps: of a picture.
        guidance_scale: of a picture, against that of no token.
    """

    present: bool = False
    base: BaseConfig = field(
        default_factory=lambda: BaseConfig(file="decoder.safetensors", sha256=FLOW_SHA256)
    )
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    token_depth: int = 1
    rank: int = 16
    steps: int = 8
    guidance_scale: float = 2.0

    def __post_init__(self) -> None:
        """Some of everything, and a number of steps that is not another mode's."""
        require(min(self.token_depth, self.rank) >= 1, "token_depth and rank of a bridge are at least 1.")
        require(self.steps > 2, f"A bridge paints in more than 2 steps, not {self.steps}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class AlitConfig(JsonConfig):
    """All that is needed to rebuild an ALIT tokenizer around its weights.

    Attributes:
        kind: the family.
        name: of the model.
        title: one phrase for people.
        licence: of the weights.
        format_version: of this form.
        base: whose autoencoder it is.
        autoencoder: sizes of that.
        width: of the encoder and the writer.
        encoder_depth: blocks.
        writer_depth: blocks.
        passes: at most; each is a code length.
        tokens_per_pass: that a pass adds.
        quantiser: "fsq" or "bsq".
        levels: steps of each number of a token; for "bsq" a two for each bit.
        halt: a position is halted below this mean absolute error of its latent, in standard deviations.
        own_decoder: the latent decoder was tuned and comes with the weights; else it is the base's.
        sharp: which of "writer" and "decoder" the sharp pictures have for themselves; none: there are none.
        bridge: how a flow paints the tokens, if it does.
    """

    kind: str = "alit"
    name: str = "alit-256"
    title: str = "Adaptive length, 32 to 256 hard tokens"
    licence: str = "Apache-2.0"
    format_version: int = FORMAT_VERSION
    base: BaseConfig = field(default_factory=BaseConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    width: int = 512
    encoder_depth: int = 6
    writer_depth: int = 6
    passes: int = 8
    tokens_per_pass: int = 32
    quantiser: str = "fsq"
    levels: tuple[int, ...] = (8, 8, 8, 8)
    halt: float = 0.4
    own_decoder: bool = False
    sharp: tuple[str, ...] = ()
    bridge: BridgeConfig = field(default_factory=BridgeConfig)

    def __post_init__(self) -> None:
        """The parts fit each other, and this version of the format is known."""
        version = f"this program reads version {FORMAT_VERSION}"
        require(
            self.format_version == FORMAT_VERSION,
            f"This checkpoint has format version {self.format_version}; {version}.",
        )
        require_heads(self.width, "transformer")
        counts = (self.passes, self.tokens_per_pass, self.encoder_depth, self.writer_depth)
        require(min(counts) >= 1, "passes, tokens_per_pass and depths must be at least 1.")
        require(self.quantiser in QUANTISERS, f"quantiser must be fsq or bsq, not {self.quantiser}.")
        require(
            len(self.levels) > 0 and min(self.levels) >= 2,
            f"levels must be 2 or more each, not {self.levels}.",
        )
        only_bits = self.quantiser == "fsq" or set(self.levels) == {2}
        require(only_bits, f"bsq has two levels a number, not {self.levels}.")
        require(self.halt >= 0, f"halt must be 0 or more, not {self.halt}.")
        require(not self.bridge.present or bool(self.sharp), "A bridge comes beside sharp pictures.")
        unknown = set(self.sharp) - set(OWN_NETWORKS)
        require(not unknown, f"sharp names {' and '.join(OWN_NETWORKS)}, not {', '.join(sorted(unknown))}.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "AlitConfig":
        """As `JsonConfig.from_dict`; a config.json that is older than bridges has none."""
        return super(AlitConfig, cls).from_dict({"bridge": asdict(BridgeConfig())} | values)

    @classmethod
    def tiny(cls) -> "AlitConfig":
        """See `tiny_config`."""
        return tiny_config()

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""
        return math.prod(self.levels)

    @property
    def num_tokens(self) -> int:
        """Of the longest code."""
        return self.passes * self.tokens_per_pass

    @property
    def num_patches(self) -> int:
        """Positions of the latent."""
        return self.autoencoder.latent_size**2

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the codes: one a pass."""
        return tuple(self.tokens_per_pass * (number + 1) for number in range(self.passes))


def tiny_config(image_size: int = 64, quantiser: str = "fsq") -> AlitConfig:
    """A few thousand weights with the real structure: three passes of two tokens of twelve bits."""
    sizes = AutoencoderConfig(
        channels=(16, 16, 16, 16),
        encoder_blocks=(1, 1, 1, 1),
        decoder_blocks=(1, 1, 1, 1),
        image_size=image_size,
    )
    return AlitConfig(
        name="tiny-alit",
        title="Tiny random ALIT",
        autoencoder=sizes,
        width=32,
        encoder_depth=2,
        writer_depth=2,
        passes=3,
        tokens_per_pass=2,
        quantiser=quantiser,
        levels=(8,) * 4 if quantiser == "fsq" else (2,) * 12,
        bridge=BridgeConfig(decoder=DecoderConfig(width=32, depth=2, token_depth=1), rank=2, steps=6),
    )
