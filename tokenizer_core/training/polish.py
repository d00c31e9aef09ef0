"""`tokendial train polish`: the latent decoder meets the flow decoder's own outputs, and a discriminator.

A decoder that saw only true latents answers a one-step mean, whose latent is smoother than any photograph's,
with a grid, and a sample with too little texture. Here three kinds of latents share a batch. "true" ones (of
photographs) are pulled to their photograph and judged by the discriminator. "mean" ones (one-step means of
the flow decoder, of random prefix lengths) are pulled to their photograph alone, and away from a grid of
cells, so that an uncertain latent gives a calm picture. "held" ones (samples) stay near what they decoded to
before, take the local spectra of their photograph, and are judged by the discriminator.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.masks import draw_lengths
from tokenizer_core.training import losses
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import AveragedWeights, Run, RunOptions, Schedule, Values, set_rate
from tokenizer_core.training.prefix_flow import load_networks

DRAWN_AT_ONCE, MEANS_A_SAMPLE = 64, 4
PENALTY_EVERY, PENALTY_WEIGHT, FEATURE_WEIGHT = 16, 2.0, 0.3

Triples = tuple[Tensor, Tensor, Tensor]  # latents (B, C, h, w), what each should decode to, its photograph


def _distance(made: Tensor, target: Tensor) -> Tensor:
    """L1 plus squared error, in units of half the range."""
    return F.l1_loss(made.float(), target.float()) + 2 * F.mse_loss(made.float(), target.float())


PULL: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "true": lambda made, to, photo: _distance(made, to) + 0.1 * losses.local_spectrum_loss(made, photo),
    "mean": lambda made, to, _: 0.3 * losses.log_error(made, to) + 0.03 * losses.grid_loss(made),
    "held": lambda made, to, photo: 0.5 * _distance(made, to) + 0.2 * losses.local_spectrum_loss(made, photo),
}


@dataclass(frozen=True, kw_only=True)
class PolishRun(RunOptions):
    """Options of one run; half of `batch` are true latents, a quarter means and a quarter samples.

    `drawn` is how many samples are drawn before it starts; means are cheaper,
    and are `MEANS_A_SAMPLE` times as many.
    `start` is an unfinished run's file, and otherwise `autoencoder`.
    """

    autoencoder: Path
    flow: Path
    minutes: float = 3.0
    drawn: int = 4096
    latent_noise: float = 0.1
    adversarial_weight: float = 0.6
    rate: float = 3e-4


def run(options: PolishRun) -> Path:
    """Train and return the path of an autoencoder whose decoder is polished."""
    return _Polisher(options).train()


class _Polisher(Run[PolishRun]):
    def __init__(self, options: PolishRun) -> None:
        super().__init__("polish", options)
        network = self.ready(Autoencoder(options.config.autoencoder), options.start or options.autoencoder)
        self.network = network.eval().requires_grad_(False)
        self.means, self.samples = (self._draw_latents(n) for n in (1, options.config.sampler.steps))
        self.schedule = Schedule(self.place, options.minutes, options.max_steps, warm_up=100)
        self.discriminator = self.place.put(losses.patch_discriminator())
        adam = partial(torch.optim.AdamW, lr=options.rate, betas=(0.5, 0.95), fused=True)
        self.optimiser = adam(network.decoder.requires_grad_(True).parameters())
        self.critic = adam(self.discriminator.parameters())
        self.balance = torch.tensor(0.1, device=self.place.device)
        self.decode = self.place.compiled(network.decoder)
        self.features = self.place.compiled(lambda *pair: losses.feature_loss(self.classifier, *pair))
        self.judged: tuple[Tensor, Tensor] | None = None  # real and made pictures of the last batch

    @torch.no_grad()
    def _draw_latents(self, steps: int) -> Triples:
        """Means (one step) towards their photographs; samples near what the decoder makes of them now."""
        config, generator = self.options.config, self.place.generator(self.options.seed + steps)
        networks = self.place.put(load_networks(self.options.flow, config)).eval()
        sampler, rows = replace(config.sampler, steps=steps), []
        count = self.options.drawn * (MEANS_A_SAMPLE if steps == 1 else 1)
        for start in range(0, count, DRAWN_AT_ONCE):
            batch = min(DRAWN_AT_ONCE, count - start)
            pixels = self.pool.draw(batch, generator)
            lengths = draw_lengths(batch, config.encoder.num_tokens, generator, 0.15, 0.05)
            with self.place.autocast():
                latent = latent_to_sequence(self.network.encode(pixels))
                drawn = sequence_to_latent(networks.draw(latent, lengths, generator, sampler)[-1])
                target = pixels if steps == 1 else self.network.decode(drawn).clamp(-1, 1)
            rows.append([part.bfloat16() for part in (drawn, target, pixels)])
        drawn, target, photo = (torch.cat(column) for column in zip(*rows, strict=True))
        return drawn, target, photo

    def train(self) -> Path:
        """The loop; ends with averaged weights in the decoder."""
        o, generator = self.options, self.place.generator(self.options.seed + 2)
        averages, steppers = AveragedWeights(self.network.decoder, 0.998), [(self.optimiser, o.rate)]
        self.fit(averages, self.schedule, steppers, lambda: self._criticise() | self._losses(generator))
        return self.snapshot()

    def _draw(self, generator: torch.Generator) -> dict[str, Triples]:
        """One batch: half true latents, a quarter means and a quarter samples."""
        quarter = max(1, self.options.batch // 4)
        pixels = self.pool.draw(2 * quarter, generator)
        with torch.no_grad(), self.place.autocast():
            latent = self.network.encode(pixels)
        latent = latent + draw_noise(latent.shape, self.options.latent_noise, generator)
        means, samples = (_pick(kind, quarter, generator) for kind in (self.means, self.samples))
        return {"true": (latent, pixels, pixels), "mean": means, "held": samples}

    def _losses(self, generator: torch.Generator) -> Values:
        """What the decoder minimises."""
        kinds = self._draw(generator)
        latents = [latent for latent, _, _ in kinds.values()]
        with self.place.autocast():
            made = self.decode(torch.cat(latents)).split([len(latent) for latent in latents])
            parts = dict(zip(kinds, made, strict=True))
            pulls = {kind: PULL[kind](part, *kinds[kind][1:]) for kind, part in parts.items()}
            pulls["true"] = pulls["true"] + FEATURE_WEIGHT * self.features(parts["true"], kinds["true"][1])
        sharp = torch.cat([parts["true"], parts["held"]])
        self.judged = (kinds["true"][1], sharp.detach())
        total = torch.stack([*pulls.values()]).sum() + self._adversarial(sharp, pulls["true"])
        return {k: pull.detach() for k, pull in pulls.items()} | {"balance": self.balance, "loss": total}

    def _adversarial(self, sharp: Tensor, reconstruction: Tensor) -> Tensor:
        step, last = self.schedule.step, self.network.decoder.out.weight
        self.discriminator.requires_grad_(False)
        with self.place.autocast():
            adversarial = -self.discriminator(sharp).float().mean()
        if step % 10 == 1:
            self.balance.lerp_(losses.adaptive_weight(reconstruction, adversarial, last), 0.2)
        return self.options.adversarial_weight * min(1.0, step / 300) * self.balance * adversarial

    def _criticise(self) -> Values:
        """One step of the discriminator on the last batch; its mean logits."""
        if self.judged is None:
            return {}
        real, made = self.judged
        self.discriminator.requires_grad_(True).zero_grad()
        with self.place.autocast():
            real_logits, made_logits = self.discriminator(real), self.discriminator(made)
            loss = losses.hinge_loss(real_logits, made_logits)
            if self.schedule.step % PENALTY_EVERY == 0:
                penalty = losses.gradient_penalty(self.discriminator, real)
                loss = loss + PENALTY_EVERY * PENALTY_WEIGHT * penalty
        loss.backward()
        self.place.average_gradients(self.discriminator.parameters())
        set_rate(self.critic, self.options.rate * max(self.schedule.rate, 0.25))
        self.critic.step()
        return {"real": real_logits.detach().mean(), "made": made_logits.detach().mean()}

    def snapshot(self) -> Path:
        """Weights, and validation PSNR."""
        self.judge({"autoencoder": self.network})
        return self.save("autoencoder.safetensors", self.network)


def _pick(kind: Triples, count: int, generator: torch.Generator) -> Triples:
    index = torch.randint(len(kind[0]), (count,), generator=generator, device=generator.device)
    return kind[0][index].float(), kind[1][index].float(), kind[2][index].float()
