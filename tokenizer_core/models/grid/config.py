"""Sizes of a grid of hard tokens, its order, and where its parts are: its config.json."""

from dataclasses import dataclass, field

from tokenizer_core.models.base import BaseConfig
from tokenizer_core.models.grid.orders import ORDERS
from tokenizer_core.nn.config import FORMAT_VERSION, AutoencoderConfig, JsonConfig, require


@dataclass(frozen=True, kw_only=True, slots=True)
class GridConfig(JsonConfig):
    """All that is needed to rebuild a grid tokenizer around its weights.

    Attributes:
        kind: the family.
        name: of the model.
        title: one phrase for people.
        licence: of the weights.
        format_version: of this form.
        base: whose autoencoder it is.
        autoencoder: sizes of that.
        vocabulary: entries of the codebook.
        order: of the cells, one of `ORDERS`.
        own_decoder: the latent decoder was tuned on the codes; else it is the base's.
        weights: the checkpoint and file that has codebook and decoder, where another order has them; with
            an empty name they are this checkpoint's own.
    """

    kind: str = "grid"
    name: str = "grid"
    title: str = "A grid of hard tokens, row by row"
    licence: str = "Apache-2.0"
    format_version: int = FORMAT_VERSION
    base: BaseConfig = field(default_factory=BaseConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    vocabulary: int = 1024
    order: str = "raster"
    own_decoder: bool = False
    weights: BaseConfig = field(default_factory=lambda: BaseConfig(checkpoint="", file="", sha256=""))

    def __post_init__(self) -> None:
        """The order is a known one, and this version of the format, too."""
        version = f"this program reads version {FORMAT_VERSION}"
        require(
            self.format_version == FORMAT_VERSION,
            f"This checkpoint has format version {self.format_version}; {version}.",
        )
        require(self.vocabulary >= 2, f"vocabulary must be 2 or more, not {self.vocabulary}.")
        require(self.order in ORDERS, f"order must be {', '.join(ORDERS)}, not {self.order}.")

    @classmethod
    def tiny(cls) -> "GridConfig":
        """See `tiny_config`."""
        return tiny_config()

    @property
    def has_weights(self) -> bool:
        """Whether codebook and decoder are in this checkpoint."""
        return not self.weights.checkpoint

    @property
    def side(self) -> int:
        """Cells along an edge."""
        return self.autoencoder.latent_size

    @property
    def num_tokens(self) -> int:
        """Cells."""
        return self.side**2


def tiny_config(order: str = "raster") -> GridConfig:
    """A few thousand weights with the real structure: 16 cells of 16 px, 8 codes."""
    sizes = AutoencoderConfig(
        channels=(16, 16, 16, 16),
        encoder_blocks=(1, 1, 1, 1),
        decoder_blocks=(1, 1, 1, 1),
        image_size=64,
    )
    return GridConfig(
        name="tiny-grid", title="Tiny random grid", autoencoder=sizes, vocabulary=8, order=order
    )
