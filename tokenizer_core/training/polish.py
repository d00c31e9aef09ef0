"""`tokendial train polish`: the latent decoder meets the flow decoder's own outputs, and a discriminator.

A decoder that saw only true latents answers a one-step mean, whose latent is smoother than any photograph's,
with a grid, and a sample with too little texture. Here three kinds of latents share a batch. "true" ones (of
photographs) are pulled to their photograph and shown to the discriminator. "mean" ones (one-step means of
the flow decoder, of random prefix lengths) are pulled to their photograph alone, and away from a grid of
cells, so that an uncertain latent gives a calm picture. "held" ones (samples) stay near what they decoded to
before, take the local spectra of their photograph, and are shown to the discriminator.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.masks import draw_lengths
from tokenizer_core.training import losses
from tokenizer_core.training.adversary import Adversary, AdversarySettings
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.flow_networks import load_networks
from tokenizer_core.training.loop import Run, RunOptions, Values
from tokenizer_core.training.settings import setting

DRAWN_AT_ONCE = 64

Triples = tuple[Tensor, Tensor, Tensor]  # latents (B, C, h, w), what each should decode to, its photograph


@dataclass(frozen=True, kw_only=True)
class PullWeights:
    """How strongly each kind of picture is pulled, and by what."""

    true_distance: float = setting("pull of true latents' pictures to their photographs", 1.0)
    true_spectrum: float = setting("pull of theirs to the local spectra", 0.1)
    mean_error: float = setting("pull of means to their photographs, by the error's logarithm", 0.3)
    mean_grid: float = setting("pull of means away from a grid of cells", 0.03)
    held_distance: float = setting("pull of samples to what they decoded to before", 0.5)
    held_spectrum: float = setting("pull of samples to their photographs' local spectra", 0.2)


DEFAULT_PULL = PullWeights()


def _distance(made: Tensor, target: Tensor) -> Tensor:
    """L1 plus squared error, in units of half the range."""
    return F.l1_loss(made.float(), target.float()) + 2 * F.mse_loss(made.float(), target.float())


def _pull_true(made: Tensor, to: Tensor, photo: Tensor, weights: PullWeights = DEFAULT_PULL) -> Tensor:
    distance = _distance(made, to)
    spectrum = losses.local_spectrum_loss(made, photo)
    return weights.true_distance * distance + weights.true_spectrum * spectrum


def _pull_mean(made: Tensor, to: Tensor, _: Tensor, weights: PullWeights = DEFAULT_PULL) -> Tensor:
    return weights.mean_error * losses.log_error(made, to) + weights.mean_grid * losses.grid_loss(made)


def _pull_held(made: Tensor, to: Tensor, photo: Tensor, weights: PullWeights = DEFAULT_PULL) -> Tensor:
    distance = _distance(made, to)
    spectrum = losses.local_spectrum_loss(made, photo)
    return weights.held_distance * distance + weights.held_spectrum * spectrum


PULL: dict[str, Callable[..., Tensor]] = {"true": _pull_true, "mean": _pull_mean, "held": _pull_held}


@dataclass(frozen=True, kw_only=True)
class PolishRun(RunOptions, AdversarySettings, PullWeights):
    """Settings of one run; half of `batch` are true latents, a quarter means and a quarter samples.

    `start` is an unfinished run's file, and otherwise `autoencoder`.
    """

    autoencoder: Path = setting("weights of the autoencoder, whose decoder is polished")
    flow: Path = setting("weights of the flow decoder")
    minutes: float = setting("how long the run takes", 3.0)
    warm_up: int = setting("steps until the learning rate is full", 100)
    drawn: int = setting("samples of the flow decoder, drawn before the run starts", 4096)
    means_a_sample: int = setting("means that are drawn for each sample; they are cheaper", 4)
    share_uniform: float = setting(
        "of prefix lengths that are drawn evenly; the others are log-uniform", 0.15
    )
    share_empty: float = setting("of empty prefixes", 0.05)
    latent_noise: float = setting("most noise on true latents, in their standard deviations", 0.1)
    feature_weight: float = setting("of the features' distance of true latents' pictures", 0.3)
    rate: float = setting("learning rate of decoder and discriminator", 3e-4)


def run(options: PolishRun) -> Path:
    """Train and return the path of an autoencoder whose decoder is polished."""
    return _Polisher(options).train()


class _Polisher(Run[PolishRun]):
    def __init__(self, options: PolishRun) -> None:
        super().__init__("polish", options)
        network = self.ready(Autoencoder(options.config.autoencoder), options.start or options.autoencoder)
        self.network = network.eval().requires_grad_(False)
        self.means = self._draw_latents(steps=1)
        self.samples = self._draw_latents(steps=options.config.sampler.steps)
        self.clock = self.schedule()
        discriminator = self.place.put(losses.patch_discriminator())
        self.adversary = Adversary(discriminator, self.place, options)
        self.other_modules, self.other_optimisers = [discriminator], [self.adversary.optimiser]
        self.watched = ("loss", "norm", "discriminator_loss", "discriminator_norm")
        self.decode = self.place.compiled(network.decoder)
        self.features = self.place.compiled(lambda *pair: losses.feature_loss(self.classifier, *pair))

    @torch.no_grad()
    def _draw_latents(self, steps: int) -> Triples:
        """Means (one step) towards their photographs; samples near what the decoder makes of them now."""
        o = self.options
        generator = self.place.generator(o.seed + steps)
        networks = self.place.put(load_networks(o.flow, o.config)).eval()
        sampler, rows = replace(o.config.sampler, steps=steps), []
        count = o.drawn * (o.means_a_sample if steps == 1 else 1)
        for start in range(0, count, DRAWN_AT_ONCE):
            batch = min(DRAWN_AT_ONCE, count - start)
            pixels = self.pool.draw(batch, generator)
            shares = o.share_uniform, o.share_empty
            lengths = draw_lengths(batch, o.config.encoder.num_tokens, generator, *shares)
            with self.place.autocast():
                latent = latent_to_sequence(self.network.encode(pixels))
                drawn = sequence_to_latent(networks.draw(latent, lengths, generator, sampler)[-1])
                target = pixels if steps == 1 else self.network.decode(drawn).clamp(-1, 1)
            rows.append([part.bfloat16() for part in (drawn, target, pixels)])
        drawn, target, photo = (torch.cat(column) for column in zip(*rows, strict=True))
        return drawn, target, photo

    def train(self) -> Path:
        """The loop; ends with averaged weights in the decoder."""
        o = self.options
        generator = self.place.generator(o.seed + 2)
        decoder = self.network.decoder.requires_grad_(True)
        averages = AveragedWeights(decoder, o.average_decay)
        parameters, decay = decoder.parameters(), o.weight_decay
        adam = torch.optim.AdamW(parameters, o.rate, o.betas, weight_decay=decay, fused=True)

        def both() -> Values:
            return self.adversary.learn(self.clock.step, self.clock.rate) | self._losses(generator)

        self.fit(averages, self.clock, [(adam, o.rate)], both, generator)
        return self.write_weights()

    def _draw(self, generator: torch.Generator) -> dict[str, Triples]:
        """One batch: half true latents, a quarter means and a quarter samples."""
        quarter = max(1, self.options.batch // 4)
        pixels = self.pool.draw(2 * quarter, generator)
        with torch.no_grad(), self.place.autocast():
            latent = self.network.encode(pixels)
        latent = latent + draw_noise(latent.shape, self.options.latent_noise, generator)
        means = _pick(self.means, quarter, generator)
        samples = _pick(self.samples, quarter, generator)
        return {"true": (latent, pixels, pixels), "mean": means, "held": samples}

    def _losses(self, generator: torch.Generator) -> Values:
        """What the decoder minimises."""
        o = self.options
        kinds = self._draw(generator)
        latents = [latent for latent, _, _ in kinds.values()]
        with self.place.autocast():
            made = self.decode(torch.cat(latents)).split([len(latent) for latent in latents])
            parts = dict(zip(kinds, made, strict=True))
            pulls = {kind: PULL[kind](part, *kinds[kind][1:], o) for kind, part in parts.items()}
            features = self.features(parts["true"], kinds["true"][1])
            pulls["true"] = pulls["true"] + o.feature_weight * features
        sharp = torch.cat([parts["true"], parts["held"]])
        step, last_layer = self.clock.step, self.network.decoder.out.weight
        opinion = self.adversary.opinion(sharp, kinds["true"][1], pulls["true"], last_layer, step)
        total = torch.stack([*pulls.values()]).sum() + opinion
        logged = {kind: pull.detach() for kind, pull in pulls.items()}
        return logged | {"balance": self.adversary.balance, "loss": total}

    def own_state(self) -> dict[str, Tensor]:
        """The adversary's."""
        return self.adversary.state()

    def take_own_state(self, state: dict[str, Tensor]) -> None:
        """Go back, or go on, to what `own_state` gave."""
        self.adversary.take(state)

    def write_weights(self) -> Path:
        """Weights, and validation PSNR."""
        self.validate({"autoencoder": self.network})
        return self.save("autoencoder.safetensors", self.network)


def _pick(kind: Triples, count: int, generator: torch.Generator) -> Triples:
    index = torch.randint(len(kind[0]), (count,), generator=generator, device=generator.device)
    latent, target, photo = kind
    return latent[index].float(), target[index].float(), photo[index].float()
