"""The kinds of pages. Each is drawn by two dice: ``layout`` for what all pages of one form share (paper,
fonts, labels, places), ``content`` for what differs from page to page."""

import random
from collections.abc import Callable

from PIL import Image

from dupfind.training.pages import figures
from dupfind.training.pages.ink import Sheet, Style, number, price, word, words

Dice = random.Random


def make_page(kind: str, layout: int, content: int, *, short_px: int = 256) -> Image.Image:
    """Make a page: RGB, its short side ``short_px``.

    Args:
        kind: One of ``KINDS``.
        layout: The form; the same number gives the same form.
        content: What is written in it.
        short_px: Length of the short side.

    Raises:
        KeyError: There is no such kind.
    """
    page = KINDS[kind](Dice(f"{kind} {layout}"), Dice(f"{kind} {layout} {content}"))
    scale = short_px / min(page.size)
    size = (max(1, round(page.width * scale)), max(1, round(page.height * scale)))
    return page.resize(size, Image.Resampling.LANCZOS)


def receipt(layout: Dice, content: Dice) -> Image.Image:
    """Draw a shop's receipt: its head, items with prices, a total."""
    style = Style.draw(layout, dark=0.0)
    head, columns = layout.randint(2, 5), layout.choice((2, 3))
    centred, has_code, names = layout.random() < 0.7, layout.random() < 0.4, layout.randbytes(8)
    items = content.randint(3, 16)
    size = round(420 * layout.uniform(0.035, 0.055))
    height = round((head + items + 12) * size * 1.5 + 100)
    sheet = Sheet(420, height, style)
    left, right, y = 420 * style.margin, 420 * (1 - style.margin), 20.0
    fixed = Dice(names)
    for line in range(head):
        text = words(fixed, 1, 3) if line else words(fixed, 1, 2).upper()
        place, anchor = ((210.0, y), "ma") if centred else ((left, y), "la")
        sheet.text(place, text, round(size * (1.6 if line == 0 else 1)), anchor=anchor)
        y += size * (2.2 if line == 0 else 1.5)
    sheet.text((left, y), number(content), size)
    sheet.text((right, y), number(content), size, anchor="ra")
    y += size * 2
    sheet.pen.line((left, y, right, y), fill=style.ink)
    for _ in range(items):
        y += size * 1.5
        sheet.text((left, y), words(content, 1, 3)[:22], size)
        sheet.text((right, y), price(content), size, anchor="ra")
        if columns == 3:
            sheet.text((right - 5 * size, y), f"{content.randint(1, 9)} x", size, anchor="ra")
    y += size * 2
    sheet.pen.line((left, y, right, y), fill=style.ink)
    for name in (word(fixed).upper(), word(fixed), word(fixed)):
        y += size * 1.5
        sheet.text((left, y), name, size)
        sheet.text((right, y), price(content), size, anchor="ra")
    if has_code:
        sheet.code((left + 40, y + 2 * size, right - 40, y + 5 * size), content)
    return sheet.image


def letter(layout: Dice, content: Dice) -> Image.Image:
    """Draw a page of text: a letter, an article in columns, a page of a book."""
    style = Style.draw(layout, dark=0.08)
    sheet = Sheet(560, layout.choice((790, 790, 720, 400, 900)), style)
    margin, columns = sheet.width * style.margin, layout.choice((1, 1, 1, 2, 2, 3))
    body, y = sheet.size(style.body * layout.uniform(0.6, 1)), margin
    if layout.random() < 0.5:
        sheet.logo((margin, y, margin + 60, y + 60), Dice(layout.random()))
        y += 75
    if layout.random() < 0.7:
        sheet.text(
            (margin, y), words(content, 1, 4), sheet.size(style.title * 0.7), file=style.title_font
        )
        y += sheet.size(style.title) + 10
    picture, wide = layout.random(), (sheet.width - 2 * margin) / columns
    for column in range(columns):
        left = margin + column * wide
        top = y
        if picture < 0.35 and column == 0:
            sheet.picture((left, top, left + wide - 12, top + wide * 0.7), content)
            top += wide * 0.7 + 10
        bottom = (
            sheet.height - margin - content.uniform(0, 0.4) * sheet.height * (column == columns - 1)
        )
        sheet.lines((left, top, left + wide - 12, bottom), content, body)
    return sheet.image


