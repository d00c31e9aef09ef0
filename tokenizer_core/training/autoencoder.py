"""`tokendial train autoencoder`: reconstruction first, then the decoder alone against a discriminator.

For the first share of the minutes encoder and decoder learn L1, squared error and features at several scales.
From `adversarial_from` on the encoder is frozen (the flow can train on its latent meanwhile) and the decoder
learns textures. Measured recipe: the card's training log.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tokenizer_core.autoencoder import Autoencoder
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import AveragedWeights, Run, RunOptions, Schedule, Values
from tokenizer_core.training.losses import feature_loss
from tokenizer_core.training.sharpen import DecoderSharpener, Pairs


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun(RunOptions):
    """Options of one run; `adversarial_from` 0 sharpens alone, 1 reconstructs alone."""

    validation: str
    minutes: float = 7.0
    adversarial_from: float = 1.0
    rate: float = 8e-4
    latent_noise: float = 0.15
    feature_weight: float = 0.4
    adversarial_weight: float = 0.6


def run(options: AutoencoderRun) -> Path:
    """Train and return the path of the averaged weights."""
    trainer = _Trainer(options)
    if options.adversarial_from > 0:
        trainer.reconstruct()
        trainer.settle_statistics()
    if options.adversarial_from < 1:
        trainer.sharpen()
    return trainer.snapshot()


class _Trainer(Run[AutoencoderRun]):
    def __init__(self, options: AutoencoderRun) -> None:
        super().__init__("autoencoder", options)
        config, self.photos = options.config.autoencoder, self.held_out(options.validation)
        self.network = self.ready(Autoencoder(config), options.start)
        self.noise_shape = (options.batch, config.latent_channels, config.latent_size, config.latent_size)

    def reconstruct(self) -> None:
        """Both halves, no discriminator; ends with averaged weights in the network."""
        o, generator = self.options, self.place.generator(self.options.seed)
        schedule = Schedule(self.place, o.minutes * o.adversarial_from, o.max_steps)
        adam = torch.optim.AdamW(self.network.parameters(), o.rate, (0.9, 0.95), fused=True)
        parts_of = self.place.compiled(self._parts)

        def losses() -> Values:
            pixels = self.pool.draw(o.batch, generator)
            with self.place.autocast():
                parts = parts_of(pixels, draw_noise(self.noise_shape, o.latent_noise, generator))
            loss = parts["l1"] + 2 * parts["squared"] + o.feature_weight * parts["features"]
            return parts | {"loss": loss}

        self.fit(AveragedWeights(self.network, 0.998), schedule, [(adam, o.rate)], losses)

    def _parts(self, pixels: Tensor, noise: Tensor) -> Values:
        made = self.network.decode(self.network.encode(pixels) + noise)
        difference, features = made.float() - pixels, feature_loss(self.classifier, made, pixels)
        return {"l1": difference.abs().mean(), "squared": difference.pow(2).mean(), "features": features}

    @torch.no_grad()
    def settle_statistics(self) -> None:
        """Exact mean and variance of the latent under the averaged weights, the same in every process."""
        generator = torch.Generator(self.place.device).manual_seed(self.options.seed)
        standardise = self.network.train().standardise
        standardise.momentum = None  # a plain average over all batches from here on
        standardise.reset_running_stats()
        with self.place.autocast():
            for _ in range(60):
                self.network.encode(self.pool.draw(self.options.batch, generator))
        self.network.eval()

    def sharpen(self) -> None:
        """The decoder alone, encoder frozen, against a discriminator."""
        o, generator = self.options, self.place.generator(self.options.seed + 1)
        encode = self.place.compiled(self.network.eval().requires_grad_(False).encode)

        def draw() -> dict[str, Pairs]:
            pixels = self.pool.draw(o.batch, generator)
            with self.place.autocast(), torch.no_grad():
                latent = encode(pixels) + draw_noise(self.noise_shape, o.latent_noise, generator)
            return {"true": (latent, pixels)}

        minutes = o.minutes * (1 - o.adversarial_from)
        sharpener = DecoderSharpener(self, self.network.decoder, minutes, o.adversarial_weight)
        sharpener.fit(draw)
        self.save("discriminator.safetensors", sharpener.discriminator)

    def snapshot(self) -> Path:
        """Weights, validation PSNR, and a sheet of photographs over their reconstructions."""
        self.judge("autoencoder.png", self.photos, self.photos, {"autoencoder": self.network})
        return self.save("autoencoder.safetensors", self.network)
