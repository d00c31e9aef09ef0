"""Make the examples' caches with the bundled model: `python -m demo.build_examples`."""

from pathlib import Path

import tokenizer_core as tc
from demo import examples
from demo.film import MEAN, Film, Take, ladder
from demo.studio import Studio


def build(studio: Studio, folder: Path = examples.FOLDER) -> None:
    """Encode each example once, decode the ladder as means and as samples, and write `<name>.json.gz`."""
    info = studio.default
    sample = Take("sample", info.default_steps, 0)
    first = ladder(info.lengths)
    for about in examples.EXAMPLES:
        film = Film(tc.open_photo(about.photo), info)
        studio.develop(film, MEAN, first)
        studio.develop(film, sample, first)
        film.linear = studio.baseline_psnr(film)
        (folder / f"{about.name}.json.gz").write_bytes(examples.pack(film, sample))


if __name__ == "__main__":
    build(Studio(tc.load, tc.catalog()))
