"""An example: the five named endpoints of the page as replicas of Ray Serve, without the page.

Each replica holds one model; on a GPU several share it (`--gpu 0.25`). Tokens travel in the request, so
that any replica answers any request. A visitor's mistake is a sentence with status 400.

    python -m studies.serve_on_ray --replicas 2 --address auto
    curl -X POST --data-binary @photo.jpg http://127.0.0.1:8000/encode
"""

import argparse
import importlib
import io
import json
import time
from typing import Any

import numpy as np

import tokenizer_core as tc

LARGEST = 21 << 20  # bytes of a request


class Replica:
    """The endpoints over one tokenizer.

    Args:
        model: a name of the catalog; None is the default.
        device: "auto", "cpu" or "cuda".
    """

    def __init__(self, model: str | None = None, device: str = "auto") -> None:
        self.tokenizer = tc.load(model, device)
        self.verbs = {
            "encode": self.encode,
            "decode": self.decode,
            "attention": self.attention,
            "fewest": self.fewest,
            "spectrum": self.spectrum,
        }

    async def __call__(self, request: Any) -> Any:
        """One request: the photo or the tokens as its body, numbers in its query."""
        responses = importlib.import_module("starlette.responses")
        verb = self.verbs.get(request.url.path.rpartition("/")[2])
        if verb is None:
            return responses.PlainTextResponse(f"There are {', '.join(self.verbs)}.", 404)
        if int(request.headers.get("content-length") or LARGEST) >= LARGEST:
            return responses.PlainTextResponse("This request is too large, or does not say how large.", 413)
        try:
            kind, content = verb(await request.body(), dict(request.query_params))
        except tc.TokenizerError as error:
            return responses.PlainTextResponse(str(error), 400)
        return responses.Response(content, media_type=kind)

    def encode(self, body: bytes, query: dict[str, str]) -> tuple[str, bytes]:
        """A photo to the text that a link holds."""
        text = tc.text_of_tokens(self.tokenizer.encode(body).to_bytes())
        return "text/plain", text.encode()

    def decode(self, body: bytes, query: dict[str, str]) -> tuple[str, bytes]:
        """That text to a PNG: `length` (32), `steps` (1, the mean), `seed` (0)."""
        encoding = tc.Encoding.from_bytes(tc.tokens_of_text(body.decode("utf-8", "replace")))
        steps = number(query, "steps", 1)
        if steps > 50:
            raise tc.TokenizerError("Steps are 1 to 50.")
        options = {"steps": steps, "seed": number(query, "seed", 0)}
        buffer = io.BytesIO()
        self.tokenizer.decode(encoding, number(query, "length", 32), **options).to_pil().save(buffer, "PNG")
        return "image/png", buffer.getvalue()

    def attention(self, body: bytes, query: dict[str, str]) -> tuple[str, bytes]:
        """Where `token` (1) of a photo looked: rows of numbers, the most looked at is 1."""
        token, last = number(query, "token", 1), self.tokenizer.info.lengths[-1]
        if not 1 <= token <= last:
            raise tc.TokenizerError(f"Tokens are 1 to {last}.")
        maps = self.tokenizer.attention(self.tokenizer.encode(body), "read")
        return "application/json", json.dumps(maps.normalised[token - 1].round(3).tolist()).encode()

    def fewest(self, body: bytes, query: dict[str, str]) -> tuple[str, bytes]:
        """The fewest tokens whose mean is `psnr` (24) dB near."""
        picture = tc.square_crop(tc.open_photo(body), self.tokenizer.info.picture_size)
        criterion = tc.criterion_of("psnr", float(number(query, "psnr", 24)))
        need = tc.need_of(self.tokenizer, picture, criterion)
        return "application/json", json.dumps({"tokens": need.tokens, "reached": need.reached}).encode()

    def spectrum(self, body: bytes, query: dict[str, str]) -> tuple[str, bytes]:
        """log10 of the mean power of the photo's middle square, ring by ring."""
        power = tc.power_spectrum(tc.square_crop(tc.open_photo(body))).power
        rings = np.log10(np.maximum(power, 1e-12)).astype(float).round(4)
        return "application/json", json.dumps(rings.tolist()).encode()


def number(query: dict[str, str], name: str, usual: int) -> int:
    """A whole number of a query.

    Raises:
        TokenizerError: it is none.
    """
    try:
        return int(query.get(name, usual))
    except ValueError:
        raise tc.TokenizerError(f"{name} is a whole number.") from None


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--gpu", type=float, default=0.0, help="part of a GPU that a replica takes")
    parser.add_argument("--address", help="of a Ray cluster; a new one without it")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()
    ray, serve = importlib.import_module("ray"), importlib.import_module("ray.serve")
    ray.init(address=args.address)
    serve.start(http_options={"host": "127.0.0.1", "port": args.port})
    needs = {"num_cpus": 1, "num_gpus": args.gpu}
    deployment = serve.deployment(num_replicas=args.replicas, ray_actor_options=needs)(Replica)
    serve.run(deployment.bind(args.model, "auto" if args.gpu else "cpu"), name="tokendial")
    print(f"http://127.0.0.1:{args.port}/encode", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
