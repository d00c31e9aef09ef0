"""`tokendial train alit-bridge`: a trained flow's decoder paints ALIT's hard tokens.

Encoder, quantiser and writer of ALIT stay as they are, and so do the flow's own weights: only a bridge learns
(`models.alit.bridge`). Each step takes one pass, drawn evenly, for the whole batch, whose codes were computed
once. Loss: squared error of the predicted clean latent, weighted over time (`flow.loss_weight`); a part of
the batch is decoded to pixels, where later predictions learn the photo's features. Some rows see no token:
what guidance goes against.

The tokens must be those that are bundled: give the checkpoint, or the same files as `alit-bundle` gets.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.bridge import Bridge, flow_of
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.nn.autoencoder import Autoencoder, sequence_to_latent
from tokenizer_core.nn.flow import draw_times, interpolate, loss_weight
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.sampler import sample
from tokenizer_core.training.alit import AlitNetworks, cache_latents, pass_makers
from tokenizer_core.training.alit_codes import cache_codes, draw_pass
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.loop import Run, RunOptions, Steppers, Values
from tokenizer_core.training.losses import feature_loss
from tokenizer_core.training.muon import Muon
from tokenizer_core.training.settings import setting
from tokenizer_core.training.weights import read_weights

DECODER = "decoder."  # how names of the flow's decoder begin


@dataclass(frozen=True, kw_only=True)
class AlitBridgeRun(RunOptions):
    """Settings of one run; `start` is a bridge of another one."""

    autoencoder: Path = setting("weights of the autoencoder, which stay as they are")
    flow: Path = setting("weights of the flow whose decoder paints, which stay as they are")
    alit: Path = setting("weights of the tokens, which stay as they are")
    minutes: float = setting("how long the run takes", 4.0)
    batch: int = setting("crops of a step in each process", 192)
    warm_up: int = setting("steps until the learning rate is full", 50)
    matrix_rate: float = setting("learning rate of Muon, for the stream of tokens and its keys", 1e-3)
    matrix_momentum: float = setting("of Muon", 0.95)
    rate: float = setting("learning rate of AdamW, for the rest", 1e-3)
    betas: tuple[float, float] = setting("memories of AdamW, a step", (0.9, 0.98))
    weight_decay: float = setting("of both optimisers", 0.01)
    share_empty: float = setting("of rows that see no token", 0.1)
    share_noise: float = setting("of a batch that starts from pure noise, t=1", 0.1)
    time_location: float = setting("of the other times: above 0 is nearer to noise", 0.4)
    feature_weight: float = setting("of the features' distance of later predictions", 0.2)
    decoded: int = setting("rows that are seen as pictures", 32)
    config: AlitConfig = field(default_factory=AlitConfig)  # type: ignore[assignment]


class BridgeNetworks(nn.Module):
    """What a run's file and its average hold: the bridge alone."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        self.bridge = Bridge(config)


