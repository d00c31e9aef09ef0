"""What the second paper says of adaptive length, claim by claim: does it hold for alit-256?

    python -m studies.alit_claims --photos val-256.zip --train train-0.zip train-1.zip --labels train.jsonl \
        --source imagenette160 --test probe-test-256.zip

measures, writes claims.json beside the weights, and makes CLAIMS.md of it (`alit_claims_page`). Without
--photos nothing is measured and the page alone is made anew; without --train the probe keeps its figures.
A photograph's *need* is the fewest tokens whose mean picture reaches a criterion, all tokens if none does.
Sources: arXiv 2411.02393; the further rows of arXiv 2507.07995 (KARL), which measured both.
"""

import argparse
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import tokenizer_core as tc
from studies import alit_claims_page, probe
from studies.unfamiliar import DRAWN, pasted
from tokenizer_core.measure.criteria import CRITERIA
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit
from tokenizer_core.measure.spectrum import band_error, ring_power
from tokenizer_core.measure.tally import interval
from tokenizer_core.models.alit.networks import Pass, run_passes
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.photos.photoset import photo_set
from tokenizer_core.storage.checkpoints import checkpoints_folder, read_part

THRESHOLDS = (0.03, 0.05, 0.06, 0.07, 0.08, 0.09)  # of the mean absolute error
COMPLEXITY_THRESHOLDS = (0.06, 0.07, 0.08, 0.09)
USUAL = CRITERIA["l1"].threshold
DRAWN_COUNT = 40  # pictures of each kind
PASTED_COUNT = 100
PROBED = (1, 2, 4, 8)  # passes
EDGE = 0.1  # a pixel is an edge where luma's gradient is steeper, of the whole range a pixel
AT_ONCE = 25
Scores = dict[str, Tensor]  # by criterion, (pictures, passes); "label" is 1 where it is found again
Figures = dict[str, Any]


@torch.inference_mode()
def grow(model: AlitTokenizer, pixels: Tensor, soft: bool = False) -> Iterator[tuple[Pass, Tensor]]:
    """Each pass over some pictures (B, 3, H, W), and its mean pictures in 8 bits; `soft` is without codes."""
    kind, config = getattr(torch, model.dtype), model.config
    pixels = pixels.to(model.device, kind, memory_format=torch.channels_last)
    latent = latent_to_sequence(model.autoencoder.encode(pixels))
    networks = (model.encoder, model.writer, latent, config.halt, config.passes)
    for one in run_passes(*networks, soft=soft):
        maps = sequence_to_latent(one.prediction).to(kind, memory_format=torch.channels_last)
        yield one, round_to_8_bit(model.decoder(maps).float())


@torch.inference_mode()
def score(
    model: AlitTokenizer, pictures: Sequence[tc.Picture], classifier: tc.LiteClassifier | None, soft=False
) -> Scores:
    """Every criterion of the mean picture after every pass; without a classifier those that need none."""
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for pixels in _pixels(pictures).split(AT_ONCE):
        original, rows = pixels.to(model.device), defaultdict(list)
        power = ring_power(original)
        wanted = None if classifier is None else classifier.pooled(original)
        for _, made in grow(model, pixels, soft):
            rows["l1"].append((made - original).abs().mean((1, 2, 3)) / 2)
            rows["psnr"].append(psnr_batch(made, original))
            rows["spectrum"].append(band_error(ring_power(made), power).mean(1))
            if classifier is not None and wanted is not None:
                seen = classifier.pooled(made)
                words = [classifier.logits_of(one).argmax(1) for one in (seen, wanted)]
                rows["feature"].append(1 - torch.cosine_similarity(seen, wanted))
                rows["label"].append((words[0] == words[1]).float())
        for name, columns in rows.items():
            parts[name].append(torch.stack(columns, 1).double().cpu())
    return {name: torch.cat(some) for name, some in parts.items()}


def need(scores: Tensor, criterion: str, threshold: float) -> Tensor:
    """(pictures,) passes until the criterion is reached; one more than there are where it never is."""
    more = CRITERIA[criterion].more_is_better
    reached = scores >= threshold if more else scores <= threshold
    return torch.where(reached.any(1), reached.double().argmax(1) + 1, scores.shape[1] + 1)


def ranks(values: Tensor) -> Tensor:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1) / 2)[place].double()


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's, with ties."""
    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


