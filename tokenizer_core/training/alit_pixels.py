"""`tokendial train alit-pixels`: crisp pictures of ALIT's codes, with a discriminator that knows the pass.

The paper's second stage. The first stage's writer predicts the mean latent, which is a blurred picture. Here
a copy of it, and of the latent decoder, learns through pixels: L1 and squared error, features, local spectra,
no grid of cells, and one patch discriminator for all passes (the paper has one a pass). Each step takes one
pass for the whole batch. The codes are those of the first stage, computed once; with `encoder` among `tune`
they are made in every step and learn, too.

The first stage's writer goes on to say which positions are halted, here and in the bundle: so codes never
depend on what paints them, and both pictures, mean and sharp, are of the same tokens.

Source: arXiv 2411.02393; a discriminator conditioned by a bias, after conditional batch norm.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch._functorch.config
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.alit.networks import AlitEncoder, AlitWriter, run_passes
from tokenizer_core.nn.autoencoder import Autoencoder, LatentDecoder, sequence_to_latent
from tokenizer_core.training import losses
from tokenizer_core.training.adversary import Adversary, AdversarySettings
from tokenizer_core.training.alit import AlitNetworks, cache_latents, pass_makers
from tokenizer_core.training.alit_codes import cache_codes, draw_pass
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.loop import Run, RunOptions, Values
from tokenizer_core.training.settings import setting

CONDITIONED = 6  # layers of the discriminator before the bias of the pass: three convolutions
CONDITIONED_WIDTH = 256
TUNABLE = ("encoder", "writer", "decoder")


@dataclass(frozen=True, kw_only=True)
class AlitPixelsRun(RunOptions, AdversarySettings):
    """Settings of one run; `start` is an unfinished run's file, and otherwise `alit` and `autoencoder`."""

    autoencoder: Path = setting("weights of the autoencoder, whose latent decoder is the start")
    alit: Path = setting("weights of the first stage")
    tune: tuple[str, ...] = setting("networks that learn: encoder, writer, decoder", ("writer", "decoder"))
    minutes: float = setting("how long the run takes", 15.0)
    batch: int = setting("crops of a step in each process", 48)
    warm_up: int = setting("steps until the learning rate is full", 100)
    l1_weight: float = setting("of the absolute error in pixels", 1.0)
    squared_weight: float = setting("of the squared error in pixels", 2.0)
    feature_weight: float = setting("of the features' distance", 0.4)
    spectrum_weight: float = setting("of the local spectra", 0.1)
    grid_weight: float = setting("of a grid of cells that stands out", 0.03)
    latent_weight: float = setting("of the latent's squared error", 0.05)
    config: AlitConfig = field(default_factory=AlitConfig)  # type: ignore[assignment]


class PixelNetworks(nn.Module):
    """Encoder, writer and latent decoder: one file and one average hold all three, whichever learn."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        self.encoder, self.writer = AlitEncoder(config), AlitWriter(config)
        self.decoder = LatentDecoder(config.autoencoder)


class PassDiscriminator(nn.Module):
    """A patch discriminator without norms, to which each pass adds a bias of its own in the third layer."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        layers = losses.patch_discriminator()
        self.early, self.late = layers[:CONDITIONED], layers[CONDITIONED:]
        self.pass_bias = nn.Parameter(torch.zeros(passes, CONDITIONED_WIDTH))

    def forward(
        self, pixels: Float[Tensor, "B 3 H W"], number: Int[Tensor, " B"]
    ) -> Float[Tensor, "B 1 h w"]:
        """Logits of overlapping patches of pictures that come from these passes, counted from 0."""
        return self.late(self.early(pixels) + self.pass_bias[number][..., None, None])


