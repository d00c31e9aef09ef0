"""`tokendial train autoencoder`: reconstruction first, then the decoder alone against a discriminator.

For the first share of the minutes encoder and decoder learn L1, squared error and features at several scales.
From `adversarial_from` on the encoder is frozen (the flow can train on its latent meanwhile) and the decoder
learns textures. Measured recipe: the card's training log.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tokenizer_core.autoencoder import Autoencoder
from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.config import AutoencoderConfig
from tokenizer_core.training.data import PhotoPool, load_crops, to_pixels
from tokenizer_core.training.loop import AveragedWeights, Place, RunLog, Schedule, picture_grid, set_rate
from tokenizer_core.training.losses import feature_loss
from tokenizer_core.training.sharpen import DecoderSharpener
from tokenizer_core.training.weights import load_weights, save_weights

SNAPSHOT_SECONDS = 110


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun:
    """Options of one run; `batch` counts photographs a process."""

    photos: tuple[str, ...]
    validation: str
    out: Path
    minutes: float = 7.0
    max_steps: int | None = None
    start: Path | None = None
    adversarial_from: float = 1.0
    batch: int = 64
    rate: float = 8e-4
    latent_noise: float = 0.15
    feature_weight: float = 0.4
    adversarial_weight: float = 0.6
    seed: int = 0
    limit: int | None = None
    workers: int = 8
    config: AutoencoderConfig = AutoencoderConfig()


def run(options: AutoencoderRun) -> Path:
    """Train and return the path of the averaged weights."""
    place = Place.find()
    log = RunLog(options.out, place, "autoencoder", {k: v for k, v in asdict(options).items() if k != "config"})
    torch.default_generator.manual_seed(options.seed)
    pool = PhotoPool(options.photos, options.config.image_size, place.device, options.limit, options.workers)
    network = Autoencoder(options.config)
    if options.start is not None:
        load_weights(options.start, network)
    network = network.to(place.device).to(memory_format=torch.channels_last)
    place.share_weights(network)
    classifier = LiteClassifier(0).to(place.device).to(memory_format=torch.channels_last)
    log.write(crops=len(pool), parameters=sum(p.numel() for p in network.parameters()))
    validation = to_pixels(
        torch.from_numpy(load_crops(options.validation, options.config.image_size, options.limit, options.workers, False))
    )
    path = options.out / "autoencoder.safetensors"
    trainer = _Trainer(options, place, log, pool, network, classifier, validation, path)
    if options.adversarial_from > 0:
        trainer.reconstruct()
        settle_statistics(network, pool, place, options.seed)
    if options.adversarial_from < 1:
        trainer.sharpen()
    if place.rank == 0:
        save_weights(path, {k: v.float() for k, v in network.state_dict().items()})
    trainer.judge("end")
    return path


@dataclass
class _Trainer:
    options: AutoencoderRun
    place: Place
    log: RunLog
    pool: PhotoPool
    network: Autoencoder
    classifier: LiteClassifier
    validation: Float[Tensor, "B 3 H W"]
    path: Path

    def reconstruct(self) -> None:
        """Both halves, no discriminator; ends with averaged weights in the network."""
        o, place = self.options, self.place
        generator = place.generator(o.seed)
        optimiser = torch.optim.AdamW(
            self.network.parameters(), o.rate, betas=(0.9, 0.95), weight_decay=0.01, fused=place.device.type == "cuda"
        )
        averages = AveragedWeights(self.network, decay=0.998)
        loss_of = torch.compile(self._losses) if place.device.type == "cuda" else self._losses
        schedule = Schedule(place, o.minutes * o.adversarial_from, o.max_steps, warm_steps=20)
        saved = 0.0
        for step in schedule:
            set_rate(optimiser, o.rate, schedule.rate(decay_from=0.6))
            pixels = self.pool.draw(o.batch, generator)
            strength = o.latent_noise * torch.rand(o.batch, 1, 1, 1, device=place.device, generator=generator)
            with place.autocast():
                parts = loss_of(pixels, strength)
            loss = parts[0] + 2 * parts[1] + o.feature_weight * parts[2]
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            place.average_gradients(self.network.parameters())
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimiser.step()
            averages.update(step)
            if step % 200 == 0:
                l1, squared, features = (p.item() for p in parts)
                speed = step * o.batch * place.world / max(schedule.elapsed, 1e-3)
                self.log.write(
                    step=step, share=schedule.share, l1=l1, squared=squared, features=features, norm=float(norm), per_s=speed
                )
            if schedule.elapsed - saved > SNAPSHOT_SECONDS and place.rank == 0:
                saved = schedule.elapsed
                save_weights(self.path, averages.values)
        averages.copy_to_module()
        self.log.write(stage="reconstruct", photos_seen=schedule.step * o.batch * place.world, minutes=schedule.elapsed / 60)

    def sharpen(self) -> None:
        """The decoder alone, encoder frozen, against a discriminator."""
        o, place = self.options, self.place
        generator = place.generator(o.seed + 1)
        self.network.eval().requires_grad_(False)
        sharpener = DecoderSharpener(self.network.decoder, self.classifier, place, o.adversarial_weight)
        schedule = Schedule(place, o.minutes * (1 - o.adversarial_from), o.max_steps, warm_steps=30)
        encode = torch.compile(self.network.encode) if place.device.type == "cuda" else self.network.encode
        saved = 0.0
        for step in schedule:
            pixels = self.pool.draw(o.batch, generator)
            with place.autocast(), torch.no_grad():
                latent = encode(pixels)
                strength = o.latent_noise * torch.rand(o.batch, 1, 1, 1, device=place.device, generator=generator)
                latent = latent + strength * torch.randn(latent.shape, device=place.device, generator=generator)
            values = sharpener.step(schedule, latent, pixels)
            if step % 200 == 0:
                self.log.write(step=step, share=schedule.share, **{k: float(v) for k, v in values.items()})
            if schedule.elapsed - saved > SNAPSHOT_SECONDS and place.rank == 0:
                saved = schedule.elapsed
                rest = {k: v for k, v in self.network.state_dict().items() if not k.startswith("decoder.")}
                save_weights(self.path, rest | {f"decoder.{k}": v for k, v in sharpener.averages.values.items()})
        sharpener.averages.copy_to_module()
        if place.rank == 0:
            save_weights(o.out / "discriminator.safetensors", sharpener.discriminator.state_dict())
        self.log.write(stage="sharpen", photos_seen=schedule.step * o.batch * place.world, minutes=schedule.elapsed / 60)

    def _losses(self, pixels: Tensor, strength: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latent = self.network.encode(pixels)
        made = self.network.decode(latent + strength * torch.randn_like(latent))
        difference = made.float() - pixels.float()
        return difference.abs().mean(), difference.pow(2).mean(), feature_loss(self.classifier, made, pixels)

    @torch.no_grad()
    def judge(self, when: str) -> None:
        """Validation PSNR, and a sheet of photographs over their reconstructions."""
        if self.place.rank:
            return
        self.network.eval()
        made = []
        for pixels in self.validation.split(50):
            with self.place.autocast():
                made.append(self.network(pixels.to(self.place.device)).float().clamp(-1, 1).cpu())
        error = (torch.cat(made) - self.validation).pow(2).mean((1, 2, 3))
        self.log.write(when=when, validation_psnr=float((10 * torch.log10(4 / error)).mean()))
        picture_grid(self.options.out / "autoencoder.png", [self.validation[:10], made[0][:10]])


@torch.no_grad()
def settle_statistics(network: Autoencoder, pool: PhotoPool, place: Place, seed: int, batches: int = 60) -> None:
    """Exact mean and variance of the latent under the averaged weights, the same in every process."""
    generator = torch.Generator(place.device).manual_seed(seed)
    network.train()
    network.standardise.momentum = None  # a plain average over all batches from here on
    network.standardise.reset_running_stats()
    with place.autocast():
        for _ in range(batches if place.device.type == "cuda" else 2):
            network.encode(pool.draw(64 if place.device.type == "cuda" else 4, generator))
    network.standardise.momentum = 0.02
    network.eval()
    assert F.relu(network.standardise.running_var).min() > 0, "every latent channel varies"  # type: ignore[arg-type]
