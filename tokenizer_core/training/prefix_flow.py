"""`tokendial train prefix-flow`: token encoder and flow decoder together, on a frozen autoencoder's latents.

Latents and alignment targets of all crops and their mirror images are computed once and stay on the GPU; so
are the tokens of an encoder that does not learn. Loss: squared error of the predicted clean latent, weighted
over time (`flow.loss_weight`), plus the cosine distance of a middle block to classifier features (REPA, arXiv
2410.06940). The latent is whitened, so that error alone spends tokens on detail: a part of the batch is
decoded to pixels, where means (t=1) learn the photo's PSNR, as many later predictions its features, and the
latest (t < 0.25) its local spectra, too. Nested dropout draws the prefix length; a share of empty prefixes
stays for the whole run. Where the photographs have maps of what counts (`data.PhotoPool`: faces), every error
there counts as much more, save that of spectra.

`distilled` rows of each batch learn instead to do in one forward what guided sampling from the weights at the
start does in two steps (progressive distillation, arXiv 2202.00512); the last of them count as latest, too.
From the share `redraw` of the run on their teacher is what the averaged weights were then. `decoder_depth`
and `encoder_depth` deepen the networks of `start`, which changes nothing that they compute (`grow`).
`pairs` shows every crop with all tokens and with a prefix in the same step, so that late tokens do not idle
(NesTok, which sums both losses).
`nested` 0 makes the control `fixed-1d`: all tokens always, and means alone.
"""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.attention.flex_attention import BlockMask

from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow import draw_times, interpolate, loss_weight, time_grid
from tokenizer_core.nn.masks import causal_blocks, draw_lengths, prefix_blocks, prefix_mask
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.flow_networks import FlowNetworks, load_networks
from tokenizer_core.training.loop import Run, Steppers, Values
from tokenizer_core.training.losses import feature_loss, local_spectrum_loss, log_error, spread
from tokenizer_core.training.muon import Muon
from tokenizer_core.training.prefix_flow_settings import PrefixFlowRun
from tokenizer_core.training.schedule import Schedule

STRIDE_16 = 3  # index of the classifier's feature map that has one vector a latent position
AT_ONCE = 256  # crops that are encoded together before the run
CENTRED_BY = 2000  # crops whose features say what the alignment targets' mean and spread are


