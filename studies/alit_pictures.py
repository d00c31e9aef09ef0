"""Mean pictures of many photographs at once, after every pass or at as many bytes of the ordered model.

Neighbours: `alit_claims` (asks), `alit_statistics` (what is made of the scores).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

import tokenizer_core as tc
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit
from tokenizer_core.measure.spectrum import band_error, ring_power
from tokenizer_core.models.alit.networks import Pass, run_passes
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.sampler import draw_noise, sample

AT_ONCE = {"cpu": 25, "cuda": 100}  # pictures
Scores = dict[str, Tensor]  # by criterion, (pictures, lengths); "label" is 1 where it is found again
Grow = Callable[[Tensor], Iterator[Tensor]]  # pixels (B, 3, H, W) to their pictures, a batch a length


def at_once(model: tc.Tokenizer) -> int:
    """How many pictures fit well together where a model is."""
    return AT_ONCE[model.device.partition(":")[0]]


@torch.inference_mode()
def passes_of(model: AlitTokenizer, pixels: Tensor, soft: bool = False) -> Iterator[Pass]:
    """Each pass over some pictures (B, 3, H, W); `soft` is without codes."""
    kind, config = getattr(torch, model.dtype), model.config
    pixels = pixels.to(model.device, kind, memory_format=torch.channels_last)
    latent = latent_to_sequence(model.autoencoder.encode(pixels))
    networks = (model.encoder, model.writer, latent, config.halt, config.passes)
    yield from run_passes(*networks, soft=soft)


@torch.inference_mode()
def grow(model: AlitTokenizer, pixels: Tensor, soft: bool = False) -> Iterator[tuple[Pass, Tensor]]:
    """Each pass over some pictures (B, 3, H, W), and its mean pictures in 8 bits; `soft` is without codes."""
    kind = getattr(torch, model.dtype)
    for one in passes_of(model, pixels, soft):
        maps = sequence_to_latent(one.prediction).to(kind, memory_format=torch.channels_last)
        yield one, round_to_8_bit(model.decoder(maps).float())


def pass_by_pass(model: AlitTokenizer, soft: bool = False) -> Grow:
    """The mean pictures after each pass; see `grow`."""
    return lambda pixels: (made for _, made in grow(model, pixels, soft))


def equal_lengths(model: AlitTokenizer, ordered: FlowTokenizer) -> list[int]:
    """Tokens of the ordered model that take as many bytes as each code of ALIT."""
    return [8 * model.info.bytes_of(length) // ordered.info.bits_per_token for length in model.info.lengths]


@torch.inference_mode()
def ordered_latent(ordered: FlowTokenizer, pixels: Tensor) -> Tensor:
    """(B, N, C): what the ordered model's encoder reads of pixels (B, 3, H, W)."""
    pixels = pixels.to(ordered.device, getattr(torch, ordered.dtype), memory_format=torch.channels_last)
    return latent_to_sequence(ordered.autoencoder.encode(pixels))


@torch.inference_mode()
def ordered_tokens(ordered: FlowTokenizer, pixels: Tensor) -> Tensor:
    """(B, K, D) tokens of pixels (B, 3, H, W), on the levels that their bytes hold."""
    kind = getattr(torch, ordered.dtype)
    tokens = ordered.encoder(ordered_latent(ordered, pixels).to(kind)).float().cpu().numpy()
    return torch.from_numpy(on_levels(tokens)).to(ordered.device)


def prefix_by_prefix(ordered: FlowTokenizer, lengths: Sequence[int]) -> Grow:
    """The ordered model's means at each of these lengths."""

    @torch.inference_mode()
    def grown(pixels: Tensor) -> Iterator[Tensor]:
        kind, sizes = getattr(torch, ordered.dtype), ordered.config.autoencoder
        context = ordered.decoder.context(ordered_tokens(ordered, pixels))
        noise = draw_noise(0, sizes.latent_size**2, sizes.latent_channels).to(ordered.device)
        noise = noise.expand(len(pixels), -1, -1)
        for length in lengths:
            latent = sample(ordered.decoder, context.first(length), noise, steps=1)
            maps = sequence_to_latent(latent).to(kind, memory_format=torch.channels_last)
            yield round_to_8_bit(ordered.autoencoder.decode(maps).float())

    return grown


@torch.inference_mode()
def score(
    model: tc.Tokenizer,
    pictures: Sequence[tc.Picture],
    classifier: tc.LiteClassifier | None,
    grown: Grow,
) -> Scores:
    """Every criterion of the pictures of every length; without a classifier those that need none.

    Args:
        model: on whose device it is computed.
        pictures: the originals.
        classifier: on that device.
        grown: makes the pictures, `pass_by_pass` or `prefix_by_prefix`.
    """
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for pixels in pixels_of(pictures).split(at_once(model)):
        original, rows = pixels.to(model.device), defaultdict(list)
        power = ring_power(original)
        wanted = None if classifier is None else classifier.pooled(original)
        for made in grown(pixels):
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


def pixels_of(pictures: Sequence[tc.Picture]) -> Tensor:
    """(B, 3, H, W) in -1..1."""
    return torch.cat([picture.to_pixels() for picture in pictures])
