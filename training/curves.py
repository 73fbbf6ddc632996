"""A picture of the curves of a run: losses, spread, rank, retrieval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PANELS = (
    ("Loss", ("loss", "loss_dino", "loss_koleo", "loss_contrastive")),
    ("Teacher (nats)", ("teacher_entropy", "teacher_entropy_limit", "divergence")),
    ("Spread", ("rank", "prototypes_used")),
    ("Held-out copies", ("recall_at_1", "recall_at_10", "micro_ap")),
)


def draw_curves(history: Sequence[dict[str, Any]], file: Path) -> None:
    """Write a PNG of the measurements in ``history`` (``EpochMetrics.as_json``) over minutes."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for axes, (title, names) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for name in names:
            points = [
                (entry["elapsed_s"] / 60, entry[name])
                for entry in history
                if entry.get(name) is not None
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", label=name.replace("_", " "))
        axes.set_title(title)
        axes.set_xlabel("minutes")
        axes.grid(visible=True, alpha=0.3)
        if axes.has_data():
            axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    canvas.print_png(str(file))
