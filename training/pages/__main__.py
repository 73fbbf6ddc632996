"""Write made-up pages into a folder: ``python -m dupfind.training.pages OUT --forms 2000 --contents 3``.

Beside the pictures lies ``families.csv``, which says which of them are pages of one form.
``--kinds form --forms 1 --contents 200`` makes an album of one form filled 200 times.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from dupfind.training.pages.kinds import KINDS, make_page

QUALITY = 88


def main() -> None:
    """Parse the command line and write the pages."""
    parser = argparse.ArgumentParser(prog="python -m dupfind.training.pages", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--forms", type=int, default=2000, help="how many layouts")
    parser.add_argument("--contents", type=int, default=3, help="pages of each layout")
    parser.add_argument("--first", type=int, default=0, help="number of the first layout")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=list(KINDS),
        default=list(KINDS),
        help="the layouts' kinds, in turn",
    )
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    forms = range(options.first, options.first + options.forms)
    work = [
        (options.out, options.kinds[form % len(options.kinds)], form, content)
        for form in forms
        for content in range(options.contents)
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        names = list(pool.map(write_page, work, chunksize=32))
    with (options.out / "families.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("file", "family"))
        table.writerows((name, form) for name, (_, _, form, _) in zip(names, work, strict=True))


def write_page(what: tuple[Path, str, int, int]) -> str:
    """Write one page as WebP, unless it is there; return the file's name."""
    folder, kind, form, content = what
    name = f"page-{kind}-{form:06}-{content}.webp"
    if not (folder / name).is_file():
        make_page(kind, form, content).save(folder / name, quality=QUALITY)
    return name


if __name__ == "__main__":
    main()
