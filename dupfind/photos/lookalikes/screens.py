"""Screens of one app with other values, dark and light: rings, tiles, lists, chats, keyboards."""

import numpy as np

from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes.kind import Scene
from dupfind.photos.lookalikes.paper import (
    Sheet,
    clock,
    date,
    digits,
    money,
    name,
    screen_look,
    sentence,
    word,
)

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def activity(style: np.random.Generator) -> Scene:
    """A day's screen: rings that are filled to other angles, bars of other heights, numbers."""
    look = screen_look(style, float(style.uniform(1.7, 2.2)))
    title, labels = name(style), [name(style) for _ in range(6)]
    rings, bars = int(style.integers(1, 4)), int(style.integers(7, 25))
    round_tiles = float(style.uniform(0, 5))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((5, 8), title, 8, bold=True)
        sheet.text((5, 18), date(content, number), 4.5, look.accents[0])
        sheet.box((4, 25, 96, 82), look.faint, radius=round_tiles)
        for ring in range(rings):
            colour, radius = look.accents[ring], 25 - 7.5 * ring
            sheet.arc((50, 53.5), radius, (0, 360), _dimmed(colour, look.paper), 5.5)
            sheet.arc((50, 53.5), radius, (-90, -90 + float(content.uniform(20, 350))), colour, 5.5)
        sheet.box((4, 86, 96, 122), look.faint, radius=round_tiles)
        sheet.text((8, 89), f"{content.integers(10, 999)}/{digits(style, 3)}", 5.5)
        wide = 84 / bars
        for bar in range(bars):
            high, x = float(content.uniform(0.3, 20)), 8 + bar * wide
            sheet.box((x, 119 - high, x + wide * 0.7, 119), look.accents[0])
        for row, label in enumerate(labels):
            y = 126 + row * 13
            sheet.box((4, y, 96, y + 10.5), look.faint, radius=round_tiles)
            sheet.text((8, y + 3), label, 4.5, look.accents[row % 4])
            sheet.text((92, y + 3), f"{content.integers(1, 15000):,}", 4.5, anchor="ra")
        return sheet.pixels

    labels = labels[: max(0, int((look.height / look.unit - 126) // 13))]
    return shoot


def dashboard(style: np.random.Generator) -> Scene:
    """A wall of tiles, each with a number and a line that goes another way."""
    look = screen_look(style, float(style.uniform(0.55, 0.75)), 640, 1000)
    columns, rows = int(style.integers(2, 5)), int(style.integers(1, 4))
    labels = [sentence(style, 2) for _ in range(columns * rows)]
    side_bar = bool(style.random() < 0.5)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        left = 12.0 if side_bar else 1.0
        if side_bar:
            sheet.box((0, 0, 10, sheet.bottom), look.faint)
        sheet.text((98, 1.5), f"{date(content, number)} {clock(content)}", 1.8, anchor="ra")
        wide, high = (98 - left) / columns, (sheet.bottom - 7) / rows
        for cell, label in enumerate(labels):
            x, y = left + cell % columns * wide, 5 + cell // columns * high
            sheet.box((x, y, x + wide - 1, y + high - 1), look.faint, radius=1)
            sheet.text((x + 1.5, y + 1.2), label, 1.7)
            sheet.text(
                (x + 1.5, y + 4), money(content, 9999), 3.4, look.accents[cell % 4], bold=True
            )
            walk = np.cumsum(content.normal(0, 1, 24))
            walk = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6) * (high - 13)
            steps = np.linspace(x + 1.5, x + wide - 2.5, 24)
            path = [
                (float(at), y + high - 3 - float(up)) for at, up in zip(steps, walk, strict=True)
            ]
            sheet.line(path, look.accents[cell % 4], 0.35)
        return sheet.pixels

    return shoot


def settings(style: np.random.Generator) -> Scene:
    """One list of settings in several languages: rows, switches, values."""
    look = screen_look(style, float(style.uniform(1.6, 2.2)))
    rows = int(style.integers(7, 13))
    icons = [bool(style.random() < 0.7)] * rows

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((6, 9), sentence(content, 1), 8, bold=True)
        high = (sheet.bottom - 24) / rows
        for row, icon in enumerate(icons):
            y = 22 + row * high
            if icon:
                sheet.box((6, y, 13, y + 7), look.accents[row % 4], radius=1.5)
            sheet.text((17, y), sentence(content, int(content.integers(1, 3))), 4.4)
            sheet.text((17, y + 6), sentence(content, int(content.integers(2, 4))), 3, look.faint)
            on = bool(content.random() < 0.5)
            sheet.box((84, y + 1, 94, y + 6), look.accents[0] if on else look.faint, radius=2.5)
            sheet.disc((91.5 if on else 86.5, y + 3.5), 2, look.paper)
            sheet.line([(17, y + high - 2), (96, y + high - 2)])
        return sheet.pixels

    return shoot


def chat(style: np.random.Generator) -> Scene:
    """A conversation in one app: other messages in bubbles left and right."""
    look = screen_look(style, float(style.uniform(1.6, 2.2)))
    partner, round_px = f"{name(style)} {name(style)}", float(style.uniform(1, 4))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.box((0, 0, 100, 16), look.faint)
        sheet.disc((9, 9), 5, look.accents[1])
        sheet.text((17, 6), partner, 5, bold=True)
        y = 20.0
        while y < sheet.bottom - 28:
            mine, lines = bool(content.random() < 0.5), int(content.integers(1, 4))
            left, right = (28, 96) if mine else (4, 72)
            bottom = y + 4 + lines * 5.5
            sheet.box(
                (left, y, right, bottom), look.accents[0] if mine else look.faint, radius=round_px
            )
            for line in range(lines):
                sheet.text((left + 3, y + 2 + line * 5.5), sentence(content, 4)[:30], 3.8)
            sheet.text((right - 2, bottom - 3.5), clock(content), 2.4, anchor="ra")
            y = bottom + 3
        sheet.box((4, sheet.bottom - 12, 96, sheet.bottom - 4), None, look.faint, radius=4)
        return sheet.pixels

    return shoot


def keyboard(style: np.random.Generator) -> Scene:
    """A note being typed above one keyboard: other words, another key pressed."""
    look = screen_look(style, float(style.uniform(1.2, 1.9)))
    key_round = float(style.uniform(0.3, 1.5))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        top = sheet.bottom - 58
        sheet.box((0, top - 3, 100, sheet.bottom), look.faint)
        pressed = int(content.integers(26))
        for row, letters in enumerate(KEYS):
            for place, letter in enumerate(letters):
                x, y = 1 + row * 4.9 + place * 9.8, top + row * 14
                here = pressed == place + sum(len(keys) for keys in KEYS[:row])
                fill = look.accents[0] if here else look.paper
                sheet.box((x, y, x + 8.8, y + 11.5), fill, radius=key_round)
                sheet.text((x + 4.4, y + 6), letter, 5, anchor="mm")
        sheet.box((22, top + 43, 78, top + 54), look.paper, radius=key_round)
        for row in range(int(content.integers(1, max(2, int(top // 8) - 2)))):
            sheet.text((5, 8 + row * 7), sentence(content, int(content.integers(2, 6))), 4.4)
        return sheet.pixels

    return shoot


def shop(style: np.random.Generator) -> Scene:
    """A page of goods: other things, names and prices in the same frame."""
    look = screen_look(style, float(style.uniform(1.2, 2.0)), 420, 760)
    columns, store = int(style.integers(2, 4)), name(style)
    wide = 94 / columns

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.box((0, 0, 100, 11), look.accents[0])
        sheet.text((4, 3), store, 5.5, (255, 255, 255), bold=True)
        for cell in range(columns * int((sheet.bottom - 14) // (wide * 1.35))):
            x, y = 3 + cell % columns * wide, 14 + cell // columns * wide * 1.35
            middle, reach = (
                (x + wide / 2 - 1, y + wide * 0.45),
                wide * float(content.uniform(0.2, 0.36)),
            )
            colour = look.accents[int(content.integers(4))]
            sheet.box((x, y, x + wide - 2, y + wide * 1.25), None, look.faint, radius=1)
            if content.random() < 0.5:
                sheet.disc(middle, reach, colour)
            else:
                sides = np.linspace(0, 2 * np.pi, int(content.integers(4, 9)))[
                    :-1
                ] + content.uniform(0, 3)
                corners = zip(np.cos(sides) * reach, np.sin(sides) * reach, strict=True)
                sheet.shape(
                    [(middle[0] + float(a), middle[1] + float(b)) for a, b in corners], colour
                )
            sheet.text((x + 2, y + wide * 0.92), word(content), wide * 0.09)
            sheet.text((x + 2, y + wide * 1.07), money(content), wide * 0.1, bold=True)
        return sheet.pixels

    return shoot


def _dimmed(colour: tuple[int, int, int], paper: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a colour as it looks when it shines through weakly."""
    red, green, blue = (round(0.25 * a + 0.75 * b) for a, b in zip(colour, paper, strict=True))
    return red, green, blue
