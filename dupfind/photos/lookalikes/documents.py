"""Pages of one layout with other entries: invoices, receipts, forms, tables, slides, cards."""

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
    page_look,
    screen_look,
    sentence,
    word,
)


def invoice(style: np.random.Generator) -> Scene:
    """One supplier's invoices: another month, other amounts, another number."""
    look = page_look(style, float(style.uniform(1.2, 1.42)))
    firm, client, terms = name(style), sentence(style, 3), sentence(style, 9)
    goods = [sentence(style, int(style.integers(1, 4))) for _ in range(int(style.integers(3, 9)))]
    banded, logo_left = bool(style.random() < 0.4), bool(style.random() < 0.5)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        left, right = (8, 92) if logo_left else (70, 50)
        sheet.box((left, 7, left + 12, 15), look.accents[0], radius=1.5)
        sheet.text((8, 19), firm, 4, bold=True)
        sheet.text((right, 8), f"INVOICE {digits(content, 5)}", 3, anchor="ra", bold=look.bold)
        sheet.text((right, 13), date(content, number), 2.4, anchor="ra")
        sheet.text((8, 27), client, 2.4)
        y = 36.0
        for item in goods:
            if banded:
                sheet.box((7, y - 1, 93, y + 3.4), look.faint)
            sheet.text((9, y), item, 2.2)
            sheet.text((68, y), str(content.integers(1, 30)), 2.2, anchor="ra")
            sheet.text((91, y), money(content), 2.2, anchor="ra")
            y += 5.2
        sheet.line([(60, y + 1), (92, y + 1)], look.ink)
        sheet.text((91, y + 3), money(content, 9999), 3, anchor="ra", bold=True)
        sheet.text((8, sheet.bottom - 8), terms, 1.9, look.faint)
        return sheet.pixels

    return shoot


def receipt(style: np.random.Generator) -> Scene:
    """One shop's receipts: other goods, sums and times on a narrow slip."""
    look = page_look(style, float(style.uniform(1.8, 2.6)), 300, 460)
    shop, street, thanks = name(style).upper(), sentence(style, 3), sentence(style, 4)
    goods = [word(style).upper() for _ in range(30)]
    lines = int(style.integers(3, 12))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((50, 6), shop, 8, anchor="ma", bold=True)
        sheet.text((50, 17), street, 4, anchor="ma")
        sheet.text((8, 26), date(content, number), 4)
        sheet.text((92, 26), clock(content), 4, anchor="ra")
        y = 36.0
        for _ in range(lines + int(content.integers(-1, 2))):
            sheet.text((8, y), str(content.choice(goods)), 4.4)
            sheet.text((92, y), money(content, 60), 4.4, anchor="ra")
            y += 7.5
        sheet.line([(8, y), (92, y)], look.ink, 0.5)
        sheet.text((8, y + 3), "TOTAL", 6, bold=True)
        sheet.text((92, y + 3), money(content, 200), 6, anchor="ra", bold=True)
        sheet.text((50, y + 14), f"No {digits(content, 9)}", 4, anchor="ma")
        sheet.text((50, sheet.bottom - 9), thanks, 4, anchor="ma")
        return sheet.pixels

    return shoot


def form(style: np.random.Generator) -> Scene:
    """One form filled in by different people: names, numbers, boxes ticked."""
    look = page_look(style, float(style.uniform(1.1, 1.45)))
    title, labels = sentence(style, 4), [sentence(style, 2) for _ in range(24)]
    columns, rows = int(style.integers(1, 4)), int(style.integers(4, 9))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((8, 6), title, 4.2, look.accents[0], bold=True)
        wide, high = 84 / columns, (sheet.bottom - 24) / rows
        for cell in range(rows * columns):
            x, y = 8 + cell % columns * wide, 16 + cell // columns * high
            sheet.text((x, y), labels[cell % len(labels)], 1.8, look.faint)
            sheet.box((x, y + 2.6, x + wide - 2, y + 7.4), None, look.faint)
            entry = name(content) if content.random() < 0.5 else digits(content, 6)
            sheet.text((x + 1, y + 3.5), entry, 2.6)
            for tick in range(2):
                at = x + wide * (0.5 + 0.2 * tick)
                filled = look.ink if content.random() < 0.5 else None
                sheet.box((at, y, at + 1.8, y + 1.8), filled, look.ink)
        return sheet.pixels

    return shoot


def table(style: np.random.Generator) -> Scene:
    """One table of figures with other figures in it."""
    look = page_look(style, float(style.uniform(0.5, 1.2)))
    rows, columns = int(style.integers(5, 22)), int(style.integers(3, 8))
    heads = [name(style) for _ in range(columns)]
    labels = [word(style) for _ in range(rows)]
    ruled = bool(style.random() < 0.5)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        high, wide = (sheet.bottom - 12) / rows, 90 / columns
        size = min(high * 0.6, 2.4)
        sheet.box((5, 4, 95, 9), look.accents[0])
        for column, head in enumerate(heads):
            sheet.text((6 + column * wide, 5), head, 2.2, (255, 255, 255), bold=True)
        for row, label in enumerate(labels):
            y = 10 + row * high
            sheet.text((6, y), label, size)
            if ruled:
                sheet.line([(5, y), (95, y)])
            for column in range(1, columns):
                sheet.text((3 + (column + 1) * wide, y), money(content), size, anchor="ra")
        return sheet.pixels

    return shoot


