"""The catalog's line of an ALIT checkpoint: what is known of it before its weights are read."""

from typing import Any

from tokenizer_core.codes.packing import HARD
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.info import AttentionInfo, ModelInfo


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of an ALIT checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this family.
    """
    c = AlitConfig.from_dict(config)
    side = c.autoencoder.latent_size
    return ModelInfo(
        name=c.name,
        title=c.title,
        family="alit",
        order=20,
        tokens=HARD,
        vocabulary=c.vocabulary,
        lengths=c.lengths,
        ordered=False,
        adaptive=True,
        modes=("mean", *(["sharp"] if c.sharp else []), *(["flow"] if c.bridge.present else [])),
        flow_steps=c.bridge.steps if c.bridge.present else 0,
        default_guidance=c.bridge.guidance_scale if c.bridge.present else 1.0,
        reconstructs=True,
        attention=(
            AttentionInfo(direction="read", layers=c.encoder_depth, side=side),
            AttentionInfo(direction="write", layers=c.writer_depth, side=side),
        ),
        views=("codes", "layer", "halted", "sharpness", "nesting", "guess"),
        picture_size=c.autoencoder.image_size,
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence=c.licence,
        source="Adaptive Length Image Tokenization via Recurrent Allocation, arXiv 2411.02393",
        credit="tokendial",
    )
