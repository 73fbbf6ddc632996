"""What all pages are drawn with: fonts, colours, made-up words and numbers, and a sheet to write on."""

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

FONT_FILES = (
    "",  # Pillow's own
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "STIXGeneral.ttf",
    "cmr10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
)
ONSETS = "b br d f g gl h k l m n p pr r s st t tr v w"
VOWELS = "a e i o u ai ea ou io"
CODAS = ("", "", "n", "r", "s", "t", "l", "nd", "st", "m", "ck")


@lru_cache(maxsize=512)
def font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Load one of ``FONT_FILES`` at a size."""
    if not file:
        return ImageFont.load_default(size_px)  # type: ignore[return-value]
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / file), size_px)


def word(chance: random.Random) -> str:
    """Make up a word of one to four syllables."""
    syllables = chance.choices((1, 2, 3, 4), (3, 5, 3, 1))[0]
    return "".join(
        chance.choice(ONSETS.split()) + chance.choice(VOWELS.split()) + chance.choice(CODAS)
        for _ in range(syllables)
    )


def words(chance: random.Random, least: int, most: int) -> str:
    """Make up a few words, the first with a capital."""
    text = " ".join(word(chance) for _ in range(chance.randint(least, most)))
    return text[0].upper() + text[1:]


def number(chance: random.Random) -> str:
    """Make up a number, price, date, time or code."""
    return chance.choice(
        (
            f"{chance.randint(0, 999)}",
            f"{chance.uniform(0, 400):.2f}",
            f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.20{chance.randint(10, 29)}",
            f"{chance.randint(0, 23)}:{chance.randint(0, 59):02}",
            f"{chance.randint(10**5, 10**8)}",
            f"{chance.randint(1, 99)} %",
        )
    )


def price(chance: random.Random) -> str:
    """Make up a price."""
    return f"{chance.choice((chance.uniform(0.2, 20), chance.uniform(5, 900))):,.2f}"


@dataclass(frozen=True)
class Style:
    """The look of a page, the same for all contents of one layout; sizes are shares of its width."""

    paper: Colour
    ink: Colour
    accent: Colour
    faint: Colour
    body_font: str
    title_font: str
    body: float
    title: float
    margin: float

    @staticmethod
    def draw(chance: random.Random, *, dark: float = 0.2) -> "Style":
        """Draw a style by chance; ``dark`` is the chance of light text on dark paper."""
        paper, ink = _light(chance), _dark(chance)
        if chance.random() < dark:
            paper, ink = ink, paper
        accent = tuple(chance.randint(0, 255) for _ in range(3))
        share = chance.uniform(0.06, 0.3)
        faint = tuple(
            round(one + share * (other - one)) for one, other in zip(paper, ink, strict=True)
        )
        return Style(
            paper,
            ink,
            accent,  # type: ignore[arg-type]
            faint,  # type: ignore[arg-type]
            chance.choice(FONT_FILES),
            chance.choice(FONT_FILES),
            chance.uniform(0.022, 0.05),
            chance.uniform(0.05, 0.12),
            chance.uniform(0.02, 0.1),
        )


class Sheet:
    """A picture to draw on; boxes are (left, top, right, bottom) in pixels."""

    def __init__(self, width_px: int, height_px: int, style: Style) -> None:
        self.image = Image.new("RGB", (width_px, height_px), style.paper)
        self.pen = ImageDraw.Draw(self.image)
        self.width, self.height, self.style = width_px, height_px, style

    def size(self, share: float) -> int:
        """Return a share of the page's width in whole pixels, at least a legible six."""
        return max(6, round(share * self.width))

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size_px: int,
        *,
        colour: Colour | None = None,
        file: str | None = None,
        anchor: str = "la",
    ) -> None:
        """Write one line; ``anchor`` as Pillow's: la from the left, ra to the right, ma centred."""
        chosen = font(self.style.body_font if file is None else file, size_px)
        self.pen.text(place, text, fill=colour or self.style.ink, font=chosen, anchor=anchor)

    def lines(
        self, box: Box, chance: random.Random, size_px: int, colour: Colour | None = None
    ) -> None:
        """Fill a box with made-up running text."""
        left, top, right, bottom = box
        chosen = font(self.style.body_font, size_px)
        letters = max(4, round((right - left) / max(1.0, chosen.getlength("n"))))
        step = size_px * 1.35
        end = chance.randint(2, 9)
        while top + step <= bottom:
            line = ""
            while len(line) < letters - 6:
                line += word(chance) + " "
            end -= 1
            if end == 0:  # the last line of a paragraph is short
                line = line[: chance.randint(4, max(5, letters // 2))]
                end = chance.randint(2, 9)
            self.text((left, top), line[:letters], size_px, colour=colour)
            top += step

    def fill(
        self, box: Box, colour: Colour, *, round_px: float = 0.0, line: Colour | None = None
    ) -> None:
        """Paint a box, with round corners or a line around it."""
        left, top, right, bottom = box
        if right - left >= 1 and bottom - top >= 1:
            radius = min(round_px, (right - left) / 2, (bottom - top) / 2)
            self.pen.rounded_rectangle(box, radius, fill=colour, outline=line)

    def picture(self, box: Box, chance: random.Random) -> None:
        """Put a made-up picture into a box: coarse noise, smoothed, as a photo looks from afar."""
        left, top, right, bottom = (round(value) for value in box)
        if right - left < 4 or bottom - top < 4:
            return
        cells = chance.randint(2, 7)
        noise = Image.frombytes("RGB", (cells, cells), chance.randbytes(3 * cells * cells))
        how = chance.choice(
            (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.NEAREST)
        )
        self.image.paste(noise.resize((right - left, bottom - top), how), (left, top))
        for _ in range(chance.randint(0, 4)):
            x, y = chance.uniform(left, right), chance.uniform(top, bottom)
            reach = chance.uniform(0.05, 0.3) * (right - left)
            shape = (x - reach, y - reach, min(x + reach, right - 1), min(y + reach, bottom - 1))
            colour = tuple(chance.randbytes(3))
            if shape[0] >= left and shape[1] >= top and shape[2] > shape[0] and shape[3] > shape[1]:
                chance.choice((self.pen.ellipse, self.pen.rectangle))(shape, fill=colour)

    def logo(self, box: Box, chance: random.Random) -> None:
        """Draw a mark: a shape and, within, a letter or another shape."""
        left, top, right, bottom = box
        colour = tuple(chance.randbytes(3))
        chance.choice((self.pen.ellipse, self.pen.rectangle))(box, fill=colour)
        letter = chance.choice("ABDEGHKMNRSTXZ&*+#")
        size = max(6, round((bottom - top) * 0.7))
        self.text(
            ((left + right) / 2, (top + bottom) / 2),
            letter,
            size,
            colour=self.style.paper,
            anchor="mm",
        )

    def code(self, box: Box, chance: random.Random) -> None:
        """Draw a bar code, or a square of black and white cells."""
        left, top, right, bottom = box
        self.fill(box, (255, 255, 255))
        if right - left > 1.6 * (bottom - top):
            x = left
            while x < right - 3:
                wide = chance.uniform(0.005, 0.02) * (right - left)
                self.pen.rectangle((x, top, min(x + wide, right), bottom), fill=(0, 0, 0))
                x += wide + chance.uniform(0.006, 0.02) * (right - left)
            return
        cells = 21
        bits = Image.frombytes(
            "L", (cells, cells), bytes(chance.choice((0, 255)) for _ in range(cells**2))
        )
        side = round(min(right - left, bottom - top))
        if side >= cells // 2:
            square = bits.resize((side, side), Image.Resampling.NEAREST)
            self.image.paste(square.convert("RGB"), (round(left), round(top)))


def _light(chance: random.Random) -> Colour:
    low = chance.choice((255, 250, 235, 190))
    return tuple(chance.randint(low, 255) for _ in range(3))  # type: ignore[return-value]


def _dark(chance: random.Random) -> Colour:
    high = chance.choice((0, 40, 90))
    return tuple(chance.randint(0, high) for _ in range(3))  # type: ignore[return-value]
