"""Parts of pages: charts, lists, chats, tiles, streets, sketches, panels."""

import math
import random
from collections.abc import Callable

from dupfind.training.pages.ink import Box, Colour, Sheet, number, word, words

Dice = random.Random


def chart(sheet: Sheet, box: Box, layout: Dice, content: Dice) -> None:
    """Draw bars, lines, dots or a pie into a box."""
    palette = Dice(layout.random())
    colours: list[Colour] = [tuple(palette.randbytes(3)) for _ in range(6)]  # type: ignore[misc]
    kind: Callable[..., None] = layout.choice((_bars, _curves, _dots, _pie))
    kind(sheet, box, layout, content, colours)


def _axes(sheet: Sheet, box: Box, layout: Dice) -> None:
    left, top, right, bottom = box
    sheet.pen.line((left, bottom, right, bottom), fill=sheet.style.ink)
    sheet.pen.line((left, top, left, bottom), fill=sheet.style.ink)
    if layout.random() < 0.5:
        for step in range(1, 6):
            y = bottom - step * (bottom - top) / 6
            sheet.pen.line((left, y, right, y), fill=sheet.style.faint)


def _bars(sheet: Sheet, box: Box, layout: Dice, content: Dice, colours: list[Colour]) -> None:
    left, top, right, bottom = box
    _axes(sheet, box, layout)
    count, is_flat = layout.randint(3, 14), layout.random() < 0.3
    for bar in range(count):
        value, colour = content.uniform(0.05, 1), colours[bar % len(colours) if count < 7 else 0]
        if is_flat:
            y = top + (bar + 0.1) * (bottom - top) / count
            sheet.fill(
                (left, y, left + value * (right - left), y + 0.7 * (bottom - top) / count), colour
            )
        else:
            x = left + (bar + 0.15) * (right - left) / count
            sheet.fill(
                (x, bottom - value * (bottom - top), x + 0.7 * (right - left) / count, bottom),
                colour,
            )


def _curves(sheet: Sheet, box: Box, layout: Dice, content: Dice, colours: list[Colour]) -> None:
    left, top, right, bottom = box
    _axes(sheet, box, layout)
    points, width = layout.randint(5, 40), layout.randint(1, 4)
    for colour in colours[: layout.randint(1, 4)]:
        value, line = content.random(), []
        for point in range(points):
            value = min(1.0, max(0.0, value + content.gauss(0, 0.15)))
            line.append(
                (left + point * (right - left) / (points - 1), bottom - value * (bottom - top))
            )
        sheet.pen.line(line, fill=colour, width=width)


def _dots(sheet: Sheet, box: Box, layout: Dice, content: Dice, colours: list[Colour]) -> None:
    left, top, right, bottom = box
    _axes(sheet, box, layout)
    reach = layout.uniform(1.5, 5)
    for colour in colours[: layout.randint(1, 4)]:
        x0, y0, spread = content.random(), content.random(), content.uniform(0.05, 0.3)
        for _ in range(content.randint(10, 60)):
            x = left + min(1.0, max(0.0, content.gauss(x0, spread))) * (right - left)
            y = top + min(1.0, max(0.0, content.gauss(y0, spread))) * (bottom - top)
            sheet.pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)


def _pie(sheet: Sheet, box: Box, layout: Dice, content: Dice, colours: list[Colour]) -> None:
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    shares = [content.uniform(0.1, 1) for _ in range(layout.randint(2, 6))]
    angle = content.uniform(0, 360)
    for share, colour in zip(shares, colours, strict=False):
        end = angle + 360 * share / sum(shares)
        sheet.pen.pieslice((left, top, left + side, top + side), angle, end, fill=colour)
        angle = end
    if layout.random() < 0.4:
        hole = side * 0.3
        inner = (left + hole, top + hole, left + side - hole, top + side - hole)
        sheet.pen.ellipse(inner, fill=sheet.style.paper)


def chat(sheet: Sheet, top: float, bottom: float, layout: Dice, content: Dice) -> None:
    """Draw bubbles of a conversation."""
    size, own, other = layout.choice((12, 14, 16)), sheet.style.accent, sheet.style.faint
    while top < bottom - 3 * size:
        lines, is_own = content.randint(1, 5), content.random() < 0.5
        wide = sheet.width * content.uniform(0.3, 0.75)
        left = sheet.width - wide - 12 if is_own else 12
        high = min((lines + 0.8) * size * 1.35, bottom - top)
        if content.random() < 0.08:
            sheet.picture((left, top, left + wide, min(bottom, top + wide * 0.7)), content)
            top += wide * 0.7 + 10
            continue
        sheet.fill((left, top, left + wide, top + high), own if is_own else other, round_px=12)
        sheet.lines((left + 8, top + 4, left + wide - 4, top + high), content, size)
        top += high + content.choice((4, 8, 20))


