"""`tokendial train autoencoder`: reconstruction of photographs, encoder and decoder together.

The loss is L1, the logarithm of the squared error (which is PSNR) and features at several scales. The decoder
learns texture afterwards, against a discriminator and on the flow decoder's own outputs: `polish`.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import Run, RunOptions, Values
from tokenizer_core.training.losses import feature_loss, log_error
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun(RunOptions):
    """Settings of one run; the weights of the losses are in L1's own unit."""

    minutes: float = setting("how long the run takes", 7.0)
    train_encoder: int = setting("0 trains the decoder alone, so that every token there is stays", 1)
    rate: float = setting("learning rate", 8e-4)
    betas: tuple[float, float] = setting("memories of the optimiser, a step", (0.9, 0.95))
    weight_decay: float = setting("of the optimiser", 0.01)
    latent_noise: float = setting("most noise on the latent, in its standard deviations", 0.1)
    feature_weight: float = setting("of the features' distance", 0.3)
    error_weight: float = setting("of the squared error's logarithm", 0.05)
    settling_batches: int = setting("that the latent's statistics are measured on at the end", 60)


def run(options: AutoencoderRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[AutoencoderRun]):
    def __init__(self, options: AutoencoderRun) -> None:
        super().__init__("autoencoder", options)
        self.network = self.ready(Autoencoder(options.config.autoencoder), options.start)
        self.parts_of = self.place.compiled(self._parts)

    def train(self) -> Path:
        """The loop; ends with averaged weights and exact statistics of the latent in the network."""
        o = self.options
        generator = self.place.generator(o.seed)
        averages = AveragedWeights(self.network, o.average_decay)
        parameters = self._trained().requires_grad_().parameters()
        adam = torch.optim.AdamW(parameters, o.rate, o.betas, weight_decay=o.weight_decay, fused=True)
        self.fit(averages, self.schedule(), [(adam, o.rate)], lambda: self._losses(generator), generator)
        if o.train_encoder:
            self._settle_statistics()
        return self.write_weights()

    def _trained(self) -> nn.Module:
        if self.options.train_encoder:
            return self.network
        return self.network.eval().requires_grad_(False).decoder

    def _losses(self, generator: Generator) -> Values:
        """What network and optimiser see of one batch."""
        o = self.options
        pixels = self.pool.draw(o.batch, generator)
        noise = draw_noise(self._latent_shape(), o.latent_noise, generator)
        with self.place.autocast():
            parts = self.parts_of(pixels, noise)
        loss = parts["l1"] + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
        return parts | {"loss": loss}

    def _latent_shape(self) -> tuple[int, int, int, int]:
        sizes = self.options.config.autoencoder
        return self.options.batch, sizes.latent_channels, sizes.latent_size, sizes.latent_size

    def _parts(self, pixels: Tensor, noise: Tensor) -> Values:
        made = self.network.decode(self.network.encode(pixels) + noise)
        return {
            "l1": F.l1_loss(made.float(), pixels),
            "log_error": log_error(made, pixels),
            "features": feature_loss(self.classifier, made, pixels),
        }

    @torch.no_grad()
    def _settle_statistics(self) -> None:
        """Exact mean and variance of the latent under the averaged weights, over all processes' crops."""
        generator = torch.Generator(self.place.device).manual_seed(self.options.seed)
        standardise = self.network.train().standardise
        standardise.momentum = None  # a plain average over all batches from here on
        standardise.reset_running_stats()
        with self.place.autocast():
            for _ in range(self.options.settling_batches):
                self.network.encode(self.pool.draw(self.options.batch, generator))
        for statistic in (standardise.running_mean, standardise.running_var):
            assert statistic is not None, "this norm keeps statistics"
            statistic.copy_(self.place.total(statistic) / self.place.world)
        self.network.eval()

    def write_weights(self) -> Path:
        """Weights, and validation PSNR."""
        self.validate({"autoencoder": self.network})
        return self.save("autoencoder.safetensors", self.network)
