"""`tokendial train prefix-flow`: token encoder and flow decoder together, on a frozen autoencoder's latents.

Latents and alignment targets of all crops and their mirror images are computed once and stay on the GPU. Loss:
squared error of the predicted clean latent, weighted over time (`flow.loss_weight`) and over latent channels by
what each is worth in pixels, plus the cosine distance of a middle block to classifier features (REPA, arXiv
2410.06940). Nested dropout draws the prefix length; a share of empty prefixes stays for the whole run.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from tokenizer_core.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.config import TokenizerConfig
from tokenizer_core.decoder import FlowDecoder
from tokenizer_core.encoder import TokenEncoder
from tokenizer_core.flow import draw_times, interpolate, loss_weight
from tokenizer_core.sampler import sample
from tokenizer_core.training.data import PhotoPool, load_crops, to_pixels
from tokenizer_core.training.loop import AveragedWeights, Place, RunLog, Schedule, picture_grid, set_rate
from tokenizer_core.training.weights import load_weights, save_weights

SNAPSHOT_SECONDS = 110
STRIDE_16 = 3  # index of the classifier's feature map that has one vector a latent position


@dataclass(frozen=True, kw_only=True)
class PrefixFlowRun:
    """Options of one run; `batch` counts crops a process."""

    photos: tuple[str, ...]
    validation: str
    autoencoder: Path
    out: Path
    minutes: float = 11.0
    max_steps: int | None = None
    start: Path | None = None
    batch: int = 256
    matrix_rate: float = 2e-3
    rate: float = 1e-3
    token_noise: float = 0.1
    alignment_weight: float = 0.5
    channel_worth: float = 0.5
    share_uniform: float = 0.5
    share_empty: float = 0.07
    seed: int = 0
    limit: int | None = None
    workers: int = 8
    config: TokenizerConfig = TokenizerConfig()


class FlowNetworks(nn.Module):
    """Encoder, decoder and the training-only alignment head, so that one file and one average hold them all."""

    def __init__(self, config: TokenizerConfig, feature_width: int = 112) -> None:
        super().__init__()
        channels, patches = config.autoencoder.latent_channels, config.autoencoder.latent_size**2
        self.encoder = TokenEncoder(config.encoder, channels, patches)
        self.decoder = FlowDecoder(
            config.decoder, channels, patches, config.encoder.num_tokens, config.encoder.token_width
        )
        self.hidden_after = max(1, config.decoder.depth // 2)
        width = config.decoder.width
        self.alignment = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, feature_width))


def draw_lengths(
    count: int, num_tokens: int, generator: torch.Generator, device: torch.device, share_uniform: float, share_empty: float
) -> Int[Tensor, " B"]:
    """Prefix lengths for nested dropout: log-uniform or uniform on 1..num_tokens, and a share of 0."""

    def coin(share: float) -> Tensor:
        return torch.rand(count, generator=generator, device=device) < share

    u = torch.rand(count, generator=generator, device=device)
    logarithmic = torch.exp(u * math.log(num_tokens + 1)).floor()
    uniform = (u * num_tokens).floor() + 1
    k = torch.where(coin(share_uniform), uniform, logarithmic).clamp(1, num_tokens)
    return torch.where(coin(share_empty), torch.zeros_like(k), k).long()


def run(options: PrefixFlowRun) -> Path:
    """Train and return the path of the averaged weights."""
    place = Place.find()
    log = RunLog(options.out, place, "prefix-flow", {k: v for k, v in asdict(options).items() if k != "config"})
    torch.default_generator.manual_seed(options.seed)
    autoencoder = Autoencoder(options.config.autoencoder)
    load_weights(options.autoencoder, autoencoder)
    autoencoder = autoencoder.to(place.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    size = options.config.autoencoder.image_size
    pool = PhotoPool(options.photos, size, place.device, options.limit, options.workers)
    held_out = to_pixels(torch.from_numpy(load_crops(options.validation, size, options.limit, options.workers, False)))
    classifier = LiteClassifier(0).to(place.device).to(memory_format=torch.channels_last)
    cache = LatentCache(place, autoencoder, classifier, pool)
    log.write(latents=len(cache.latents), worth=[round(w, 2) for w in cache.worth.flatten().tolist()])
    networks = FlowNetworks(options.config, cache.targets.shape[-1]).to(place.device)
    if options.start is not None:
        load_weights(options.start, networks, allow_missing=("alignment.",))
    place.share_weights(networks)
    log.write(parameters={n: sum(p.numel() for p in m.parameters()) for n, m in networks.named_children()})
    trainer = _Trainer(options, place, log, cache, networks, autoencoder, held_out)
    return trainer.train()


class LatentCache:
    """Latents (M, N, C) and alignment targets (M, N, F) of all crops and their mirror images, in bfloat16.

    `worth` is what a squared error in each latent channel costs in pixels, mean 1: the change of the decoded
    picture when noise is put on that channel alone.
    """

    @torch.no_grad()
    def __init__(self, place: Place, autoencoder: Autoencoder, classifier: LiteClassifier, pool: PhotoPool) -> None:
        latents, targets = [], []
        with place.autocast():
            for mirrored in (False, True):
                for crops in pool.crops.split(256):
                    pixels = to_pixels(crops)
                    pixels = pixels.flip(3) if mirrored else pixels
                    latents.append(latent_to_sequence(autoencoder.encode(pixels)).bfloat16())
                    targets.append(latent_to_sequence(classifier.pyramid(pixels)[STRIDE_16]).bfloat16())
            self.worth = channel_worth(autoencoder, sequence_to_latent(latents[0][:32].float()))
        self.latents, raw = torch.cat(latents), torch.cat(targets)
        spread, centre = torch.std_mean(raw[:2000].float(), (0, 1))
        self.targets = ((raw - centre.bfloat16()) / spread.bfloat16()).bfloat16()
        self.weights = pool.weights.repeat(2)


@torch.no_grad()
def channel_worth(autoencoder: Autoencoder, latent: Float[Tensor, "B C h w"], strength: float = 0.3) -> Float[Tensor, "1 1 C"]:
    """Squared pixel change for noise of `strength` on one channel at a time, relative to the mean over channels."""
    reference = autoencoder.decode(latent).float()
    generator = torch.Generator(latent.device).manual_seed(0)
    changes = []
    for channel in range(latent.shape[1]):
        moved = latent.clone()
        moved[:, channel] += strength * torch.randn(moved[:, channel].shape, generator=generator, device=latent.device)
        changes.append((autoencoder.decode(moved).float() - reference).pow(2).mean())
    worth = torch.stack(changes)
    return (worth / worth.mean()).view(1, 1, -1)


def optimisers(networks: nn.Module, options: PrefixFlowRun, fused: bool) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon (arXiv 2502.16982) on the matrices of the blocks, AdamW on the rest, each with its base rate."""
    matrices = [p for n, p in networks.named_parameters() if p.dim() == 2 and "blocks" in n and n.endswith(".weight")]
    chosen = {id(p) for p in matrices}
    rest = [p for p in networks.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(
        matrices, lr=options.matrix_rate, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    adam = torch.optim.AdamW(rest, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.02, fused=fused)
    return [(muon, options.matrix_rate), (adam, options.rate)]


@dataclass
class _Trainer:
    options: PrefixFlowRun
    place: Place
    log: RunLog
    cache: LatentCache
    networks: FlowNetworks
    autoencoder: Autoencoder
    held_out: Float[Tensor, "B 3 H W"]

    def train(self) -> Path:
        """The loop; ends with averaged weights on disk and in the networks."""
        o, place, path = self.options, self.place, self.options.out / "flow.safetensors"
        cuda = place.device.type == "cuda"
        generator = place.generator(o.seed)
        steppers = optimisers(self.networks, o, cuda)
        averages = AveragedWeights(self.networks, decay=0.9995)
        loss_of = torch.compile(self._losses) if cuda else self._losses
        schedule = Schedule(place, o.minutes, o.max_steps, warm_steps=10)
        saved = 0.0
        for step in schedule:
            for optimiser, base in steppers:
                set_rate(optimiser, base, schedule.rate(decay_from=0.6))
            with place.autocast():
                weighted, plain, alignment = loss_of(*self._draw(generator))
            for optimiser, _ in steppers:
                optimiser.zero_grad(set_to_none=True)
            (weighted + o.alignment_weight * alignment).backward()
            place.average_gradients(self.networks.parameters())
            norm = torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
            for optimiser, _ in steppers:
                optimiser.step()
            averages.update(step)
            if step % 250 == 0:
                speed = max(step - 10, 0) * o.batch * place.world / max(schedule.elapsed, 1e-3)
                values = {"loss": weighted, "squared": plain, "alignment": alignment, "norm": norm}
                self.log.write(step=step, share=schedule.share, per_s=speed, **{k: v.item() for k, v in values.items()})
            if schedule.elapsed - saved > SNAPSHOT_SECONDS and place.rank == 0:
                saved = schedule.elapsed
                save_weights(path, averages.values)
        averages.copy_to_module()
        if place.rank == 0:
            save_weights(path, averages.values)
        self.log.write(photos_seen=schedule.step * o.batch * place.world, minutes=schedule.elapsed / 60)
        self.judge()
        return path

    def _draw(self, generator: torch.Generator) -> Iterator[Tensor]:
        """Latents, targets, noise, times, prefix lengths and token noise of one batch."""
        o, device = self.options, self.place.device
        index = torch.multinomial(self.cache.weights, o.batch, replacement=True, generator=generator)
        latent = self.cache.latents[index].float()
        yield latent
        yield self.cache.targets[index]
        yield torch.randn(latent.shape, generator=generator, device=device)
        yield draw_times(o.batch, generator, device)
        num_tokens = o.config.encoder.num_tokens
        yield draw_lengths(o.batch, num_tokens, generator, device, o.share_uniform, o.share_empty)
        shape = (o.batch, num_tokens, o.config.encoder.token_width)
        yield o.token_noise * torch.randn(shape, generator=generator, device=device)

    def _losses(
        self, latent: Tensor, target: Tensor, noise: Tensor, t: Tensor, lengths: Tensor, token_noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        networks = self.networks
        tokens = networks.encoder(latent) + token_noise
        keep_mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        x, hidden = networks.decoder.predict(
            interpolate(latent, noise, t), t, networks.decoder.context(tokens), keep_mask, networks.hidden_after
        )
        squared = (x - latent).pow(2)
        weighted = (loss_weight(t) * (squared * self.cache.worth**self.options.channel_worth).mean((1, 2))).mean()
        aligned = networks.alignment(F.rms_norm(hidden, (hidden.shape[-1],)))
        alignment = 1 - F.cosine_similarity(aligned.float(), target.float(), dim=-1).mean()
        return weighted, squared.detach().mean(), alignment

    @torch.no_grad()
    def judge(self) -> None:
        """Validation PSNR of means and samples at a few lengths, and a sheet of both."""
        if self.place.rank:
            return
        self.networks.eval()
        rows, count = [self.held_out[:10]], self.options.config.encoder.num_tokens
        lengths = [k for k in (1, 4, 16, 64, 256) if k <= count] or [count]
        for steps, guidance in ((1, 1.0), (self.options.config.sampler.steps, self.options.config.sampler.guidance_scale)):
            scores = {}
            for k in lengths:
                pictures = self._pictures(k, steps, guidance)
                error = (pictures - self.held_out[: len(pictures)]).pow(2).mean((1, 2, 3))
                scores[k] = round(float((10 * torch.log10(4 / error)).mean()), 2)
                rows.append(pictures[:10])
            self.log.write(steps=steps, guidance=guidance, validation_psnr=scores)
        picture_grid(self.options.out / "flow.png", rows)

    def _pictures(self, k: int, steps: int, guidance: float, limit: int = 200) -> Tensor:
        made = []
        generator = torch.Generator(self.place.device).manual_seed(1)
        for pixels in self.held_out[:limit].split(50):
            with self.place.autocast():
                latent = latent_to_sequence(self.autoencoder.encode(pixels.to(self.place.device)))
                tokens = self.networks.encoder(latent, k)
                noise = torch.randn(latent.shape, generator=generator, device=latent.device)
                context = self.networks.decoder.context(tokens)
                drawn = sample(self.networks.decoder, context, noise, steps=steps, guidance_scale=guidance)
                made.append(self.autoencoder.decode(sequence_to_latent(drawn)).float().clamp(-1, 1).cpu())
        return torch.cat(made)