def rows(sheet: Sheet, top: float, bottom: float, layout: Dice, content: Dice) -> None:
    """Draw a list: a picture or mark, a name and a line below, a time."""
    high, is_round = layout.uniform(45, 80), layout.random() < 0.6
    while top + high <= bottom:
        box = (12, top + 6, high, top + high - 6)
        (sheet.logo if is_round else sheet.picture)(box, content)
        sheet.text((high + 12, top + 8), words(content, 1, 2)[:18], 15)
        sheet.text((high + 12, top + 28), words(content, 3, 6)[:34], 11)
        sheet.text((sheet.width - 12, top + 8), number(content), 11, anchor="ra")
        sheet.pen.line((high, top + high, sheet.width, top + high), fill=sheet.style.faint)
        top += high


def switches(sheet: Sheet, top: float, bottom: float, layout: Dice, content: Dice) -> None:
    """Draw settings: the names are the layout's, what is on or chosen the content's."""
    high, fixed = layout.uniform(36, 60), Dice(layout.random())
    while top + high <= bottom:
        sheet.text((18, top + 10), words(fixed, 1, 3)[:24], 15)
        x, y = sheet.width - 60, top + 12
        if content.random() < 0.6:
            is_on = content.random() < 0.5
            sheet.fill(
                (x, y, x + 40, y + 18),
                sheet.style.accent if is_on else sheet.style.faint,
                round_px=9,
            )
            dot = x + 22 if is_on else x
            sheet.pen.ellipse((dot, y, dot + 18, y + 18), fill=sheet.style.paper)
        else:
            sheet.text((sheet.width - 18, y), word(content), 13, anchor="ra")
        top += high


def feed(sheet: Sheet, top: float, bottom: float, layout: Dice, content: Dice) -> None:
    """Draw posts: a name, a picture, a few lines."""
    share = layout.uniform(0.5, 1.0)
    top -= content.uniform(0, 150)
    while top < bottom:
        sheet.logo((12, top, 44, top + 32), content)
        sheet.text((54, top + 6), words(content, 1, 2), 15)
        sheet.picture(
            (0, top + 40, sheet.width, min(bottom, top + 40 + sheet.width * share)), content
        )
        top += 50 + sheet.width * share
        if top < bottom - 50:
            sheet.lines((12, top, sheet.width - 12, top + 40), content, 12)
        top += 60


def tiles(
    sheet: Sheet, top: float, bottom: float, layout: Dice, content: Dice, *, left: float = 0.0
) -> None:
    """Draw a grid of pictures, apps or goods, with or without names."""
    across, has_names = layout.randint(2, 5), layout.random() < 0.6
    wide, gap = (sheet.width - left) / across, layout.choice((0, 4, 14))
    high = wide * layout.uniform(0.8, 1.4)
    is_app = layout.random() < 0.3
    for row in range(int((bottom - top) / high)):
        for column in range(across):
            x, y = left + column * wide + gap, top + row * high + gap
            box = (x, y, x + wide - 2 * gap, y + high - 2 * gap - (20 if has_names else 0))
            (sheet.logo if is_app else sheet.picture)(box, content)
            if has_names:
                sheet.text((x, y + high - 2 * gap - 18), words(content, 1, 2)[: int(wide / 8)], 12)


def code_lines(sheet: Sheet, box: Box, content: Dice) -> None:
    """Write indented lines in several colours, as an editor shows a program."""
    left, top, right, bottom = box
    depth, colours = 0, (sheet.style.ink, sheet.style.accent)
    while top < bottom - 12:
        depth = min(6, max(0, depth + content.choice((-2, -1, 0, 0, 1))))
        x = left + depth * 18
        for _ in range(content.randint(0, 5)):
            text = content.choice((word(content), number(content), "()", "= [", ":", "#"))
            if x + 7 * len(text) < right:
                sheet.text(
                    (x, top), text, 11, colour=content.choice(colours), file="DejaVuSansMono.ttf"
                )
            x += 7 * (len(text) + 1)
        top += 14


