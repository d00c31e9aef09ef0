"""`tokendial train prefix-flow`: token encoder and flow decoder together, on a frozen autoencoder's latents.

Latents and alignment targets of all crops and their mirror images are computed once and stay on the GPU.
Loss: squared error of the predicted clean latent, weighted over time (`flow.loss_weight`), plus the cosine
distance of a middle block to classifier features (REPA, arXiv 2410.06940). The latent is whitened, so that
error alone spends tokens on detail: a part of the batch is decoded to pixels, where means (t=1) learn the
photo's PSNR, as many later predictions its features, and the latest (t < 0.25) its local spectra, too. Nested
dropout draws the prefix length; a share of empty prefixes stays for the whole run. Where the photographs have
maps of what counts (`data.PhotoPool`: faces), every error there counts as much more, save that of spectra.

`distilled` rows of each batch learn instead to do in one forward what guided sampling from the weights at the
start does in two steps (progressive distillation, arXiv 2202.00512); the last of them count as latest, too.
From the share `redraw` of the minutes on their teacher is what the weights have become by then.
`decoder_depth` and `encoder_depth` deepen the networks of `start`, which changes nothing at first (`grow`).
`nested` 0 makes the control `fixed-1d`: all tokens always, and means alone.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor, nn

from tokenizer_core.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.config import SamplerConfig, TokenizerConfig
from tokenizer_core.decoder import FlowDecoder
from tokenizer_core.encoder import TokenEncoder
from tokenizer_core.flow import SHARE_NOISE, draw_times, interpolate, loss_weight, time_grid
from tokenizer_core.masks import causal_blocks, draw_lengths, prefix_blocks, prefix_mask
from tokenizer_core.networks import as_deep_as, build_networks
from tokenizer_core.sampler import sample
from tokenizer_core.training.grow import deepen
from tokenizer_core.training.loop import AveragedWeights, Run, RunOptions, Schedule, Steppers, Values
from tokenizer_core.training.losses import feature_loss, local_spectrum_loss, log_error, spread
from tokenizer_core.training.muon import Muon
from tokenizer_core.weights import fill_module, read_weights

SHARES = {"share_uniform": 0.5, "share_empty": 0.07}  # of the prefix lengths
LATE = 0.25  # the last two of eight steps are not earlier
STRIDE_16 = 3  # index of the classifier's feature map that has one vector a latent position


@dataclass(frozen=True, kw_only=True)
class PrefixFlowRun(RunOptions):
    """Options of one run; `matrix_rate` is Muon's, `rate` AdamW's.

    Of each batch `decoded` means and as many others, late ones and `distilled` rows are seen as pictures;
    `drawn` is how many paths are drawn before it starts. `train_encoder` 0 leaves the tokens what they are.
    A depth of 0 is that of `start`, or of `config` where nothing is given to start from.
    """

    autoencoder: Path
    minutes: float = 11.0
    batch: int = 256
    matrix_rate: float = 2e-3
    rate: float = 1e-3
    token_noise: float = 0.1
    alignment_weight: float = 0.5
    error_weight: float = 0.08
    feature_weight: float = 0.2
    spectrum_weight: float = 0.0
    decoded: int = 16
    train_encoder: int = 1
    nested: int = 1
    distilled: int = 0
    drawn: int = 32768
    redraw: float = 1.0
    decoder_depth: int = 0
    encoder_depth: int = 0


class FlowNetworks(nn.Module):
    """Encoder, decoder and the training-only alignment head: one file and one average hold them all."""

    def __init__(self, config: TokenizerConfig, feature_width: int = 112) -> None:
        super().__init__()
        networks = build_networks(config)
        self.encoder: TokenEncoder = networks["encoder"]  # type: ignore[assignment]
        self.decoder: FlowDecoder = networks["decoder"]  # type: ignore[assignment]
        self.hidden_after = max(1, config.decoder.depth // 2)
        width, wide = config.decoder.width, 2 * config.decoder.width
        self.alignment = nn.Sequential(nn.Linear(width, wide), nn.SiLU(), nn.Linear(wide, feature_width))

    @torch.no_grad()
    def draw(
        self, latent: Float[Tensor, "B N C"], lengths: Tensor, generator: Generator, sampler: SamplerConfig
    ) -> list[Float[Tensor, "B N C"]]:
        """From noise to what the decoder makes of the first `lengths` (B,) tokens: x_t at every time."""
        path = [torch.randn(latent.shape, generator=generator, device=latent.device)]
        tokens = self.encoder(latent)
        context, keep_mask = self.decoder.context(tokens), prefix_mask(lengths, tokens.shape[1])
        sample(self.decoder, context, path[0], keep_mask, path=path, **asdict(sampler))
        return path


def load_networks(
    path: Path | None, config: TokenizerConfig, encoder_depth: int = 0, decoder_depth: int = 0
) -> FlowNetworks:
    """Networks of a run's file or a checkpoint's folder, or fresh ones.

    Args:
        path: None gives fresh networks.
        config: all sizes but the depths, which are those of the weights.
        encoder_depth: what the encoder is deepened to; 0 is as it is.
        decoder_depth: of the decoder, likewise.
    """
    values = {} if path is None else read_weights(path, {"encoder.registers"})  # not the autoencoder's
    given = as_deep_as(values, config)
    encoder = replace(given.encoder, depth=encoder_depth or given.encoder.depth)
    decoder = replace(given.decoder, depth=decoder_depth or given.decoder.depth)
    networks = FlowNetworks(replace(given, encoder=encoder, decoder=decoder))
    if path is not None:
        for network in ("encoder", "decoder"):
            values = deepen(values, networks.state_dict(), network)
        fill_module(networks, values, path.name, ("alignment.",))
    return networks


def run(options: PrefixFlowRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[PrefixFlowRun]):
    def __init__(self, options: PrefixFlowRun) -> None:
        super().__init__("prefix-flow", options)
        frozen = self.ready(Autoencoder(options.config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        self.decode = self.place.compiled(frozen.decode)
        self.latents, self.targets = self._cache()
        sizes, patches, gpu = options.config.encoder, self.latents.shape[1], self.place.device.type == "cuda"
        self.lengths = partial(draw_lengths, options.batch, sizes.num_tokens, **SHARES)
        depths = options.encoder_depth, options.decoder_depth
        self.networks = self.place.put(load_networks(options.start, options.config, *depths))
        self.networks.encoder.requires_grad_(bool(options.train_encoder))
        self.tokens = None if options.train_encoder else self._encode()
        self.paths = self._draw_paths(self.place.generator(options.seed + 1)) if options.distilled else ()
        self.causal = causal_blocks(patches + sizes.num_tokens, patches, self.place.device) if gpu else None
        self.few = few = min(options.decoded, round(SHARE_NOISE * options.batch))
        # rows that are decoded: means, others, late ones, and the last of the distilled, which are at the end
        ends = sorted({options.distilled + few, options.distilled, 0}, reverse=True)
        rows = [*range(few), *(row - few - end for end in ends for row in range(few))]
        self.decoded = torch.tensor(rows, device=self.place.device)

    @torch.no_grad()
    def _cache(self) -> tuple[Float[Tensor, "M N C"], Float[Tensor, "M N F"]]:
        """Latents and alignment targets of all crops, then of their mirror images, in bfloat16."""
        rows = []
        for index in torch.arange(2 * len(self.pool.crops), device=self.place.device).split(256):
            pixels = self.pool.at(index)
            with self.place.autocast():
                maps = self.frozen.encode(pixels), self.classifier.pyramid(pixels)[STRIDE_16]
            rows.append([latent_to_sequence(m).bfloat16() for m in maps])
        latents, raw = (torch.cat(column) for column in zip(*rows, strict=True))
        spread, centre = torch.std_mean(raw[:2000].float(), (0, 1))
        return latents, (raw - centre.bfloat16()) / spread.bfloat16()

    @torch.no_grad()
    def _encode(self) -> Float[Tensor, "M K D"]:
        """Tokens of all latents: they stay what they are where the encoder does."""
        with self.place.autocast():
            return torch.cat([self.networks.encoder(part.float()) for part in self.latents.split(256)])

    @torch.no_grad()
    def _draw_paths(self, generator: Generator) -> tuple[Tensor, ...]:
        """Crops, lengths and -t, (M, S); x_t and the x that leads to the teacher's next one, (M, S, N, C)."""
        sampler, rows = self.options.config.sampler, []
        times = torch.tensor(time_grid(sampler.distilled_steps, sampler.time_shift), device=generator.device)
        sampler = replace(sampler, steps=2 * sampler.distilled_steps)
        ratio = (times[1:] / times[:-1])[:, None, None]
        for _ in range(0, self.options.drawn, self.options.batch):
            index, lengths = self.pool.choose(self.options.batch, generator), self.lengths(generator)
            with self.place.autocast():
                path = self.networks.draw(self.latents[index].float(), lengths, generator, sampler)
            x_t, after = torch.stack(path[:-1:2], 1), torch.stack(path[2::2], 1)
            given = torch.broadcast_tensors(index[:, None], lengths[:, None], -times[:-1])
            rows.append([*given, x_t.half(), ((after - ratio * x_t) / (1 - ratio)).half()])
        return tuple(torch.cat(column) for column in zip(*rows, strict=True))

    def train(self) -> Path:
        """The loop; ends with averaged weights in the networks."""
        o, generator = self.options, self.place.generator(self.options.seed)
        averages, n = AveragedWeights(self.networks, 0.9995), self.networks
        self.place.compile_blocks(n.encoder.blocks, n.decoder.blocks, n.decoder.token_blocks)
        schedule, is_drawn_again = Schedule(self.place, o.minutes, o.max_steps), False

        def losses() -> Values:
            nonlocal is_drawn_again
            if self.paths and schedule.share >= o.redraw and not is_drawn_again:
                is_drawn_again = True
                with averages.in_module(), torch.compiler.set_stance("force_eager"):
                    self.paths = self._draw_paths(self.place.generator(o.seed + 2))
            index, *drawn = self._draw(generator)
            with self.place.autocast():
                x, parts = self._parts(index, *drawn)
                parts |= self._seen(x[self.decoded], index[self.decoded])
            loss = parts["weighted"] + o.alignment_weight * parts["alignment"]
            loss = loss + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
            return parts | {"loss": loss + o.spectrum_weight * parts["spectra"]}

        self.fit(averages, schedule, self._steppers(), losses)
        return self.snapshot(pictures=200)

    def _steppers(self) -> Steppers:
        """Muon (arXiv 2502.16982) on the matrices of the blocks, AdamW on the rest."""
        o, groups = self.options, ([], [])
        for name, p in self.networks.named_parameters():
            groups[p.dim() == 2 and "blocks" in name and name.endswith(".weight")].append(p)
        muon = Muon(groups[1], o.matrix_rate, weight_decay=0.02)
        adam = torch.optim.AdamW(groups[0], o.rate, (0.9, 0.98), weight_decay=0.02, fused=True)
        return [(muon, o.matrix_rate), (adam, o.rate)]

    def _draw(self, generator: Generator) -> tuple[Any, ...]:
        """Numbers of crops; latents (or tokens, if kept), x_t, goals, targets, times, token noise, masks."""
        o, sizes = self.options, self.options.config.encoder
        index, lengths = self.pool.choose(o.batch, generator), self.lengths(generator)
        t = draw_times(o.batch, generator, self.place.device)
        t[self.decoded[2 * self.few : 3 * self.few]] *= LATE
        if not o.nested:
            t, lengths = torch.ones_like(t), torch.full_like(lengths, sizes.num_tokens)
        noise = torch.randn(o.batch, *self.latents.shape[1:], generator=generator, device=self.place.device)
        goal = self.latents[index].float()
        x_t = interpolate(goal, noise, t)
        if self.paths:  # the last rows, and their last steps last
            many, steps = self.paths[0].shape
            pick = torch.randint(many, (o.distilled,), generator=generator, device=t.device)
            at = torch.arange(o.distilled, device=t.device) * steps // o.distilled
            for value, path in zip((index, lengths, t, x_t, goal), self.paths, strict=True):
                value[-o.distilled :] = path[pick, at]
        latent = self.latents[index].float() if self.tokens is None else self.tokens[index]
        n, skips = sizes.num_tokens, self.causal is not None
        patches, shape = x_t.shape[1], (o.batch, n, sizes.token_width)
        token_noise = o.token_noise * torch.randn(shape, generator=generator, device=self.place.device)
        mask = prefix_blocks(lengths, patches, n) if skips else prefix_mask(lengths, n)
        return index, latent, x_t, goal, self.targets[index], t, token_noise, mask, self.causal

    def _parts(self, index: Tensor, *drawn: Any) -> tuple[Tensor, Values]:
        latent, x_t, goal, target, t, token_noise, mask, causal = drawn
        networks = self.networks
        tokens = networks.encoder(latent, mask=causal) if self.tokens is None else latent
        context = networks.decoder.context(tokens + token_noise)
        x, hidden = networks.decoder.predict(x_t, t, context, mask, networks.hidden_after)
        worth = latent_to_sequence(spread(self.pool.worth(index), sequence_to_latent(goal)))
        squared = (worth * (x - goal).pow(2)).mean((1, 2))
        aligned = networks.alignment(F.rms_norm(hidden, (hidden.shape[-1],)))
        alignment = 1 - F.cosine_similarity(aligned.float(), target.float(), dim=-1).mean()
        weighted = (loss_weight(t.abs()) * squared).mean()
        plain = squared[t > 0].detach().mean()
        distilled = squared[t < 0].detach().sum() / max(1, self.options.distilled)
        return x, {"weighted": weighted, "squared": plain, "distilled": distilled, "alignment": alignment}

    def _seen(self, x: Tensor, index: Tensor) -> Values:
        """Losses in pixels: `few` of `x` are means (t=1), as many others any later ones, the rest late."""
        few, made = self.few, self.decode(sequence_to_latent(x))
        pixels, worth = self.pool.at(index), self.pool.worth(index)
        features = feature_loss(self.classifier, made[few:], pixels[few:], worth[few:])
        spectra = local_spectrum_loss(made[2 * few :], pixels[2 * few :])
        error = log_error(made[:few], pixels[:few], worth[:few])
        return {"log_error": error, "features": features, "spectra": spectra}

    def snapshot(self, pictures: int = 50) -> Path:
        """Weights; means and samples of a few lengths of the first validation photographs."""
        ways = [(k, n) for n in (1, self.options.config.sampler.steps) for k in (1, 4, 16, 64, 256)]
        makers = {f"{k} tokens, {n} steps": partial(self._decode, length=k, steps=n) for k, n in ways}
        self.judge(makers, pictures)
        return self.save("flow.safetensors", self.networks)

    def _decode(self, pixels: Tensor, length: int, steps: int) -> Tensor:
        sampler = replace(self.options.config.sampler, steps=steps)
        latent = latent_to_sequence(self.frozen.encode(pixels))
        lengths = torch.full((len(pixels),), length, device=pixels.device)
        drawn = self.networks.draw(latent, lengths, self.place.generator(1), sampler)[-1]
        return self.frozen.decode(sequence_to_latent(drawn))
