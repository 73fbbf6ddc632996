"""Measure which photos name the collages, screenshots and pictures in pictures that show them.

    python benchmarks/collages.py ~/Pictures --each 21

Makes an album: photos, each with a copy that was saved again, so that each has a group; and pictures that
show some of them: collages of four, three strips beside each other, screenshots, a picture in another. Right
is: such a picture is in the group of one photo that it shows, and the groups of all others name it; it is
never kept there and never may go. With ``--second`` each has a second file, which may go: the two may be a
group of their own then.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from make_set import readable_photos
from PIL import Image, ImageDraw, ImageOps

from dupfind.library import Library
from dupfind.records import Advice, Group

CELL = (360, 270)
GAP_PX = 8
Picture = Image.Image


def _cell(photo: Picture, size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Fill a cell with the middle of a photo, or nearly."""
    centring = (float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.35, 0.65)))
    return ImageOps.fit(photo, size, Image.Resampling.LANCZOS, centering=centring)


def _four(photos: Sequence[Picture], rng: np.random.Generator) -> Picture:
    page = _page((2 * CELL[0] + 3 * GAP_PX, 2 * CELL[1] + 3 * GAP_PX), rng)
    for number, photo in enumerate(photos):
        row, column = divmod(number, 2)
        place = (GAP_PX + column * (CELL[0] + GAP_PX), GAP_PX + row * (CELL[1] + GAP_PX))
        page.paste(_cell(photo, CELL, rng), place)
    return page


def _strips(photos: Sequence[Picture], rng: np.random.Generator) -> Picture:
    high, wide = 540, 250
    page = _page((3 * wide + 4 * GAP_PX, high + 2 * GAP_PX), rng)
    for number, photo in enumerate(photos):
        strip = _cell(photo, (wide, high), rng)
        page.paste(strip, (GAP_PX + number * (wide + GAP_PX), GAP_PX))
    return page


def _screenshot(photos: Sequence[Picture], rng: np.random.Generator) -> Picture:
    page = Image.new("RGB", (540, 1170), "black" if rng.random() < 0.5 else "white")
    shown = ImageOps.contain(photos[0], (540, 900), Image.Resampling.LANCZOS)
    shown = shown.resize((540, round(540 * shown.height / shown.width)))
    page.paste(shown, (0, max(80, (1100 - shown.height) // 2)))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 540, 70), "black")
    draw.text((24, 22), "09:41   5G   88%", "white", font_size=22)
    draw.text((40, 1120), "Send   Change   Hearts   Bin", "grey", font_size=22)
    return page


def _inset(photos: Sequence[Picture], rng: np.random.Generator) -> Picture:
    page = ImageOps.fit(photos[0], (800, 600), Image.Resampling.LANCZOS)
    small = ImageOps.contain(photos[1], (290, 290), Image.Resampling.LANCZOS)
    small = ImageOps.expand(small, 4, "white")
    place = [
        int(rng.integers(10, max(11, side - own - 10)))
        for side, own in zip(page.size, small.size, strict=True)
    ]
    page.paste(small, (place[0], place[1]))
    return page


def _page(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    return Image.new("RGB", size, str(rng.choice(["white", "black", "#d8c9a8", "#334455"])))


# How many photos each shows.
KINDS: dict[str, tuple[Callable[[Sequence[Picture], np.random.Generator], Picture], int]] = {
    "collage-of-four": (_four, 4),
    "three-strips": (_strips, 3),
    "screenshot": (_screenshot, 1),
    "picture-in-picture": (_inset, 2),
}


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--each", default=21, show_default=True, help="Pictures of each kind.")
@click.option("--seed", default=1, show_default=True)
@click.option("--second", is_flag=True, help="Each such picture also as a second file, a PNG.")
@click.option("--only", multiple=True, type=click.Choice(sorted(KINDS)), help="Kinds; else all.")
def main(photos: Path, each: int, seed: int, second: bool, only: tuple[str, ...]) -> None:
    """Measure on pictures made of PHOTOS which of their parts name them, and what would become of them."""
    rng = np.random.default_rng(seed)
    found = (Image.fromarray(pixels) for _, pixels in readable_photos(photos, rng))
    with tempfile.TemporaryDirectory() as folder:
        album = Path(folder) / "album"
        album.mkdir()
        parts: dict[str, list[str]] = {}
        for kind, number in itertools.product(only or KINDS, range(each)):
            make, count = KINDS[kind]
            name = f"{kind}-{number:03}"
            shown = list(itertools.islice(found, count))
            parts[name] = [f"{name}-part{place}" for place in range(len(shown))]
            for part, photo in zip(parts[name], shown, strict=True):
                _save_photo(album / part, photo)
            page = make([_as_saved(album / part) for part in parts[name]], rng)
            _save_page(album / name, page, second=second)
        with Library(Path(folder) / "library") as library:
            library.index([album])
            library.cluster()
            names = {photo.id: photo.path.stem for photo in library.photos()}
            report(parts, library.groups(), names)


def _save_photo(path: Path, photo: Picture) -> None:
    photo.save(path.with_suffix(".jpg"), quality=92)
    _as_saved(path).save(path.with_name(f"{path.name}-again.jpg"), quality=80)


def _as_saved(path: Path) -> Picture:
    with Image.open(path.with_suffix(".jpg")) as image:
        return image.convert("RGB")


def _save_page(path: Path, page: Picture, *, second: bool) -> None:
    page.save(path.with_suffix(".jpg"), quality=88)
    if not second:
        return
    with Image.open(path.with_suffix(".jpg")) as image:
        image.convert("RGB").save(path.with_name(f"{path.name}-second.png"))


def report(parts: dict[str, list[str]], groups: Sequence[Group], names: dict[int, str]) -> None:
    """Print for each kind how many are grouped, named by what they show, kept and may go."""
    home = {names[m.photo_id]: (group, m) for group in groups for m in group.members}
    counts: dict[str, Counter[str]] = {}
    for name, shown in parts.items():
        kind = name[:-4]
        found = counts.setdefault(kind, Counter())
        files = (name, f"{name}-second")
        members = [home[file] for file in files if file in home]
        homes = {group.id for group, _ in members}
        named = sum(_names(part, files, home, names) for part in shown)
        with_part = any(part in home and home[part][0].id in homes for part in shown)
        found["pictures"] += 1
        found["shown"] += len(shown)
        found["named"] += named
        found["one group"] += len(homes) == 1 and with_part
        found["kept"] += with_part and any(member.keep for _, member in members)
        going = [member.advice is Advice.REMOVE for _, member in members]
        found["goes"] += bool(going) and all(going)
        found["second goes"] += len(going) == 2 and sum(going) == 1
        if named < len(shown):
            lost = [part for part in shown if not _names(part, files, home, names)]
            print(f"not named by {', '.join(lost)}")
    columns = ("pictures", "one group", "shown", "named", "kept", "goes", "second goes")
    print(f"{'kind':20}" + "".join(f"{column:>13}" for column in columns))
    for kind, found in counts.items():
        print(f"{kind:20}" + "".join(f"{found[column]:13}" for column in columns))


def _names(
    part: str, files: Sequence[str], home: dict[str, tuple[Group, object]], names: dict[int, str]
) -> bool:
    """Say whether the group of a photo has a picture that shows it, or names it."""
    if part not in home:
        return False
    group = home[part][0]
    known = {names[member.photo_id] for member in group.members} | {
        names[row] for row in group.also_in
    }
    return any(file in known for file in files)


if __name__ == "__main__":
    main()
