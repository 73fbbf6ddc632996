"""What made pages and screens are drawn with: a sheet, a palette, words, numbers, dates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from dupfind.photos.edits.drawing import Colour, font
from dupfind.photos.edits.step import Pixels

STARTS = ("b", "br", "c", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "io", "ou")
ENDS = ("", "", "n", "r", "s", "l", "t", "nd", "rt", "sk")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BRIGHT: tuple[Colour, ...] = (
    *((230, 57, 70), (42, 157, 143), (69, 123, 230), (244, 162, 97), (155, 93, 229)),
    *((0, 187, 249), (254, 200, 30), (120, 200, 80), (255, 110, 160), (90, 100, 120)),
)

Place = tuple[float, float]
Area = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How the pages of one layout look: size in pixels, paper, ink, faint lines, accent colours."""

    width: int
    height: int
    paper: Colour
    ink: Colour
    faint: Colour
    accents: tuple[Colour, ...]
    bold: bool
    mono: bool

    @property
    def unit(self) -> float:
        """A hundredth of the width, in pixels."""
        return self.width / 100


class Sheet:
    """A picture being drawn, with places and sizes in hundredths of its width."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.image = Image.new("RGB", (look.width, look.height), look.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.bottom = look.height / look.unit

    def text(
        self,
        place: Place,
        line: str,
        size: float,
        colour: Colour | None = None,
        *,
        anchor: str = "la",
        bold: bool = False,
    ) -> None:
        """Write a line at (x, y); ``anchor`` is Pillow's: left, middle, right, then vertical."""
        size_px = max(7, round(size * self.look.unit))
        colour = colour or self.look.ink
        stroke = max(1, size_px // 22) if bold else 0
        at = (place[0] * self.look.unit, place[1] * self.look.unit)
        if not self.look.mono:
            self.draw.text(at, line, colour, font(size_px), anchor, stroke_width=stroke)
            return
        step = 0.62 * size_px
        shift = {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * step * len(line)
        for number, letter in enumerate(line):
            here = (at[0] - shift + number * step, at[1])
            self.draw.text(
                here, letter, colour, font(size_px), f"l{anchor[1]}", stroke_width=stroke
            )

    def box(
        self,
        area: Area,
        fill: Colour | None = None,
        outline: Colour | None = None,
        *,
        radius: float = 0.0,
        line: float = 0.2,
    ) -> None:
        """Draw a rectangle (x0, y0, x1, y1), its corners rounded by ``radius``."""
        thickness = max(1, round(line * self.look.unit))
        points = self._points(area)
        self.draw.rounded_rectangle(points, radius * self.look.unit, fill, outline, thickness)

    def disc(
        self, middle: Place, radius: float, fill: Colour | None, edge: Colour | None = None
    ) -> None:
        """Draw a disc or, with ``fill`` None, a circle."""
        x, y = middle
        area = self._points((x - radius, y - radius, x + radius, y + radius))
        self.draw.ellipse(area, fill, edge, max(1, round(0.3 * self.look.unit)))

    def arc(self, middle: Place, radius: float, ends: Place, colour: Colour, line: float) -> None:
        """Draw a part of a ring from one angle to another, in degrees."""
        x, y = middle
        area = self._points((x - radius, y - radius, x + radius, y + radius))
        self.draw.arc(area, ends[0], ends[1], colour, max(1, round(line * self.look.unit)))

    def line(
        self, points: Sequence[Place], colour: Colour | None = None, line: float = 0.2
    ) -> None:
        """Draw a line through points."""
        path = [self._points(point) for point in points]
        width_px = max(1, round(line * self.look.unit))
        self.draw.line(path, colour or self.look.faint, width_px, "curve")

    def shape(self, points: Sequence[Place], fill: Colour) -> None:
        """Draw a filled polygon."""
        self.draw.polygon([self._points(point) for point in points], fill)

    @property
    def pixels(self) -> Pixels:
        """What has been drawn, (height, width, 3)."""
        return np.asarray(self.image)

    def _points(self, values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(value * self.look.unit for value in values)


def page_look(rng: np.random.Generator, aspect: float, low: int = 560, high: int = 900) -> Look:
    """Choose the look of a printed page: dark on light, ``aspect`` is height by width."""
    width = int(rng.integers(low, high))
    paper = _near(rng, (250, 249, 245), 6)
    return Look(
        *(width, round(width * aspect), paper, _near(rng, (30, 30, 38), 25)),
        *(_near(rng, (190, 190, 195), 20), _accents(rng)),
        *(bool(rng.random() < 0.3), bool(rng.random() < 0.15)),
    )


def screen_look(rng: np.random.Generator, aspect: float, low: int = 360, high: int = 620) -> Look:
    """Choose the look of a screen: half of them dark."""
    width = int(rng.integers(low, high))
    dark = rng.random() < 0.5
    paper = _near(rng, (18, 18, 22) if dark else (247, 247, 250), 8)
    ink = _near(rng, (235, 235, 240) if dark else (25, 25, 30), 15)
    faint = _near(rng, (50, 52, 58) if dark else (225, 226, 230), 10)
    bold = bool(rng.random() < 0.4)
    return Look(width, round(width * aspect), paper, ink, faint, _accents(rng), bold, False)


def name(rng: np.random.Generator) -> str:
    """Return an invented word with a capital."""
    return word(rng).capitalize()


def word(rng: np.random.Generator) -> str:
    """Return an invented word of one to three syllables."""
    parts = [
        f"{rng.choice(STARTS)}{rng.choice(VOWELS)}{rng.choice(ENDS)}"
        for _ in range(int(rng.integers(1, 4)))
    ]
    return "".join(parts)


def sentence(rng: np.random.Generator, count: int) -> str:
    """Return ``count`` invented words, the first with a capital."""
    return " ".join(word(rng) for _ in range(count)).capitalize()


def digits(rng: np.random.Generator, count: int) -> str:
    """Return a number of so many digits."""
    return "".join(str(value) for value in rng.integers(0, 10, count))


def money(rng: np.random.Generator, most: float = 999.0) -> str:
    """Return an amount with two decimals."""
    return f"{float(rng.uniform(1, most)):.2f}"


def date(rng: np.random.Generator, number: int = 0) -> str:
    """Return a day; ``number`` moves it on by so many months."""
    month = (int(rng.integers(12)) + number) % 12
    return f"{rng.integers(1, 29):02d} {MONTHS[month]} {rng.integers(2015, 2027)}"


def clock(rng: np.random.Generator) -> str:
    """Return a time of day."""
    return f"{rng.integers(24):02d}:{rng.integers(60):02d}"


def _accents(rng: np.random.Generator) -> tuple[Colour, ...]:
    chosen = rng.permutation(len(BRIGHT))[:4].tolist()
    return tuple(BRIGHT[row] for row in chosen)


def _near(rng: np.random.Generator, colour: Colour, reach: int) -> Colour:
    """Return a colour near another one."""
    values = np.clip(np.array(colour) + rng.integers(-reach, reach + 1, 3), 0, 255)
    red, green, blue = (int(value) for value in values)
    return red, green, blue
