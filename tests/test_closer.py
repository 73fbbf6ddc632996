"""The closer look: what it sees in copies and in look-alikes, and how a group is settled by it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import beta

from dupfind.errors import CalibrationError
from dupfind.evidence import Evidence
from dupfind.matching.calibrate import CONFIDENCE, SIGNALS
from dupfind.matching.closer import CloserLook, look_closer
from dupfind.matching.cluster import Edges, group
from dupfind.matching.features import extract
from dupfind.matching.frame import make_frame
from dupfind.matching.judge import LOOK_SIGNALS, Judge, is_refused, look_signals, shipped_judge
from dupfind.matching.motion import Patches, find_patches, fit_motion
from dupfind.matching.promise import Crowd, choose_cut, probabilities, promise
from dupfind.matching.proven import SAME_LAYOUT, Proven, told_apart
from dupfind.matching.settle import SERIES, Looked, Settling
from dupfind.matching.share import estimate_share, shares_by_crowd, shares_by_series
from dupfind.matching.verify import verify
from dupfind.photos.edits import apply_edit
from dupfind.photos.lookalikes import make_pair
from dupfind.records import Relation

Pixels = NDArray[np.uint8]
COPIES = ("jpeg_medium", "shrink_half", "crop_70", "brighter", "text", "grey", "rotate_90", "blur")
LOOKALIKES = ("invoice", "form", "activity", "playing_card", "fixed_camera", "next_frame", "shirt")


def looked(a: Pixels, b: Pixels) -> CloserLook:
    proof = verify(extract(a), extract(b))
    assert proof.matrix is not None
    look = look_closer(a, b, proof.matrix)
    assert look is not None
    return look


def score(look: CloserLook) -> float:
    return float(shipped_judge().log_odds(look_signals(look, 5.0)[None])[0])


def lookalikes(name: str, seed: int) -> tuple[Pixels, Pixels]:
    start = photo("coffee.png") if name in ("fixed_camera", "next_frame") else None
    others = [photo("chelsea.png"), photo("astronaut.png")]
    pair = make_pair(name, np.random.default_rng(seed), start, other=others)
    assert pair is not None
    return pair


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_more_likely_one_than_not(name: str) -> None:
    original = photo("astronaut.png")
    copy = apply_edit(name, original, np.random.default_rng(3)).pixels
    assert score(looked(original, np.ascontiguousarray(copy))) > 0


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_look_alike_scores_below_each_plain_copy(name: str) -> None:
    first, second = lookalikes(name, 5)
    other = score(looked(first, second))
    copy = np.ascontiguousarray(apply_edit("jpeg_medium", first, np.random.default_rng(1)).pixels)
    assert other < 2 < score(looked(first, copy))


def test_the_look_says_the_same_from_both_sides() -> None:
    first, second = lookalikes("invoice", 2)
    there, back = looked(first, second), looked(second, first)
    assert there.side_px == back.side_px
    assert abs(there.two_sided - back.two_sided) < 0.3 * there.two_sided
    assert abs(there.agree - back.agree) < 0.02


def test_the_frame_is_the_coarser_picture() -> None:
    large, small = photo("coffee.png"), photo("coffee.png")[::2, ::2]
    frame = make_frame(large, np.ascontiguousarray(small), np.eye(3))
    assert frame is not None
    assert not frame.swapped
    assert frame.shape == small.shape[:2]
    drawn, inside = frame.draw()
    assert inside.mean() > 0.9
    assert np.abs(drawn - frame.target)[inside].mean() < 8


def test_pictures_that_do_not_meet_have_no_frame() -> None:
    far = np.array([[1.0, 0, 3], [0, 1, 0], [0, 0, 1]])
    assert make_frame(photo("coffee.png"), photo("coffee.png"), far) is None


def test_a_thin_strip_that_two_pictures_share_is_enlarged() -> None:
    wide = photo("coffee.png")[:100]
    down = np.array([[1.0, 0, 0], [0, 1, 84 / 420], [0, 0, 1]])
    frame = make_frame(wide, wide, down)
    assert frame is not None
    assert frame.shape[0] == 48  # of 16
    assert frame.shape[1] > 1000  # of 420


def test_what_other_patches_do_is_no_matter() -> None:
    """Three of twelve patches that are in use go elsewhere, and so do all that are not."""
    generator = np.random.default_rng(3)
    places = generator.uniform(20, 280, (30, 2))
    shifts = np.full((30, 2), (2.0, -1.0)) + 0.004 * places
    shifts[9:] += (5, 6)
    patches = Patches(places, shifts, np.full(30, 0.9), np.zeros(30))
    motion = fit_motion(patches, np.arange(30) < 12, (300, 300), tolerance_px=1.0, bent=False)
    assert motion is not None
    assert motion.field((300, 300))[150, 150] == pytest.approx([2.6, -0.4], abs=0.05)


def test_a_shift_is_found_to_a_fraction_of_a_pixel() -> None:
    grey = photo("astronaut.png").mean(axis=2).astype(np.float32)
    moved = 0.5 * np.roll(grey, (2, 3), (0, 1)) + 0.5 * np.roll(grey, (2, 4), (0, 1))
    mask = np.ones(grey.shape, bool)
    mask[:10] = mask[-10:] = mask[:, :10] = mask[:, -10:] = False
    patches = find_patches(grey, moved, mask, per_side=6, half_px=12, reach_px=8)
    motion = fit_motion(patches, patches.scores > 0.5, grey.shape, tolerance_px=1.0)
    assert motion is not None
    middle = motion.field(grey.shape)[256, 256]
    assert np.allclose(middle, [3.5, 2.0], atol=0.2)


def test_a_motion_that_few_patches_follow_in_the_end_is_none() -> None:
    """In a small corner a steep motion is pulled towards none, and leaves its own patches behind."""
    generator = np.random.default_rng(3)
    places = np.array([200.0, 150.0]) + generator.uniform(-60, 60, (7, 2))
    shifts = (places - [200, 150]) * 0.9
    patches = Patches(places, shifts, np.full(7, 0.9), np.zeros(7))
    use = np.ones(7, bool)
    assert fit_motion(patches, use, (300, 400), tolerance_px=2.5, bent=False) is None
    gentle = Patches(places, shifts / 20, patches.scores, patches.rivals)
    assert fit_motion(gentle, use, (300, 400), tolerance_px=2.5, bent=False) is not None


def test_what_speaks_against_a_copy_never_helps() -> None:
    judge, generator = shipped_judge(), np.random.default_rng(0)
    signals = np.array([look_signals(looked(*lookalikes("form", 1)), 4.0)] * 64)
    signals += generator.normal(0, 1, signals.shape)
    for column, sign in enumerate(LOOK_SIGNALS.values()):
        more = signals.copy()
        more[:, column] += sign * 2.0
        assert (judge.log_odds(more) >= judge.log_odds(signals) - 1e-9).all()


@pytest.mark.parametrize(
    ("explained", "median", "relation"),
    [
        (SAME_LAYOUT, SAME_LAYOUT, Relation.VARIANT),
        (SAME_LAYOUT, 0.79, Relation.SIMILAR),
        (0.79, SAME_LAYOUT, Relation.SIMILAR),
    ],
)
def test_a_variant_has_the_layout_and_most_of_the_picture(
    explained: float, median: float, relation: Relation
) -> None:
    picture = photo("coffee.png")
    look = replace(looked(picture, picture), explained_share=explained, median=median)
    pair = Proven(0, 1, Relation.REENCODED, Evidence("keypoints"), np.zeros(len(SIGNALS)))
    assert told_apart(pair, look, passes=True).relation is relation
    assert told_apart(pair, look, passes=False).relation is Relation.SIMILAR


def test_a_judge_survives_json_and_refuses_another() -> None:
    values = shipped_judge().to_json()
    signals = np.random.default_rng(1).normal(size=(9, len(LOOK_SIGNALS)))
    again = Judge.from_json(values)
    assert np.allclose(again.log_odds(signals), shipped_judge().log_odds(signals), atol=0.02)
    with pytest.raises(CalibrationError, match="other signals"):
        Judge.from_json(values | {"signals": ["proof"]})
    with pytest.raises(CalibrationError, match="damaged"):
        Judge.from_json({name: what for name, what in values.items() if name != "second"})
    with pytest.raises(CalibrationError, match="damaged"):
        Judge.from_json(values | {"trees": {"bias": 0}})


def looked_pairs(rows: list[tuple[int, int]], covered: float = 1.0) -> Looked:
    count = len(rows)
    return Looked(
        np.array(rows, np.int64),
        np.full(count, 0.9),
        np.full((count, 2), covered),
        np.ones(count, bool),
        np.full((count, 2), 500.0),
    )


def test_a_group_costs_as_many_looks_as_it_has_photos() -> None:
    rows = [(a, b) for a in range(20) for b in range(a + 1, 20)]
    settling = Settling(looked_pairs(rows))
    looks = 0
    while batch := settling.next_batch():
        looks += len(batch)
        settling.record(batch, [5.0] * len(batch))
    assert looks == 19
    assert (settling.scores == 5.0).all()


def test_a_crop_settles_nothing_between_what_it_was_cut_from() -> None:
    pairs = looked_pairs([(0, 1), (0, 2), (1, 2)])
    pairs.covered[:2, 1] = 0.3  # photo 0 shows a third of 1 and of 2
    settling = Settling(pairs)
    seen: list[int] = []
    while batch := settling.next_batch():
        seen += batch
        settling.record(batch, [-6.0 if place == 2 else 5.0 for place in batch])
    assert sorted(seen) == [0, 1, 2]
    assert settling.scores[2] == -6.0


@pytest.mark.parametrize(("side_px", "looks"), [(200, 3), (480, 2)])
def test_a_thumbnail_settles_nothing_between_two_larger_photos(side_px: float, looks: int) -> None:
    pairs = looked_pairs([(0, 1), (0, 2), (1, 2)])
    pairs.sides_px[pairs.rows == 0] = side_px
    settling = Settling(pairs)
    settling.record([0, 1], [5.0, 5.0])
    assert 2 + len(look_at_all(settling, lambda _: -6.0)) == looks
    assert settling.scores[2] == (5.0 if looks == 2 else -6.0)


def test_a_thumbnail_is_no_hub_where_a_larger_photo_has_as_many_pairs() -> None:
    pairs = looked_pairs([(a, b) for a in range(6) for b in range(a + 1, 6)])
    pairs.sides_px[pairs.rows < 2] = 200
    pairs.sides_px[pairs.rows == 5] = 700  # a frame makes a photo larger: no reason to prefer it
    settling = Settling(pairs)
    seen = look_at_all(settling, lambda _: 5.0)
    assert all(2 in pairs.rows[place] for place in seen)
    assert len(seen) == 5


def burst(frames: int, proof: float = 0.9) -> Looked:
    """All pairs of frames of one scene, the better proven the nearer in time."""
    pairs = looked_pairs([(a, b) for a in range(frames) for b in range(a + 1, frames)])
    apart = pairs.rows[:, 1] - pairs.rows[:, 0]
    return replace(pairs, proof=proof - apart / 1000 - pairs.rows[:, 0] / 1e6)


def look_at_all(settling: Settling, score_of: Callable[[int], float]) -> list[int]:
    """Settle everything, and return the places of the pairs that were looked at."""
    seen: list[int] = []
    while batch := settling.next_batch():
        seen += batch
        settling.record(batch, [score_of(place) for place in batch])
    return seen


@pytest.mark.parametrize(("proof", "score"), [(0.9, -3.0), (0.2, -3.0), (0.9, 0.5)])
def test_a_burst_costs_a_few_looks_a_frame_not_the_square(proof: float, score: float) -> None:
    settling = Settling(burst(40, proof))
    seen = look_at_all(settling, lambda _: score)
    assert len(seen) <= SERIES * 40
    assert len(set(seen)) == len(seen)
    assert settling.waiting == 0
    assert (settling.scores == score).all()
    assert settling.in_series().all()
    assert settling.leads_nowhere().all()


def test_frames_of_a_series_lead_on_only_where_they_are_surely_copies() -> None:
    pairs = burst(20)
    doubtful, sure = (
        int(np.flatnonzero((pairs.rows == rows).all(axis=1))[0]) for rows in ((3, 5), (7, 19))
    )
    pairs.proof[[doubtful, sure]] = 0.95
    settling = Settling(pairs)
    look_at_all(settling, lambda place: {doubtful: 2.0, sure: 5.0}.get(place, -3.0))
    assert not settling.in_series()[[doubtful, sure]].any()
    assert np.flatnonzero(~settling.leads_nowhere()).tolist() == [sure]


def test_a_collage_of_two_frames_of_a_series_is_looked_at_all_the_same() -> None:
    pairs = burst(12)
    collage = int(np.flatnonzero((pairs.rows == (3, 10)).all(axis=1))[0])
    covered = pairs.covered.copy()
    covered[collage] = 0
    settling = Settling(replace(pairs, covered=covered))
    seen = look_at_all(settling, lambda place: 4.0 if place == collage else -3.0)
    assert collage in seen
    assert settling.waiting == 0
    assert settling.scores[collage] == 4.0


def test_a_copy_of_one_frame_is_found_among_all_others() -> None:
    pairs = burst(20)
    is_copy = np.flatnonzero((pairs.rows == (7, 19)).all(axis=1))[0]
    pairs.proof[is_copy] = 0.95
    settling = Settling(pairs)
    look_at_all(settling, lambda place: 5.0 if place == is_copy else -3.0)
    assert settling.scores[is_copy] == 5.0
    assert not settling.in_series()[is_copy]
    assert (np.delete(settling.scores, is_copy) == -3.0).all()


def test_a_photo_that_has_no_series_is_looked_at_however_weak_its_proof() -> None:
    stranger = looked_pairs([(3, 20)])
    settling = Settling(burst(20).joined(replace(stranger, proof=np.array([0.6]))))
    seen = look_at_all(settling, lambda place: 4.0 if place == 190 else -3.0)
    assert 190 in seen
    assert settling.scores[190] == 4.0
    assert not settling.in_series()[190]


def test_a_collage_is_no_frame_of_a_series() -> None:
    pairs = replace(burst(20), covered=np.zeros((190, 2)))
    settling = Settling(pairs)
    assert len(look_at_all(settling, lambda _: -3.0)) == 190
    assert not settling.in_series().any()


def test_pairs_that_come_later_follow_from_the_hub_that_is_known() -> None:
    settling = Settling(looked_pairs([(0, 1), (0, 2)]))
    look_at_all(settling, lambda _: 5.0)
    settling.extend(looked_pairs([(1, 2), (1, 3)]))
    assert look_at_all(settling, lambda _: -6.0) == [3]
    assert settling.scores.tolist() == [5.0, 5.0, 5.0, -6.0]


@pytest.mark.parametrize(("seen", "settled"), [(-6.0, -6.0), (1.0, 1.0), (np.nan, 9.0)])
@pytest.mark.parametrize("hub_first", [True, False])
def test_what_was_seen_of_a_pair_stands_whatever_a_hub_says(
    seen: float, settled: float, hub_first: bool
) -> None:
    """Two frames in which little moved: the halves came near, the photos themselves did not."""
    settling = Settling(looked_pairs([(0, 1), (0, 2), (1, 2)]))
    if hub_first:
        settling.record([0, 1, 2], [9.0, 9.0, seen])
        settling.record([0], [9.0])
    else:
        settling.record([2], [seen])
        settling.record([0, 1], [9.0, 9.0])
    assert settling.scores[2] == settled


def test_photos_told_apart_share_no_group_though_both_are_copies_of_a_third() -> None:
    edges = Edges(
        np.array([0, 0]), np.array([1, 2]), np.array([0.99, 0.98]), np.array([-1, -1]), np.ones(2)
    )
    preference = np.arange(3)
    assert group(edges, photos=3, preference=preference)[0].members == (0, 1, 2)
    stars = group(edges, photos=3, preference=preference, apart=frozenset({(1, 2)}))
    assert [star.members for star in stars] == [(0, 1)]


def even(scores: NDArray[np.float64]) -> Crowd:
    return Crowd(scores, np.full(len(scores), 0.5))


def test_refused_look_alikes_lower_the_promise() -> None:
    judge = shipped_judge()
    alone = promise(judge, even(np.full(20, 6.0)), cut=0.9)
    among = promise(judge, even(np.repeat([6.0, -3.0], [20, 100])), cut=0.9)
    # Where none came near none is expected; at least promised is what the pairs themselves say.
    assert alone.precision == 1
    assert alone.precision_low == pytest.approx(1 / (1 + np.exp(-6.0)))
    assert among.precision_low < 0.95 < among.precision


def test_at_least_so_much_is_promised_as_one_look_alike_in_a_hundred_allows() -> None:
    one_passes = np.append(np.linspace(-9, -1, 99), 5.0)
    judge = replace(shipped_judge(), other_scores=one_passes)
    found = promise(judge, even(np.repeat([9.0, -9.0], [10, 50])), cut=0.5)
    assert found.precision == 1.0  # none came near
    rate = beta.ppf(CONFIDENCE, 1 + 1, 99)
    doubt = 1 / (1 + np.exp(9.0))  # of each pair taken
    assert found.precision_low == pytest.approx(1 - doubt - 50 * rate / (1 - rate) / 10, abs=1e-9)


def test_asking_for_more_never_promises_less() -> None:
    judge = shipped_judge()
    scores = np.concatenate([judge.copy_scores[::5], judge.other_scores])
    crowd = Crowd(scores, np.full(len(scores), estimate_share(scores)))
    asked = (0.9, 0.97, 0.99, 0.999)
    cuts = [choose_cut(judge, crowd, precision) for precision in asked]
    promised = [promise(judge, crowd, cut=cut).precision for cut in cuts]
    assert promised == sorted(promised)
    assert (np.diff(probabilities(np.sort(crowd.odds))) >= 0).all()


def test_the_share_of_copies_is_found_from_the_scores_alone() -> None:
    generator = np.random.default_rng(5)
    for share in (0.1, 0.5, 0.9):
        copies = int(400 * share)
        # Of two normal crowds around 1 and -1 the log odds are twice the value.
        values = np.concatenate(
            [generator.normal(1, 1, copies), generator.normal(-1, 1, 400 - copies)]
        )
        assert abs(estimate_share(2 * values) - share) < 0.08


def test_pairs_that_their_proof_doubted_do_not_lower_the_others() -> None:
    scores = np.repeat([3.0, -4.0], [20, 60])
    likely, doubted = shares_by_crowd(scores, scores > 0)[[0, -1]]
    assert likely > 0.9
    assert doubted < 0.1


def test_a_few_pairs_that_their_proof_doubted_do_not_vouch_for_each_other() -> None:
    scores = np.full(6, 4.0)
    assert shares_by_crowd(scores, np.ones(6, bool)).min() > 0.8
    assert shares_by_crowd(scores, np.zeros(6, bool)).max() <= 0.3


def test_few_pairs_say_little_of_the_share() -> None:
    assert estimate_share(np.zeros(0)) == 0.5
    assert estimate_share(np.array([3.0])) < 0.75


def test_a_series_of_look_alikes_needs_more_evidence_than_a_pair_alone() -> None:
    series = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    rows = np.array([*series, (6, 7)])
    shares = shares_by_series(np.zeros(len(rows)), rows, np.full(len(rows), 0.9))
    assert shares[:-1].max() < 0.35
    assert shares[-1] == pytest.approx(0.9)


def test_what_is_nearly_a_clear_copy_counts_less_in_a_series() -> None:
    """One picture beside four: each pair has three others, which weigh 1 up to even odds and 0 when clear."""
    rows = np.array([(0, other) for other in range(1, 5)])
    for score, weight in ((-1.5, 1.0), (0.0, 1.0), (0.6, 0.8), (1.2, 0.6)):
        shares = shares_by_series(np.full(4, score), rows, np.full(4, 0.5))
        assert shares == pytest.approx(0.5 * 4 / (4 + 3 * weight))


def test_many_clear_copies_of_one_picture_are_no_series() -> None:
    """Nine clear copies, and one strong edit that is unclear with each of them."""
    rows = np.array([(a, b) for a in range(10) for b in range(a + 1, 10)])
    scores = np.where(rows[:, 1] == 9, 1.5, 6.0)
    assert shares_by_series(scores, rows, np.full(len(rows), 0.9)) == pytest.approx(0.9)


def page(lines: int) -> Pixels:
    image = Image.new("RGB", (640, 480), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    draw.text((40, 30), "What we learned this year", font=ImageFont.load_default(34), fill="black")
    for line in range(lines):
        text = f"{line + 1}. A point that was made before"
        draw.text((60, 110 + 50 * line), text, font=ImageFont.load_default(22), fill=(40, 40, 60))
    return np.asarray(image)


def test_one_more_line_on_a_page_is_another_page_and_a_copy_of_it_is_none() -> None:
    jpeg = np.ascontiguousarray(apply_edit("jpeg_medium", page(4), np.random.default_rng(1)).pixels)
    assert is_refused(looked(page(4), page(5)))
    assert not is_refused(looked(page(4), jpeg))


def test_words_over_a_photo_are_an_edit_and_no_other_picture() -> None:
    original = photo("astronaut.png")
    for name in ("text", "meme", "watermark"):
        copy = apply_edit(name, original, np.random.default_rng(3)).pixels
        assert not is_refused(looked(original, np.ascontiguousarray(copy))), name


def sky(seed: int) -> Pixels:
    generator = np.random.default_rng(seed)
    height, width = 360, 480
    down = np.linspace(0, 1, height)[:, None] ** generator.uniform(0.7, 1.4)
    top, bottom = np.array([70, 120, 200.0]), np.array([210, 220, 235.0])
    colours = top + (bottom - top) * down[..., None] + np.zeros((1, width, 1))
    return np.clip(colours + generator.normal(0, 2, (height, width, 3)), 0, 255).astype(np.uint8)


def test_one_clear_sky_is_not_another_but_the_same_one_saved_finely_is() -> None:
    upright = np.eye(3)
    other = look_closer(sky(1), sky(2), upright)
    same = look_closer(
        sky(1),
        np.ascontiguousarray(apply_edit("jpeg_fine", sky(1), np.random.default_rng(2)).pixels),
        upright,
    )
    assert other is not None
    assert same is not None
    assert is_refused(other)
    assert not is_refused(same)
