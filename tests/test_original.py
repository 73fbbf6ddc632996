"""Which of two pictures was made from the other, and what may become of a copy."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from original_helpers import noisy, photo_of, scene, written
from PIL import Image, ImageEnhance, ImageFilter

import dupfind.matching.origin
from dupfind.copies.originals import lineages_of, with_pairs
from dupfind.errors import CalibrationError
from dupfind.evidence import BY_HUB, Evidence, Tone
from dupfind.matching.advice import advise, may_be_harmless
from dupfind.matching.clues import CLEAR, Clue, Verdict
from dupfind.matching.extent import seam
from dupfind.matching.lineage import tiers
from dupfind.matching.origin import shipped_origin
from dupfind.matching.original import judge
from dupfind.matching.quality import Look, carries, look_at
from dupfind.matching.trees import Trees
from dupfind.photos import extras as extra_words
from dupfind.photos.details import read_details
from dupfind.records import Advice, Photo, Reason, Relation

WHOLE = np.eye(3)


def look(image: Image.Image, quality: int = 92, **marks: bool) -> Look:
    """Save as a JPEG, and look at what comes back."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    saved = Image.open(buffer)
    table = np.array(saved.quantization[0], np.float32).reshape(8, 8)  # type: ignore[attr-defined]
    return look_at(np.asarray(saved.convert("RGB")), table=table, **marks)


ALTERED = {
    "grey": lambda image: image.convert("L"),
    "filter": lambda image: ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(1.5)).enhance(
        1.5
    ),
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(2, 250, 0)),
    "noise": noisy,
    "text": written,
    "reduced": lambda image: image.resize((200, 150), Image.Resampling.BICUBIC),
    "enlarged": lambda image: image.resize((640, 480), Image.Resampling.BICUBIC),
}


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_copy_that_was_saved_better_is_made_from_the_original(kind: str) -> None:
    verdict = judge(look(scene(), 88), look(ALTERED[kind](scene()), 97), WHOLE)

    assert verdict.margin >= CLEAR, verdict


def test_less_contrast_is_a_sign_and_none_is_seen_in_what_was_saved_again() -> None:
    original = look(scene())
    flatter = look(ImageEnhance.Contrast(scene()).enhance(0.6))
    assert Clue.FLATTER in judge(original, flatter, WHOLE).against_b
    assert Clue.FLATTER in judge(flatter, original, WHOLE).against_a
    verdict = judge(original, look(scene(), 80), WHOLE)
    assert Clue.FLATTER not in {*verdict.against_a, *verdict.against_b}


@pytest.mark.parametrize(("light", "is_told"), [(1.0, True), (0.12, False)])
def test_light_that_falls_off_is_a_sign_where_it_changes_the_tones(
    light: float, *, is_told: bool
) -> None:
    """In a dark picture the same fall is of a few grey levels, as saving alone leaves them."""
    pixels = np.asarray(scene(), np.float32) * light
    y, x = np.mgrid[-1:1:240j, -1:1:320j]
    falling = pixels * (1 - 0.25 * (x**2 + y**2))[..., None]
    even, fallen = (look(Image.fromarray(some.astype(np.uint8)), 95) for some in (pixels, falling))
    assert (Clue.UNEVEN in judge(even, fallen, WHOLE).against_b) is is_told


def test_a_verdict_turns_about_with_its_pair() -> None:
    original, copy = look(scene()), look(ALTERED["grey"](scene()))

    assert judge(copy, original, WHOLE).margin < -CLEAR
    assert judge(original, copy, WHOLE).margin > CLEAR


def test_of_a_mirrored_pair_only_the_name_of_an_editor_tells() -> None:
    mirrored = scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    flip = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])

    assert abs(judge(look(scene()), look(mirrored), flip).margin) < CLEAR
    assert judge(look(scene()), look(mirrored, edited=True), flip).margin >= CLEAR


