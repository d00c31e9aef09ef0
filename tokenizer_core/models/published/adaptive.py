"""What published ALIT and KARL share: sizes, which their files show, and the names in these files.

Both put a latent of MaskGIT's VQGAN beside patches of the picture, read it with one transformer and write it
back from hard tokens with another. Their files hold the VQGAN, too, and what trained them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.published.common import PublishedConfig
from tokenizer_core.models.published.transformer import Transformer
from tokenizer_core.models.published.vqgan import TAMING, Vqgan
from tokenizer_core.nn.config import require

UNUSED = ("gan_losses.",)  # a discriminator and features, of training
BASE = "base_tokenizer.vqgan."
PATCH = 16  # pixels
HEADS = {8: 8, 12: 12, 16: 16}  # by depth: of all sizes that the authors name


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptiveConfig(PublishedConfig):
    """Sizes; the defaults are those of `small` on the VQGAN.

    Attributes:
        encoder_width: of the reading transformer.
        encoder_depth: its blocks.
        encoder_heads: of each.
        decoder_width: of the writing transformer.
        decoder_depth: its blocks.
        decoder_heads: of each.
        vocabulary: of tokens.
        code_width: numbers of a token's unit vector.
        base_codes: vocabulary of the VQGAN.
        base_code_width: numbers of one of its codes.
        base_channels: of its finest level.
        base_multipliers: of these, a level each.
        image_size: side of the pictures.
    """

    encoder_width: int = 1024
    encoder_depth: int = 8
    encoder_heads: int = 8
    decoder_width: int = 1024
    decoder_depth: int = 8
    decoder_heads: int = 8
    vocabulary: int = 4096
    code_width: int = 12
    base_codes: int = 1024
    base_code_width: int = 256
    base_channels: int = 128
    base_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    image_size: int = 256

    def __post_init__(self) -> None:
        """The parts fit each other."""
        PublishedConfig.__post_init__(self)
        widths = ((self.encoder_width, self.encoder_heads), (self.decoder_width, self.decoder_heads))
        for width, heads in widths:
            require(width % heads == 0, f"A width of {width} must be a multiple of its {heads} heads.")
        require(self.base_code_width < self.encoder_width, "base_code_width must leave room for patches.")
        require(len(self.base_multipliers) == 5, "base_multipliers must have 5 entries.")

    @property
    def grid(self) -> int:
        """Places on a side of the grid."""
        return self.image_size // PATCH

    def patch_embed(self) -> nn.Conv2d:
        """What stands beside the VQGAN's latent."""
        return nn.Conv2d(3, self.encoder_width - self.base_code_width, PATCH, PATCH)

    def base(self) -> nn.ModuleDict:
        """The VQGAN, under the name that the files give it."""
        sizes = (self.base_codes, self.base_code_width, self.base_channels, self.base_multipliers)
        return nn.ModuleDict({"vqgan": Vqgan(*sizes)})


class Writer(Transformer):
    """The part of the decoder that both have: norms, blocks, and a head of two layers."""

    def __init__(self, config: AdaptiveConfig) -> None:
        width = config.decoder_width
        super().__init__(width, config.decoder_depth, config.decoder_heads)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        head = (nn.Linear(width, 2 * width), nn.Tanh(), nn.Linear(2 * width, config.base_codes))
        self.ffn = nn.Sequential(*head)


def own_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors under our names, without what only training needs."""
    kept = {name: value for name, value in tensors.items() if not name.startswith(UNUSED)}
    return {_own_name(name): value for name, value in kept.items()}


def _own_name(name: str) -> str:
    if name.startswith(BASE):
        for ours, theirs in TAMING:
            name = name.replace(theirs, ours)
    return name


def sizes_of(tensors: dict[str, Tensor], who: str) -> dict[str, int | Sequence[int]]:
    """The sizes of `AdaptiveConfig` that tensors, under our names, show.

    Raises:
        TokenizerError: they are of a variant that is not read here, or of something else.
    """
    if not any(name.startswith(BASE) for name in tensors) or "quantize.embedding.weight" not in tensors:
        raise TokenizerError(
            f"These are not weights of {who} with quantised tokens on the VQGAN, the only variant read here."
        )
    try:
        channels, _, _, _ = tensors[f"{BASE}encoder.conv_in.weight"].shape
        levels = [tensors[f"{BASE}encoder.down.{i}.block.0.conv1.weight"].shape[0] for i in range(5)]
        vocabulary, code_width = tensors["quantize.embedding.weight"].shape
        base_codes, base_code_width = tensors[f"{BASE}quantize.embedding.weight"].shape
        encoder_width, decoder_width = (
            tensors[f"{way}coder.transformer.0.ln_1.weight"].shape[0] for way in WAYS
        )
    except (KeyError, ValueError):
        raise TokenizerError(f"These are not weights of {who}: sizes cannot be read from them.") from None
    depths = [_depth(tensors, f"{way}coder.transformer.") for way in WAYS]
    if not set(depths) <= set(HEADS):
        raise TokenizerError(f"{who} has no size of {depths[0]} and {depths[1]} blocks.")
    return {
        "encoder_width": encoder_width,
        "encoder_depth": depths[0],
        "encoder_heads": HEADS[depths[0]],
        "decoder_width": decoder_width,
        "decoder_depth": depths[1],
        "decoder_heads": HEADS[depths[1]],
        "vocabulary": vocabulary,
        "code_width": code_width,
        "base_codes": base_codes,
        "base_code_width": base_code_width,
        "base_channels": channels,
        "base_multipliers": tuple(level // channels for level in levels),
    }


WAYS = ("en", "de")


def _depth(tensors: dict[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)})