def streets(sheet: Sheet, layout: Dice, content: Dice) -> None:
    """Draw a map: areas, water, streets of several widths, names."""
    palette = Dice(layout.random())
    areas: list[Colour] = [tuple(palette.randbytes(3)) for _ in range(3)]  # type: ignore[misc]
    width, height = sheet.width, sheet.height
    for _ in range(content.randint(2, 7)):
        x, y = content.uniform(0, width), content.uniform(0, height)
        corners = [
            (
                x + content.uniform(30, 180) * math.cos(turn * math.pi / 3),
                y + content.uniform(30, 180) * math.sin(turn * math.pi / 3),
            )
            for turn in range(6)
        ]
        sheet.pen.polygon(corners, fill=content.choice(areas))
    for wide in (
        [1] * content.randint(10, 40) + [3] * content.randint(3, 10) + [7] * content.randint(1, 4)
    ):
        x, y, angle = (
            content.uniform(0, width),
            content.uniform(0, height),
            content.uniform(0, math.tau),
        )
        if layout.random() < 0.5:
            angle = round(angle / (math.pi / 2)) * math.pi / 2
        line = [(x, y)]
        for _ in range(8):
            angle += content.gauss(0, 0.2)
            x, y = x + 60 * math.cos(angle), y + 60 * math.sin(angle)
            line.append((x, y))
        sheet.pen.line(line, fill=sheet.style.ink if wide < 7 else sheet.style.accent, width=wide)
    for _ in range(content.randint(3, 14)):
        place = (content.uniform(0, width), content.uniform(0, height))
        sheet.text(place, words(content, 1, 2)[:14], layout.choice((10, 12, 15)))


def sketch(sheet: Sheet, box: Box, content: Dice, *, strokes: int, is_coloured: bool) -> None:
    """Draw curves, shapes and hatching into a box."""
    left, top, right, bottom = box
    for _ in range(strokes):
        x, y = content.uniform(left, right), content.uniform(top, bottom)
        reach = content.uniform(0.05, 0.35) * min(right - left, bottom - top)
        colour: Colour = tuple(content.randbytes(3)) if is_coloured else sheet.style.ink  # type: ignore[assignment]
        shape = (
            max(left, x - reach),
            max(top, y - reach),
            min(right, x + reach),
            min(bottom, y + reach),
        )
        if shape[2] - shape[0] < 2 or shape[3] - shape[1] < 2:
            continue
        kind, width = content.random(), content.randint(1, 5)
        if kind < 0.25:
            sheet.pen.ellipse(
                shape, outline=sheet.style.ink, fill=colour if is_coloured else None, width=width
            )
        elif kind < 0.4:
            sheet.pen.rectangle(
                shape, outline=sheet.style.ink, fill=colour if is_coloured else None, width=width
            )
        elif kind < 0.55:
            for step in range(int(shape[0]), int(shape[2]), content.randint(4, 10)):
                sheet.pen.line((step, shape[1], step, shape[3]), fill=colour)
        else:
            points = [
                (content.uniform(shape[0], shape[2]), content.uniform(shape[1], shape[3]))
                for _ in range(content.randint(2, 7))
            ]
            sheet.pen.line(points, fill=colour, width=width, joint="curve")


def panels(sheet: Sheet, layout: Dice, content: Dice) -> None:
    """Draw the panels of a comic: sketches and speech in boxes."""
    gap, y, is_coloured = layout.uniform(4, 14), 10.0, layout.random() < 0.6
    for _ in range(layout.randint(2, 4)):
        high, x = (sheet.height - 20) * layout.uniform(0.22, 0.34), 10.0
        for _ in range(layout.randint(1, 3)):
            wide = min(sheet.width - 10 - x, (sheet.width - 20) * layout.uniform(0.3, 0.6))
            box = (x, y, x + wide, min(sheet.height - 6.0, y + high))
            if wide < 30 or box[3] - y < 30:
                break
            if is_coloured:
                sheet.fill(box, tuple(content.randbytes(3)))  # type: ignore[arg-type]
            sketch(sheet, box, content, strokes=content.randint(2, 6), is_coloured=is_coloured)
            bubble = (x + 6, y + 6, x + wide * content.uniform(0.4, 0.8), y + 40)
            sheet.fill(bubble, (255, 255, 255), round_px=14, line=(0, 0, 0))
            sheet.text(
                (x + 14, y + 14), words(content, 1, 2)[: int(wide / 14)], 11, colour=(0, 0, 0)
            )
            sheet.pen.rectangle(box, outline=sheet.style.ink, width=2)
            x += wide + gap
        y += high + gap