def form(layout: Dice, content: Dice) -> Image.Image:
    """Draw a filled form, an invoice or a ticket: labels and boxes are the form's, entries the page's."""
    style = Style.draw(layout, dark=0.03)
    sheet = Sheet(560, layout.choice((790, 790, 560, 380)), style)
    margin, size = sheet.width * style.margin, sheet.size(style.body * 0.75)
    fixed = Dice(layout.random())
    if layout.random() < 0.5:
        sheet.fill((0, 0, sheet.width, margin + 50), style.accent)
    sheet.logo((margin, margin / 2, margin + 45, margin / 2 + 45), fixed)
    sheet.text(
        (margin + 60, margin / 2), words(fixed, 1, 3), sheet.size(0.05), file=style.title_font
    )
    y, columns, boxed = margin + 70.0, layout.choice((1, 2, 2, 3)), layout.random() < 0.6
    wide = (sheet.width - 2 * margin) / columns
    rows = layout.randint(2, 7)
    for _ in range(rows):
        for column in range(columns):
            left = margin + column * wide
            sheet.text(
                (left, y), word(fixed), round(size * 0.8), colour=style.faint if not boxed else None
            )
            box = (left, y + size, left + wide * 0.92, y + size * 2.6)
            if boxed:
                sheet.fill(box, style.paper, line=style.ink)
            if content.random() < 0.9:
                entry = content.choice((words(content, 1, 2), number(content)))
                sheet.text((left + 4, y + size * 1.2), entry[:18], size)
        y += size * 3.2
    if layout.random() < 0.6 and y < sheet.height - 120:
        _table(
            sheet, (margin, y, sheet.width - margin, sheet.height - margin - 40), layout, content
        )
    if layout.random() < 0.4:
        edge = sheet.width - margin
        sheet.code((edge - 90, sheet.height - margin - 90, edge, sheet.height - margin), content)
    return sheet.image


def table(layout: Dice, content: Dice) -> Image.Image:
    """Draw a table that fills the page: a price list, a timetable, a spreadsheet."""
    sheet = Sheet(
        *layout.choice(((720, 480), (560, 790), (640, 640))), Style.draw(layout, dark=0.1)
    )
    margin = sheet.width * sheet.style.margin
    y = margin
    if layout.random() < 0.6:
        sheet.text((margin, y), words(content, 1, 4), sheet.size(0.05), file=sheet.style.title_font)
        y += sheet.size(0.08)
    _table(sheet, (margin, y, sheet.width - margin, sheet.height - margin), layout, content)
    return sheet.image


def slide(layout: Dice, content: Dice) -> Image.Image:
    """Draw a slide: a title, points, a chart or a picture."""
    style = Style.draw(layout, dark=0.35)
    sheet = Sheet(*layout.choice(((720, 405), (720, 405), (680, 510))), style)
    margin, kind, fixed = 20 + sheet.width * style.margin, layout.random(), Dice(layout.random())
    if layout.random() < 0.4:
        sheet.fill((0, 0, sheet.width, sheet.height * 0.2), style.accent)
    if layout.random() < 0.4:
        sheet.fill((0, sheet.height * 0.94, sheet.width, sheet.height), style.accent)
        sheet.text((margin, sheet.height * 0.95), words(fixed, 2, 4), 12, colour=style.paper)
    place = (sheet.width / 2, margin * 0.6) if layout.random() < 0.4 else (margin, margin * 0.6)
    anchor = "ma" if place[0] > margin else "la"
    sheet.text(
        place, words(content, 2, 4)[:34], sheet.size(0.055), file=style.title_font, anchor=anchor
    )
    top, middle = sheet.height * 0.28, sheet.width * layout.uniform(0.4, 0.65)
    right = sheet.width - margin if kind < 0.4 else middle
    size = sheet.size(layout.uniform(0.025, 0.04))
    for number_ in range(content.randint(2, 7)):
        y = top + number_ * size * 2
        if y < sheet.height * 0.9:
            sheet.pen.ellipse(
                (margin, y + size * 0.3, margin + size * 0.4, y + size * 0.7), fill=style.ink
            )
            letters = round((right - margin) / (size * 0.6))
            sheet.text((margin + size, y), words(content, 2, 7)[:letters], size)
    box = (middle + 10, top, sheet.width - margin, sheet.height * 0.88)
    if kind >= 0.7:
        sheet.picture(box, content)
    elif kind >= 0.4:
        figures.chart(sheet, box, layout, content)
    return sheet.image


