"""What fuzzing found interesting ends as it should; `make fuzz` looks for more."""

from pathlib import Path

import pytest

from studies import fuzz

KEPT = sorted((Path(fuzz.__file__).parent / "fuzz_corpus").glob("*/*"))


@pytest.mark.parametrize("target", sorted(fuzz.TARGETS))
def test_the_kept_inputs(target: str) -> None:
    once, _ = fuzz.TARGETS[target]
    inputs = [path.read_bytes() for path in KEPT if path.parent.name == target]
    assert inputs
    for data in inputs:
        once(data)


def test_seeds_open() -> None:
    import tokenizer_core as tc

    for data in fuzz.photos():
        assert tc.open_photo(data).size == (16, 12)
    for data in fuzz.archives():
        fuzz.try_photo_set(data)
