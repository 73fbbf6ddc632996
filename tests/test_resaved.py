"""Of a copy that looks the same: whether it was only saved anew or reduced, or changed a little."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from original_helpers import scene
from PIL import Image, ImageDraw, ImageFilter

from dupfind.evidence import Evidence
from dupfind.matching.advice import NOT_ONLY_SAVED, advise, may_be_harmless
from dupfind.matching.clues import Verdict
from dupfind.matching.original import judge, saving_signs
from dupfind.matching.places import of_blocks
from dupfind.matching.quality import Look, look_at
from dupfind.matching.resaved import SIGNS, WRITTEN_OVER
from dupfind.records import Advice, Photo, Reason, Relation

WHOLE = np.eye(3)
SAVED_AGAIN = Evidence("keypoints", relations=(Relation.REENCODED,))


def first_of(image: Image.Image) -> tuple[Look, Image.Image]:
    """Return a photo as it was taken, and its picture."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    with Image.open(buffer) as opened:
        return saved(image, 92), opened.convert("RGB")


def saved(image: Image.Image, quality: int, format_name: str = "JPEG") -> Look:
    buffer = io.BytesIO()
    image.save(buffer, format_name, quality=quality)
    with Image.open(buffer) as opened:
        pixels = np.asarray(opened.convert("RGB"))
        table = getattr(opened, "quantization", {}).get(0)
    steps = None if table is None else np.array(table, np.float32).reshape(8, 8)
    return look_at(pixels, table=steps)


def stamped(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).text((230, 215), "4.8.2019", "orange", font_size=14)
    return copy


def rounded(image: Image.Image) -> Image.Image:
    mask = Image.new("L", image.size, 0)
    size = (0, 0, image.width - 1, image.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(size, 12, 255)
    copy = Image.new("RGB", image.size, "white")
    copy.paste(image, (0, 0), mask)
    return copy


CHANGED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "stamped": stamped,
    "rounded": rounded,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "moved": lambda image: image.transform(
        image.size, Image.Transform.AFFINE, (1, 0, 1.5, 0, 1, 0), Image.Resampling.BICUBIC
    ),
}


def signs(a: Look, b: Look) -> dict[str, float]:
    return dict(zip(SIGNS, saving_signs(a, b).tolist(), strict=True))


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_a_jpeg_of_a_picture_differs_by_no_more_than_half_its_steps(quality: int) -> None:
    first, image = first_of(scene(8))

    found, stamp = (signs(first, saved(one, quality)) for one in (image, stamped(image)))

    assert found["bound_share"] < 0.1
    assert stamp["bound_0"] > found["bound_0"] + 0.5


@pytest.mark.parametrize("change", ["stamped", "rounded"])
def test_what_was_put_in_one_place_stands_out_of_what_saving_changed(change: str) -> None:
    first, image = first_of(scene(8))
    plain, changed = (saved(one, 75, "WEBP") for one in (image, CHANGED[change](image)))

    assert signs(first, changed)["ratio_0"] > signs(first, plain)["ratio_0"] + 1


def test_what_is_at_any_edge_is_seen() -> None:
    image = Image.new("RGB", (83, 69), "grey")
    ImageDraw.Draw(image).rectangle((20, 20, 50, 40), "white")
    last = image.copy()
    ImageDraw.Draw(last).rectangle((80, 66, 82, 68), "black")
    looks = [look_at(np.asarray(one)) for one in (image, last)]

    assert of_blocks(looks[0], looks[1])["block_0"] > 3
    assert of_blocks(looks[0], looks[0])["block_0"] == 0


@pytest.mark.parametrize("change", CHANGED)
def test_what_was_changed_is_less_likely_only_saved(change: str) -> None:
    first, image = first_of(scene(8))
    plain, changed = (saved(one, 80) for one in (image, CHANGED[change](image)))

    found, other = (judge(first, look, WHOLE).saved for look in (plain, changed))

    assert found is not None
    assert other is not None
    assert found > 0 > other


