"""Pictures that phones are full of and photo collections for training lack, made by chance.

Receipts, letters, forms, tables, slides, cards, phone and desktop screens, charts, maps and drawings:
thousands of layouts, and many contents for each layout. Two contents of one layout look alike and are no copies
of each other: hard negatives. Nothing is downloaded; fonts are those that Pillow and matplotlib bring.
"""

from dupfind.training.pages.kinds import KINDS, make_page

__all__ = ["KINDS", "make_page"]