def test_a_crop_is_made_from_the_whole_and_a_framed_copy_from_the_picture() -> None:
    whole = scene()
    crop = look(whole.crop((32, 24, 288, 216)), 97)
    frame = Image.new("RGB", (400, 300), (250, 240, 20))
    frame.paste(whole, (40, 30))
    into_crop = np.array([[1.25, 0, -0.125], [0, 1.25, -0.125], [0, 0, 1]])
    into_frame = np.array([[0.8, 0, 0.1], [0, 0.8, 0.1], [0, 0, 1]])

    assert Clue.PART in judge(look(whole, 88), crop, into_crop).against_b
    assert Clue.CONTAINS in judge(look(whole, 88), look(frame, 97), into_frame).against_b


@pytest.mark.parametrize("corner", [(40, 30), (60, 120), (130, 40)])
def test_a_border_is_as_harsh_wherever_a_picture_lies_in_a_frame(corner: tuple[int, int]) -> None:
    inside = scene().resize((160, 120))
    frame = Image.new("RGB", (320, 260), (250, 240, 20))
    frame.paste(inside, corner)
    left, top = corner
    size = np.array([320, 260])
    ends = [(left, top), (left + 160, top), (left + 160, top + 120), (left, top + 120)]
    harsh, calm = seam(np.asarray(frame), np.array(ends) / size)
    assert harsh == pytest.approx(8.15, rel=0.05)
    assert calm < 0.05


def test_what_was_written_over_is_said_as_a_share() -> None:
    verdict = judge(look(scene()), look(written(scene())), WHOLE)
    assert 0.01 < verdict.changed_share < 0.2
    assert judge(look(scene()), look(scene(), 80), WHOLE).changed_share < 0.001


def test_a_turned_copy_carries_the_steps_of_the_jpeg_that_it_was_made_from(tmp_path: Path) -> None:
    scene().save(tmp_path / "first.jpg", quality=70)
    Image.open(tmp_path / "first.jpg").transpose(Image.Transpose.ROTATE_180).save(
        tmp_path / "b.png"
    )
    looks = []
    for name in ("first.jpg", "b.png"):
        details = read_details(tmp_path / name, width=320, height=240)
        looks.append(look_at(details.pixels, table=details.table))
    half_turn = np.array([[-1.0, 0, 1], [0, -1, 1], [0, 0, 1]])

    assert Clue.RESAVED in judge(looks[0], looks[1], half_turn).against_b