def test_a_turned_copy_is_not_asked_whether_it_was_only_saved() -> None:
    image = scene(8)
    half_turn = np.array([[-1.0, 0, 1], [0, -1, 1], [0, 0, 1]])
    turned = image.transpose(Image.Transpose.ROTATE_180)

    assert judge(saved(image, 92), saved(turned, 90), half_turn).saved is None


def test_letters_that_a_jpeg_blurs_are_not_written_over_it() -> None:
    page = Image.new("RGB", (390, 600), "white")
    draw = ImageDraw.Draw(page)
    for row in range(6):
        draw.text((30, 40 + 90 * row), f"message number {row}", "black", font_size=15)

    found = judge(look_at(np.asarray(page)), saved(page, 60), WHOLE).saved
    more = page.copy()
    ImageDraw.Draw(more).text((200, 500), "seen", "black", font_size=15)
    other = judge(look_at(np.asarray(page)), saved(more, 60), WHOLE).saved

    assert found is not None
    assert found > WRITTEN_OVER
    assert other is not None
    assert other <= WRITTEN_OVER


def test_a_larger_copy_is_not_asked_either() -> None:
    first, image = first_of(scene(8))
    larger = image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)

    assert judge(first, saved(larger, 95), WHOLE).saved is None
    assert judge(saved(larger, 95), first, WHOLE).saved is not None


def photo(number: int) -> Photo:
    return Photo(number, Path(f"/p/{number}.jpg"), str(number), 100, 0, 400, 300, "JPEG", None, 0)


def advised(verdict: Verdict, evidence: Evidence = SAVED_AGAIN) -> tuple[Advice, set[Reason]]:
    relation = evidence.relations[-1]
    advice, reasons = advise(relation, evidence, verdict, photo(1), photo(2))
    return advice, set(reasons)


def test_saving_explains_a_little_change_only_where_nothing_else_was_done() -> None:
    changed = Verdict(changed_share=0.003, edges=1.0)

    assert advised(replace(changed, saved=0.5))[0] is Advice.REMOVE
    assert advised(replace(changed, saved=-0.5)) == (Advice.LOOK, {Reason.CHANGED})
    assert advised(changed) == (Advice.LOOK, {Reason.CHANGED})


def test_other_colours_are_believed_to_come_from_saving_only_when_that_is_sure() -> None:
    toned = Verdict(toned=2.5, edges=1.0)

    assert advised(replace(toned, saved=1.5)) == (Advice.LOOK, {Reason.RECOLOURED})
    assert advised(replace(toned, saved=3.0))[0] is Advice.REMOVE


def test_what_was_surely_not_only_saved_stays_though_nothing_else_tells() -> None:
    unsure = Verdict(edges=1.0, saved=NOT_ONLY_SAVED - 0.1)

    assert advised(unsure) == (Advice.LOOK, {Reason.UNSURE})


def test_a_mosaic_stays_however_it_looks() -> None:
    assert advised(Verdict(edges=0.1, saved=5.0)) == (Advice.LOOK, {Reason.SOFTER})


def test_what_the_proof_calls_edited_by_little_is_told_by_a_closer_comparison() -> None:
    relations = (Relation.REENCODED, Relation.EDITED)
    a_little = Evidence("keypoints", relations=relations, changed_share=0.0, detail_ratio=0.7)

    assert may_be_harmless(Relation.EDITED, a_little)
    assert advised(Verdict(edges=1.0, saved=1.0), a_little)[0] is Advice.REMOVE
    assert advised(Verdict(edges=1.0, saved=-1.0), a_little)[0] is Advice.LOOK
    coarse = replace(a_little, changed_share=0.03)  # as small pictures of a very coarse copy differ
    assert may_be_harmless(Relation.EDITED, coarse)
    assert advised(Verdict(edges=1.0, saved=3.0), coarse)[0] is Advice.REMOVE
    assert advised(Verdict(edges=1.0, saved=2.0), coarse)[0] is Advice.LOOK
    more = replace(a_little, changed_share=0.1)
    assert advised(Verdict(edges=1.0, saved=1.0), more)[0] is Advice.LOOK
