"""`tokendial train polish`: the latent decoder meets the flow decoder's own outputs.

A decoder that saw only true latents answers a one-step mean, whose latent is smoother than any photograph's,
with a grid, and a sample with too little texture. Here it decodes true latents, means and samples of random
prefix lengths side by side; `sharpen` says what each is pulled to.
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tokenizer_core.autoencoder import Autoencoder
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import Run, RunOptions
from tokenizer_core.training.prefix_flow import FlowNetworks, draw_lengths
from tokenizer_core.training.sharpen import DecoderSharpener, Pairs
from tokenizer_core.weights import load_weights

DRAWN_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class PolishRun(RunOptions):
    """Options of one run; half of `batch` are true latents, a quarter means and a quarter samples.

    With `adversarial_weight` 0 there is no discriminator: true latents and samples are held at what they
    decoded to before the run, half of the batch are means, and only those change. That run is small enough
    for two CPU cores. `start` is an unfinished run's file, `autoencoder` what that run began with.
    """

    autoencoder: Path
    flow: Path
    discriminator: Path | None = None
    minutes: float = 3.0
    drawn_means: int = 4096
    drawn_samples: int = 4096
    latent_noise: float = 0.15
    adversarial_weight: float = 0.6
    rate: float = 3e-4


def run(options: PolishRun) -> Path:
    """Train and return the path of an autoencoder whose decoder is polished."""
    return _Polisher(options).train()


class _Polisher(Run[PolishRun]):
    def __init__(self, options: PolishRun) -> None:
        super().__init__("polish", options)
        network = self.ready(Autoencoder(options.config.autoencoder), options.autoencoder)
        self.network = network.eval().requires_grad_(False)
        self.means = self._draw_latents(options.drawn_means, 1)
        self.samples = self._draw_latents(options.drawn_samples, options.config.sampler.steps)
        self.before = copy.deepcopy(self.network.decoder)
        if options.start is not None:
            load_weights(options.start, self.network)

    @torch.no_grad()
    def _draw_latents(self, count: int, steps: int) -> Pairs:
        """Means (one step) towards their photographs; samples towards what the decoder makes of them now."""
        config, generator = self.options.config, self.place.generator(self.options.seed + steps)
        networks = self.ready(FlowNetworks(config), self.options.flow).eval()
        sampler, rows = replace(config.sampler, steps=steps), []
        for start in range(0, count, DRAWN_AT_ONCE):
            batch = min(DRAWN_AT_ONCE, count - start)
            pixels = self.pool.draw(batch, generator)
            lengths = draw_lengths(batch, config.encoder.num_tokens, generator, 0.3, 0.05)
            with self.place.autocast():
                drawn = networks.draw(self.network.encode(pixels), lengths, generator, sampler)
                target = pixels if steps == 1 else self.network.decode(drawn).clamp(-1, 1)
            rows.append((drawn.bfloat16(), target.bfloat16()))
        latents, targets = (torch.cat(column) for column in zip(*rows, strict=True))
        return latents, targets

    def train(self) -> Path:
        """The loop; ends with averaged weights in the decoder."""
        o, generator = self.options, self.place.generator(self.options.seed + 2)
        sharpener = DecoderSharpener(self, self.network.decoder, o.minutes, o.adversarial_weight, o.rate)
        if o.discriminator is not None:
            load_weights(o.discriminator, sharpener.discriminator)
        sharpener.fit(lambda: self._draw(max(1, o.batch // 4), generator))
        return self.snapshot()

    def _draw(self, quarter: int, generator: torch.Generator) -> dict[str, Pairs]:
        """One batch: a quarter samples, the rest as the options say."""
        o, samples = self.options, _pick(self.samples, quarter, generator)
        pixels = self.pool.draw(2 * quarter if o.adversarial_weight else quarter, generator)
        with torch.no_grad(), self.place.autocast():
            latent = self.network.encode(pixels)
            latent = latent + draw_noise(latent.shape, o.latent_noise, generator)
            if o.adversarial_weight:
                means = _pick(self.means, quarter, generator)
                return {"true": (latent, pixels), "mean": means, "held": samples}
            held = torch.cat([self.before(latent).float(), samples[1]])
        means = _pick(self.means, 2 * quarter, generator)
        return {"mean": means, "held": (torch.cat([latent, samples[0]]), held)}

    def snapshot(self) -> Path:
        """Weights, and a sheet: five means and five samples, wanted, before and now."""
        both = zip(self.means, self.samples, strict=True)
        latents, wanted = (torch.cat([mean[:5], drawn[:5]]).float() for mean, drawn in both)
        makers = {"before": self.before, "now": self.network.decode}
        self.judge("polish.png", latents, wanted, makers)
        return self.save("autoencoder.safetensors", self.network)


def _pick(pairs: Pairs, count: int, generator: torch.Generator) -> Pairs:
    index = torch.randint(len(pairs[0]), (count,), generator=generator, device=generator.device)
    return pairs[0][index].float(), pairs[1][index].float()
