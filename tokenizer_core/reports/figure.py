"""One figure of curves over the number of tokens, or over bytes: what `judge` and `compare` draw.

Neighbours: `tally` (the measures). matplotlib is imported when a figure is drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from tokenizer_core.measure.tally import Measures

Curve = Mapping[int, Measures]  # by length, or by bytes
FLAT = 4.0  # decades; further off is only a picture of one colour
MOST_BANDS = 6  # curves with their intervals; more of them hide each other
DASHES = {"sample": "dashed", "sharp": "dashed", "flow": "dotted"}
COLOURS = (  # Paul Tol's muted scheme and two of his bright one, told apart by the colour-blind, too
    "#332288",
    "#cc6677",
    "#117733",
    "#ddaa33",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
    "#bbbbbb",
    "#ee6677",
)
Panel = tuple[str, str, Callable[[Measures], float | None]]  # title, name of the measure, how it is read
PANELS: tuple[Panel, ...] = (
    ("PSNR, dB", "psnr", lambda m: m.psnr),
    ("label agreement", "label_agreement", lambda m: m.label_agreement),
    ("feature distance", "feature_distance", lambda m: m.feature_distance),
    ("kernel distance", "kernel_distance", lambda m: m.kernel_distance),
    ("spectrum error, high band, decades", "spectrum_error", lambda m: m.spectrum_error.high),
)


def panels_of(curves: Mapping[str, Curve]) -> list[Panel]:
    """Of `PANELS` those that these curves have."""
    some = [measures for curve in curves.values() for measures in curve.values()]
    return [panel for panel in PANELS if any(panel[2](measures) is not None for measures in some)]


def lines_of(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and dashes of each curve: a colour a model, dashes a kind of picture ("model, kind")."""
    models = list(dict.fromkeys(name.partition(", ")[0] for name in names))
    found = {}
    for name in names:
        model, _, kind = name.partition(", ")
        colour = COLOURS[models.index(model) % len(COLOURS)]
        found[name] = {"color": colour, "linestyle": DASHES.get(kind, "solid")}
    return found


def draw_curves(path: str | Path, title: str, curves: Mapping[str, Curve], unit: str = "tokens") -> None:
    """Write the figure: a panel a measure, with the 95 % intervals where there are any and few curves.

    Args:
        path: a .png, .svg or .pdf file.
        title: above it.
        curves: by name.
        unit: of what the curves are over.

    Raises:
        OSError: the file cannot be written.
        ValueError: it is of another kind.
    """
    from matplotlib.figure import Figure

    panels, lines = panels_of(curves), lines_of(list(curves))
    figure = Figure(figsize=(4.2 * len(panels), 4.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, (label, name, pick) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for curve_name, curve in curves.items():
            values, ends = [pick(m) for m in curve.values()], [m.intervals.get(name) for m in curve.values()]
            line = lines[curve_name]
            axes.plot(list(curve), values, marker="o", markersize=3, linewidth=1.4, label=curve_name, **line)
            if ends and all(ends) and len(curves) <= MOST_BANDS:
                band = {"color": line["color"], "linewidth": 0}
                axes.fill_between(list(curve), *zip(*ends, strict=True), alpha=0.15, **band)
        places = sorted({place for curve in curves.values() for place in curve})
        axes.set_xscale("symlog", base=2, linthresh=max(places[0], 1))
        axes.set_xlim(places[0] * 0.8, places[-1] * 1.25)
        axes.set_xticks(places, [str(place) for place in places], fontsize=7)
        axes.set(xlabel=unit, title=label)
        if name == "spectrum_error":
            axes.set_ylim(top=min(axes.get_ylim()[1], FLAT))
        axes.grid(alpha=0.3)
    named = figure.axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside lower center", ncols=min(len(curves), 6), fontsize=8, frameon=False)
    figure.savefig(path, dpi=100)
    if Path(path).suffix == ".png":
        with Image.open(path) as drawn:  # a third of the size: few colours, and nothing is seen through
            few = drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
