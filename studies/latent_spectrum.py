"""The spectrum in latent space, where no spectral loss acts, beside the one in pixels.

    python -m studies.latent_spectrum val-256.zip --limit 100

decodes the mean and a sample (default steps) of prefixes of each photograph and prints, a line each, how far
the ring-averaged power of the flow decoder's latents (averaged over channels) is from that of the
photographs' own latents, and how far their pictures are from what the same latent decoder makes of the
photographs' latents: mean |log10 ratio| by picture, in decades, over the low, middle and high third of the
rings. Meaning and spectrum are apart if samples keep the power at every length; means do not.
"""

from collections import defaultdict
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

import tokenizer_core as tc
from studies.measuring import photo_options
from tokenizer_core.measure.spectrum import band_error, ring_power
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photoset import iter_photos

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def latent_power(latent: Float[Tensor, "B C h h"]) -> Float[Tensor, "B R"]:
    """Mean power on the rings 1 .. h/2 - 1 of each latent, averaged over its channels."""
    grey = latent.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
    return ring_power(grey).unflatten(0, latent.shape[:2]).mean(1)


@torch.inference_mode()
def errors(tokenizer: FlowTokenizer, picture: tc.Picture, steps: int, seed: int) -> dict[str, Tensor]:
    """Decades by band (len(LENGTHS), 3) of one photograph, "latent" and "pixels"."""
    shape, dtype = tokenizer.config.autoencoder, getattr(torch, tokenizer.dtype)
    own = tokenizer.autoencoder.encode(picture.to_pixels().to(tokenizer.device, dtype)).float()
    context = tokenizer.decoder.context(tokenizer.encoder(latent_to_sequence(own).to(dtype)))
    noise = draw_noise(seed, shape.latent_size**2, shape.latent_channels).to(tokenizer.device)
    options = asdict(tokenizer.config.sampler) | {"steps": steps}
    drawn = [sample(tokenizer.decoder, context.first(k), noise, **options) for k in LENGTHS]
    latents = torch.cat([own, *map(sequence_to_latent, drawn)])
    powers = {"latent": latent_power(latents)}
    pixels = [tokenizer.autoencoder.decode(one[None].to(dtype)) for one in latents]
    powers["pixels"] = ring_power(torch.cat(pixels).float().clamp(-1, 1))
    return {
        name: band_error(power[1:], power[:1].expand_as(power[1:])).cpu() for name, power in powers.items()
    }


def main() -> None:
    """Print the table."""
    options = photo_options(__doc__)
    tokenizer = tc.load(device=options.device)
    assert isinstance(tokenizer, FlowTokenizer)
    found = defaultdict(list)
    for seed, (_, photo) in enumerate(iter_photos(options.photos, options.limit)):
        for kind, steps in (("mean", 1), ("sample", tokenizer.info.default_steps)):
            for space, rows in errors(tokenizer, tc.square_crop(photo), steps, seed).items():
                found[kind, space].append(rows)
    count = len(found["mean", "latent"])
    print(f"{tokenizer.info.name} ({tokenizer.info.checkpoint_id}), {count} photographs: low/middle/high")
    for (kind, space), rows in found.items():
        for k, bands in zip(LENGTHS, torch.stack(rows).mean(0).tolist(), strict=True):
            print(f"{kind:7s}{space:7s}{k:4d} tokens  " + " / ".join(f"{band:.3f}" for band in bands))


if __name__ == "__main__":
    main()
