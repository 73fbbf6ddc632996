"""Made-up scenes: pictures with the statistics of photos, for what a run must not forget.

Clouds of noise with a natural spectrum, and leaves of all sizes that cover each other. They show
nothing, but a network answers to their edges, textures and shapes as it does to photos'.

Source: Learning to See by Looking at Noise (arXiv 2106.05963): dead leaves, random spectra.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

LEAVES = (15, 120)
LARGEST = 0.45  # of the picture's side
SMALLEST = 0.02


def make_scene(seed: int, side_px: int) -> NDArray[np.uint8]:
    """Make the scene of a number: (side_px, side_px, 3) sRGB, always the same."""
    random = np.random.default_rng(seed)
    behind, texture = clouds(random, side_px), clouds(random, side_px)
    if random.random() < 0.15:
        return _as_pixels(behind)
    picture = Image.fromarray(_as_pixels(behind))
    pen = ImageDraw.Draw(picture)
    palette = random.uniform(0, 1, (int(random.integers(3, 9)), 3)) ** random.uniform(0.6, 1.6)
    for _ in range(int(random.integers(*LEAVES))):
        _leaf(random, pen, side_px, palette)
    share = random.uniform(0.1, 0.45)
    above, below = random.uniform(0.8, 1.15, 2).tolist()
    light = np.linspace(above, below, side_px)[:, None, None]
    mixed = np.asarray(picture) / 255.0 * (1 - share) + texture * share
    return _as_pixels(mixed * light)


def clouds(random: np.random.Generator, side_px: int) -> NDArray[np.float64]:
    """Make coloured noise whose amplitude falls with frequency: (side, side, 3) in [0, 1]."""
    frequency = np.hypot(np.fft.fftfreq(side_px)[:, None], np.fft.rfftfreq(side_px)[None, :])
    frequency[0, 0] = 1.0
    steep = random.uniform(0.7, 2.0)
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(random.normal(size=(side_px, side_px))) / frequency**steep
        spectrum[0, 0] = 0
        plane = np.fft.irfft2(spectrum, s=(side_px, side_px))
        planes.append(plane / max(1e-9, float(plane.std())))
    # Channels of a photo go together; how much is drawn too.
    mixing = np.eye(3) * random.uniform(0.1, 0.8) + random.normal(0.6, 0.2)
    noise = np.stack(planes, axis=2) @ mixing.T
    mean, contrast = random.uniform(0.2, 0.8, 3), random.uniform(0.1, 0.3)
    result: NDArray[np.float64] = np.clip(mean + contrast * noise / noise.std(), 0, 1)
    return result


def _leaf(
    random: np.random.Generator,
    pen: ImageDraw.ImageDraw,
    side_px: int,
    palette: NDArray[np.float64],
) -> None:
    """Draw one shape; sizes follow the power law of things seen at all distances."""
    low, high = LARGEST**-2, SMALLEST**-2
    radius = side_px / float(np.sqrt(random.uniform(low, high) ** random.uniform(0.5, 1.0)))
    centre = random.uniform(0, side_px, 2)
    tone = palette[int(random.integers(len(palette)))] + random.normal(0, 0.06, 3)
    fill = tuple(int(value) for value in np.clip(255 * tone, 0, 255))
    corners = int(random.integers(3, 13))
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    if corners > 6:  # round, and drawn so
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    stretch = random.uniform(0.4, 1.0, 2)
    turn = random.uniform(0, np.pi)
    x, y = np.cos(angles) * radius * stretch[0], np.sin(angles) * radius * stretch[1]
    turned = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
    pen.polygon([tuple(point) for point in (centre[:, None] + turned).T.tolist()], fill=fill)


def _as_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(255 * values, 0, 255).astype(np.uint8)