class Drawn(NamedTuple):
    """What one step learns from: B rows of N patches with C channels, and K tokens of width D."""

    crops: Tensor  # (B,) their numbers
    latent: Float[Tensor, "B N C"]
    x_t: Float[Tensor, "B N C"]
    goal: Float[Tensor, "B N C"]  # the latent, or for distilled rows what the teacher makes of x_t
    target: Float[Tensor, "B N F"]  # features for the alignment
    t: Float[Tensor, " B"]  # below 0 for distilled rows
    token_noise: Float[Tensor, "B K D"]
    mask: Tensor | BlockMask
    causal: BlockMask | None


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
        shares = {"share_uniform": options.share_uniform, "share_empty": options.share_empty}
        self.lengths = partial(draw_lengths, options.batch, options.config.encoder.num_tokens, **shares)
        depths = (options.encoder_depth, options.decoder_depth)
        self.networks = self.place.put(load_networks(options.start, options.config, *depths))
        self.networks.encoder.requires_grad_(bool(options.train_encoder))
        self.tokens = None if options.train_encoder else self._encode()
        self.redrawn = False
        self.teacher = self._second_teacher()
        self.other_modules = [] if self.teacher is None else [self.teacher]
        self.paths: tuple[Tensor, ...] = self._first_paths()
        self.causal = self._causal_blocks()
        self.few = min(options.decoded, round(options.share_noise * options.batch))
        self.decoded = self._decoded_rows()

    def _causal_blocks(self) -> BlockMask | None:
        """The encoder's mask on a GPU, where whole blocks of it are skipped."""
        if self.place.device.type != "cuda":
            return None
        patches = self.latents.shape[1]
        return causal_blocks(patches + self.options.config.encoder.num_tokens, patches, self.place.device)

    def _decoded_rows(self) -> Tensor:
        """Rows that are seen as pictures: means, others, late ones, and the last of the distilled.

        Means are a batch's first rows, and the distilled ones its last; the others and the late ones are
        before those.
        """
        few, distilled = self.few, self.options.distilled
        ends = sorted({distilled + few, distilled, 0}, reverse=True)
        means = list(range(few))
        later = [row - few - end for end in ends for row in range(few)]
        return torch.tensor(means + later, device=self.place.device)

    @torch.no_grad()
    def _cache(self) -> tuple[Float[Tensor, "M N C"], Float[Tensor, "M N F"]]:
        """Latents and alignment targets of this process's crops, then of their mirror images, in bfloat16."""
        rows = []
        for index in torch.arange(2 * len(self.pool.crops), device=self.place.device).split(AT_ONCE):
            pixels = self.pool.at(index)
            with self.place.autocast():
                maps = self.frozen.encode(pixels), self.classifier.pyramid(pixels)[STRIDE_16]
            rows.append([latent_to_sequence(m).bfloat16() for m in maps])
        latents, raw = (torch.cat(column) for column in zip(*rows, strict=True))
        deviation, centre = torch.std_mean(raw[:CENTRED_BY].float(), (0, 1))
        deviation, centre = self.place.take_first(deviation), self.place.take_first(centre)
        return latents, (raw - centre.bfloat16()) / deviation.bfloat16()

    @torch.no_grad()
    def _encode(self) -> Float[Tensor, "M K D"]:
        """Tokens of all latents, for an encoder that stays what it is."""
        with self.place.autocast():
            return torch.cat([self.networks.encoder(part.float()) for part in self.latents.split(AT_ONCE)])

    def _second_teacher(self) -> FlowNetworks | None:
        """A place for the weights that draw paths again, which snapshots hold; None where none are."""
        if not self.options.distilled or self.options.redraw >= 1:
            return None
        return deepcopy(self.networks).requires_grad_(False)

    def _first_paths(self) -> tuple[Tensor, ...]:
        """Those of the start's weights; none where a snapshot goes on with paths that were drawn again."""
        if not self.options.distilled:
            return ()
        if self.resumed is not None and self.resumed.own["redrawn"]:
            return ()
        return self._draw_paths(self.networks, self.place.generator(self.options.seed + 1))

    def _redraw_in_time(self, averages: AveragedWeights, schedule: Schedule) -> None:
        """Draw the paths once more as soon as the share `redraw` of the run has passed."""
        if self.teacher is None or self.redrawn or schedule.share < self.options.redraw:
            return
        self.teacher.load_state_dict(averages.values)
        self._redraw(self.teacher)

    def _redraw(self, teacher: FlowNetworks) -> None:
        self.paths = ()  # the old ones make room
        self.paths = self._draw_paths(teacher, self.place.generator(self.options.seed + 2))
        self.redrawn = True

    def own_state(self) -> dict[str, Tensor]:
        """Whether the paths were drawn again."""
        return {"redrawn": torch.tensor(int(self.redrawn))}

    def take_own_state(self, state: dict[str, Tensor]) -> None:
        """Paths that were drawn again are drawn from the same weights; of a refused step they stay."""
        if state["redrawn"] and not self.redrawn and self.teacher is not None:
            self._redraw(self.teacher)

    @torch.no_grad()
    def _draw_paths(self, networks: FlowNetworks, generator: Generator) -> tuple[Tensor, ...]:
        """Crops, lengths and -t, (M, S); x_t and the x that leads to the teacher's next one, (M, S, N, C)."""
        sampler, rows = self.options.config.sampler, []
        times = torch.tensor(time_grid(sampler.distilled_steps, sampler.time_shift), device=generator.device)
        ratio = (times[1:] / times[:-1])[:, None, None]
        teacher = replace(sampler, steps=2 * sampler.distilled_steps)
        for _ in range(0, self.options.drawn, self.options.batch):
            index = self.pool.choose(self.options.batch, generator)
            lengths = self.lengths(generator)
            with self.place.autocast():
                path = networks.draw(self.latents[index].float(), lengths, generator, teacher)
            x_t, after = torch.stack(path[:-1:2], 1), torch.stack(path[2::2], 1)
            goal = (after - ratio * x_t) / (1 - ratio)
            given = torch.broadcast_tensors(index[:, None], lengths[:, None], -times[:-1])
            rows.append([*given, x_t.half(), goal.half()])
        return tuple(torch.cat(column) for column in zip(*rows, strict=True))

    def train(self) -> Path:
        """The loop; ends with averaged weights in the networks."""
        o, n = self.options, self.networks
        generator = self.place.generator(o.seed)
        averages = AveragedWeights(n, o.average_decay)
        schedule = self.schedule()
        self.place.compile_blocks(n.encoder.blocks, n.decoder.blocks, n.decoder.token_blocks)

        def losses() -> Values:
            self._redraw_in_time(averages, schedule)
            return self._losses(generator)

        self.fit(averages, schedule, self._steppers(), losses, generator)
        return self.write_weights(pictures=200)

    def _steppers(self) -> Steppers:
        """Muon on the matrices of the blocks, those that were grown apart; AdamW on the rest."""
        o = self.options
        old, grown, rest = [], [], []
        for name, parameter in self.networks.named_parameters():
            in_block = "blocks" in name and name.endswith(".weight")
            if not in_block or parameter.dim() != 2:
                rest.append(parameter)
            elif name.startswith(self.networks.grown):
                grown.append(parameter)
            else:
                old.append(parameter)
        steppers = []
        for matrices, rate in ((old, o.matrix_rate), (grown, o.grown_rate * o.matrix_rate)):
            if matrices:
                steppers.append((Muon(matrices, rate, o.weight_decay, o.matrix_momentum), rate))
        adam = torch.optim.AdamW(rest, o.rate, o.betas, weight_decay=o.weight_decay, fused=True)
        return [*steppers, (adam, o.rate)]

    def _losses(self, generator: Generator) -> Values:
        """What the networks minimise on one batch."""
        o = self.options
        drawn = self._draw(generator)
        with self.place.autocast():
            x, parts = self._parts(*drawn)
            parts |= self._seen(x[self.decoded], drawn.crops[self.decoded])
        loss = parts["weighted"] + o.alignment_weight * parts["alignment"]
        loss = loss + o.error_weight * parts["log_error"] + o.feature_weight * parts["features"]
        return parts | {"loss": loss + o.spectrum_weight * parts["spectra"]}

    def _draw(self, generator: Generator) -> Drawn:
        """One batch: crops, prefix lengths, times, noise; then the distilled rows in place of the last."""
        o, sizes = self.options, self.options.config.encoder
        index = self.pool.choose(o.batch, generator)
        lengths = self.lengths(generator)
        if o.pairs:
            index[1::2] = index[: o.batch - o.batch % 2 : 2]
            lengths[::2] = sizes.num_tokens
        t = self._times(generator)
        if not o.nested:
            t, lengths = torch.ones_like(t), torch.full_like(lengths, sizes.num_tokens)
        noise = torch.randn(o.batch, *self.latents.shape[1:], generator=generator, device=self.place.device)
        goal = self.latents[index].float()
        x_t = interpolate(goal, noise, t)
        if self.paths:
            self._distil((index, lengths, t, x_t, goal), generator)
        latent = self.latents[index].float()
        shape = (o.batch, sizes.num_tokens, sizes.token_width)
        token_noise = o.token_noise * torch.randn(shape, generator=generator, device=self.place.device)
        mask = self._mask(lengths)
        return Drawn(index, latent, x_t, goal, self.targets[index], t, token_noise, mask, self.causal)

    def _times(self, generator: Generator) -> Float[Tensor, " B"]:
        """Times of a batch, those of the late rows moved below `late`."""
        o = self.options
        t = draw_times(o.batch, generator, self.place.device, o.time_location, o.share_noise)
        t[self.decoded[2 * self.few : 3 * self.few]] *= o.late
        return t

    def _distil(self, values: tuple[Tensor, ...], generator: Generator) -> None:
        """Rows of the teacher's paths into the last rows of these values, the last steps of paths last."""
        count = self.options.distilled
        many, steps = self.paths[0].shape
        pick = torch.randint(many, (count,), generator=generator, device=generator.device)
        at = torch.arange(count, device=generator.device) * steps // count
        for value, path in zip(values, self.paths, strict=True):
            value[-count:] = path[pick, at]

    def _mask(self, lengths: Tensor) -> Tensor | BlockMask:
        """Which tokens each row's patches see; in blocks on a GPU."""
        num_tokens = self.options.config.encoder.num_tokens
        if self.causal is None:
            return prefix_mask(lengths, num_tokens)
        return prefix_blocks(lengths, self.latents.shape[1], num_tokens)

    def _parts(
        self,
        index: Tensor,
        latent: Tensor,
        x_t: Tensor,
        goal: Tensor,
        target: Tensor,
        t: Tensor,
        token_noise: Tensor,
        mask: Tensor | BlockMask,
        causal: BlockMask | None,
    ) -> tuple[Tensor, Values]:
        """The predicted x of all rows, and the losses on it."""
        networks = self.networks
        tokens = networks.encoder(latent, mask=causal) if self.tokens is None else self.tokens[index]
        context = networks.decoder.context(tokens + token_noise)
        x, hidden = networks.decoder.predict(x_t, t, context, mask, networks.hidden_after)
        worth = latent_to_sequence(spread(self.pool.worth(index), sequence_to_latent(goal)))
        squared = (worth * (x - goal).pow(2)).mean((1, 2))
        aligned = networks.alignment(F.rms_norm(hidden, (hidden.shape[-1],)))
        return x, {
            "weighted": (loss_weight(t.abs()) * squared).mean(),
            "squared": squared[t > 0].detach().mean(),
            "distilled": squared[t < 0].detach().sum() / max(1, self.options.distilled),
            "alignment": 1 - F.cosine_similarity(aligned.float(), target.float(), dim=-1).mean(),
        }

    def _seen(self, x: Tensor, index: Tensor) -> Values:
        """Losses in pixels: `few` of `x` are means (t=1), as many others any later ones, the rest late."""
        few, made = self.few, self.decode(sequence_to_latent(x))
        pixels, worth = self.pool.at(index), self.pool.worth(index)
        return {
            "log_error": log_error(made[:few], pixels[:few], worth[:few]),
            "features": feature_loss(self.classifier, made[few:], pixels[few:], worth[few:]),
            "spectra": local_spectrum_loss(made[2 * few :], pixels[2 * few :]),
        }

    def write_weights(self, pictures: int = 50) -> Path:
        """Weights; means and samples of a few lengths of the first validation photographs."""
        makers = {}
        for steps in (1, self.options.config.sampler.steps):
            for length in (1, 4, 16, 64, 256):
                make = partial(self._decode, length=length, steps=steps)
                makers[f"{length} tokens, {steps} steps"] = make
        self.validate(makers, pictures)
        return self.save("flow.safetensors", self.networks)

    def _decode(self, pixels: Tensor, length: int, steps: int) -> Tensor:
        sampler = replace(self.options.config.sampler, steps=steps)
        latent = latent_to_sequence(self.frozen.encode(pixels))
        lengths = torch.full((len(pixels),), length, device=pixels.device)
        drawn = self.networks.draw(latent, lengths, self.place.generator(1), sampler)[-1]
        return self.frozen.decode(sequence_to_latent(drawn))
