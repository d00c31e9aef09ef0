"""What Python makes of some pictures, noise and tokens, for the tests of the page's scripts: `onnx.json`.

    python -m tests.page.make_fixtures

The pictures are drawn by a formula that `onnx.test.js` has, too, so that only results are stored.
"""

import io
import json
import zlib
from base64 import b64encode
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import tokenizer_core as tc
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.models.prefix_flow.config import SamplerConfig
from tokenizer_core.nn.sampler import draw_noise, sample

HERE = Path(__file__).parent
SEEDS = (0, 1, 2, 42, 12345, 2**31 - 1)
CROPS = (  # width, height, side, centre and zoom
    (300, 200, 256, (0.5, 0.5), 1.0),
    (97, 131, 256, (0.5, 0.5), 1.0),
    (1000, 701, 256, (0.31, 0.8), 2.3),
    (1027, 1999, 64, (0.5, 0.0), 1.0),
    (256, 256, 256, (0.5, 0.5), 1.0),
    (256, 400, 256, (0.5, 0.5), 1.0),
    (517, 256, 256, (0.77, 0.5), 1.0),
)


def drawn(width: int, height: int) -> np.ndarray:
    """Waves and steps, (H, W, 3) uint8; whole numbers alone, so that a script draws the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [
        (x * x * (3 + c) + y * y * 5 + x * y * 7 + 85 * c) // 31 + 40 * ((x // 37 + y // 23) % 3)
        for c in range(3)
    ]
    return np.stack(planes, -1).astype(np.uint8)


def crops() -> list[dict]:
    """What `square_crop` makes of drawn pictures: the checksum of all of it, and its first row."""
    found = []
    for width, height, side, center, zoom in CROPS:
        square = tc.square_crop(Image.fromarray(drawn(width, height)), side, center, zoom).array
        about = {"width": width, "height": height, "side": side, "crop": [*center, zoom]}
        found.append(about | {"crc": zlib.crc32(square.tobytes()), "row": square[0].ravel().tolist()})
    return found


def noises() -> list[dict]:
    """The first numbers of each seed's noise, and its sums."""
    found = []
    for seed in SEEDS:
        noise = draw_noise(seed, 256, 16).double().ravel()
        numbers = {"first": noise[:48].tolist(), "last": noise[-16:].tolist()}
        found.append(
            {"seed": seed, "sum": noise.sum().item(), "squares": noise.square().sum().item()} | numbers
        )
    return found


def scores() -> list[dict]:
    """PSNR, SSIM, spectrum and its error, of a drawn picture in blocks, darker, and as it is."""
    original = tc.Picture(drawn(256, 256))
    scorer, found = tc.Scorer(original), []
    made = {"blocks": original.array[::8, ::8].repeat(8, 0).repeat(8, 1), "same": original.array}
    for kind, array in (made | {"darker": np.maximum(original.array, 40) - 40}).items():
        score = scorer(tc.Picture(np.ascontiguousarray(array)))
        numbers = {"psnr": score.psnr if np.isfinite(score.psnr) else None, "ssim": score.ssim}
        found.append(
            {"kind": kind, "power": score.spectrum.power.tolist(), "bands": astuple(score.error)} | numbers
        )
    return found


def tokens() -> dict:
    """An encoding, its bytes, and the levels of its numbers."""
    numbers = (torch.linspace(-3.5, 3.5, 40 * 16).reshape(40, 16) ** 3 / 8).numpy()
    encoding = tc.Encoding(on_levels(numbers), np.arange(40), "0123456789ab", "prefix-flow-256")
    packed = b64encode(encoding.to_bytes()).decode()
    return {"packed": packed, "numbers": numbers.ravel().tolist(), "levels": encoding.tokens.ravel().tolist()}


class Pull:
    """A decoder that a script can be, too: it pulls to a number, to another one where no token is seen."""

    def __init__(self, towards: float) -> None:
        self.towards = towards

    def __call__(self, x_t: torch.Tensor, t: torch.Tensor, context: "Pull", _: object) -> torch.Tensor:
        return 0.5 * x_t * t[:, None, None] + (context.towards if t[0] > 0 else 2.0)

    def first(self, length: int) -> "Pull":
        """Of no token."""
        assert length == 0, length
        return Pull(-0.25)


def samples() -> list[dict]:
    """Where such a decoder ends up in some steps."""
    found = []
    for steps, shift in ((1, 1.0), (4, 1.0), (8, 1.0), (8, 1.5), (20, 0.7)):
        own = SamplerConfig(steps=8, guidance_scale=3.0, time_shift=shift, distilled_steps=4)
        noise = draw_noise(3, 2, 8)
        options: dict[str, Any] = asdict(own) | {"steps": steps}
        latent = sample(Pull(1.0), Pull(1.0), noise, **options)
        found.append({"steps": steps, "sampler": asdict(own), "latent": latent.ravel().tolist()})
    return found


def jpegs() -> list[dict]:
    """JPEGs of drawn pictures, and checksums of what `open_photo` makes of them at each scale, upright."""
    found = []
    for turn, (width, height), options in (
        (1, (73, 49), {"quality": 75}),
        (1, (48, 64), {"quality": 60, "progressive": True}),
        (1, (50, 41), {"quality": 75, "subsampling": 0}),
        *((turn, (38, 29), {"quality": 60, "subsampling": 1}) for turn in range(2, 9)),
    ):
        exif, buffer = Image.Exif(), io.BytesIO()
        exif[0x0112] = turn
        Image.fromarray(drawn(width, height)).save(buffer, "JPEG", exif=exif, **options)
        data, sums = buffer.getvalue(), {}
        for scale in (2, 4, 8):
            photo = tc.open_photo(data, at_least=min(width, height) // scale)
            sums[scale] = {"size": photo.size, "crc": zlib.crc32(photo.tobytes())}
        found.append({"turn": turn, "file": b64encode(data).decode(), "sums": sums})
    return found


def cmyk() -> str:
    """A JPEG of four colours."""
    buffer = io.BytesIO()
    Image.fromarray(drawn(24, 16)).convert("CMYK").save(buffer, "JPEG", quality=50)
    return b64encode(buffer.getvalue()).decode()


def main() -> None:
    """Write all of it."""
    made = {
        "crops": crops(),
        "jpegs": jpegs(),
        "cmyk": cmyk(),
        "noises": noises(),
        "scores": scores(),
        "tokens": tokens(),
        "samples": samples(),
    }
    (HERE / "onnx.json").write_text(json.dumps(made) + "\n", "utf-8")


if __name__ == "__main__":
    main()
