"""The settings of `tokendial train prefix-flow`: what a run can be told, and what it does by itself.

Neighbours: `prefix_flow` (the run), `settings` (how words and files become these).
"""

from dataclasses import dataclass
from pathlib import Path

from tokenizer_core.nn.flow import SHARE_NOISE
from tokenizer_core.training.loop import RunOptions
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class PrefixFlowRun(RunOptions):
    """Settings of one run.

    Of each batch `decoded` means and as many others, late ones and distilled rows are seen as pictures.
    The depths in `config` are those of fresh networks; what `start` holds is as deep as it is, or grown.
    """

    autoencoder: Path = setting("weights of the autoencoder, which stay as they are")
    minutes: float = setting("how long the run takes", 11.0)
    batch: int = setting("crops of a step in each process", 256)
    average_decay: float = setting("of the averaged weights, a step", 0.9995)
    matrix_rate: float = setting("learning rate of Muon, for the matrices of the blocks", 2e-3)
    matrix_momentum: float = setting("of Muon", 0.95)
    grown_rate: float = setting("Muon's rate for blocks that were grown, as a multiple of the others'", 1.0)
    rate: float = setting("learning rate of AdamW, for the rest", 1e-3)
    betas: tuple[float, float] = setting("memories of AdamW, a step", (0.9, 0.98))
    weight_decay: float = setting("of both optimisers", 0.02)
    share_uniform: float = setting("of prefix lengths that are drawn evenly; the others are log-uniform", 0.5)
    share_empty: float = setting("of empty prefixes", 0.07)
    pairs: int = setting("1 shows every crop of a batch twice: with all tokens, and with a prefix", 0)
    share_noise: float = setting("of a batch that starts from pure noise, t=1", SHARE_NOISE)
    time_location: float = setting("of the other times: above 0 is nearer to noise", 0.4)
    late: float = setting("times of the rows that learn spectra are below this", 0.25)
    token_noise: float = setting("on the tokens, in their standard deviations", 0.1)
    alignment_weight: float = setting("of the distance to the classifier's features", 0.5)
    error_weight: float = setting("of the logarithm of the means' squared error, in pixels", 0.08)
    feature_weight: float = setting("of the features' distance of later predictions", 0.2)
    spectrum_weight: float = setting("of the local spectra of late predictions", 0.0)
    decoded: int = setting("rows of each kind that are seen as pictures", 16)
    train_encoder: int = setting("0 leaves the tokens what they are", 1)
    nested: int = setting("0 makes the control: all tokens always, and means alone", 1)
    distilled: int = setting(
        "rows that learn to do in one forward what the start's weights do in two steps", 0
    )
    drawn: int = setting("paths of those weights, drawn before the run starts", 32768)
    redraw: float = setting(
        "share of the run from which on the paths are those of its own weights; 1 is never", 1.0
    )
    decoder_depth: int = setting("blocks to which the decoder is grown; 0 leaves it as deep as it is", 0)
    encoder_depth: int = setting("blocks to which the encoder is grown; 0 leaves it as deep as it is", 0)
