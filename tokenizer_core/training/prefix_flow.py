"""`tokendial train prefix-flow`: token encoder and flow decoder together, on a frozen autoencoder's latents.

Latents and alignment targets of all crops and their mirror images are computed once and stay on the GPU.
Loss: squared error of the predicted clean latent, weighted over time (`flow.loss_weight`), plus the cosine
distance of a middle block to classifier features (REPA, arXiv 2410.06940). The latent is whitened, so that
error alone spends tokens on detail: a part of the batch is decoded to pixels, where means (t=1) learn the
photo's PSNR and as many later predictions its features. Nested dropout draws the prefix length; a share of
empty prefixes stays for the whole run.
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
from tokenizer_core.flow import SHARE_NOISE, draw_times, interpolate, loss_weight
from tokenizer_core.masks import causal_blocks, draw_lengths, prefix_blocks, prefix_mask
from tokenizer_core.sampler import sample
from tokenizer_core.training.loop import AveragedWeights, Run, RunOptions, Schedule, Steppers, Values
from tokenizer_core.training.losses import feature_loss, log_error

STRIDE_16 = 3  # index of the classifier's feature map that has one vector a latent position


@dataclass(frozen=True, kw_only=True)
class PrefixFlowRun(RunOptions):
    """Options of one run; `matrix_rate` is Muon's, `rate` AdamW's."""

    validation: str
    autoencoder: Path
    minutes: float = 11.0
    batch: int = 256
    matrix_rate: float = 2e-3
    rate: float = 1e-3
    token_noise: float = 0.1
    alignment_weight: float = 0.5
    error_weight: float = 0.08
    feature_weight: float = 0.2
    decoded: int = 16
    share_uniform: float = 0.5
    share_empty: float = 0.07


class FlowNetworks(nn.Module):
    """Encoder, decoder and the training-only alignment head: one file and one average hold them all."""

    def __init__(self, config: TokenizerConfig, feature_width: int = 112) -> None:
        super().__init__()
        channels, patches = config.autoencoder.latent_channels, config.autoencoder.latent_size**2
        sizes = (config.encoder.num_tokens, config.encoder.token_width)
        self.encoder = TokenEncoder(config.encoder, channels, patches)
        self.decoder = FlowDecoder(config.decoder, channels, patches, *sizes)
        self.hidden_after = max(1, config.decoder.depth // 2)
        width, wide = config.decoder.width, 2 * config.decoder.width
        self.alignment = nn.Sequential(nn.Linear(width, wide), nn.SiLU(), nn.Linear(wide, feature_width))

    @torch.no_grad()
    def draw(
        self, latent: Float[Tensor, "B C h w"], lengths: Tensor, generator: Generator, sampler: SamplerConfig
    ) -> Float[Tensor, "B C h w"]:
        """What the decoder makes of the first `lengths` (B,) tokens of each latent, as `sampler` says."""
        sequence = latent_to_sequence(latent)
        noise = torch.randn(sequence.shape, generator=generator, device=latent.device)
        tokens = self.encoder(sequence)
        context, keep_mask = self.decoder.context(tokens), prefix_mask(lengths, tokens.shape[1])
        return sequence_to_latent(sample(self.decoder, context, noise, keep_mask, **asdict(sampler)))


def run(options: PrefixFlowRun) -> Path:
    """Train and return the path of the averaged weights."""
    return _Trainer(options).train()


class _Trainer(Run[PrefixFlowRun]):
    def __init__(self, options: PrefixFlowRun) -> None:
        super().__init__("prefix-flow", options)
        frozen = self.ready(Autoencoder(options.config.autoencoder), options.autoencoder)
        self.frozen = frozen.eval().requires_grad_(False)
        self.decode = self.place.compiled(frozen.decode)
        self.photos = self.held_out(options.validation)
        self.latents, self.targets = self._cache()
        self.networks = self.ready(FlowNetworks(options.config), options.start, "alignment.")
        sizes, patches, gpu = options.config.encoder, self.latents.shape[1], self.place.device.type == "cuda"
        self.causal = causal_blocks(patches + sizes.num_tokens, patches, self.place.device) if gpu else None
        few = min(options.decoded, round(SHARE_NOISE * options.batch))
        self.decoded = torch.tensor([*range(few), *range(-few, 0)], device=self.place.device)

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

    def train(self) -> Path:
        """The loop; ends with averaged weights in the networks."""
        o, generator = self.options, self.place.generator(self.options.seed)
        averages, networks = AveragedWeights(self.networks, 0.9995), self.networks
        self.place.compile_blocks(
            networks.encoder.blocks, networks.decoder.blocks, networks.decoder.token_blocks
        )

        def losses() -> Values:
            pixels, *drawn = self._draw(generator)
            with self.place.autocast():
                x, parts = self._parts(*drawn)
                parts |= self._seen(x[self.decoded], pixels)
            loss = parts["weighted"] + o.alignment_weight * parts["alignment"]
            loss = loss + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
            return parts | {"loss": loss}

        self.fit(averages, Schedule(self.place, o.minutes, o.max_steps), self._steppers(), losses)
        return self.snapshot(pictures=200)

    def _steppers(self) -> Steppers:
        """Muon (arXiv 2502.16982) on the matrices of the blocks, AdamW on the rest."""
        o, groups = self.options, ([], [])
        for name, p in self.networks.named_parameters():
            groups[p.dim() == 2 and "blocks" in name and name.endswith(".weight")].append(p)
        muon = torch.optim.Muon(groups[1], o.matrix_rate, 0.02, 0.95, adjust_lr_fn="match_rms_adamw")
        adam = torch.optim.AdamW(groups[0], o.rate, (0.9, 0.98), weight_decay=0.02, fused=True)
        return [(muon, o.matrix_rate), (adam, o.rate)]

    def _draw(self, generator: Generator) -> tuple[Any, ...]:
        """Pixels of what `_seen` decodes; latents, targets, noise, times, token noise, masks."""
        o, sizes = self.options, self.options.config.encoder
        index = self.pool.choose(o.batch, generator)
        latent, pixels = self.latents[index].float(), self.pool.at(index[self.decoded])
        noise = torch.randn(latent.shape, generator=generator, device=self.place.device)
        t = draw_times(o.batch, generator, self.place.device)
        lengths = draw_lengths(o.batch, sizes.num_tokens, generator, o.share_uniform, o.share_empty)
        shape = (o.batch, sizes.num_tokens, sizes.token_width)
        token_noise = torch.randn(shape, generator=generator, device=self.place.device)
        mask = prefix_mask(lengths, sizes.num_tokens)
        if self.causal is not None:
            mask = prefix_blocks(lengths, latent.shape[1], sizes.num_tokens)
        return pixels, latent, self.targets[index], noise, t, o.token_noise * token_noise, mask, self.causal

    def _parts(self, *drawn: Any) -> tuple[Tensor, Values]:
        latent, target, noise, t, token_noise, mask, causal = drawn
        networks, noisy = self.networks, interpolate(latent, noise, t)
        tokens = networks.encoder(latent, mask=causal) + token_noise
        context = networks.decoder.context(tokens)
        x, hidden = networks.decoder.predict(noisy, t, context, mask, networks.hidden_after)
        squared = (x - latent).pow(2).mean((1, 2))
        aligned = networks.alignment(F.rms_norm(hidden, (hidden.shape[-1],)))
        alignment = 1 - F.cosine_similarity(aligned.float(), target.float(), dim=-1).mean()
        weighted = (loss_weight(t) * squared).mean()
        return x, {"weighted": weighted, "squared": squared.detach().mean(), "alignment": alignment}

    def _seen(self, x: Tensor, pixels: Tensor) -> Values:
        """Losses in pixels: the first half of `x` are means (t=1), the other half later predictions."""
        (means, later), wanted = self.decode(sequence_to_latent(x)).chunk(2), pixels.chunk(2)
        features = feature_loss(self.classifier, later, wanted[1])
        return {"log_error": log_error(means, wanted[0]), "features": features}

    def snapshot(self, pictures: int = 50) -> Path:
        """Weights; means and samples of a few lengths of the first validation photographs."""
        photos, steps = self.photos[:pictures], (1, self.options.config.sampler.steps)
        ways = [(k, n) for n in steps for k in (1, 4, 16, 64, 256)]
        makers = {f"{k} tokens, {n} steps": partial(self._decode, length=k, steps=n) for k, n in ways}
        self.judge("flow.png", photos, photos, makers)
        return self.save("flow.safetensors", self.networks)

    def _decode(self, pixels: Tensor, length: int, steps: int) -> Tensor:
        sampler, latent = replace(self.options.config.sampler, steps=steps), self.frozen.encode(pixels)
        lengths = torch.full((len(pixels),), length, device=pixels.device)
        generator = Generator(pixels.device).manual_seed(1)
        return self.frozen.decode(self.networks.draw(latent, lengths, generator, sampler))
