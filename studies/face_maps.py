"""Maps of what counts in training photographs: the faces of people and the heads of animals.

`python -m studies.face_maps SHARD.zip ...` writes SHARD.worth.npy beside each shard: (crops, 16, 16) uint8,
how much more than the rest of its crop each place counts, in sixteenths. `tokendial train prefix-flow` takes
it.
People: eyes to chin, by MTCNN (arXiv 1604.02878). It needs `pip install --no-deps facenet-pytorch` and
torchvision, which nothing else here does. Animals: where EfficientNet-Lite0 sees one (class activation maps,
arXiv 1512.04150), which is mostly the head.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.photos.photoset import load_crops
from tokenizer_core.training.data import to_pixels

SIDE, GRID, MOST = 256, 16, 15  # of a crop, of a map; what a place may be worth above 1
ANIMALS = 398  # ImageNet's first classes are animals
AT_ONCE = 128
Face = Sequence[Sequence[float]]  # x and y of both eyes, the nose, both corners of the mouth


def boxes(faces: Sequence[Face]) -> Tensor:
    """(16, 16): the share of each place that lies within a face, eyes to chin."""
    fine = torch.zeros(1, 1, SIDE, SIDE)
    for face in np.asarray(faces, np.float64).reshape(-1, 5, 2):
        margin = 0.45 * np.linalg.norm(np.ptp(face, 0))
        left, top = np.maximum(face.min(0) - margin, 0).astype(int)
        right, bottom = np.ceil(face.max(0) + margin).astype(int)
        fine[..., top:bottom, left:right] = 1
    return F.adaptive_avg_pool2d(fine, GRID)[0, 0]


@torch.no_grad()
def heads(classifier: LiteClassifier, pixels: Tensor) -> Tensor:
    """(B, 16, 16) in 0..1: where the classifier sees an animal; 0 where it rather sees something else."""
    maps = classifier.head(classifier.pyramid(pixels)[-1]).float()
    shares = classifier.logits_of(maps.mean((2, 3))).softmax(1)[:, :ANIMALS]
    animal = shares.sum(1)
    seen = shares / animal[:, None] @ classifier.head_weight[:ANIMALS] - classifier.head_weight.mean(0)
    cam = torch.einsum("bc,bchw->bhw", seen, maps)
    cam = F.interpolate(cam[:, None], (GRID, GRID), mode="bilinear")[:, 0]
    cam = (2 * cam / cam.amax((1, 2), keepdim=True) - 1).clamp(0, 1)
    return torch.where(animal[:, None, None] > 0.5, cam, 0.0)


def worth(where: Tensor) -> Tensor:
    """(B, 16, 16) in 0..1 to sixteenths: together these places count as much as their whole crop."""
    many = where.sum((1, 2), keepdim=True).clamp(min=1)
    return (16 * (where * GRID**2 / many).clamp(max=MOST)).round().to(torch.uint8)


def main() -> None:
    """Write a map beside each shard."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD", help="zips of photographs")
    shards = parser.parse_args().shards
    from facenet_pytorch.models.mtcnn import MTCNN

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    finder = MTCNN(keep_all=True, min_face_size=18, thresholds=[0.6, 0.7, 0.8], device=device).eval()
    classifier = LiteClassifier(0).to(device)
    for shard in shards:
        rows = []
        for crops in torch.from_numpy(load_crops(shard, SIDE, None, 1)).split(AT_ONCE):
            _, _, found = finder.detect(crops.numpy(), landmarks=True)
            faces = torch.stack([boxes([] if face is None else face) for face in found])
            animals = heads(classifier, to_pixels(crops.to(device))).cpu()
            rows.append(worth(torch.maximum(faces, animals)))
        maps = torch.cat(rows).numpy()
        np.save(shard.with_suffix(".worth.npy"), maps)
        print(f"{shard.name}: {(maps.max((1, 2)) > 0).mean():.0%} of {len(maps)} crops have a face or a head")


if __name__ == "__main__":
    main()