def test_details_name_cameras_and_editors(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "ExampleCam", "Example Editor 3"
    scene().save(tmp_path / "a.jpg", exif=exif)
    scene().save(tmp_path / "b.png")

    edited = read_details(tmp_path / "a.jpg", width=320, height=240)
    plain = read_details(tmp_path / "b.png", width=320, height=240)
    assert (edited.camera, edited.edited, edited.table is not None) == (True, True, True)
    assert (plain.camera, plain.edited, plain.table) == (False, False, None)


@pytest.mark.parametrize(("blocks", "is_told"), [(59, False), (60, True)])
def test_the_steps_of_a_jpeg_are_told_from_sixty_coarse_frequencies_on(
    blocks: int, is_told: bool
) -> None:
    steps = np.ones((8, 8), np.float32)
    steps[0, 1] = 60
    wave = 30 * np.cos((2 * np.arange(8) + 1) * np.pi / 16)
    grey = np.full((64, 64), 128, np.float32)
    for number in range(blocks):
        top, left = number // 8 * 8, number % 8 * 8
        grey[top : top + 8, left : left + 8] += wave.astype(np.float32)
    found = carries(grey, steps)
    assert (found is not None) is is_told
    if found is not None:  # 30 times the basis, sqrt(32) of its unit, in steps of 60
        counted = 30 * np.sqrt(32) / 60
        assert found == pytest.approx(abs(counted - round(counted)), abs=1e-4)


@pytest.mark.parametrize("names", ["TRACES", "STANDING"])
def test_trees_that_were_grown_for_other_traces_are_refused(
    names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped_origin.cache_clear()
    monkeypatch.setattr(dupfind.matching.origin, names, ("another",))
    with pytest.raises(CalibrationError, match="of other traces"):
        shipped_origin()
    shipped_origin.cache_clear()


def test_what_is_more_likely_the_original_comes_first() -> None:
    assert tiers(np.array([-4.0, 2.0, -1.0])) == [2, 0, 1]


def test_where_the_evidence_is_balanced_several_are_first() -> None:
    assert tiers(np.array([1.0, 1.1, -3.0])) == [0, 0, 1]


def test_what_holds_the_others_comes_last_however_likely_it_looks() -> None:
    assert tiers(np.array([-4.0, 5.0, -1.0]), last=[1]) == [1, 2, 0]


def turned_by(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.ROTATE_180)


FAMILY = {
    "written": written,
    "turned": turned_by,
    "grey": ALTERED["grey"],
    "noise": noisy,
    "reduced": ALTERED["reduced"],
    "again": lambda image: image,
}
HALF_TURN = np.array([[-1.0, 0, 1], [0, -1, 1], [0, 0, 1]])


def test_the_photo_that_all_were_made_from_comes_first_in_its_group(tmp_path: Path) -> None:
    first = tmp_path / "a.jpg"
    scene(5).save(first, quality=90)
    pixels = Image.open(first).convert("RGB")
    photos = [photo_of(0, first)]
    for number, change in enumerate(FAMILY.values(), 1):
        path = tmp_path / f"{number}.jpg"
        change(pixels).convert("RGB").save(path, quality=85)
        photos.append(photo_of(number, path))
    turned_row = 1 + list(FAMILY).index("turned")

    def between(a: int, b: int) -> Evidence | None:
        matrix = HALF_TURN if (a == turned_row) != (b == turned_row) else WHOLE
        return Evidence("keypoints", matrix=tuple(matrix.ravel().tolist()))

    rows = list(reversed(range(len(photos))))
    (lineage,) = lineages_of([rows], photos, between, lambda *_: False)

    assert [row for row, tier in lineage.tier.items() if tier == 0] == [0]
    assert not lineage.balanced


def test_photos_that_cannot_be_read_any_more_leave_the_order_open(tmp_path: Path) -> None:
    gone = [Photo(n, tmp_path / f"{n}.jpg", str(n), 9, 0, 40, 30, "JPEG", None, 0) for n in (0, 1)]
    whole = Evidence("keypoints", matrix=tuple(WHOLE.ravel().tolist()))

    (lineage,) = lineages_of([[0, 1]], gone, lambda *_: whole, lambda *_: True)

    assert lineage.balanced


def test_trees_follow_what_is_known_and_send_the_unknown_their_own_way() -> None:
    trees = Trees(
        feature=np.array([[0, -1, -1]]),
        threshold=np.array([[0.5, 0, 0]]),
        left=np.array([[1, 0, 0]]),
        right=np.array([[2, 0, 0]]),
        missing_left=np.array([[1, 0, 0]]),
        value=np.array([[0.0, -2, 3]]),
        bias=1.0,
    )
    read = Trees.from_json(trees.to_json())

    assert read.log_odds(np.array([[0.2], [0.9], [np.nan]])).tolist() == [-1, 4, -1]
    with pytest.raises(CalibrationError, match="damaged"):
        Trees.from_json({"bias": 0.0})


def photo(number: int, width: int = 400, exif_tags: int = 0) -> Photo:
    return Photo(
        number, Path(f"/{number}.jpg"), str(number), 9, 0, width, 300, "JPEG", None, exif_tags
    )


SAVED_AGAIN = Evidence("keypoints", relations=(Relation.REENCODED,))


@pytest.mark.parametrize(
    ("relation", "evidence", "verdict"),
    [
        (
            Relation.CROPPED,
            Evidence(part="b", crop_share=0.9, relations=(Relation.CROPPED,)),
            Verdict(),
        ),
        (Relation.ROTATED, Evidence(degrees=90.0, relations=(Relation.ROTATED,)), Verdict()),
        (Relation.MIRRORED, Evidence(mirrored=True, relations=(Relation.MIRRORED,)), Verdict()),
        (Relation.RECOLOURED, Evidence(relations=(Relation.RECOLOURED,)), Verdict()),
        (Relation.EDITED, Evidence(frame="b", relations=(Relation.EDITED,)), Verdict()),
        (Relation.COMPOSITE, Evidence(part="a", relations=(Relation.COMPOSITE,)), Verdict()),
        (Relation.SIMILAR, Evidence(), None),
        (Relation.REENCODED, SAVED_AGAIN, None),
        (Relation.REENCODED, SAVED_AGAIN, Verdict(changed_share=0.003)),
        (Relation.REENCODED, SAVED_AGAIN, Verdict({}, {Clue.NOISY: 3.0})),
        (Relation.REENCODED, SAVED_AGAIN, Verdict({Clue.SOFTER: 3.0}, {})),
    ],
)
def test_nothing_that_a_person_would_lose_may_go(
    relation: Relation, evidence: Evidence, verdict: Verdict | None
) -> None:
    advice, reasons = advise(relation, evidence, verdict, photo(1), photo(2))

    assert advice is Advice.LOOK
    assert reasons


@pytest.mark.parametrize(
    ("colours", "reason"),
    [((0.4, 0.0), Reason.ONE_TONE), ((0.0, 0.4), Reason.MORE_COLOUR)],
)
def test_of_a_grey_and_a_coloured_one_it_is_said_which_is_which(
    colours: tuple[float, float], reason: Reason
) -> None:
    evidence = Evidence(
        grey=True, tones=Tone(1.0, 0.0, *colours, 20.0), relations=(Relation.RECOLOURED,)
    )
    _, reasons = advise(Relation.RECOLOURED, evidence, Verdict(), photo(1), photo(2))
    assert {Reason.ONE_TONE, Reason.MORE_COLOUR} & set(reasons) == {reason}


def reopened(image: Image.Image, format_name: str, **options: int) -> Look:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format_name, **options)
    size_bytes = len(buffer.getvalue())
    saved = np.asarray(Image.open(buffer).convert("RGB"))
    seen = look_at(saved)
    return replace(seen, modern=True, bytes_per_pixel=size_bytes / (image.width * image.height))


def once_coarse(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=8)
    return Image.open(buffer)


def mosaic(image: Image.Image) -> Image.Image:
    small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.NEAREST)


