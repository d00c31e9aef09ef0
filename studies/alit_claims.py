"""What the second paper says of adaptive length, claim by claim: does it hold for alit-256?

    python -m studies.alit_claims --photos val-256.zip --train train-0.zip train-1.zip --labels train.jsonl \
        --source imagenette160 --test probe-test-256.zip

measures, writes claims.json beside the weights, and makes CLAIMS.md of it (`alit_claims_page`); with --out
both go into another folder. Without --photos nothing is measured and the page alone is made anew; without
--train the probe keeps its figures. What can be asked of the ordered model, too, is: with its mean pictures
in as many bytes. A photograph's *need* is the fewest tokens whose mean picture reaches a criterion, all
tokens if none does.
Sources: arXiv 2411.02393; the further rows of arXiv 2507.07995 (KARL), which measured both.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import tokenizer_core as tc
from studies import alit_claims_page
from studies.alit_pictures import (
    Scores,
    at_once,
    equal_lengths,
    grow,
    pass_by_pass,
    pixels_of,
    prefix_by_prefix,
    score,
)
from studies.alit_probe import probed
from studies.alit_segments import ordered_segments, segments
from studies.alit_statistics import (
    edge_share,
    file_bytes,
    need,
    rank_correlation,
    separation,
    usual_threshold,
)
from studies.unfamiliar import DRAWN
from tokenizer_core.measure.criteria import CRITERIA
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import sequence_to_latent
from tokenizer_core.photos.photoset import photo_set
from tokenizer_core.storage.checkpoints import checkpoints_folder, read_part

THRESHOLDS = (0.03, 0.05, 0.06, 0.07, 0.08, 0.09)  # of the mean absolute error
COMPLEXITY_THRESHOLDS = (0.06, 0.07, 0.08, 0.09)
USUAL = CRITERIA["l1"].threshold
DRAWN_COUNT = 40  # pictures of each kind
ORDERED = "prefix-flow-256"
Figures = dict[str, Any]
Pictures = Sequence[tc.Picture]


def errors(scores: Scores) -> Figures:
    """Point 1: means by pass, and how often a photograph's error falls from one pass to the next."""
    found = {name: values.mean(0).tolist() for name, values in scores.items()}
    return found | {"falls": (scores["l1"].diff(dim=1) < 0).double().mean().item()}


def tokens_needed(l1: Tensor, a_pass: int) -> list[Figures]:
    """Point 2: by threshold the mean need in tokens, and the shares that stop after each pass, or never."""
    found = []
    for threshold in THRESHOLDS:
        passes = need(l1, "l1", threshold)
        shares = [(passes == number + 1).double().mean().item() for number in range(l1.shape[1] + 1)]
        tokens = passes.clamp(max=l1.shape[1]) * a_pass
        found.append({"threshold": threshold, "tokens": tokens.double().mean().item(), "shares": shares})
    return found


def complexity(l1: Tensor, pictures: Sequence[tc.Picture]) -> Figures:
    """Point 3: rank correlations of need with the sizes of files and the share of edges."""
    values = {form: torch.tensor([float(file_bytes(p, form)) for p in pictures]) for form in ("WebP", "JPEG")}
    values["edges"] = torch.tensor([edge_share(p) for p in pictures])
    return {
        f"{threshold:g}": {
            name: rank_correlation(need(l1, "l1", threshold), one) for name, one in values.items()
        }
        for threshold in COMPLEXITY_THRESHOLDS
    }


def unfamiliar() -> dict[str, list[tc.Picture]]:
    """Pictures that no training saw, by kind: the same ones in every call."""
    return {
        name: [tc.Picture(draw(random)) for _ in range(DRAWN_COUNT)]
        for name, draw in DRAWN.items()
        for random in [np.random.default_rng(0)]
    }


def familiarity(
    photos: Pictures, l1: Tensor, a_pass: int, errors_of: Callable[[Pictures], Tensor]
) -> Figures:
    """Point 4: need and error of photographs and of pictures that no training saw.

    Args:
        photos: the photographs.
        l1: (photographs, lengths) their errors.
        a_pass: tokens of a pass.
        errors_of: the same of other pictures.
    """
    found, usual, passes = {}, need(l1, "l1", USUAL), l1.shape[1]
    for name, pictures in {"photographs": photos, **unfamiliar()}.items():
        error = errors_of(pictures) if name in DRAWN else l1
        own = need(error, "l1", USUAL)
        found[name] = {
            "n": len(pictures),
            "tokens": (own.clamp(max=passes) * a_pass).double().mean().item(),
            "never": (own > passes).double().mean().item(),
            "l1": error.mean(0)[[0, -1]].tolist(),
            "webp": float(np.mean([file_bytes(picture, "WebP") for picture in pictures])),
            "auroc": separation(own, usual),
        }
    return found


def without_codes(model: AlitTokenizer, photos: Pictures) -> dict[str, list[float]]:
    """Point 4: first and last error by kind, of the same networks with numbers in place of codes."""
    grown = pass_by_pass(model, soft=True)
    kinds = {"photographs": photos, **unfamiliar()}
    return {
        name: score(model, some, None, grown)["l1"].mean(0)[[0, -1]].tolist() for name, some in kinds.items()
    }


