"""`tokendial train grid`: a codebook for the autoencoder's latent, and a latent decoder tuned on its codes.

First k-means over the cells of all photographs (`codebook`). Then the frozen autoencoder's decoder, or a copy
of it, learns to paint from codes: all cells of a photo in most steps, only some of them, the others at their
mean, in a share of them, as the dial will show it. Through pixels, features, local spectra and a patch
discriminator, as in the other pixel stages; the codes never change.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor

from tokenizer_core.models.grid.config import GridConfig
from tokenizer_core.models.grid.tokenizer import GridParts, nearest_code
from tokenizer_core.nn.autoencoder import Autoencoder, LatentDecoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.training import losses
from tokenizer_core.training.adversary import Adversary, AdversarySettings
from tokenizer_core.training.alit import cache_latents
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.codebook import fit_codebook
from tokenizer_core.training.loop import Run, RunOptions, Values
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class GridRun(RunOptions, AdversarySettings):
    """Settings of one run; `start` is an unfinished run's file: then no codebook is fitted."""

    autoencoder: Path = setting("weights of the autoencoder, whose latent decoder is the start")
    minutes: float = setting("how long the decoder is tuned", 4.0)
    warm_up: int = setting("steps until the learning rate is full", 100)
    rounds: int = setting("of k-means", 30)
    fitted: int = setting("cells that the codebook is fitted to, at most", 1 << 21)
    share_partial: float = setting("of photos of which only some cells are there", 0.2)
    l1_weight: float = setting("of the absolute error in pixels", 1.0)
    squared_weight: float = setting("of the squared error in pixels", 2.0)
    feature_weight: float = setting("of the features' distance", 0.4)
    spectrum_weight: float = setting("of the local spectra", 0.1)
    grid_weight: float = setting("of a grid of cells that stands out", 0.03)
    config: GridConfig = field(default_factory=GridConfig)  # type: ignore[assignment]


def run(options: GridRun) -> Path:
    """Train and return the path of codebook, mean and averaged decoder."""
    return _Trainer(options).train()


class _Trainer(Run[GridRun]):
    def __init__(self, options: GridRun) -> None:
        super().__init__("grid", options)
        self.clock = self.schedule()
        frozen = self.ready(Autoencoder(options.config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        latents = cache_latents(self.pool, self.frozen, self.place)
        self.parts = self._parts(latents)
        self.codes = torch.cat([self._look_up(part) for part in latents.split(64)])  # (M, N)
        discriminator = self.place.put(losses.patch_discriminator())
        self.adversary = Adversary(discriminator, self.place, options)
        self.other_modules, self.other_optimisers = [discriminator], [self.adversary.optimiser]
        self.watched = ("loss", "norm", "discriminator_loss", "discriminator_norm")
        self.decode = self.place.compiled(self._decoder)
        self.features = self.place.compiled(lambda *pair: losses.feature_loss(self.classifier, *pair))

    @property
    def _decoder(self) -> LatentDecoder:
        assert self.parts.decoder is not None
        return self.parts.decoder

    def _parts(self, latents: Float[Tensor, "M N C"]) -> GridParts:
        """As an unfinished run left them; else a codebook, the mean cells, and the frozen decoder's copy."""
        o = self.options
        parts = GridParts(replace(o.config, own_decoder=True))
        if o.start is not None:
            return self.ready(parts, o.start)
        rows = latents.flatten(0, 1)
        chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(o.seed))[: o.fitted]
        found = fit_codebook(rows[chosen.to(rows.device)].float(), o.config.vocabulary, o.rounds, o.seed)
        parts = self.place.put(parts)
        parts.codebook.copy_(self.place.take_first(found.entries))
        parts.mean.copy_(self.place.take_first(latents.float().mean(0)))
        assert parts.decoder is not None
        parts.decoder.load_state_dict(self.frozen.decoder.state_dict())
        used = int((found.counts > 0).sum())
        self.log.write(codes_used=used, perplexity=round(found.perplexity, 1), error=round(found.error, 4))
        return parts

    def _look_up(self, latents: Float[Tensor, "m N C"]) -> Int[Tensor, "m N"]:
        index = nearest_code(latents.flatten(0, 1).float(), self.parts.codebook)
        return index.view(latents.shape[:2]).int()

    def train(self) -> Path:
        """The loop; ends with averaged weights in the decoder."""
        o = self.options
        generator = self.place.generator(o.seed)
        averages = AveragedWeights(self._decoder, o.average_decay)
        parameters, decay = self._decoder.parameters(), o.weight_decay
        adam = torch.optim.AdamW(parameters, o.rate, o.betas, weight_decay=decay, fused=True)

        def both() -> Values:
            return self.adversary.learn(self.clock.step, self.clock.rate) | self._losses(generator)

        self.fit(averages, self.clock, [(adam, o.rate)], both, generator)
        return self.write_weights()

    def _losses(self, generator: Generator) -> Values:
        """What the decoder minimises on one batch."""
        o = self.options
        index = self.pool.choose(o.batch, generator)
        target = self.pool.at(index)
        latent = sequence_to_latent(self._draw_cells(self.codes[index].long(), generator))
        with self.place.autocast():
            made = self.decode(latent)
            parts = {
                "l1": F.l1_loss(made.float(), target),
                "squared": F.mse_loss(made.float(), target),
                "features": self.features(made, target),
                "spectra": losses.local_spectrum_loss(made, target),
                "grid": losses.grid_loss(made),
            }
        pull = o.l1_weight * parts["l1"] + o.squared_weight * parts["squared"]
        pull = pull + o.feature_weight * parts["features"] + o.spectrum_weight * parts["spectra"]
        pull = pull + o.grid_weight * parts["grid"]
        opinion = self.adversary.opinion(made, target, pull, self._decoder.out.weight, self.clock.step)
        logged = {name: part.detach() for name, part in parts.items()}
        return logged | {"balance": self.adversary.balance, "loss": pull + opinion}

    def _draw_cells(self, codes: Int[Tensor, "B N"], generator: Generator) -> Float[Tensor, "B N C"]:
        """Latents of the codes; in some photos a random share of the cells is at its mean instead."""
        device = codes.device
        partial = torch.rand(len(codes), 1, generator=generator, device=device) < self.options.share_partial
        share = torch.rand(len(codes), 1, generator=generator, device=device)
        gone = partial & (torch.rand(codes.shape, generator=generator, device=device) < share)
        return torch.where(gone[..., None], self.parts.mean, self.parts.codebook[codes])

    def own_state(self) -> dict[str, Tensor]:
        """The adversary's, and the codebook."""
        return self.adversary.state() | {"codebook": self.parts.codebook, "mean": self.parts.mean}

    def take_own_state(self, state: dict[str, Tensor]) -> None:
        """Go back, or go on, to what `own_state` gave."""
        own = dict(state)
        self.parts.codebook.copy_(own.pop("codebook"))
        self.parts.mean.copy_(own.pop("mean"))
        self.adversary.take(own)

    def write_weights(self) -> Path:
        """Weights; PSNR of the first validation photographs from all codes, and of the autoencoder alone."""

        def from_codes(pixels: Tensor) -> Tensor:
            cells = latent_to_sequence(self.frozen.encode(pixels))
            return self._decoder(sequence_to_latent(self.parts.codebook[self._look_up(cells).long()]))

        self.validate({"all codes": from_codes, "autoencoder": self.frozen}, 200)
        return self.save("grid.safetensors", self.parts)