def card(layout: Dice, content: Dice) -> Image.Image:
    """Draw a card, a banner, a poster or a quotation over a picture."""
    style = Style.draw(layout, dark=0.4)
    sheet = Sheet(*layout.choice(((640, 360), (500, 500), (400, 620), (640, 220))), style)
    width, height, kind = sheet.width, sheet.height, layout.random()
    fixed = Dice(layout.random())
    if kind < 0.3:
        sheet.picture((0, 0, width, height), fixed)
    elif kind < 0.6:
        sheet.picture((0, 0, width * layout.uniform(0.3, 0.6), height), content)
    for _ in range(layout.randint(0, 3)):
        x, y = layout.uniform(0, width), layout.uniform(0, height)
        sheet.logo((x, y, x + 50, y + 50), fixed)
    centre = (width * layout.uniform(0.4, 0.6), height * layout.uniform(0.15, 0.5))
    size = sheet.size(style.title * layout.uniform(0.6, 1.3))
    for line in range(content.randint(1, 3)):
        place = (centre[0], centre[1] + line * size * 1.3)
        sheet.text(place, words(content, 1, 3)[:22], size, file=style.title_font, anchor="ma")
    for line in range(layout.randint(1, 4)):
        place = (centre[0], height * 0.7 + line * size * 0.6)
        sheet.text(
            place,
            content.choice((words(content, 2, 4), number(content))),
            round(size * 0.45),
            anchor="ma",
        )
    return sheet.image


def phone(layout: Dice, content: Dice) -> Image.Image:
    """Draw a phone's screen: a chat, a list, settings, a feed or tiles."""
    style = Style.draw(layout, dark=0.4)
    sheet = Sheet(360, layout.choice((640, 780, 800)), style)
    sheet.text((10, 5), f"{content.randint(0, 23)}:{content.randint(0, 59):02}", 12)
    sheet.text((350, 5), f"{content.randint(1, 100)}%", 12, anchor="ra")
    fixed = Dice(layout.random())
    if layout.random() < 0.7:
        sheet.fill((0, 22, 360, 75), style.accent)
    sheet.text((20, 34), words(content if layout.random() < 0.5 else fixed, 1, 2)[:20], 22)
    kind = layout.choice(
        (figures.chat, figures.rows, figures.switches, figures.feed, figures.tiles)
    )
    kind(sheet, 85.0, sheet.height - 60.0, layout, content)
    sheet.fill((0, sheet.height - 55, 360, sheet.height), style.faint)
    icons = layout.randint(3, 5)
    for icon in range(icons):
        x = (icon + 0.5) * 360 / icons
        sheet.logo((x - 12, sheet.height - 40, x + 12, sheet.height - 16), fixed)
    return sheet.image


def desktop(layout: Dice, content: Dice) -> Image.Image:
    """Draw a computer's screen: windows with bars, a side list, text, a table or a picture."""
    style = Style.draw(layout, dark=0.35)
    sheet = Sheet(*layout.choice(((720, 450), (720, 405), (640, 480))), style)
    fixed = Dice(layout.random())
    side = sheet.width * layout.choice((0.0, 0.18, 0.25))
    sheet.fill((0, 0, sheet.width, 34), style.faint)
    for item in range(layout.randint(2, 7)):
        sheet.text((10 + item * 70, 9), word(fixed)[:8], 12)
    sheet.fill((0, 34, side, sheet.height), style.faint)
    for item in range(round(side > 0) * layout.randint(4, 14)):
        sheet.text((10, 46 + item * 24), word(fixed)[:12], 12)
    chosen = content.randint(0, 9)
    sheet.fill(
        (4, 44 + chosen * 24, max(5.0, side - 4), 62 + chosen * 24), style.accent, round_px=4
    )
    box = (side + 14, 48.0, sheet.width - 14.0, sheet.height - 14.0)
    kind = layout.random()
    if kind < 0.3:
        sheet.lines(box, content, layout.choice((9, 11, 13)))
    elif kind < 0.55:
        _table(sheet, box, layout, content)
    elif kind < 0.75:
        figures.code_lines(sheet, box, content)
    elif kind < 0.9:
        figures.tiles(sheet, 48.0, sheet.height - 10.0, layout, content, left=side)
    else:
        figures.chart(sheet, box, layout, content)
    return sheet.image