def tasks(scores: Scores, a_pass: int) -> Figures:
    """Point 5: need by criterion at its usual threshold, and its rank correlation with that by L1."""
    needs = {name: need(values, name, usual_threshold(name)) for name, values in scores.items()}
    return {
        name: {
            "threshold": CRITERIA[name].threshold,
            "tokens": (some.clamp(max=scores[name].shape[1]) * a_pass).double().mean().item(),
            "reached": (some <= scores[name].shape[1]).double().mean().item(),
            "with_l1": rank_correlation(some, needs["l1"]),
        }
        for name, some in needs.items()
    }


@torch.inference_mode()
def nesting(model: AlitTokenizer, pictures: Sequence[tc.Picture]) -> Figures:
    """Point 8: what stays of a code in the next longer one, and the picture of a code that was cut."""
    a_pass, rows = model.config.tokens_per_pass, defaultdict(list)
    kind = getattr(torch, model.dtype)
    for pixels in pixels_of(pictures).split(at_once(model)):
        original = pixels.to(model.device)
        passes = [(one.quantised.codes, made) for one, made in grow(model, pixels)]
        for number, ((short, _), (long, _)) in enumerate(pairwise(passes)):
            same = short == long[:, : short.shape[1]]
            rows["tokens", number].append(same.all(-1).double().mean(1))
            rows["numbers", number].append(same.double().mean((1, 2)))
        for name, codes in {"own": passes[0][0], "next": passes[1][0], "last": passes[-1][0]}.items():
            maps = sequence_to_latent(model.writer(codes[:, :a_pass], 0)).to(kind)
            made = round_to_8_bit(model.decoder(maps).float())
            rows["psnr", name].append(psnr_batch(made, original))
    means = {place: torch.cat(some).double().mean().item() for place, some in rows.items()}
    steps = range(model.config.passes - 1)
    found: Figures = {name: [means[name, number] for number in steps] for name in ("tokens", "numbers")}
    return found | {"psnr": {name: means["psnr", name] for name in ("own", "next", "last")}}


def measured(model: AlitTokenizer, ordered: FlowTokenizer, options: argparse.Namespace) -> Figures:
    """All points that need photographs alone, and what the ordered model has in as many bytes."""
    classifier = tc.LiteClassifier(2).to(model.device)
    pictures = [tc.square_crop(photo) for _, photo in photo_set(options.photos, options.limit)]
    folder = checkpoints_folder() / model.info.name
    sums = {name: read_part(folder, f"{name}.safetensors")[1] for name in ("encoder", "writer")}
    about = {"model": model.info.name, "sha256": sums, "n": len(pictures)}
    about |= {"dtype": model.dtype, "lengths": list(model.info.lengths)}
    a_pass, lengths = model.config.tokens_per_pass, equal_lengths(model, ordered)
    found = []
    for one, grown in ((model, pass_by_pass(model)), (ordered, prefix_by_prefix(ordered, lengths))):
        scores = score(one, pictures, classifier, grown)
        found.append(_points(one, pictures, scores, a_pass, grown))
    own, other = found
    for name, pair in without_codes(model, pictures).items():
        own["familiarity"][name]["soft_l1"] = pair
    other["segments"] = ordered_segments(ordered, pictures, a_pass)
    other |= {"model": ordered.info.name, "checkpoint_id": ordered.info.checkpoint_id, "lengths": lengths}
    own |= {"segments": segments(model, pictures), "nesting": nesting(model, pictures)}
    return about | own | {"ordered": other}


def _points(model: tc.Tokenizer, pictures: Pictures, scores: Scores, a_pass: int, grown: Any) -> Figures:
    """Points 1 to 5."""

    def errors_of(some: Pictures) -> Tensor:
        return score(model, some, None, grown)["l1"]

    return {
        "errors": errors(scores),
        "needs": tokens_needed(scores["l1"], a_pass),
        "complexity": complexity(scores["l1"], pictures),
        "familiarity": familiarity(pictures, scores["l1"], a_pass, errors_of),
        "tasks": tasks(scores, a_pass),
    }


def asked() -> argparse.Namespace:
    """The words after the command."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--photos", help="a folder or archive to measure on")
    parser.add_argument("--train", nargs="+", help="labelled photographs for the probe: folders or archives")
    parser.add_argument("--labels", help="lines of JSON: file, source, label")
    parser.add_argument("--source", help="only the labelled photographs of this source")
    parser.add_argument("--test", help="a folder or archive with a folder a class")
    parser.add_argument("--limit", type=int, help="only so many photographs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=alit_claims_page.FOLDER, help="default: the checkpoint's")
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for, and make the page."""
    options, found = asked(), {}
    if alit_claims_page.DATA.exists():
        found = json.loads(alit_claims_page.DATA.read_text("utf-8"))
    if options.photos or options.train:
        model, ordered = (tc.load(name, options.device) for name in (alit_claims_page.MODEL, ORDERED))
        assert isinstance(model, AlitTokenizer)
        assert isinstance(ordered, FlowTokenizer)
        if options.photos:
            found |= measured(model, ordered, options)
        if options.train:
            found["probe"] = probed(model, ordered, options)
    alit_claims_page.write(found, options.out)


if __name__ == "__main__":
    main()
