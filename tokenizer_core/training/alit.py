"""`tokendial train alit`: encoder, quantiser and writer of ALIT, on a frozen autoencoder's latents.

The paper's first stage. Each step runs every pass on every photo, with gradients through all of them: when
the number of passes was drawn instead, the late ones had learnt nothing in the same time. Halting is judged
in training as it is later. Latents of all crops and their mirror images are computed once.

Losses, a weighted mean over the passes: the squared error of the predicted latent; the logarithm of what that
error costs in pixels, nearly (`pixel_cost`: an error that is the same over many positions costs far more than
its size says); and of each photo `decoded` predictions are seen as pictures, whose error (`log_error`) and
features count. BSQ adds what commits numbers to codes and keeps bits even; FSQ needs neither.

Source: arXiv 2411.02393, with regression to a continuous latent in place of classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.alit.networks import AlitEncoder, AlitWriter, Pass, run_passes
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.data import PhotoPool
from tokenizer_core.training.loop import Run, RunOptions, Steppers, Values
from tokenizer_core.training.losses import feature_loss, log_error
from tokenizer_core.training.muon import Muon
from tokenizer_core.training.place import Place
from tokenizer_core.training.settings import setting

AT_ONCE = 256  # crops that are encoded together before the run
SHIFTED = 24  # crops that say what an even shift of the latent costs
SHIFT = 0.3  # of a channel, in its standard deviations
EVEN_OVER = 4  # positions on a side: an error's mean over so many squared is its even part
WHITE = 0.0725  # squared error of pixels for white noise of variance 1 on the latent, as measured
LEAST_COST = 2e-3  # as `losses.LEAST_ERROR`: what is nearly right does not rule a batch


@dataclass(frozen=True, kw_only=True)
class AlitRun(RunOptions):
    """Settings of one run."""

    autoencoder: Path = setting("weights of the autoencoder, which stay as they are")
    minutes: float = setting("how long the run takes", 30.0)
    batch: int = setting("crops of a step in each process", 64)
    average_decay: float = setting("of the averaged weights, a step", 0.9985)
    matrix_rate: float = setting("learning rate of Muon, for the matrices of the blocks", 2e-3)
    matrix_momentum: float = setting("of Muon", 0.95)
    rate: float = setting("learning rate of AdamW, for the rest", 1e-3)
    betas: tuple[float, float] = setting("memories of AdamW, a step", (0.9, 0.98))
    weight_decay: float = setting("of both optimisers", 0.02)
    pass_weights: tuple[float, ...] = setting(
        "how much each pass counts, the first one first", (2.5, 2.0, 1.5, 1.25, 1.0, 1.0, 1.0, 1.0)
    )
    squared_weight: float = setting("of the latent's squared error", 0.5)
    cost_weight: float = setting("of the logarithm of what that costs in pixels, nearly", 0.5)
    error_weight: float = setting("of the logarithm of the squared error, in pixels", 0.5)
    feature_weight: float = setting("of the features' distance", 0.2)
    commit_weight: float = setting("of the distance of numbers from their codes (bsq)", 0.02)
    balance_weight: float = setting("of uneven bits (bsq)", 0.05)
    decoded: int = setting("predictions of each photo that are seen as pictures", 2)
    config: AlitConfig = field(default_factory=AlitConfig)  # type: ignore[assignment]


class AlitNetworks(nn.Module):
    """Encoder and writer: one file and one average hold both."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.writer = AlitEncoder(config), AlitWriter(config)

    def forward(self, latent: Float[Tensor, "B N C"], passes: int | None = None) -> list[Pass]:
        """All passes, or the first few."""
        count = self.config.passes if passes is None else passes
        return list(run_passes(self.encoder, self.writer, latent, self.config.halt, count))

    def steppers(
        self,
        matrix_rate: float,
        momentum: float,
        rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> Steppers:
        """Muon on the matrices of the blocks, AdamW on the rest."""
        matrices, rest = [], []
        for name, parameter in self.named_parameters():
            in_block = "blocks" in name and name.endswith(".weight")
            (matrices if in_block and parameter.dim() == 2 else rest).append(parameter)
        muon = Muon(matrices, matrix_rate, weight_decay, momentum)
        adam = torch.optim.AdamW(rest, rate, betas, weight_decay=weight_decay, fused=True)
        return [(muon, matrix_rate), (adam, rate)]


class Seen(NamedTuple):
    """Some predictions as pictures: made pixels, and the photographs' (both B, 3, H, W)."""

    made: Tensor
    target: Tensor


def run(options: AlitRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[AlitRun]):
    def __init__(self, options: AlitRun) -> None:
        super().__init__("alit", options)
        passes = options.config.passes
        if len(options.pass_weights) < passes:
            raise TokenizerError(f"pass_weights must have {passes} entries, one a pass.")
        frozen = self.ready(Autoencoder(options.config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        self.latents = cache_latents(self.pool, self.frozen, self.place)
        self.root = shift_root(self.pool, self.frozen, self.place)
        self.networks = self.ready(AlitNetworks(options.config), options.start)
        self.decode = self.place.compiled(self.frozen.decode)
        self.features = self.place.compiled(lambda *pair: feature_loss(self.classifier, *pair))
        weights = torch.tensor(options.pass_weights[:passes], device=self.place.device)
        self.share = weights / weights.sum()  # (R,)

    def train(self) -> Path:
        """The loop; ends with averaged weights in the networks."""
        o, n = self.options, self.networks
        generator = self.place.generator(o.seed)
        averages = AveragedWeights(n, o.average_decay)
        self.place.compile_blocks(n.encoder.blocks, n.writer.blocks, dynamic=True)
        steppers = n.steppers(o.matrix_rate, o.matrix_momentum, o.rate, o.betas, o.weight_decay)
        self.fit(averages, self.schedule(), steppers, lambda: self._losses(generator), generator)
        return self.write_weights(pictures=200)

    def _losses(self, generator: Generator) -> Values:
        """What the networks minimise on one batch."""
        o = self.options
        index = self.pool.choose(o.batch, generator)
        latent = self.latents[index].float()
        with self.place.autocast():
            passes = self.networks(latent)
            parts = latent_losses(passes, latent, self.root, self.share)
            seen = self._see(passes, index, generator)
            parts["log_error"] = log_error(seen.made, seen.target)
            parts["features"] = self.features(seen.made, seen.target)
        loss = o.squared_weight * parts["squared"] + o.cost_weight * parts["cost"]
        loss = loss + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
        loss = loss + o.commit_weight * parts["commit"] + o.balance_weight * parts["balance"]
        return parts | self._watched(passes, latent) | {"loss": loss}

    def _see(self, passes: list[Pass], index: Tensor, generator: Generator) -> Seen:
        """`decoded` predictions of each photo as pictures, passes drawn by their weights, none twice."""
        count = min(self.options.decoded, len(passes))
        drawn = torch.multinomial(self.share.expand(len(index), -1), count, generator=generator)
        rows = torch.arange(len(index), device=index.device).repeat_interleave(count)
        predictions = torch.stack([one.prediction for one in passes], 1)  # (B, R, N, C)
        made = self.decode(sequence_to_latent(predictions[rows, drawn.flatten()]))
        target = self.pool.at(index).repeat_interleave(count, 0)
        return Seen(made, target.contiguous(memory_format=torch.channels_last))

    @torch.no_grad()
    def _watched(self, passes: list[Pass], latent: Tensor) -> Values:
        """For the log alone: the latent's error and the halted share of positions, of first and last pass."""
        first, last = passes[0], passes[-1]
        return {
            "squared_first": (first.prediction - latent).square().mean(),
            "squared_last": (last.prediction - latent).square().mean(),
            "halted_first": first.halted.float().mean(),
            "halted_last": last.halted.float().mean(),
        }

    def write_weights(self, pictures: int = 50) -> Path:
        """Weights; PSNR of the first validation photographs after the first, the middle and all passes."""

        def predict(latent: Tensor, passes: int) -> Tensor:
            return self.networks(latent, passes)[-1].prediction

        makers = pass_makers(self.options.config, self.frozen, predict, self.frozen.decoder)
        self.validate(makers, pictures)
        return self.save("alit.safetensors", self.networks)


def latent_losses(
    passes: list[Pass],
    latent: Float[Tensor, "B N C"],
    root: Float[Tensor, "C C"],
    share: Float[Tensor, " R"],
) -> Values:
    """Losses on the predictions of all passes; `share` is how much each counts."""
    found: dict[str, list[Tensor]] = {"squared": [], "cost": [], "commit": [], "balance": []}
    for one in passes:
        error = one.prediction - latent
        found["squared"].append(error.square().mean())
        found["cost"].append(pixel_cost(error, root))
        found["commit"].append(one.quantised.commit)
        found["balance"].append(one.quantised.balance)
    return {name: (share * torch.stack(values)).sum() for name, values in found.items()}


def pixel_cost(error: Float[Tensor, "B N C"], root: Float[Tensor, "C C"]) -> Float[Tensor, ""]:
    """Mean over photos of the logarithm of what a latent error costs in pixels, nearly; nothing is decoded.

    White noise on the latent costs the same in every direction. An error that is even over 4 x 4 positions
    costs more, and in some directions a hundred times: there the metric of `shift_root` counts.
    """
    even = F.avg_pool2d(sequence_to_latent(error), EVEN_OVER)  # (B, C, h, w)
    shifts = torch.einsum("bchw,cd->bdhw", even, root)
    cost = WHITE * error.square().mean((1, 2)) + shifts.square().sum(1).mean((1, 2))
    return (cost + LEAST_COST).log().mean()


@torch.no_grad()
def shift_root(pool: PhotoPool, frozen: Autoencoder, place: Place) -> Float[Tensor, "C C"]:
    """R with |e R|^2 = squared error of pixels when a latent is shifted by e everywhere, as measured."""
    moves = []
    with place.autocast():
        latent = frozen.encode(pool.at(torch.arange(min(SHIFTED, len(pool.crops)), device=place.device)))
        before = frozen.decode(latent).float()
        for channel in range(latent.shape[1]):
            moved = latent.clone()
            moved[:, channel] += SHIFT
            moves.append((frozen.decode(moved).float() - before).flatten() / SHIFT)
    rows = torch.stack(moves)
    values, vectors = torch.linalg.eigh(rows @ rows.T / rows.shape[1])
    return place.take_first((vectors * values.clamp(min=0).sqrt()).contiguous())


@torch.no_grad()
def cache_latents(pool: PhotoPool, frozen: Autoencoder, place: Place) -> Float[Tensor, "M N C"]:
    """Latents of this process's crops, then of their mirror images, in bfloat16."""
    rows = []
    for index in torch.arange(2 * len(pool.crops), device=place.device).split(AT_ONCE):
        with place.autocast():
            rows.append(latent_to_sequence(frozen.encode(pool.at(index))).bfloat16())
    return torch.cat(rows)


def pass_makers(
    config: AlitConfig,
    frozen: Autoencoder,
    predict: Callable[[Tensor, int], Tensor],
    decoder: nn.Module,
) -> dict[str, Callable[[Tensor], Tensor]]:
    """What `Run.validate` takes: pictures after the first, the middle and all passes, by their tokens.

    Args:
        config: of the networks.
        frozen: makes latents of pixels.
        predict: latent (B, N, C) and a number of passes to the latent that the writer makes of their codes.
        decoder: makes pixels of that.
    """

    def make(pixels: Tensor, passes: int) -> Tensor:
        latent = latent_to_sequence(frozen.encode(pixels))
        return decoder(sequence_to_latent(predict(latent, passes)))

    counts = sorted({1, (config.passes + 1) // 2, config.passes})
    return {f"{count * config.tokens_per_pass} tokens": partial(make, passes=count) for count in counts}
