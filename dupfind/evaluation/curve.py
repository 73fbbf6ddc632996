"""Draw precision against recall."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dupfind.errors import TruthError
from dupfind.evaluation.metrics import Curve

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 6.4, 4.8, 120


def draw_curve(curves: Mapping[str, Curve], path: Path) -> None:
    """Write the precision-recall curves, one line for each name, as a PNG.

    Raises:
        TruthError: The file cannot be written.
    """
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, curve in curves.items():
        axes.plot(curve.recall, curve.precision, label=f"{name} (micro AP {curve.micro_ap:.3f})")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01), xlabel="recall", ylabel="precision")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    figure.tight_layout()
    try:
        with path.open("wb") as file:
            canvas.print_png(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TruthError(f"{path}: cannot write the curve ({reason}); choose another -o") from error