def slide(style: np.random.Generator) -> Scene:
    """Slides of one master: another title, other lines, another number."""
    look = (screen_look if style.random() < 0.4 else page_look)(style, 9 / 16, 640, 1000)
    talk, room, bar = sentence(style, 3), float(style.uniform(4, 8)), bool(style.random() < 0.6)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        if bar:
            sheet.box((0, 0, 100, 9), look.accents[0])
        sheet.text((5, 2), sentence(content, 3), 4.2, bold=True)
        y = 14.0
        for _ in range(int(content.integers(2, 6))):
            sheet.disc((7, y + 1.4), 0.6, look.accents[1])
            sheet.text((10, y), sentence(content, int(content.integers(3, 8))), 2.8)
            y += room
        sheet.text((5, sheet.bottom - 4), talk, 1.8)
        sheet.text((95, sheet.bottom - 4), str(number + 1), 1.8, anchor="ra")
        return sheet.pixels

    return shoot


def slide_build(style: np.random.Generator) -> Scene:
    """One slide as it builds up: line by line, the newest in another colour."""
    look = page_look(style, 9 / 16, 640, 1000)
    title = sentence(style, 4)
    lines = [sentence(style, int(style.integers(3, 7))) for _ in range(200)]
    held = int(style.integers(3, 6))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((5, 4), title, 4.5, look.accents[0], bold=True)
        first = number // held * held
        for row, line in enumerate(lines[first : number + 1]):
            colour = look.accents[1] if first + row == number else look.ink
            sheet.text((7, 13 + row * 7), line, 3, colour)
        sheet.text((95, sheet.bottom - 5), str(number + 1), 2.4, anchor="ra")
        return sheet.pixels

    return shoot


def business_card(style: np.random.Generator) -> Scene:
    """Cards of one firm: another person."""
    look = (screen_look if style.random() < 0.4 else page_look)(style, 0.58, 460, 800)
    firm, street = sentence(style, 2), f"{sentence(style, 2)} {digits(style, 2)}"

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.disc((15, 16), 8, look.accents[0])
        sheet.text((28, 11), firm, 6, bold=True)
        sheet.text((8, 31), f"{name(content)} {name(content)}", 5.5, bold=look.bold)
        sheet.text((8, 39), word(content), 3.4, look.accents[1])
        sheet.text((8, 46), f"+{digits(content, 11)}", 3.4)
        sheet.text((92, 46), f"{word(content)}@{word(style)}.org", 3.4, anchor="ra")
        sheet.text((8, 52), street, 3)
        return sheet.pixels

    return shoot


def calendar(style: np.random.Generator) -> Scene:
    """Months of one calendar: the days begin elsewhere, other days are marked."""
    look = page_look(style, float(style.uniform(0.7, 1.1)))
    title_size, marked = float(style.uniform(4, 7)), int(style.integers(2, 9))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        sheet.text((50, 4), date(content, number)[3:], title_size, anchor="ma", bold=True)
        first, high = int(content.integers(7)), (sheet.bottom - 18) / 6
        days = content.permutation(30)[:marked]
        for day in range(int(content.integers(28, 32))):
            cell = first + day
            x, y = 5 + cell % 7 * 13, 16 + cell // 7 * high
            if day in days:
                sheet.box((x, y, x + 12, y + high - 1), look.accents[day % 4], radius=0.8)
            sheet.box((x, y, x + 12, y + high - 1), None, look.faint, radius=0.8)
            sheet.text((x + 1, y + 1), str(day + 1), 2.6)
            if day in days:
                sheet.text((x + 1, y + high * 0.5), word(content), 2)
        return sheet.pixels

    return shoot


def text_page(style: np.random.Generator) -> Scene:
    """Pages of one book: the same margins and type, another text."""
    look = page_look(style, float(style.uniform(1.25, 1.6)))
    size, margin = float(style.uniform(1.9, 3.2)), float(style.uniform(8, 16))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        sheet = Sheet(look)
        y = margin
        while y < sheet.bottom - margin:
            line, room = "", (100 - 2 * margin) / (size * 0.55)
            while len(line) < room - 6:
                line += word(content) + " "
            whole = content.random() < 0.9
            sheet.text((margin, y), line[: int(room)] if whole else line[: int(room * 0.4)], size)
            y += size * 1.5
        sheet.text((50, sheet.bottom - margin * 0.6), str(number + 1), size, anchor="ma")
        return sheet.pixels

    return shoot
