"""`tokendial train polish`: the latent decoder meets the flow decoder's own outputs.

A decoder that saw only true latents answers a one-step mean, whose latent is smoother than any photograph's,
with a grid, and a sample with too little texture. Here it decodes true latents, means and samples of random
prefix lengths side by side; `sharpen` says what each is pulled to.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tokenizer_core.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.masks import draw_lengths
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import Run, RunOptions
from tokenizer_core.training.prefix_flow import FlowNetworks
from tokenizer_core.training.sharpen import DecoderSharpener, Triples

DRAWN_AT_ONCE = 64
MEANS_A_SAMPLE = 4


@dataclass(frozen=True, kw_only=True)
class PolishRun(RunOptions):
    """Options of one run; half of `batch` are true latents, a quarter means and a quarter samples.

    `drawn` is how many samples are drawn before it starts; means are cheaper,
    and are `MEANS_A_SAMPLE` times as many.
    `start` is an unfinished run's file, and otherwise `autoencoder`.
    """

    validation: str
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
        self.photos = self.held_out(options.validation)
        network = self.ready(Autoencoder(options.config.autoencoder), options.start or options.autoencoder)
        self.network = network.eval().requires_grad_(False)
        self.means, self.samples = (self._draw_latents(n) for n in (1, options.config.sampler.steps))

    @torch.no_grad()
    def _draw_latents(self, steps: int) -> Triples:
        """Means (one step) towards their photographs; samples near what the decoder makes of them now."""
        config, generator = self.options.config, self.place.generator(self.options.seed + steps)
        networks = self.ready(FlowNetworks(config), self.options.flow, "alignment.").eval()
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
        sharpener = DecoderSharpener(self, self.network.decoder, o.minutes, o.adversarial_weight, o.rate)
        sharpener.fit(lambda: self._draw(max(1, o.batch // 4), generator))
        return self.snapshot()

    def _draw(self, quarter: int, generator: torch.Generator) -> dict[str, Triples]:
        """One batch: half true latents, a quarter means and a quarter samples."""
        pixels = self.pool.draw(2 * quarter, generator)
        with torch.no_grad(), self.place.autocast():
            latent = self.network.encode(pixels)
        latent = latent + draw_noise(latent.shape, self.options.latent_noise, generator)
        means, samples = (_pick(kind, quarter, generator) for kind in (self.means, self.samples))
        return {"true": (latent, pixels, pixels), "mean": means, "held": samples}

    def snapshot(self) -> Path:
        """Weights, and two sheets: photographs, and five means and five samples as wanted and as they are."""
        both = zip(self.means[:2], self.samples[:2], strict=True)
        latents, wanted = (torch.cat([mean[:5], drawn[:5]]).float() for mean, drawn in both)
        self.judge("autoencoder.png", self.photos, self.photos, {"autoencoder": self.network})
        self.judge("polish.png", latents, wanted, {"now": self.network.decode})
        return self.save("autoencoder.safetensors", self.network)


def _pick(kind: Triples, count: int, generator: torch.Generator) -> Triples:
    index = torch.randint(len(kind[0]), (count,), generator=generator, device=generator.device)
    return kind[0][index].float(), kind[1][index].float(), kind[2][index].float()