def separation(higher: Tensor, lower: Tensor) -> float:
    """AUROC: the chance that one of the first is larger than one of the second, ties counting half."""
    count = len(higher)
    above = ranks(torch.cat([higher, lower]))[:count].sum() - count * (count + 1) / 2
    return (above / (count * len(lower))).item()


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
    values = {form: torch.tensor([float(_bytes(p, form)) for p in pictures]) for form in ("WebP", "JPEG")}
    values["edges"] = torch.tensor([_edges(p) for p in pictures])
    return {
        f"{threshold:g}": {
            name: rank_correlation(need(l1, "l1", threshold), one) for name, one in values.items()
        }
        for threshold in COMPLEXITY_THRESHOLDS
    }


def familiarity(model: AlitTokenizer, photos: Sequence[tc.Picture], l1: Tensor) -> Figures:
    """Point 4: need and error of pictures that no training saw; the same networks without codes."""
    passes, a_pass = model.config.passes, model.config.tokens_per_pass
    found = {}
    usual = need(l1, "l1", USUAL)
    for name in ("photographs", *DRAWN):
        random = np.random.default_rng(0)
        pictures = (
            photos if name not in DRAWN else [tc.Picture(DRAWN[name](random)) for _ in range(DRAWN_COUNT)]
        )
        hard = l1 if name not in DRAWN else score(model, pictures, None)["l1"]
        soft, own = score(model, pictures, None, soft=True)["l1"], need(hard, "l1", USUAL)
        found[name] = {
            "n": len(pictures),
            "tokens": (own.clamp(max=passes) * a_pass).double().mean().item(),
            "never": (own > passes).double().mean().item(),
            "l1": hard.mean(0)[[0, -1]].tolist(),
            "soft_l1": soft.mean(0)[[0, -1]].tolist(),
            "webp": float(np.mean([_bytes(picture, "WebP") for picture in pictures])),
            "auroc": separation(own, usual),
        }
    return found


def tasks(scores: Scores, a_pass: int) -> Figures:
    """Point 5: need by criterion at its usual threshold, and its rank correlation with that by L1."""
    needs = {name: need(values, name, _threshold(name)) for name, values in scores.items()}
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
def numbers_of(model: AlitTokenizer, files: Sequence[tuple[bytes, int]]) -> dict[str, Tensor]:
    """By what is probed, (photographs, numbers): bits of the first and of all tokens; their mean state."""
    pictures = [tc.square_crop(tc.open_photo(io.BytesIO(data))) for data, _ in files]
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for pixels in _pixels(pictures).split(AT_ONCE):
        for one, _ in grow(model, pixels):
            if one.number + 1 not in PROBED:
                continue
            codes, patches = one.quantised.codes, model.config.num_patches
            state = model.encoder.norm_tokens(model.encoder(one.start)[:, patches:])
            rows = {"first": codes[:, : model.config.tokens_per_pass], "all": codes, "state": state.mean(1)}
            for name, values in rows.items():
                parts[f"{name} {one.number + 1}"].append(values.flatten(1).double().cpu())
    return {name: torch.cat(some) for name, some in parts.items()}


def probed(model: AlitTokenizer, options: argparse.Namespace) -> Figures:
    """Point 6: which of ten classes, read linearly after 1, 2, 4 and 8 passes."""
    train, test = probe.labelled(options.train, options.labels, options.source, options.test)
    train, test = train[: options.limit], test[: options.limit]
    of_train, of_test = numbers_of(model, train), numbers_of(model, test)
    y, wanted = (torch.tensor([label for _, label in files]) for files in (train, test))

    def row(name: str) -> Figures:
        named, decay = probe.probe((of_train[name], y), (of_test[name], wanted))
        return {"right": named.mean().item(), "interval": interval(named), "decay": decay}

    with ThreadPoolExecutor() as pool:  # solving is long and lets other threads run
        rows = dict(zip(of_train, pool.map(row, of_train), strict=True))
    return {"train": len(train), "test": len(test), **rows}


@torch.inference_mode()
def segments(model: AlitTokenizer, photos: Sequence[tc.Picture]) -> Figures:
    """Point 7: how well the map of the best of the first tokens covers a pasted piece, by layer and pass.

    Of each map as many places are taken as the piece has. Beside it: the mean over those tokens, the best
    of as many discs on a grid, and a disc in the middle.
    """
    made = list(pasted([photo.array for photo in photos], PASTED_COUNT))
    side, count = model.config.autoencoder.latent_size, model.config.tokens_per_pass
    masks = torch.from_numpy(np.stack([mask for _, mask in made])).float()[:, None]
    masks = (F.adaptive_avg_pool2d(masks, side) >= 0.5).flatten(1).to(model.device)  # (P, N)
    best, mean = defaultdict(list), defaultdict(list)
    pixels = _pixels([tc.Picture(array) for array, _ in made])
    for part, wanted in zip(pixels.split(AT_ONCE), masks.split(AT_ONCE), strict=True):
        for one, _ in grow(model, part):
            for layer in range(model.config.encoder_depth):
                overlap = overlaps(model.encoder.read_attention(one.start, layer)[:, :count], wanted)
                best[layer, one.number].append(overlap.amax(1))
                mean[layer, one.number].append(overlap.mean(1))
    discs = _discs(side, count).to(model.device)
    found: Figures = {"n": len(made), "area": masks.float().mean().item()}
    for name, rows in {"best": best, "random": mean}.items():
        found[name] = [
            [torch.cat(rows[layer, number]).mean().item() for number in range(model.config.passes)]
            for layer in range(model.config.encoder_depth)
        ]
    found["grid"] = overlaps(discs[:-1].expand(len(masks), -1, -1), masks).amax(1).mean().item()
    found["middle"] = overlaps(discs[-1:].expand(len(masks), -1, -1), masks).mean().item()
    return found


