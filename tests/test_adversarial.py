"""Albums made to mislead: chains of crops, forms, collages, shared logos, plain pictures, bursts."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of, stems
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dupfind.options import ClusterOptions
from dupfind.photos.edits import apply_edit
from dupfind.records import Advice

Pixels = NDArray[np.uint8]
ALBUM = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "coins.png",
)


def recoded(pixels: Pixels, quality: int = 40) -> Pixels:
    encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def test_a_chain_of_crops_is_no_group(tmp_path: Path, small_model: Path) -> None:
    panorama = np.hstack(
        [
            cv2.resize(photo(name), (300, 240))
            for name in ("coffee.png", "astronaut.png", "chelsea.png")
        ]
    )
    starts = range(0, panorama.shape[1] - 300 + 1, 75)
    windows = {f"{start:03d}": panorama[:, start : start + 300] for start in starts}
    library, _ = cluster_album(tmp_path, windows, small_model)
    groups = groups_of(library)
    assert groups
    for group in groups:
        places = sorted(int(name) for name in group)
        assert places[-1] - places[0] < 300, "two windows that share no pixel are in one group"


def form(number: int) -> Pixels:
    rng = np.random.default_rng(number)
    page = Image.new("RGB", (440, 600), "white")
    draw = ImageDraw.Draw(page)
    heading, body, hand = (ImageFont.load_default(size) for size in (26, 13, 18))
    draw.text((30, 20), "APPLICATION FOR LEAVE", font=heading, fill="black")
    draw.rectangle((10, 10, 430, 590), outline="black", width=2)
    for line, label in enumerate(
        ("Name", "Department", "First day", "Last day", "Reason", "Deputy", "Place", "Signature")
    ):
        top = 80 + 62 * line
        draw.text((25, top), f"{line + 1}. {label} (please write clearly)", font=body, fill="black")
        draw.rectangle((25, top + 18, 415, top + 48), outline="grey")
        word = "".join(rng.choice(list("abcdefghiklmnoprstuvz "), int(rng.integers(8, 26))))
        draw.text((32 + int(rng.integers(0, 20)), top + 21), word, font=hand, fill=(20, 30, 120))
    return np.asarray(page)


@pytest.mark.slow
def test_filled_forms_are_no_copies_but_a_copy_of_one_is(tmp_path: Path, small_model: Path) -> None:
    forms = {f"form-{number}": form(number) for number in range(20)}
    forms["copy-of-7"] = recoded(cv2.resize(form(7), (330, 450), interpolation=cv2.INTER_AREA))
    library, _ = cluster_album(tmp_path, forms, small_model)
    assert groups_of(library) == [{"form-7", "copy-of-7"}]


def test_pages_of_one_book_are_no_copies(tmp_path: Path, small_model: Path) -> None:
    pages = {}
    for number in range(6):
        rng = np.random.default_rng(number)
        page = Image.new("RGB", (360, 480), (250, 246, 235))
        draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
        for line in range(24):
            text = "".join(rng.choice(list("aeiounrstlmdhcp      "), 48))
            draw.text((25, 20 + 18 * line), text, font=font, fill=(30, 25, 20))
        pages[f"page-{number}"] = np.asarray(page)
    pages["copy-of-3"] = recoded(pages["page-3"])
    library, _ = cluster_album(tmp_path, pages, small_model)
    assert groups_of(library) == [{"page-3", "copy-of-3"}]


def test_a_collage_leaves_six_groups_six(tmp_path: Path, small_model: Path) -> None:
    pictures = {}
    for name in ALBUM:
        stem = name.split(".")[0]
        pictures[stem] = photo(name)
        pictures[f"{stem}-copy"] = recoded(photo(name, 320))
    tiles = [cv2.resize(photo(name), (240, 180)) for name in ALBUM]
    pictures["collage"] = np.vstack([np.hstack(tiles[:3]), np.hstack(tiles[3:])])
    library, _ = cluster_album(tmp_path, pictures, small_model)
    groups = library.groups()
    assert len(groups) == 6
    for group in groups:
        families = {name.removesuffix("-copy") for name in stems(library, group)} - {"collage"}
        assert len(families) == 1
    home = [group for group in groups if "collage" in stems(library, group)]
    assert len(home) == 1
    collage = next(one.id for one in library.photos() if one.path.stem == "collage")
    assert home[0].bridges == (collage,)
    assert home[0].keep.photo_id != collage
    (member,) = (member for member in home[0].members if member.photo_id == collage)
    assert member.advice is Advice.LOOK
    assert all(group.also_in == (collage,) for group in groups if group is not home[0])


def logo(pixels: Pixels) -> Pixels:
    marked = pixels.copy()
    cv2.circle(marked, (50, 50), 34, (250, 250, 250), -1)
    cv2.circle(marked, (50, 50), 34, (200, 20, 30), 5)
    cv2.putText(marked, "TV8", (26, 60), cv2.FONT_HERSHEY_DUPLEX, 0.8, (20, 30, 160), 2)
    return marked


def watermark(pixels: Pixels) -> Pixels:
    layer = np.zeros_like(pixels)
    for row in range(3):
        place = (20, 80 + row * pixels.shape[0] // 3)
        cv2.putText(
            layer, "(c) PIXBANK SAMPLE", place, cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255,) * 3, 2
        )
    return np.asarray(cv2.addWeighted(pixels, 1, layer, 0.45, 0), np.uint8)


def ornate_frame(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    framed = cv2.resize(photo("brick.png"), (width, height)).copy()
    framed[30:-30, 30:-30] = cv2.resize(pixels, (width - 60, height - 60))
    return framed


def screenshot(pixels: Pixels) -> Pixels:
    page = np.full((640, 360, 3), 245, np.uint8)
    page[180:450] = cv2.resize(pixels, (360, 270))
    for top, words in (
        (30, "12:45   NETWORK   87%"),
        (90, "My Gallery  < back"),
        (600, "Home Search Me"),
    ):
        cv2.putText(page, words, (16, top), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 40, 40), 2)
    for place in range(6):
        cv2.circle(page, (35 + place * 58, 520), 20, (60 + 30 * place, 90, 200 - 30 * place), -1)
        cv2.rectangle(page, (20 + place * 58, 140), (60 + place * 58, 165), (90, 90, 90), 2)
    return page


@pytest.mark.parametrize("share", [logo, watermark, ornate_frame, screenshot])
def test_what_photos_have_in_common_makes_no_copies(
    tmp_path: Path, small_model: Path, share: Callable[[Pixels], Pixels]
) -> None:
    pictures = {name.split(".")[0]: share(cv2.resize(photo(name), (400, 300))) for name in ALBUM}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    assert groups_of(library) == []


def test_plain_pictures_are_no_copies_of_each_other(tmp_path: Path, small_model: Path) -> None:
    plain = {
        f"plain-{grey}": np.full((200, 300, 3), grey, np.uint8) for grey in (0, 60, 128, 200, 255)
    }
    ramp = np.linspace(0, 255, 300, dtype=np.uint8)
    plain["ramp"] = np.repeat(np.repeat(ramp[None, :, None], 200, axis=0), 3, axis=2)
    plain["photo"] = photo("astronaut.png")
    library, summary = cluster_album(tmp_path, plain, small_model)
    assert groups_of(library) == []
    assert summary.photos == 7


def second_shot(pixels: Pixels, shift: int) -> Pixels:
    """Move a large thing in the middle of the picture, as when someone stepped aside."""
    height, width = pixels.shape[:2]
    moved = np.roll(pixels, shift, axis=1)
    mask = np.zeros((height, width, 1), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 3, height * 2 // 5), 0, 0, 360, 1, -1)
    blend = cv2.GaussianBlur(mask, (0, 0), 3)[..., None]
    return np.asarray(moved * blend + pixels * (1 - blend), np.uint8)


def test_a_second_shot_is_no_copy(tmp_path: Path, small_model: Path) -> None:
    first = photo("astronaut.png")
    pictures = {
        "first": first,
        "second": second_shot(first, 14),
        "copy": recoded(first),
        "left": photo("motorcycle_left.png"),
        "right": photo("motorcycle_right.png"),
    }
    library, _ = cluster_album(tmp_path, pictures, small_model)
    assert groups_of(library) == [{"first", "copy"}]


def test_a_crop_in_a_small_album_is_found_with_its_share(tmp_path: Path, small_model: Path) -> None:
    pictures = {name.split(".")[0]: photo(name) for name in ALBUM[:4]}
    edited = apply_edit("crop_70", photo(ALBUM[0]), np.random.default_rng(1))
    library, summary = cluster_album(tmp_path, pictures | {"crop": edited.pixels}, small_model)
    assert summary.calibration == "shipped"
    assert groups_of(library) == [{"astronaut", "crop"}]
    group = library.groups()[0]
    assert group.members[1].relation == "cropped"
    assert group.members[1].evidence.crop_share == pytest.approx(
        edited.parameters["share"], abs=0.05
    )


def test_negatives_are_found_and_proven(tmp_path: Path, small_model: Path) -> None:
    """With two candidates a photo, of which the untrained model names none that helps."""
    pictures = {f"{Path(name).stem}": photo(name) for name in ALBUM}
    pictures |= {f"{name}-flip": pixels[:, ::-1] for name, pixels in list(pictures.items())}
    pictures["coffee-negative"] = recoded(255 - photo("coffee.png"), 60)
    pictures["chelsea-negative"] = recoded(255 - photo("chelsea.png"), 60)
    library, _ = cluster_album(tmp_path, pictures, small_model, ClusterOptions(candidates=2))
    groups = groups_of(library)
    assert {"coffee", "coffee-flip", "coffee-negative"} in groups
    assert {"chelsea", "chelsea-flip", "chelsea-negative"} in groups
