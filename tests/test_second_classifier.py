"""Edges and colours of the second classifier, and what it is fitted to."""

import json
import zipfile

import numpy as np
import torch

import tokenizer_core as tc
from studies.probe import labelled
from studies.second_classifier import features


def picture(rows):
    return tc.Picture(np.ascontiguousarray(np.broadcast_to(rows, (256, 256, 3)), dtype=np.uint8))


def test_a_flat_picture_has_its_colour_and_no_edges():
    found = features(picture([255, 51, 0]))
    assert found.shape == (8 * 8 * 9 + 8 * 8 * 3,)
    assert found[: 8 * 8 * 9].abs().max() == 0
    torch.testing.assert_close(found[8 * 8 * 9 :].view(64, 3)[5], torch.tensor([1, 0.2, 0]).double())


def test_edges_are_told_apart_by_their_direction_alone():
    stripes = 120 * (np.arange(256)[:, None, None] // 16 % 2)  # lying; standing when turned
    both = stripes, stripes.swapaxes(0, 1)
    across, down = (features(picture(x))[:576].view(64, 9).mean(0) for x in both)
    assert across.argmax() != down.argmax()
    bright = features(picture(stripes + 100))[:576].view(64, 9).mean(0)
    torch.testing.assert_close(bright, across, atol=0.02, rtol=0)


def test_it_learns_from_one_source_and_is_tested_by_folder(tmp_path):
    lines = [("a.webp", "cats", "zebra"), ("b.webp", "cats", "ant"), ("c.webp", "dogs", "hut")]
    text = "\n".join(json.dumps(dict(zip(("file", "source", "label"), line, strict=True))) for line in lines)
    (tmp_path / "labels").write_text(text)
    for name, files in {"train": ("x/a.webp", "x/b.webp", "x/c.webp"), "test": ("zebra/1.webp",)}.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for file in files:
                archive.writestr(file, file.encode())
    paths = [str(tmp_path / name) for name in ("train.zip", "labels", "test.zip")]
    train, test = labelled([paths[0]], paths[1], "cats", paths[2])
    assert train == [(b"x/a.webp", 1), (b"x/b.webp", 0)]
    assert test == [(b"zebra/1.webp", 1)]