def overlaps(maps: Tensor, masks: Tensor) -> Tensor:
    """(P, K) intersection over union of masks (P, N) with the highest places of maps (P, K, N), as many."""
    sizes = masks.sum(1)
    order = maps.float().argsort(-1, descending=True).argsort(-1)
    taken = order < sizes[:, None, None]
    common = (taken & masks[:, None]).sum(-1)
    return common / (2 * sizes[:, None] - common)


@torch.inference_mode()
def nesting(model: AlitTokenizer, pictures: Sequence[tc.Picture]) -> Figures:
    """Point 8: what stays of a code in the next longer one, and the picture of a code that was cut."""
    a_pass, rows = model.config.tokens_per_pass, defaultdict(list)
    kind = getattr(torch, model.dtype)
    for pixels in _pixels(pictures).split(AT_ONCE):
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


def measured(model: AlitTokenizer, options: argparse.Namespace) -> Figures:
    """All points that need photographs alone."""
    classifier = tc.LiteClassifier(2).to(model.device)
    pictures = [tc.square_crop(photo) for _, photo in photo_set(options.photos, options.limit)]
    scores, a_pass = score(model, pictures, classifier), model.config.tokens_per_pass
    folder = checkpoints_folder() / model.info.name
    sums = {name: read_part(folder, f"{name}.safetensors")[1] for name in ("encoder", "writer")}
    about = {"model": model.info.name, "sha256": sums, "n": len(pictures)}
    return about | {
        "dtype": model.dtype,
        "lengths": list(model.info.lengths),
        "errors": errors(scores),
        "needs": tokens_needed(scores["l1"], a_pass),
        "complexity": complexity(scores["l1"], pictures),
        "familiarity": familiarity(model, pictures, scores["l1"]),
        "tasks": tasks(scores, a_pass),
        "segments": segments(model, pictures),
        "nesting": nesting(model, pictures),
    }


def _threshold(criterion: str) -> float:
    """Of scores as they are here: a label is found again or not."""
    return 0.5 if criterion == "label" else CRITERIA[criterion].threshold


def _pixels(pictures: Sequence[tc.Picture]) -> Tensor:
    return torch.cat([picture.to_pixels() for picture in pictures])


def _bytes(picture: tc.Picture, form: str) -> int:
    buffer = io.BytesIO()
    picture.to_pil().save(buffer, form, quality=75)
    return len(buffer.getvalue())


def _edges(picture: tc.Picture) -> float:
    luma = np.asarray(picture.to_pil().convert("L"), float) / 255
    down, across = np.gradient(luma)
    return float((np.hypot(down, across) > EDGE).mean())


def _discs(side: int, count: int) -> Tensor:
    """Maps (count + 1, N) that fall with the distance from the centres of a grid's cells, then the middle."""
    columns = 2 ** round(np.log2(count) / 2 + 0.25)
    rows = count // columns
    places = [((r + 0.5) / rows, (c + 0.5) / columns) for r in range(rows) for c in range(columns)]
    axis = (torch.arange(side) + 0.5) / side
    distances = [(axis[:, None] - y).square() + (axis - x).square() for y, x in (*places, (0.5, 0.5))]
    return -torch.stack(distances).flatten(1)


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
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for, and make the page."""
    options, found = asked(), {}
    data = alit_claims_page.DATA
    if data.exists():
        found = json.loads(data.read_text("utf-8"))
    if options.photos or options.train:
        model = tc.load("alit-256", options.device)
        assert isinstance(model, AlitTokenizer)
        parts = ((options.photos, measured), (options.train, lambda *given: {"probe": probed(*given)}))
        for measure in (measure for wanted, measure in parts if wanted):
            found |= measure(model, options)
            data.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    alit_claims_page.write(found)


if __name__ == "__main__":
    main()