def chart(layout: Dice, content: Dice) -> Image.Image:
    """Draw a chart that fills the page: bars, lines, dots or a pie."""
    sheet = Sheet(*layout.choice(((640, 420), (560, 560))), Style.draw(layout))
    sheet.text((sheet.width / 2, 14), words(Dice(layout.random()), 2, 4), 22, anchor="ma")
    figures.chart(sheet, (50, 60, sheet.width - 30.0, sheet.height - 40.0), layout, content)
    return sheet.image


def plan(layout: Dice, content: Dice) -> Image.Image:
    """Draw a map: land and water are the content, the look is the layout's."""
    sheet = Sheet(
        *layout.choice(((560, 560), (640, 420), (360, 640))), Style.draw(layout, dark=0.15)
    )
    figures.streets(sheet, layout, content)
    return sheet.image


def drawing(layout: Dice, content: Dice) -> Image.Image:
    """Draw with a pen: lines, shapes and hatching on plain paper, or the panels of a comic."""
    style = Style.draw(layout, dark=0.12)
    sheet = Sheet(*layout.choice(((560, 560), (480, 680), (680, 480))), style)
    if layout.random() < 0.4:
        figures.panels(sheet, layout, content)
    else:
        area = (10.0, 10.0, sheet.width - 10.0, sheet.height - 10.0)
        figures.sketch(
            sheet, area, content, strokes=layout.randint(4, 24), is_coloured=layout.random() < 0.5
        )
    return sheet.image


def _table(
    sheet: Sheet, box: tuple[float, float, float, float], layout: Dice, content: Dice
) -> None:
    left, top, right, bottom = box
    columns, size = layout.randint(2, 7), layout.choice((9, 11, 13, 15))
    edges = sorted(layout.uniform(left, right) for _ in range(columns - 1))
    edges = [
        left,
        *(
            0.5 * edge + 0.5 * (left + (right - left) * (i + 1) / columns)
            for i, edge in enumerate(edges)
        ),
    ]
    striped, lined, fixed = layout.random() < 0.4, layout.random() < 0.5, Dice(layout.random())
    step = size * layout.uniform(1.5, 2.4)
    rows = max(1, int((bottom - top) / step))
    filled = rows if layout.random() < 0.5 else content.randint(max(1, rows // 2), rows)
    for row in range(filled):
        y = top + row * step
        if row == 0 or (striped and row % 2):
            sheet.fill((left, y, right, y + step), sheet.style.faint)
        if lined:
            sheet.pen.line((left, y, right, y), fill=sheet.style.ink)
        for column, edge in enumerate(edges):
            chosen = fixed if row == 0 else content
            text = words(chosen, 1, 2) if row == 0 or column == 0 else number(chosen)
            wide = ([*edges, right][column + 1] - edge) / (size * 0.6)
            sheet.text((edge + 3, y + step * 0.15), text[: max(1, int(wide))], size)
    if lined:
        for edge in edges[1:]:
            sheet.pen.line((edge, top, edge, top + filled * step), fill=sheet.style.ink)


KINDS: dict[str, Callable[[Dice, Dice], Image.Image]] = {
    "receipt": receipt,
    "letter": letter,
    "form": form,
    "table": table,
    "slide": slide,
    "card": card,
    "phone": phone,
    "desktop": desktop,
    "chart": chart,
    "plan": plan,
    "drawing": drawing,
}
