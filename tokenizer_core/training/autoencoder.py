"""`tokendial train autoencoder`: reconstruction of photographs, encoder and decoder together.

The loss is L1, the logarithm of the squared error (which is PSNR) and features at several scales. The decoder
learns texture afterwards, against a discriminator and on the flow decoder's own outputs: `polish`.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import AveragedWeights, Run, RunOptions, Schedule, Values
from tokenizer_core.training.losses import feature_loss, log_error


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun(RunOptions):
    """Options of one run; the weights of the losses are L1's own unit.

    `train_encoder` 0 trains the decoder alone: the encoder, and with it every token there is, stays.
    """

    train_encoder: int = 1
    minutes: float = 7.0
    rate: float = 8e-4
    latent_noise: float = 0.1
    feature_weight: float = 0.3
    error_weight: float = 0.05


def run(options: AutoencoderRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[AutoencoderRun]):
    def __init__(self, options: AutoencoderRun) -> None:
        super().__init__("autoencoder", options)
        self.network = self.ready(Autoencoder(options.config.autoencoder), options.start)

    def train(self) -> Path:
        """The loop; ends with averaged weights and exact statistics of the latent in the network."""
        o, generator = self.options, self.place.generator(self.options.seed)
        sizes, schedule = o.config.autoencoder, Schedule(self.place, o.minutes, o.max_steps)
        shape = (o.batch, sizes.latent_channels, sizes.latent_size, sizes.latent_size)
        trained = self.network if o.train_encoder else self.network.eval().requires_grad_(False).decoder
        adam = torch.optim.AdamW(trained.requires_grad_().parameters(), o.rate, (0.9, 0.95), fused=True)
        parts_of = self.place.compiled(self._parts)

        def losses() -> Values:
            pixels = self.pool.draw(o.batch, generator)
            with self.place.autocast():
                parts = parts_of(pixels, draw_noise(shape, o.latent_noise, generator))
            loss = parts["l1"] + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
            return parts | {"loss": loss}

        self.fit(AveragedWeights(self.network, 0.998), schedule, [(adam, o.rate)], losses)
        if o.train_encoder:
            self._settle_statistics()
        return self.snapshot()

    def _parts(self, pixels: Tensor, noise: Tensor) -> Values:
        made = self.network.decode(self.network.encode(pixels) + noise)
        l1, features = F.l1_loss(made.float(), pixels), feature_loss(self.classifier, made, pixels)
        return {"l1": l1, "log_error": log_error(made, pixels), "features": features}

    @torch.no_grad()
    def _settle_statistics(self) -> None:
        """Exact mean and variance of the latent under the averaged weights, the same in every process."""
        generator = torch.Generator(self.place.device).manual_seed(self.options.seed)
        standardise = self.network.train().standardise
        standardise.momentum = None  # a plain average over all batches from here on
        standardise.reset_running_stats()
        with self.place.autocast():
            for _ in range(60):
                self.network.encode(self.pool.draw(self.options.batch, generator))
        self.network.eval()

    def snapshot(self) -> Path:
        """Weights, and validation PSNR."""
        self.judge({"autoencoder": self.network})
        return self.save("autoencoder.safetensors", self.network)