def run(options: AlitPixelsRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[AlitPixelsRun]):
    def __init__(self, options: AlitPixelsRun) -> None:
        super().__init__("alit-pixels", options)
        unknown = set(options.tune) - set(TUNABLE)
        if unknown or not options.tune:
            raise TokenizerError(f"tune names some of {', '.join(TUNABLE)}, not {' '.join(options.tune)}.")
        # Both kinds of loss are derived twice from one graph, which compiled blocks must keep for that.
        torch._functorch.config.donated_buffer = False
        config = options.config
        self.clock = self.schedule()
        self.first = self.ready(AlitNetworks(config), options.alit).eval().requires_grad_(False)
        frozen = self.ready(Autoencoder(config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        self.networks = self._networks()
        self.place.compile_blocks(self.first.encoder.blocks, self.first.writer.blocks, dynamic=True)
        self.place.compile_blocks(self.networks.encoder.blocks, self.networks.writer.blocks, dynamic=True)
        self.latents = cache_latents(self.pool, self.frozen, self.place)[: len(self.pool.crops)]
        self.codes = [] if "encoder" in options.tune else cache_codes(self.first, self.latents, self.place)
        discriminator = self.place.put(PassDiscriminator(config.passes))
        self.adversary = Adversary(discriminator, self.place, options)
        self.other_modules, self.other_optimisers = [discriminator], [self.adversary.optimiser]
        self.watched = ("loss", "norm", "discriminator_loss", "discriminator_norm")
        self.decode = self.place.compiled(self.networks.decoder)
        self.features = self.place.compiled(lambda *pair: losses.feature_loss(self.classifier, *pair))

    def _networks(self) -> PixelNetworks:
        """As the first stage and the autoencoder have them, or as an unfinished run left them."""
        networks = PixelNetworks(self.options.config)
        if self.options.start is None:
            networks.encoder.load_state_dict(self.first.encoder.state_dict())
            networks.writer.load_state_dict(self.first.writer.state_dict())
            networks.decoder.load_state_dict(self.frozen.decoder.state_dict())
        networks = self.ready(networks, self.options.start).requires_grad_(False)
        for name in self.options.tune:
            networks.get_submodule(name).requires_grad_(True)
        return networks

    def train(self) -> Path:
        """The loop; ends with averaged weights in the networks."""
        o = self.options
        generator = self.place.generator(o.seed)
        learning = [p for p in self.networks.parameters() if p.requires_grad]
        adam = torch.optim.AdamW(learning, o.rate, o.betas, weight_decay=o.weight_decay, fused=True)
        averages = AveragedWeights(self.networks, o.average_decay)

        def both() -> Values:
            return self.adversary.learn(self.clock.step, self.clock.rate) | self._losses(generator)

        self.fit(averages, self.clock, [(adam, o.rate)], both, generator)
        return self.write_weights(pictures=200)

    def _losses(self, generator: Generator) -> Values:
        """What the networks minimise on one batch, all of one pass."""
        o = self.options
        index = self.pool.choose(o.batch, generator) % len(self.pool.crops)
        number = draw_pass(o.config.passes, o.seed, self.clock.step)
        target, latent = self.pool.at(index), self.latents[index].float()
        with self.place.autocast():
            prediction = self.networks.writer(self._codes(index, latent, number), number)
            made = self.decode(sequence_to_latent(prediction))
            parts = {
                "l1": F.l1_loss(made.float(), target),
                "squared": F.mse_loss(made.float(), target),
                "features": self.features(made, target),
                "spectra": losses.local_spectrum_loss(made, target),
                "grid": losses.grid_loss(made),
                "latent": (prediction - latent).square().mean(),
            }
        pull = o.l1_weight * parts["l1"] + o.squared_weight * parts["squared"]
        pull = pull + o.feature_weight * parts["features"] + o.spectrum_weight * parts["spectra"]
        pull = pull + o.grid_weight * parts["grid"] + o.latent_weight * parts["latent"]
        numbers = torch.full((o.batch,), number, device=self.place.device)
        opinion = self.adversary.opinion(made, target, pull, self._last_layer(), self.clock.step, numbers)
        balance = {"balance": self.adversary.balance, "passes": numbers[0] + 1}
        return {name: part.detach() for name, part in parts.items()} | balance | {"loss": pull + opinion}

    def _codes(self, index: Tensor, latent: Tensor, number: int) -> Float[Tensor, "B K size"]:
        """Codes of these crops in pass `number`: as kept, or with gradients where the encoder learns."""
        encoder = self.networks.encoder
        if self.codes:
            return encoder.quantiser.codes(self.codes[number][index].long())
        passes = run_passes(encoder, self.first.writer, latent, self.options.config.halt, number + 1)
        return list(passes)[-1].quantised.codes

    def _last_layer(self) -> Tensor:
        """Weights where the gradients of both kinds of loss are compared: of the last layer that learns."""
        if "decoder" in self.options.tune:
            return self.networks.decoder.out.weight
        if "writer" in self.options.tune:
            return self.networks.writer.to_latent.weight
        return self.networks.encoder.to_code.weight

    def own_state(self) -> dict[str, Tensor]:
        """The adversary's."""
        return self.adversary.state()

    def take_own_state(self, state: dict[str, Tensor]) -> None:
        """Go back, or go on, to what `own_state` gave."""
        self.adversary.take(state)

    def write_weights(self, pictures: int = 50) -> Path:
        """Weights; PSNR of the first validation photographs after the first, the middle and all passes."""
        makers = pass_makers(self.options.config, self.frozen, self._predict, self.networks.decoder)
        self.validate(makers, pictures)
        return self.save("pixels.safetensors", self.networks)

    def _predict(self, latent: Tensor, passes: int) -> Tensor:
        """The latent that the writer makes of the codes after so many passes."""
        one = (self.networks.encoder, self.first.writer, latent, self.options.config.halt, passes)
        codes = list(run_passes(*one))[-1].quantised.codes
        return self.networks.writer(codes, passes - 1)