SAVED_ANEW = {
    "finely": lambda image: look(image, 85),
    "coarsely": lambda image: look(image, 30),
    "worst": lambda image: look(image, 10),
    "webp": lambda image: reopened(image, "WEBP", quality=60),
    "avif": lambda image: reopened(image, "AVIF", quality=60),
    "palette": lambda image: look_at(np.asarray(image.quantize(128).convert("RGB"))),
}
# Too little for the small pictures of the proof, which names both sorts alike.
CHANGED_A_LITTLE = {
    "softer": lambda image: image.filter(ImageFilter.GaussianBlur(0.7)),
    "warmer": lambda image: Image.fromarray(
        np.clip(np.asarray(image).astype(int) + np.array([8, 2, -8]), 0, 255).astype(np.uint8)
    ),
    "more colour": lambda image: ImageEnhance.Color(image).enhance(1.3),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "noise": noisy,
    "mosaic": mosaic,
    "text": written,
    "sharper": ALTERED["sharpened"],
}
DOUBTFUL = Evidence("keypoints", relations=(Relation.REENCODED, Relation.RECOLOURED))


@pytest.mark.parametrize("way", SAVED_ANEW)
@pytest.mark.parametrize("found", [SAVED_AGAIN, DOUBTFUL], ids=["reencoded", "recoloured"])
def test_what_was_only_saved_anew_may_go_however_coarsely(way: str, found: Evidence) -> None:
    verdict = judge(look(scene()), SAVED_ANEW[way](scene()), WHOLE)

    assert advise(found.relations[-1], found, verdict, photo(1), photo(2))[0] is Advice.REMOVE


