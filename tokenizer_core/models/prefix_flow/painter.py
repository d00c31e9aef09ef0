"""Tokens of one photo or of several visitors' to pictures, in batches; a GPU records and compiles the calls.

A row is one picture: whose tokens, how many of them, and the seed of the noise. What depends on the tokens
alone (keys and values of the decoder's blocks) is computed once a photo and kept. Neighbours: `tokenizer`
(says what is wanted), `calls` (the networks' calls).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.engine.fast import COMPILED, Fetched, batch_sizes
from tokenizer_core.models.prefix_flow.calls import Calls
from tokenizer_core.models.prefix_flow.config import SamplerConfig, TokenizerConfig
from tokenizer_core.models.remembered import Recent, key_of
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import Picture
from tokenizer_core.stopping import go_on

REMEMBERED = 32  # photos whose keys and values (4 MB each) stay
ON_A_CPU, ON_A_GPU = 4, 64  # rows of a batch
log = logging.getLogger("tokendial")


class Row(NamedTuple):
    """One picture of a batch: the first `length` tokens of a photo, and the seed of the noise."""

    encoding: Encoding
    length: int
    seed: int


class Painter:
    """The decoder and its calls, and what is kept of the last photos' tokens.

    Args:
        config: sizes.
        decoder: tokens and noise to latents.
        calls: the same, and the latent decoder, as a GPU may record them.
        device: where they are.
    """

    def __init__(self, config: TokenizerConfig, decoder: FlowDecoder, calls: Calls, device: str) -> None:
        self.config, self.decoder, self.calls, self.device = config, decoder, calls, device
        self.contexts: Recent[TokenContext] = Recent(REMEMBERED)

    def turn_on(self) -> None:
        """From now on calls have fixed shapes; keys and values that were kept have others, and go."""
        self.calls.turn_on()
        self.contexts = Recent(REMEMBERED)

    def batch_size(self, asked: int | None = None) -> int:
        """How many rows go at a time: what was asked for, else what is quick on this device."""
        if asked:
            return asked
        if self.device == "cpu":
            return ON_A_CPU
        return COMPILED if self.calls.on else ON_A_GPU

    def pictures(self, rows: list[Row], sampler: SamplerConfig, batch: int) -> Iterator[tuple[int, Picture]]:
        """The length and the picture of each row, in order; `batch` rows go at a time.

        A GPU computes a batch while the one before is fetched.
        """
        ahead = 0 if self.device == "cpu" or batch == 1 else 1
        waiting = deque[tuple[list[Row], Fetched]]()
        for start, size in self._cut(rows, batch):
            go_on()
            some = rows[start : start + size]
            with torch.inference_mode():
                waiting.append((some, Fetched(self._paint(some, size, sampler))))
            if len(waiting) > ahead:
                yield from _arrived(*waiting.popleft())
        while waiting:
            yield from _arrived(*waiting.popleft())

    def context(self, encoding: Encoding) -> TokenContext:
        """Keys and values of all held tokens, computed once."""
        key = key_of(encoding)
        context = self.contexts.get(key)
        if context is None:
            tokens = torch.from_numpy(encoding.tokens)[None].to(self.device)
            positions = torch.from_numpy(encoding.positions).to(self.device)
            context = (self.calls if self.calls.on else self.decoder).context(tokens, positions)
            self.contexts.put(key, context)
        return context

    def noise(self, seed: int) -> Tensor:
        """The noise (1, N, C) that a seed stands for."""
        sizes = self.config.autoencoder
        return draw_noise(seed, sizes.latent_size**2, sizes.latent_channels).to(self.device)

    def compile_films(self, encoding: Encoding, model: str) -> threading.Thread:
        """Compile what a film takes, in a thread that has been started; until it ends, films go uncompiled.

        Args:
            encoding: of any photo.
            model: its name, for the log.
        """
        context = self._contexts_of([encoding] * COMPILED, len(encoding))
        noise = self._noises([0] * COMPILED).contiguous()
        words = (context, noise, torch.get_num_threads(), model)
        beside = threading.Thread(target=self._compile, args=words, name="compile", daemon=True)
        beside.start()
        return beside

    @torch.inference_mode()
    def _compile(self, context: TokenContext, noise: Tensor, threads: int, model: str) -> None:
        """Compile for a film's batches; `threads` of the processor are those of the calls to come."""
        torch.set_num_threads(threads)
        began = time.perf_counter()
        keep_mask = torch.ones(COMPILED, context.length, dtype=torch.bool, device=self.device)
        t = torch.full((COMPILED,), 1.0, device=self.device)
        self.calls.predict.compile_for(noise, t, keep_mask, *context.keys, *context.values)
        self.calls.predict_empty.compile_for(noise, t)
        self.calls.paint.compile_for(noise)
        log.info("%s: films are compiled, in %.0f s", model, time.perf_counter() - began)

    def _cut(self, rows: list[Row], batch: int) -> Iterator[tuple[int, int]]:
        """Where each batch starts, and its size, which may be larger than what is left."""
        if not self.calls.on:
            yield from ((start, min(batch, len(rows) - start)) for start in range(0, len(rows), batch))
            return
        alone = len({id(row.encoding) for row in rows}) == 1
        start = 0
        while start < len(rows):
            size = batch_sizes(min(batch, len(rows) - start), compiled=alone)[0]
            yield start, size
            start += size

    def _paint(self, rows: list[Row], size: int, sampler: SamplerConfig) -> Tensor:
        """Levels (B, S, S, 3) uint8 of B rows; a batch of a larger size is filled with the last row again."""
        filled = rows + rows[-1:] * (size - len(rows))
        lengths = [row.length for row in filled]
        longest = self.config.encoder.num_tokens if self.calls.on else max(lengths)
        context = self._contexts_of([row.encoding for row in filled], longest)
        counts = torch.tensor(lengths, device=self.device)
        masked = self.calls.on or min(lengths) < longest
        keep_mask = prefix_mask(counts, longest) if masked else None
        noise = self._noises([row.seed for row in filled])
        decoder = self.calls.decoder if self.calls.on else self.decoder
        (levels,) = self.calls.paint(sample(decoder, context, noise, keep_mask, **asdict(sampler)))
        return levels[: len(rows)]

    def _contexts_of(self, encodings: list[Encoding], longest: int) -> TokenContext:
        """Keys and values of the first tokens of each row's photo; one photo's are kept once for all rows."""
        each = {id(one): one for one in encodings}
        known = {name: self.context(one).first(longest) for name, one in each.items()}
        if len(known) == 1:
            (context,) = known.values()
            return context if self.calls.on else context.expand(len(encodings))
        wide = {name: _as_long_as(context, longest) for name, context in known.items()}
        rows = [wide[id(one)] for one in encodings]
        keys, values = zip(*((row.keys, row.values) for row in rows), strict=True)
        return TokenContext(
            tuple(torch.cat(layer) for layer in zip(*keys, strict=True)),
            tuple(torch.cat(layer) for layer in zip(*values, strict=True)),
        )

    def _noises(self, seeds: list[int]) -> Tensor:
        drawn = {seed: self.noise(seed) for seed in dict.fromkeys(seeds)}
        if len(drawn) == 1:
            return drawn[seeds[0]].expand(len(seeds), -1, -1)
        return torch.cat([drawn[seed] for seed in seeds])


def _arrived(rows: list[Row], levels: Fetched) -> Iterator[tuple[int, Picture]]:
    for row, array in zip(rows, levels.rows(), strict=True):
        yield row.length, Picture(array)


def _as_long_as(context: TokenContext, length: int) -> TokenContext:
    """With keys and values of zero behind those that are there; a mask must hide them."""
    rest = (0, 0, 0, length - context.length)
    return TokenContext(
        tuple(F.pad(one, rest) for one in context.keys), tuple(F.pad(one, rest) for one in context.values)
    )
