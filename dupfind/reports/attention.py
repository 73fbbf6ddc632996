"""The figure of ``dupfind attention``: the photo, what each head looks at, and their mean."""

import io
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from dupfind.reports.words import percent, safe_name

Pixels = NDArray[np.uint8]
COLOURS = "inferno"
_MOST_COLUMNS = 7
_TILE_INCHES = 2.4
_DPI = 150


@dataclass(frozen=True)
class HeadView:
    """One tile: attention of shape (rows, columns) and the mask that keeps most of its mass."""

    title: str
    attention: NDArray[np.float32]
    mask: NDArray[np.bool_]


def attention_figure(
    pixels: Pixels, views: list[HeadView], *, name: str, caption: str, share: float
) -> bytes:
    """Draw the figure and return it as a PNG file.

    Args:
        pixels: The photo, uint8 of shape (height, width, 3).
        views: The mean and each head.
        name: File name of the photo, for the title.
        caption: Model and layer.
        share: How much of the attention the masks keep, in (0, 1].
    """
    bands = -(-(len(views) + 1) // _MOST_COLUMNS)
    columns = -(-(len(views) + 1) // bands)
    height = _TILE_INCHES * float(np.clip(pixels.shape[0] / pixels.shape[1], 0.3, 2.5))
    figure = Figure(
        (columns * _TILE_INCHES, 2 * bands * (height + 0.25) + 0.6), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle(f"{_plain(name)}\n{_plain(caption)}", fontsize=10)
    _show(axes[0, 0], pixels, "the photo")
    for place, view in enumerate(views, start=1):
        band, column = divmod(place, columns)
        _show(axes[2 * band, column], heat_over(pixels, view.attention), view.title)
        _show(
            axes[2 * band + 1, column],
            lit_by(pixels, view.mask),
            f"where {percent(share)} of it goes",
        )
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    return stream.getvalue()


def heat_over(pixels: Pixels, attention: NDArray[np.float32]) -> Pixels:
    """Lay attention (rows, columns) over the grey photo: the stronger, the brighter and denser.

    The colours run from its least to its greatest value, as in the paper's figures.
    """
    least, span = float(attention.min()), max(float(np.ptp(attention)), 1e-12)
    values = upsampled((attention - least) / span, pixels.shape[:2])
    colours = matplotlib.colormaps[COLOURS](values)[..., :3] * 255
    grey = pixels.mean(axis=2, keepdims=True)
    cover = 0.4 + 0.5 * values[..., None]
    tile: Pixels = (cover * colours + (1 - cover) * grey).round().astype(np.uint8)
    return tile


def lit_by(pixels: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Darken the photo where ``mask`` (rows, columns) is False."""
    light = upsampled(mask.astype(np.float32), pixels.shape[:2], smooth=False)
    tile: Pixels = (pixels * (0.18 + 0.82 * light[..., None])).round().astype(np.uint8)
    return tile


def upsampled(
    values: NDArray[np.float32], size: tuple[int, ...], *, smooth: bool = True
) -> NDArray[np.float32]:
    """Enlarge (rows, columns) to ``size`` (height, width); values stay within [0, 1]."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    image = Image.fromarray(values.astype(np.float32)).resize((size[1], size[0]), how)
    clipped: NDArray[np.float32] = np.clip(np.asarray(image, np.float32), 0, 1)
    return clipped


def _show(axis: Axes, pixels: Pixels, title: str) -> None:
    axis.imshow(pixels, interpolation="antialiased")
    axis.set_title(title, fontsize=9, pad=3)


def _plain(text: str) -> str:
    """A dollar sign would begin a formula, and a name may be long."""
    text = safe_name(text).replace("$", r"\$")
    return text if len(text) <= 90 else f"{text[:60]}…{text[-28:]}"