def test_what_was_saved_coarsely_before_its_last_saving_may_go() -> None:
    image = scene().resize((640, 480), Image.Resampling.LANCZOS)
    verdict = judge(look(image), look(once_coarse(image), 92), WHOLE)

    assert verdict.coarse
    assert advise(Relation.REENCODED, SAVED_AGAIN, verdict, photo(1), photo(2))[0] is Advice.REMOVE


@pytest.mark.parametrize("kind", CHANGED_A_LITTLE)
def test_what_was_changed_a_little_never_goes(kind: str) -> None:
    verdict = judge(look(scene()), look(CHANGED_A_LITTLE[kind](scene()), 88), WHOLE)

    assert advise(Relation.REENCODED, SAVED_AGAIN, verdict, photo(1), photo(2))[0] is Advice.LOOK


def test_what_the_kept_one_is_at_least_as_good_as_may_go() -> None:
    same, kept = Evidence(), photo(2)
    reduced = Evidence(scale=0.5, relations=(Relation.RESIZED,))

    assert advise(Relation.IDENTICAL, same, None, photo(1), kept) == (
        Advice.REMOVE,
        (Reason.SAME_BYTES,),
    )
    assert advise(Relation.SAME_PIXELS, same, None, photo(1), kept)[0] is Advice.REMOVE
    assert advise(Relation.REENCODED, SAVED_AGAIN, Verdict(), photo(1), kept)[0] is Advice.REMOVE
    assert advise(Relation.RESIZED, reduced, Verdict(), photo(1, 200), kept)[0] is Advice.REMOVE


@pytest.mark.parametrize(
    ("scale", "within", "may_go"),
    [(0.25, True, True), (0.25, False, False), (0.8, True, False)],
    ids=["within", "beyond", "not-so-small"],
)
def test_a_tiny_copy_that_looks_edited_may_go_within_its_own_steps(
    scale: float, *, within: bool, may_go: bool
) -> None:
    relations = (Relation.REENCODED, Relation.RESIZED, Relation.EDITED)
    tiny = Evidence(scale=scale, changed_share=0.2, relations=relations)
    verdict = Verdict({}, {}, alike=True, edges=0.9, saved=3.0, within=within)

    found = advise(Relation.EDITED, tiny, verdict, photo(1, 100), photo(2))[0]
    assert found is (Advice.REMOVE if may_go else Advice.LOOK)


@pytest.mark.parametrize(("toned", "may_go"), [(0.1, True), (1.5, False)])
def test_gaps_between_the_shades_of_the_kept_one_make_no_other_one_better(
    toned: float, *, may_go: bool
) -> None:
    verdict = Verdict({Clue.STEPS: 1.9}, {}, alike=True, edges=0.9, saved=0.2, toned=toned)

    found, reasons = advise(Relation.REENCODED, SAVED_AGAIN, verdict, photo(1), photo(2))
    assert found is (Advice.REMOVE if may_go else Advice.LOOK)
    assert may_go or Reason.FINER in reasons


def test_the_larger_one_and_the_one_with_more_exif_want_a_look() -> None:
    larger = advise(Relation.REENCODED, SAVED_AGAIN, Verdict(), photo(1, 800), photo(2))
    richer = advise(Relation.SAME_PIXELS, Evidence(), None, photo(1, exif_tags=30), photo(2))

    assert larger == (Advice.LOOK, (Reason.FINER,))
    assert richer == (Advice.LOOK, (Reason.MORE_EXIF,))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (extra_words.ANIMATION, Reason.ANIMATION),
        (extra_words.PAGES, Reason.PAGES),
        (extra_words.VIDEO, Reason.VIDEO),
        (extra_words.GAIN_MAP, Reason.GAIN_MAP),
        (extra_words.DEPTH, Reason.DEPTH),
        (extra_words.SEVERAL_PICTURES, Reason.SEVERAL_PICTURES),
        (extra_words.LAYERS, Reason.LAYERS),
    ],
)
@pytest.mark.parametrize("relation", [Relation.SAME_PIXELS, Relation.REENCODED])
def test_a_file_with_more_inside_than_the_kept_one_wants_a_look(
    relation: Relation, word: str, reason: Reason
) -> None:
    fuller = replace(photo(1), extras=(word,))
    assert advise(relation, SAVED_AGAIN, Verdict(), fuller, photo(2)) == (Advice.LOOK, (reason,))
    kept = replace(photo(2), extras=(word,))
    assert advise(Relation.SAME_PIXELS, SAVED_AGAIN, None, fuller, kept)[0] is Advice.REMOVE


