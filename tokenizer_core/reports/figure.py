"""One figure of curves over the number of tokens, or over bytes: what `judge` and `compare` draw.

Neighbours: `tally` (the measures). matplotlib is imported when a figure is drawn.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from tokenizer_core.measure.tally import Measures

Curve = Mapping[int, Measures]  # by length, or by bytes
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


def draw_curves(path: str | Path, title: str, curves: Mapping[str, Curve], unit: str = "tokens") -> None:
    """Write the figure: a panel a measure, with the 95 % intervals where there are any.

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

    panels = panels_of(curves)
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, (label, name, pick) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for curve_name, curve in curves.items():
            values, ends = [pick(m) for m in curve.values()], [m.intervals.get(name) for m in curve.values()]
            axes.plot(list(curve), values, marker="o", markersize=3, label=curve_name)
            if ends and all(ends):
                axes.fill_between(list(curve), *zip(*ends, strict=True), alpha=0.15)
        places = sorted({place for curve in curves.values() for place in curve})
        axes.set_xscale("symlog", base=2, linthresh=max(places[0], 1))
        axes.set_xlim(places[0] * 0.8, places[-1] * 1.25)
        axes.set_xticks(places, [str(place) for place in places], fontsize=7)
        axes.set(xlabel=unit, title=label)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