def run(options: AlitBridgeRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[AlitBridgeRun]):
    def __init__(self, options: AlitBridgeRun) -> None:
        super().__init__("alit-bridge", options)
        if options.decoded + round(options.share_noise * options.batch) > options.batch:
            raise TokenizerError("decoded rows and those of pure noise are more than a batch.")
        config = options.config
        self.clock = self.schedule()
        self.first = self.ready(AlitNetworks(config), options.alit).eval().requires_grad_(False)
        frozen = self.ready(Autoencoder(config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        self.flow, self.networks = self._joined()
        self.place.compile_blocks(self.first.encoder.blocks, self.first.writer.blocks, dynamic=True)
        self.place.compile_blocks(self.networks.bridge.token_blocks, self.flow.blocks, dynamic=True)
        self.latents = cache_latents(self.pool, self.frozen, self.place)[: len(self.pool.crops)]
        self.codes = cache_codes(self.first, self.latents, self.place)
        self.decode = self.place.compiled(self.frozen.decode)
        self.features = self.place.compiled(lambda *pair: feature_loss(self.classifier, *pair))

    def _joined(self) -> tuple[FlowDecoder, BridgeNetworks]:
        """The flow's decoder, which computes with the bridge's weights, and these."""
        options = self.options
        values = read_weights(options.flow, {f"{DECODER}from_token.weight"})
        own = {name: value.float() for name, value in values.items() if name.startswith(DECODER)}
        flow = flow_of(own, options.config).requires_grad_(False)
        networks = BridgeNetworks(options.config)
        networks.bridge.begin_as(flow)
        flow, networks = self.place.put(flow), self.ready(networks, options.start)
        networks.bridge.join(flow)
        return flow, networks

    def train(self) -> Path:
        """The loop; ends with averaged weights in the bridge."""
        generator = self.place.generator(self.options.seed)
        averages = AveragedWeights(self.networks, self.options.average_decay)
        self.fit(averages, self.clock, self._steppers(), lambda: self._losses(generator), generator)
        return self.write_weights(pictures=200)

    def _steppers(self) -> Steppers:
        """Muon on the matrices of the stream of tokens and its keys, AdamW on the rest."""
        o = self.options
        matrices, rest = [], []
        for name, parameter in self.networks.named_parameters():
            whole = ("token_blocks" in name or "keys_values" in name) and parameter.dim() == 2
            (matrices if whole else rest).append(parameter)
        muon = Muon(matrices, o.matrix_rate, o.weight_decay, o.matrix_momentum)
        adam = torch.optim.AdamW(rest, o.rate, o.betas, weight_decay=o.weight_decay, fused=True)
        return [(muon, o.matrix_rate), (adam, o.rate)]

    def _losses(self, generator: Generator) -> Values:
        """What the bridge minimises on one batch, all of one pass."""
        o, device = self.options, self.place.device
        index = self.pool.choose(o.batch, generator) % len(self.pool.crops)
        number = draw_pass(o.config.passes, o.seed, self.clock.step)
        latent = self.latents[index].float()
        t = draw_times(o.batch, generator, device, o.time_location, o.share_noise)
        noise = torch.randn(latent.shape, generator=generator, device=device)
        sees = torch.rand(o.batch, generator=generator, device=device) >= o.share_empty
        sees[o.batch - o.decoded :] = True
        codes = self.first.encoder.quantiser.codes(self.codes[number][index].long())
        with self.place.autocast():
            context = self._context(codes, number, sees)
            mask = sees[:, None].expand(-1, codes.shape[1])
            x = self.flow(interpolate(latent, noise, t), t, context, mask)
            squared = (x - latent).square().mean((1, 2))
            parts = {"weighted": (loss_weight(t) * squared).mean(), "squared": squared.mean()}
            parts["features"] = self._features(x, index)
        loss = parts["weighted"] + o.feature_weight * parts["features"]
        seen = {name: part.detach() for name, part in parts.items()}
        return seen | {"passes": torch.tensor(number + 1.0, device=device), "loss": loss}

    def _context(self, codes: Tensor, number: int, sees: Tensor | None = None) -> TokenContext:
        """What the flow is told of codes; rows that see nothing have nothing added to their patches."""
        with torch.no_grad():
            patches = self.first.writer.patches(codes, number)
        context = self.networks.bridge.context(self.flow, codes, number, patches)
        if sees is None or context.patches is None:
            return context
        return TokenContext(context.keys, context.values, context.patches * sees[:, None, None])

    def _features(self, x: Float[Tensor, "B N C"], index: Tensor) -> Tensor:
        """The distance of the last rows' pictures from their photographs."""
        if not self.options.decoded:
            return x.new_zeros(())
        rows = slice(len(x) - self.options.decoded, None)
        return self.features(self.decode(sequence_to_latent(x[rows])), self.pool.at(index[rows]))

    def write_weights(self, pictures: int = 50) -> Path:
        """Weights; PSNR of pictures of the first validation photographs in three lengths."""
        makers = pass_makers(self.options.config, self.frozen, self._paint, self.frozen.decoder)
        self.validate(makers, pictures)
        return self.save("bridge.safetensors", self.networks)

    def _paint(self, latent: Tensor, passes: int) -> Tensor:
        """The latent that the flow draws from the codes after so many passes."""
        sizes = self.options.config.bridge
        context = self._context(self.first(latent, passes)[-1].quantised.codes, passes - 1)
        noise = torch.randn(latent.shape, generator=self.place.generator(1), device=latent.device)
        draw = partial(sample, steps=sizes.steps, guidance_scale=sizes.guidance_scale)
        return draw(self.flow, context, noise)