def test_pages_that_were_not_compared_are_not_given_up_for_the_same_cover() -> None:
    march, april = (replace(photo(n), extras=(extra_words.PAGES,), frames=3) for n in (1, 2))
    advice = advise(Relation.REENCODED, SAVED_AGAIN, Verdict(), april, march)
    assert advice == (Advice.LOOK, (Reason.PAGES,))


@pytest.mark.parametrize(("more", "fewer"), [(12, 8), (2, 1)])
def test_more_frames_than_the_kept_one_has_are_not_given_up(more: int, fewer: int) -> None:
    longer, shorter = (
        replace(photo(number), extras=(extra_words.ANIMATION,), frames=frames)
        for number, frames in ((1, more), (2, fewer))
    )
    advice = advise(Relation.SAME_PIXELS, SAVED_AGAIN, None, longer, shorter)
    assert advice == (Advice.LOOK, (Reason.ANIMATION,))
    assert advise(Relation.SAME_PIXELS, SAVED_AGAIN, None, shorter, longer)[0] is Advice.REMOVE


def test_pixels_of_any_size_can_be_looked_at() -> None:
    tiny: NDArray[np.uint8] = np.zeros((9, 11, 3), np.uint8)

    assert abs(judge(look_at(tiny), look_at(tiny), WHOLE).margin) < CLEAR


@pytest.mark.parametrize("relation", [Relation.EDITED, Relation.CROPPED, Relation.COMPOSITE])
def test_nothing_clears_what_was_edited_cropped_or_composed(relation: Relation) -> None:
    assert not may_be_harmless(relation, Evidence(relations=(relation,)))


@pytest.mark.parametrize("relation", [Relation.SIMILAR, Relation.VARIANT, Relation.OVERLAPPING])
def test_what_is_no_proven_copy_of_the_kept_one_never_goes(relation: Relation) -> None:
    verdict = judge(look(scene()), look(scene(), 80), WHOLE)
    assert advise(Relation.REENCODED, SAVED_AGAIN, verdict, photo(1), photo(2))[0] is Advice.REMOVE
    assert advise(relation, SAVED_AGAIN, verdict, photo(1), photo(2)) == (
        Advice.LOOK,
        (Reason.UNPROVEN,),
    )


def test_what_only_follows_from_a_third_photo_is_not_looked_into_before_it_is_proven(
    tmp_path: Path,
) -> None:
    """A way through another photo lies less exactly: laid so, a reduced copy looks softened."""
    scene().save(tmp_path / "0.jpg", quality=95)
    scene().resize((160, 120)).save(tmp_path / "1.jpg", quality=60)
    photos = [photo_of(row, tmp_path / f"{row}.jpg") for row in (0, 1)]
    whole = Evidence("keypoints", matrix=tuple(np.eye(3).ravel().tolist()))
    through = replace(whole, method=BY_HUB)

    (before,) = lineages_of([[0, 1]], photos, lambda *_: through, lambda kept, row: kept != row)
    (proven,) = with_pairs([before], [(0, [1])], photos, lambda *_: whole)

    assert before.tier == {0: 0, 1: 1}
    assert before.verdicts == {}
    assert proven.verdicts.keys() == {(0, 1)}
