"""How many faces of photographs are found again in reconstructions, and how far their eyes have moved.

Plain arithmetic, without networks. The eye error is that of the worse eye, in distances between the
original's eyes: the measure by which face finders are judged (Jesorsky, Kirchberg, Frischholz, *Robust face
detection using the Hausdorff distance*, 2001), where a quarter is half an eye's width. Intervals: bootstrap
percentiles (Efron, Annals of Statistics 7 (1979) 1) over photographs, since one photograph's faces are alike.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from studies.face_finder import Face
from studies.pages import table

LOST = math.inf  # the error of a face that is not found again
LIMITS = (0.1, 0.25, 0.5)  # eye distances within which a face is found again
RESAMPLES = 1000  # of the photographs, for the intervals
WIDEST_TURN = 0.25  # eyes nearer to one another than this share of the face's width: a face from the side


class Share(NamedTuple):
    """A share of the faces in 0..1, and its 95 % interval."""

    share: float
    low: float
    high: float


class Again(NamedTuple):
    """How well the faces of some photographs are found again.

    Attributes:
        within: of each of `LIMITS` the share of the faces.
        eye_error: mean over the faces within the widest limit, in eye distances; None if there are none.
    """

    within: list[Share]
    eye_error: float | None


def eye_distance(face: Face) -> float:
    """Pixels between a face's eyes."""
    return math.dist(*face.eyes)


def eye_error(face: Face, original: Face) -> float:
    """How far the worse of a face's eyes is from the original's, in distances between the original's eyes."""
    return max(map(math.dist, face.eyes, original.eyes)) / eye_distance(original)


def clear(faces: Sequence[Face], narrowest: float) -> list[Face]:
    """The faces that are wide enough (in pixels), and not seen from the side."""
    return [
        face for face in faces if face.width >= narrowest and eye_distance(face) >= WIDEST_TURN * face.width
    ]


def errors(originals: Sequence[Face], found: Sequence[Face]) -> list[float]:
    """The eye error of each original face, `LOST` without a partner; nearest first, each found face once."""
    pairs = sorted(
        (eye_error(face, original), place, other)
        for place, original in enumerate(originals)
        for other, face in enumerate(found)
    )
    least, taken = [LOST] * len(originals), set[int]()
    for error, place, other in pairs:
        if least[place] == LOST and other not in taken:
            least[place] = error
            taken.add(other)
    return least


def mirrored(face: Face, side: float) -> Face:
    """Where a face is in the mirror image of a picture that is so wide: the eyes change places, too."""
    left, right = face.eyes
    return face._replace(eyes=((side - right[0], right[1]), (side - left[0], left[1])))


def again(photographs: Sequence[Sequence[float]], seed: int = 0) -> Again:
    """Shares and mean from the eye errors of the faces of each photograph.

    Args:
        photographs: each photograph's errors, one a face; at least one face in all.
        seed: of the resampling.
    """
    counts = np.array([len(photograph) for photograph in photographs])
    widest = max(LIMITS)
    near = [error for photograph in photographs for error in photograph if error <= widest]
    within = []
    for limit in LIMITS:
        hits = np.array([sum(error <= limit for error in photograph) for photograph in photographs])
        within.append(Share(float(hits.sum() / counts.sum()), *interval(hits, counts, seed)))
    return Again(within, float(np.mean(near)) if near else None)


def interval(hits: np.ndarray, counts: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of hits over counts, photographs resampled: (N,) whole numbers each, counts >= 1."""
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    shares = np.sort(hits[drawn].sum(1) / counts[drawn].sum(1))
    return float(shares[round(0.025 * RESAMPLES)]), float(shares[round(0.975 * RESAMPLES) - 1])


def tables(report: dict[str, Any]) -> str:
    """Markdown of what `--out` holds: a table an archive, a row a kind of picture."""
    made = "{model} ({checkpoint_id}), samples of {steps} steps, seed {seed}; {device}, {dtype}"
    parts = [made.format(**report)]
    for name, one in report["sets"].items():
        rows = []
        for kind, found in one["again"].items():
            shares = [
                f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
                for share, low, high in found["within"]
            ]
            error = "" if found["eye_error"] is None else f"{found['eye_error']:.3f}"
            rows.append([f"{kind} tokens" if kind.isdecimal() else kind, *shares, error])
        head = f"{name}: {one['faces']} faces in {one['photographs']} photographs"
        columns = [f"within {limit:g}" for limit in report["limits"]]
        parts.append(table([head, *columns, "mean eye error"], rows))
    return "\n\n".join(parts)
