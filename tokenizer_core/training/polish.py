"""`tokendial train polish`: the latent decoder meets the flow decoder's own outputs.

A decoder that saw only true latents answers a one-step mean, whose latent is smoother than any photograph's, with
a grid, and a sample with too little texture. Here it decodes true latents, means and samples of random prefix
lengths side by side; `sharpen` says what each is pulled to.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tokenizer_core.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.config import TokenizerConfig
from tokenizer_core.sampler import sample
from tokenizer_core.training.data import PhotoPool, to_pixels
from tokenizer_core.training.loop import Place, RunLog, Schedule, picture_grid
from tokenizer_core.training.prefix_flow import FlowNetworks, draw_lengths
from tokenizer_core.training.sharpen import DecoderSharpener
from tokenizer_core.training.weights import load_weights, save_weights

SNAPSHOT_SECONDS = 110


@dataclass(frozen=True, kw_only=True)
class PolishRun:
    """Options of one run; half of `batch` are true latents, a quarter means and a quarter samples."""

    photos: tuple[str, ...]
    autoencoder: Path
    flow: Path
    out: Path
    discriminator: Path | None = None
    minutes: float = 3.0
    max_steps: int | None = None
    batch: int = 64
    drawn: int = 4096
    latent_noise: float = 0.15
    adversarial_weight: float = 0.6
    seed: int = 0
    limit: int | None = None
    workers: int = 8
    config: TokenizerConfig = TokenizerConfig()


@dataclass(frozen=True)
class DrawnLatents:
    """Outputs of the flow decoder and what each should decode to."""

    latents: Float[Tensor, "M C h w"]
    targets: Float[Tensor, "M 3 H W"]

    def pick(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random handful."""
        index = torch.randint(len(self.latents), (count,), generator=generator, device=self.latents.device)
        return self.latents[index], self.targets[index].float()


def run(options: PolishRun) -> Path:
    """Train and return the path of an autoencoder whose decoder is polished."""
    place = Place.find()
    log = RunLog(options.out, place, "polish", {k: v for k, v in asdict(options).items() if k != "config"})
    autoencoder, networks = Autoencoder(options.config.autoencoder), FlowNetworks(options.config)
    load_weights(options.autoencoder, autoencoder)
    load_weights(options.flow, networks)
    autoencoder = autoencoder.to(place.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    networks = networks.to(place.device).eval().requires_grad_(False)
    size = options.config.autoencoder.image_size
    pool = PhotoPool(options.photos, size, place.device, options.limit, options.workers)
    means, samples = draw_latents(options, place, pool, autoencoder, networks)
    log.write(crops=len(pool), means=len(means.latents), samples=len(samples.latents))
    classifier = LiteClassifier(0).to(place.device).to(memory_format=torch.channels_last)
    sharpener = DecoderSharpener(autoencoder.decoder, classifier, place, options.adversarial_weight)
    if options.discriminator is not None:
        load_weights(options.discriminator, sharpener.discriminator)
    path = options.out / "autoencoder.safetensors"
    _train(options, place, log, pool, autoencoder, sharpener, (means, samples))
    sharpener.averages.copy_to_module()
    if place.rank == 0:
        save_weights(path, {k: v.float() for k, v in autoencoder.state_dict().items()})
        with torch.no_grad(), place.autocast():
            rows = [drawn.targets[:10].float() for drawn in (means, samples)]
            made = [autoencoder.decode(drawn.latents[:10].float()) for drawn in (means, samples)]
        picture_grid(options.out / "polish.png", [rows[0], made[0], rows[1], made[1]])
    return path


def _train(
    o: PolishRun,
    place: Place,
    log: RunLog,
    pool: PhotoPool,
    autoencoder: Autoencoder,
    sharpener: DecoderSharpener,
    drawn: tuple[DrawnLatents, DrawnLatents],
) -> None:
    generator = place.generator(o.seed + 2)
    schedule = Schedule(place, o.minutes, o.max_steps, warm_steps=30)
    quarter = max(1, o.batch // 4)
    for step in schedule:
        pixels = pool.draw(max(1, o.batch - 2 * quarter), generator)
        with torch.no_grad(), place.autocast():
            latent = autoencoder.encode(pixels)
        strength = o.latent_noise * torch.rand(len(pixels), 1, 1, 1, device=place.device, generator=generator)
        latent = latent + strength * torch.randn(latent.shape, device=place.device, generator=generator)
        parts = [(latent, pixels)] + [d.pick(quarter, generator) for d in drawn]
        latents, targets = torch.cat([p[0].float() for p in parts]), torch.cat([p[1] for p in parts])
        values = sharpener.step(schedule, latents, targets, num_means=quarter, num_samples=quarter)
        if step % 200 == 0:
            log.write(step=step, share=schedule.share, **{k: v.item() for k, v in values.items()})
    log.write(photos_seen=schedule.step * o.batch * place.world, minutes=schedule.elapsed / 60)


@torch.no_grad()
def draw_latents(
    options: PolishRun, place: Place, pool: PhotoPool, autoencoder: Autoencoder, networks: FlowNetworks
) -> tuple[DrawnLatents, DrawnLatents]:
    """Means towards their photographs, samples towards what the unpolished decoder makes of them."""
    generator = place.generator(options.seed + 1)
    sampler = options.config.sampler
    kinds: tuple[list, list] = ([], [])
    for _ in range(0, options.drawn, 128):
        index = torch.multinomial(pool.weights, min(128, options.drawn), generator=generator)
        pixels = to_pixels(pool.crops[index])
        with place.autocast():
            tokens = networks.encoder(latent_to_sequence(autoencoder.encode(pixels)))
            context = networks.decoder.context(tokens)
            keep_mask = _keep_mask(tokens, generator)
            noise = torch.randn(
                (len(tokens), networks.decoder.patch_positions.shape[0], options.config.autoencoder.latent_channels),
                generator=generator,
                device=place.device,
            )
            mean = sequence_to_latent(sample(networks.decoder, context, noise, keep_mask, steps=1))
            drawn = sequence_to_latent(
                sample(
                    networks.decoder,
                    context,
                    noise,
                    keep_mask,
                    steps=sampler.steps,
                    guidance_scale=sampler.guidance_scale,
                    time_shift=sampler.time_shift,
                )
            )
            decoded = autoencoder.decode(drawn).clamp(-1, 1)
        kinds[0].append((mean.bfloat16(), pixels.bfloat16()))
        kinds[1].append((drawn.bfloat16(), decoded.bfloat16()))
    means, samples = (DrawnLatents(*(torch.cat(column) for column in zip(*kind, strict=True))) for kind in kinds)
    return means, samples


def _keep_mask(tokens: Float[Tensor, "B K D"], generator: torch.Generator) -> Tensor:
    """Random prefixes, log-uniform in length, some empty."""
    count, num_tokens = tokens.shape[:2]
    lengths: Int[Tensor, " B"] = draw_lengths(count, num_tokens, generator, tokens.device, 0.3, 0.05)
    return torch.arange(num_tokens, device=tokens.device) < lengths[:, None]
