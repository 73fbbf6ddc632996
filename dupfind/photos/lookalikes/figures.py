"""Figures of one design with another content: boards, charts, icons, codes, cards, faces."""

import math

import numpy as np

from dupfind.photos.edits.drawing import Colour
from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes.kind import Scene
from dupfind.photos.lookalikes.paper import (
    Place,
    Sheet,
    digits,
    name,
    page_look,
    screen_look,
    sentence,
)

SUITS = 4


def chess_board(style: np.random.Generator) -> Scene:
    """One board, other positions: the pieces stand elsewhere, a move is marked."""
    look = (screen_look if style.random() < 0.4 else page_look)(style, 1.0, 400, 720)
    squares = (
        (look.accents[0], (240, 240, 225)) if style.random() < 0.5 else (look.faint, look.paper)
    )
    side = 92 / 8

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        for square in range(64):
            x, y = 4 + square % 8 * side, 4 + square // 8 * side
            fill = squares[(square + square // 8) % 2]
            sheet.box((x, y, x + side, y + side), fill)
        x, y = (4 + int(value) * side for value in content.integers(0, 8, 2))
        sheet.box((x, y, x + side, y + side), look.accents[2])
        for square in content.permutation(64)[: int(content.integers(8, 33))].tolist():
            middle = (4 + (square % 8 + 0.5) * side, 4 + (square // 8 + 0.5) * side)
            white = bool(content.random() < 0.5)
            _piece(
                sheet,
                middle,
                side,
                int(content.integers(6)),
                (250, 250, 250) if white else (20, 20, 20),
            )
        return sheet.pixels

    return shoot


def chart(style: np.random.Generator) -> Scene:
    """One chart of bars, lines or sectors, of other figures."""
    look = (screen_look if style.random() < 0.4 else page_look)(
        style, float(style.uniform(0.6, 0.9))
    )
    kind, title, count = int(style.integers(3)), sentence(style, 3), int(style.integers(4, 13))
    labels = [name(style)[:5] for _ in range(count)]

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((50, 3), title, 4, anchor="ma", bold=True)
        values = content.uniform(0.05, 1, count)
        bottom, wide = sheet.bottom - 9, 84 / count
        tops = [
            (10 + (at + 0.5) * wide, bottom - float(value) * (bottom - 14))
            for at, value in enumerate(values)
        ]
        if kind == 2:
            ends = np.cumsum(values / values.sum()) * 360 - 90
            for at, (start, end) in enumerate(zip((-90.0, *ends[:-1]), ends, strict=True)):
                radius = min(30.0, sheet.bottom * 0.36)
                sheet.arc(
                    (50, sheet.bottom / 2 + 3), radius, (start, end), look.accents[at % 4], radius
                )
            return sheet.pixels
        for line in range(5):
            y = bottom - line * (bottom - 14) / 4
            sheet.line([(10, y), (94, y)])
            sheet.text((8, y), str(line * 25), 2, anchor="rm")
        if kind == 1:
            sheet.line(tops, look.accents[0], 0.7)
        for at, (x, y) in enumerate(tops):
            if kind == 0:
                sheet.box((x - wide * 0.35, y, x + wide * 0.35, bottom), look.accents[0])
            sheet.text((x, bottom + 2), labels[at], 2, anchor="ma")
        return sheet.pixels

    return shoot


def icon(style: np.random.Generator) -> Scene:
    """Icons of one set: the same ground and line, another sign."""
    side = int(style.integers(128, 420))
    look = (screen_look if style.random() < 0.3 else page_look)(style, 1.0, side, side + 60)
    plate, line = int(style.integers(3)), float(style.uniform(3, 8))
    colour = (255, 255, 255) if plate else look.ink

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        if plate == 1:
            sheet.box((8, 8, 92, 92), look.accents[0], radius=18)
        elif plate == 2:
            sheet.disc((50, 50), 44, look.accents[0])
        for _ in range(int(content.integers(2, 5))):
            _stroke(sheet, content, colour, line)
        return sheet.pixels

    return shoot


def code(style: np.random.Generator) -> Scene:
    """Square codes: the same marks in three corners, other modules, another number below."""
    look = page_look(style, float(style.uniform(1.0, 1.25)), 240, 520)
    modules = int(style.choice([21, 25, 29, 33, 41]))
    caption = name(style)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        side = 84 / modules
        filled = content.random((modules, modules)) < 0.5
        for y, x in ((0, 0), (0, modules - 7), (modules - 7, 0)):
            filled[max(0, y - 1) : y + 8, max(0, x - 1) : x + 8] = False
            filled[y : y + 7, x : x + 7] = True
            filled[y + 1 : y + 6, x + 1 : x + 6] = False
            filled[y + 2 : y + 5, x + 2 : x + 5] = True
        for y, x in np.argwhere(filled).tolist():
            at = 8 + x * side, 6 + y * side
            sheet.box((*at, at[0] + side, at[1] + side), look.ink)
        if sheet.bottom > 105:
            sheet.text((50, 94), f"{caption} {digits(content, 6)}", 5, anchor="ma")
        return sheet.pixels

    return shoot


def playing_card(style: np.random.Generator) -> Scene:
    """Cards of one pack: another suit, another count."""
    look = page_look(style, float(style.uniform(1.35, 1.55)), 260, 480)
    first = int(style.integers(SUITS))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        value, suit = 2 + number % 9, (first + number // 9) % SUITS
        colour: Colour = (200, 20, 30) if suit % 2 else (20, 20, 25)
        sheet.box((3, 3, 97, sheet.bottom - 3), None, look.faint, radius=6, line=0.8)
        sheet.text((9, 6), str(value), 12, colour, bold=True)
        sheet.text((91, sheet.bottom - 8), str(value), 12, colour, anchor="rb", bold=True)
        columns = 1 if value < 4 else 2
        rows = math.ceil(value / columns)
        for pip in range(value):
            x = 50.0 if columns == 1 else 35.0 + 30 * (pip % 2)
            y = sheet.bottom * (0.18 + 0.64 * (pip // columns) / max(1, rows - 1))
            _pip(sheet, (x, y), suit, colour)
        return sheet.pixels

    return shoot


def drawing(style: np.random.Generator) -> Scene:
    """Line drawings by one hand: the same paper and pen, another thing."""
    look = page_look(style, float(style.uniform(0.8, 1.25)), 360, 760)
    line, curly = float(style.uniform(0.3, 1.2)), int(style.integers(4, 14))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        for _ in range(int(content.integers(3, 9))):
            middle = content.uniform((20, 20), (80, sheet.bottom - 20))
            angles = np.linspace(0, 2 * np.pi, 5 * curly)
            waves = sum(
                content.normal(0, 1 / k) * np.cos(k * angles + content.uniform(0, 6))
                for k in range(2, curly)
            )
            reach = float(content.uniform(6, 22)) * (1 + 0.25 * np.asarray(waves))
            closed = int(content.integers(3 * curly, 5 * curly))
            path = np.stack(
                [middle[0] + reach * np.cos(angles), middle[1] + reach * np.sin(angles)], 1
            )
            sheet.line([(float(x), float(y)) for x, y in path[:closed]], look.ink, line)
        return sheet.pixels

    return shoot


def portrait(style: np.random.Generator) -> Scene:
    """Shots of one drawn face: eyes open or shut, looking aside, the mouth in other forms."""
    look = page_look(style, float(style.uniform(1.0, 1.3)), 300, 640)
    skin: Colour = (
        int(style.integers(150, 245)),
        int(style.integers(110, 190)),
        int(style.integers(80, 150)),
    )
    eyes, iris = float(style.uniform(9, 14)), look.accents[1]
    hair: Colour = (
        int(style.integers(20, 140)),
        int(style.integers(20, 90)),
        int(style.integers(10, 60)),
    )

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        x, y = 50 + float(content.normal(0, 1)), 48 + float(content.normal(0, 1))
        sheet.box((20, y + 30, 80, sheet.bottom + 20), look.accents[0], radius=12)
        sheet.disc((x, y - 8), 32, hair)
        sheet.disc((x, y), 27, skin)
        wide_open = float(content.uniform(0.6, 1)) if number % 2 else 0.0
        aside = float(content.uniform(-1.5, 1.5))
        for left in (-1, 1):
            eye = (x + left * eyes, y - 5)
            if wide_open > 0:
                sheet.disc(eye, 4.5 * wide_open, (250, 250, 250))
                sheet.disc((eye[0] + aside, eye[1]), 2.3 * wide_open, iris)
            else:
                sheet.arc((eye[0], eye[1] - 2), 4.5, (20, 160), (60, 30, 20), 1)
        _mouth(sheet, (x, y + 12), content, number // 2 % 3)
        return sheet.pixels

    return shoot


def shirt(style: np.random.Generator) -> Scene:
    """One shirt on one ground with other prints."""
    look = page_look(style, float(style.uniform(0.9, 1.2)), 400, 760)
    cloth = look.accents[0] if style.random() < 0.6 else look.ink
    outline: tuple[Place, ...] = (
        (30, 15),
        (42, 12),
        (50, 18),
        (58, 12),
        (70, 15),
        (92, 34),
        (82, 45),
    )
    outline += ((74, 38), (74, 88), (26, 88), (26, 38), (18, 45), (8, 34))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.shape(outline, cloth)
        for _ in range(int(content.integers(1, 4))):
            _stroke_at(sheet, content, (float(content.uniform(42, 58)), 46.0), look.accents[2])
        sheet.text((50, 60), name(content), 6, look.accents[3], anchor="ma", bold=True)
        return sheet.pixels

    return shoot


def _piece(sheet: Sheet, middle: Place, side: float, kind: int, colour: Colour) -> None:
    """Draw one of six pieces: a foot, a body and a head."""
    x, y = middle
    edge = (90, 90, 90)
    sheet.box((x - side * 0.3, y + side * 0.2, x + side * 0.3, y + side * 0.36), colour, edge)
    half = side * (0.1 + 0.02 * kind)
    sheet.box((x - half, y - side * 0.15, x + half, y + side * 0.25), colour, edge)
    if kind % 3 == 0:
        sheet.disc((x, y - side * 0.18), side * (0.13 + 0.02 * kind), colour, edge)
    elif kind % 3 == 1:
        sheet.shape(
            [
                (x - side * 0.2, y - side * 0.1),
                (x, y - side * 0.42),
                (x + side * 0.2, y - side * 0.1),
            ],
            colour,
        )
    else:
        sheet.box((x - side * 0.2, y - side * 0.38, x + side * 0.2, y - side * 0.12), colour, edge)


def _pip(sheet: Sheet, middle: Place, suit: int, colour: Colour) -> None:
    x, y = middle
    if suit == 0:
        sheet.disc(middle, 5, colour)
    elif suit == 1:
        sheet.shape([(x, y - 7), (x + 5, y), (x, y + 7), (x - 5, y)], colour)
    elif suit == 2:
        sheet.shape([(x, y - 6), (x + 6, y + 5), (x - 6, y + 5)], colour)
    else:
        sheet.box((x - 5, y - 5, x + 5, y + 5), colour, radius=2)


def _stroke(sheet: Sheet, rng: np.random.Generator, colour: Colour, line: float) -> None:
    """Draw one part of a sign: a line, a bow, a box or a dot."""
    kind = int(rng.integers(4))
    x, y = (float(value) for value in rng.uniform(28, 72, 2))
    reach = float(rng.uniform(6, 18))
    if kind == 0:
        sheet.line([(x, y), tuple(float(value) for value in rng.uniform(26, 74, 2))], colour, line)  # type: ignore[list-item]
    elif kind == 1:
        start = float(rng.uniform(0, 360))
        sheet.arc((50, 50), 10 + reach, (start, start + float(rng.uniform(60, 300))), colour, line)
    elif kind == 2:
        sheet.box(
            (x - reach, y - reach / 2, x + reach, y + reach / 2), None, colour, radius=2, line=line
        )
    else:
        sheet.disc((x, y), reach / 2, colour)


def _stroke_at(sheet: Sheet, rng: np.random.Generator, middle: Place, colour: Colour) -> None:
    """Draw a star or a ring at a place."""
    reach, points = float(rng.uniform(5, 13)), int(rng.integers(3, 9))
    if rng.random() < 0.3:
        sheet.arc(middle, reach, (0, 360), colour, float(rng.uniform(1, 4)))
        return
    angles = np.arange(2 * points) * np.pi / points + rng.uniform(0, 3)
    away = np.where(np.arange(2 * points) % 2 == 0, reach, reach * float(rng.uniform(0.3, 0.9)))
    path = np.stack([middle[0] + away * np.cos(angles), middle[1] + away * np.sin(angles)], 1)
    sheet.shape([(float(x), float(y)) for x, y in path], colour)


def _mouth(sheet: Sheet, middle: Place, rng: np.random.Generator, kind: int) -> None:
    x, y = middle
    wide = float(rng.uniform(5, 10))
    if kind == 0:
        sheet.arc((x, y - wide / 2), wide, (25, 155), (150, 40, 50), 1.2)
    elif kind == 1:
        sheet.box((x - wide, y, x + wide, y + 1.2), (150, 40, 50), radius=0.6)
    else:
        sheet.disc((x, y + 1), wide / 2, (120, 20, 30))
