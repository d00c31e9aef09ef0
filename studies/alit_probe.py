"""What a linear probe reads of ALIT's codes after some passes, and of the ordered model's at equal bytes.

All weight decays and folds of a probe are solved together, in one problem that falls into as many: on a GPU
that takes seconds. Neighbours: `probe` (the problem, its decays and folds), `alit_claims` (asks).
"""

import argparse
import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import tokenizer_core as tc
from studies import probe
from studies.alit_pictures import at_once, equal_lengths, ordered_tokens, passes_of, pixels_of
from tokenizer_core.measure.tally import interval
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer

PROBED = (1, 2, 4, 8)  # passes
ITERATIONS, MEMORY = 300, 20  # of the solver
Figures = dict[str, Any]
Numbers = dict[str, Tensor]  # by what is probed, (photographs, numbers)


def fit_together(x: Tensor, y: Tensor, decays: Tensor, keep: Tensor, classes: int) -> Tensor:
    """`probe.fit` of several problems of the same photographs, (J, D + 1, classes).

    Args:
        x: (N, D) numbers, each of about unit variance.
        y: (N,) classes, 0 .. classes - 1.
        decays: (J,) of the weights, not of the biases.
        keep: (J, N) which photographs each problem learns from.
        classes: how many.
    """
    x, jobs = F.pad(x, (0, 1), value=1.0), len(decays)
    weights = torch.zeros(x.shape[1], jobs, classes, dtype=x.dtype, device=x.device, requires_grad=True)
    share = (keep / keep.sum(1, keepdim=True)).T.to(x.dtype)  # (N, J)
    options = {"max_iter": ITERATIONS, "history_size": MEMORY, "line_search_fn": "strong_wolfe"}
    solver = torch.optim.LBFGS([weights], tolerance_grad=1e-6, **options)
    wanted = y[:, None, None].expand(-1, jobs, 1)

    def loss() -> Tensor:
        solver.zero_grad()
        logits = (x @ weights.flatten(1)).view(len(x), jobs, classes)
        missed = logits.logsumexp(2) - logits.gather(2, wanted)[..., 0]
        value = (share * missed).sum()
        value = value + (decays / 2 * weights[:-1].square().sum((0, 2))).sum()
        value.backward()
        return value

    solver.step(loss)  # pyright: ignore[reportArgumentType]
    return weights.detach().transpose(0, 1)


def probe_together(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> tuple[Tensor, float]:
    """As `probe.probe` of one version a photograph: (M,) 1.0 where `test` is named, and the decay chosen."""
    (x, y), classes = train, int(train[1].max()) + 1
    spread, centre = torch.std_mean(x, 0)
    x, other = ((rows - centre) / spread.clamp(min=1e-6) for rows in (x, test[0]))
    fold = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).to(x.device) % probe.FOLDS
    decays = torch.tensor(probe.DECAYS, dtype=x.dtype, device=x.device)
    learnt = (fold[None] != torch.arange(probe.FOLDS, device=x.device)[:, None]).repeat(len(decays), 1)
    weights = fit_together(x, y, decays.repeat_interleave(probe.FOLDS), learnt, classes)
    said = torch.einsum("nd,jdc->jnc", F.pad(x, (0, 1), value=1.0), weights).argmax(2)
    right = ((said == y) & ~learnt).view(len(decays), -1).sum(1)
    best = int(right.argmax())
    alone = fit_together(x, y, decays[best : best + 1], torch.ones(1, len(x), device=x.device), classes)[0]
    return probe.right(alone, other, test[1]).cpu(), probe.DECAYS[best]


@torch.inference_mode()
def numbers_of(model: AlitTokenizer, ordered: FlowTokenizer, pictures: Sequence[tc.Picture]) -> Numbers:
    """Bits of the first and of all tokens, and their mean state; numbers of the ordered model's tokens.

    No picture is looked at, so none is decoded.
    """
    parts: dict[str, list[Tensor]] = defaultdict(list)
    lengths = equal_lengths(model, ordered)
    for pixels in pixels_of(pictures).split(at_once(model)):
        tokens = ordered_tokens(ordered, pixels)
        for one in passes_of(model, pixels):
            if one.number + 1 not in PROBED:
                continue
            codes, patches = one.quantised.codes, model.config.num_patches
            state = model.encoder.norm_tokens(model.encoder(one.start)[:, patches:])
            rows = {"first": codes[:, : model.config.tokens_per_pass], "all": codes, "state": state.mean(1)}
            rows["ordered"] = tokens[:, : lengths[one.number]]
            for name, values in rows.items():
                parts[f"{name} {one.number + 1}"].append(values.flatten(1).double())
    return {name: torch.cat(some) for name, some in parts.items()}


def probed(model: AlitTokenizer, ordered: FlowTokenizer, options: argparse.Namespace) -> Figures:
    """Point 6: which of ten classes, read linearly after 1, 2, 4 and 8 passes."""
    train, test = probe.labelled(options.train, options.labels, options.source, options.test)
    train, test = train[: options.limit], test[: options.limit]
    sets = []
    for files in (train, test):
        pictures = [tc.square_crop(tc.open_photo(io.BytesIO(data))) for data, _ in files]
        labels = torch.tensor([label for _, label in files], device=model.device)
        sets.append((numbers_of(model, ordered, pictures), labels))
    (learnt, y), (tested, wanted) = sets
    found: Figures = {"train": len(train), "test": len(test)}
    print(f"{len(train)} photographs to learn from and {len(test)} to test on are read", flush=True)
    for name in learnt:
        named, decay = probe_together((learnt[name].clone(), y), (tested[name].clone(), wanted))
        found[name] = {"right": named.mean().item(), "interval": interval(named), "decay": decay}
        print(f"{name}: {found[name]['right']:.3f}, decay {decay}", flush=True)
    return found
