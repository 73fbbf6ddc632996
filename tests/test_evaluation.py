"""The figures of an evaluation: by hand on small cases, and against the independent scorer."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dupfind.errors import DescriptorError, TruthError
from dupfind.evaluation.curve import draw_curve
from dupfind.evaluation.metrics import (
    b_cubed,
    best_f1,
    micro_ap,
    precision_recall_curve,
    recall_at_precision,
)
from dupfind.evaluation.report import figures_of_keys, groups_report, scored_once, truth_report
from dupfind.evaluation.retrieval import descriptor_report, similar_pairs
from dupfind.evaluation.truth import Truth, make_truth, read_truth


def small_truth(**columns: Any) -> Truth:
    """Two pictures: a with two altered copies, b with one; two distractors."""
    return make_truth(
        Path("/album"),
        ["a", "a1", "a2", "b", "b1", "x", "y"],
        ["A", "A", "A", "B", "B", "", ""],
        kinds=["original", "crop", "grey", "original", "crop", "", ""],
        originals=[True, False, False, True, False, False, False],
        **columns,
    )


def report_of(truth: Truth, pairs: list[tuple[int, int, float]]) -> dict:
    first, second, scores = (np.array(column) for column in zip(*pairs, strict=True))
    return figures_of_keys(truth, *scored_once(truth, first, second, scores))


def test_micro_ap_by_hand() -> None:
    # Ranks: copy (precision 1/1), other, copy (2/3); a third copy is never predicted.
    is_copy = np.array([True, False, True])
    assert micro_ap(is_copy, np.array([0.9, 0.8, 0.7]), 3) == pytest.approx((1 + 2 / 3) / 3)


def test_among_equal_scores_the_false_pair_ranks_first() -> None:
    is_copy, scores = np.array([True, False]), np.array([0.5, 0.5])
    curve = precision_recall_curve(is_copy, scores, 1)
    assert curve.micro_ap == 0.5
    assert curve.micro_ap_blocks == 0.5
    assert curve.threshold.tolist() == [0.5]
    three = precision_recall_curve(np.array([True, False, True]), np.array([1.0, 1.0, 1.0]), 2)
    assert three.micro_ap == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert three.micro_ap_blocks == pytest.approx(2 / 3)


def test_recall_at_precision_by_hand() -> None:
    is_copy = np.array([True, True, False, True, False])
    curve = precision_recall_curve(is_copy, np.array([5.0, 4, 3, 2, 1]), 4)
    assert recall_at_precision(curve, 1.0) == {"recall": 0.5, "precision": 1.0, "threshold": 4.0}
    assert recall_at_precision(curve, 0.75) == {"recall": 0.75, "precision": 0.75, "threshold": 2.0}
    # At the last copy: precision 3/4, recall 3/4.
    assert best_f1(curve)["f1"] == 0.75


def test_no_threshold_reaches_the_precision() -> None:
    curve = precision_recall_curve(np.array([False, True]), np.array([2.0, 1.0]), 1)
    assert recall_at_precision(curve, 0.9) == {"recall": 0.0, "precision": None, "threshold": None}


def test_nothing_predicted_is_zero_not_an_error() -> None:
    truth = small_truth()
    empty = np.empty(0, np.int64)
    report = figures_of_keys(truth, empty, np.empty(0))
    assert report["micro_ap"] == 0.0
    assert report["best_f1"]["f1"] == 0.0
    assert report["recall_by_kind"]["(all)"]["any"] == {"found": 0, "pairs": 4, "recall": 0.0}


def test_a_pair_listed_twice_counts_once_with_its_highest_score() -> None:
    truth = small_truth()
    report = report_of(truth, [(0, 1, 0.2), (1, 0, 0.9), (5, 6, 0.5), (2, 2, 1.0)])
    assert (report["predicted"], report["true"]) == (2, 1)
    assert report["micro_ap"] == pytest.approx(1 / 4)


def test_recall_by_kind_counts_a_pair_of_two_kinds_for_both() -> None:
    truth = small_truth()
    kinds = report_of(truth, [(1, 2, 0.9), (3, 4, 0.8)])["recall_by_kind"]
    assert kinds["crop"]["any"] == {"found": 2, "pairs": 3, "recall": 2 / 3}
    assert kinds["grey"]["any"] == {"found": 1, "pairs": 2, "recall": 0.5}
    assert kinds["crop"]["from_original"] == {"found": 1, "pairs": 2, "recall": 0.5}
    assert kinds["(all)"]["from_original"] == {"found": 1, "pairs": 3, "recall": 1 / 3}


def test_b_cubed_by_hand() -> None:
    # One group {a, a1, b}: a and a1 are 2/3 precise, b 1/3; the other four files stand alone.
    figures = b_cubed(small_truth(), [np.array([0, 1, 3])])
    assert figures["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 4) / 7)
    # a, a1 find 2 of 3; a2 1 of 3; b and b1 1 of 2; distractors all.
    assert figures["recall"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 0.5 + 0.5 + 2) / 7)


def test_groups_by_hand() -> None:
    report = groups_report(small_truth(), [[0, 1, 5], [3, 4], [6]])
    assert (report["groups"], report["files"], report["largest"]) == (2, 5, 3)
    assert report["precision"] == 2 / 4
    assert report["recall"] == 2 / 4
    assert report["f1"] == 2 * 2 / (4 + 4)


def test_the_descriptor_report_by_hand() -> None:
    truth = small_truth()
    vectors = np.array(
        # a and its copies along x; b along y, but b1 along z with distractor x.
        [[1, 0, 0], [1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, -1]],
        np.float32,
    )
    report = descriptor_report(vectors, truth)
    assert report["recall_at"]["1"]["(all)"] == {"found": 2, "pairs": 3, "recall": 2 / 3}
    assert report["recall_at"]["10"]["crop"]["recall"] == 1.0
    # b1's original has cosine 0: distractor x and, at the same cosine, a, a1, a2 rank before it.
    assert report["mean_average_precision"]["crop"] == pytest.approx((1 + 0.5 / 5) / 2)
    assert 0 < report["micro_ap"] < 1


def test_the_descriptor_report_agrees_with_a_naive_one() -> None:
    random = np.random.default_rng(3)
    count = 60
    names = [f"f{row}" for row in range(count)]
    groups = [f"g{row // 3}" if row < 45 else "" for row in range(count)]
    truth = make_truth(
        Path("/album"),
        names,
        groups,
        kinds=["original" if row % 3 == 0 else f"k{row % 2}" for row in range(count)],
        originals=[row % 3 == 0 for row in range(count)],
    )
    vectors = random.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    found = 0
    for row in range(45):
        original = row // 3 * 3
        if row != original:
            rivals = [r for r in range(count) if groups[r] != groups[row]]
            found += sum(similarity[row, r] >= similarity[row, original] for r in rivals) < 10
    report = descriptor_report(vectors, truth)
    assert report["recall_at"]["10"]["(all)"] == {"found": found, "pairs": 30, "recall": found / 30}
    pairs = [(i, j, float(similarity[i, j])) for i in range(count) for j in range(i)]
    assert report["micro_ap"] == pytest.approx(report_of(truth, pairs)["micro_ap"], abs=1e-6)
    assert report["micro_ap_normalised"] is None
    background = random.uniform(size=count).astype(np.float32)
    report = descriptor_report(vectors, truth, background=background)
    pairs = [(i, j, score - float(background[i] + background[j]) / 2) for i, j, score in pairs]
    expected = report_of(truth, pairs)["micro_ap"]
    assert report["micro_ap_normalised"] == pytest.approx(expected, abs=1e-6)
    assert report["micro_ap_normalised"] != report["micro_ap"]


def test_only_the_most_similar_pairs_are_ranked_when_there_are_too_many() -> None:
    random = np.random.default_rng(4)
    truth = make_truth(
        Path("/album"), map(str, range(50)), ["g"] * 50, kinds=[""] * 50, originals=[False] * 50
    )
    vectors = random.normal(size=(50, 4)).astype(np.float32)
    all_keys, all_scores = similar_pairs(vectors, truth)
    keys, scores = similar_pairs(vectors, truth, limit=100)
    best = np.argsort(-all_scores)[:100]
    assert len(all_keys) == 50 * 49 // 2
    assert set(keys.tolist()) == set(all_keys[best].tolist())
    assert np.allclose(np.sort(scores), np.sort(all_scores[best]))


def test_vectors_that_do_not_fit_the_truth_are_refused() -> None:
    with pytest.raises(DescriptorError, match="7 files"):
        descriptor_report(np.zeros((3, 4), np.float32), small_truth())


def test_a_query_is_paired_only_with_references() -> None:
    truth = small_truth(queries=[False, True, True, False, True, False, False])
    assert truth_report(truth)["pairs"] == 3  # (a, a1), (a, a2), (b, b1), not (a1, a2)
    report = report_of(truth, [(1, 2, 0.9), (0, 1, 0.8), (0, 5, 0.7), (2, 5, 0.6)])
    assert (report["predicted"], report["true"]) == (2, 1)


def test_the_curve_is_drawn_as_a_png(tmp_path: Path) -> None:
    curve = precision_recall_curve(np.array([True, False]), np.array([2.0, 1.0]), 2)
    draw_curve({"dupfind": curve, "pHash": curve}, tmp_path / "curve.png")
    data = (tmp_path / "curve.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 5000


# ---------------------------------------------------------------------------- truth files


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_truth_file_needs_only_path_and_group(tmp_path: Path) -> None:
    path = write(tmp_path / "truth.csv", "path,group_id\na.jpg,1\nsub/b.jpg,1\nc.jpg,\nd.jpg,\n")
    truth = read_truth(path)
    assert truth.paths[1] == tmp_path / "sub" / "b.jpg"
    assert truth_report(truth)["pairs"] == 1
    assert truth.group[2] == truth.group[3] == -1


def test_without_is_original_the_kind_says_it(tmp_path: Path) -> None:
    path = write(tmp_path / "truth.csv", "path,group_id,kind\na,1,original\nb,1,crop\n")
    assert read_truth(path).is_original.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("file,group\na,1\n", "no column path, group_id"),
        ("path,group_id\na\n", "line 2: too few fields"),
        ("path,group_id\na,1\n./a,1\n", "listed twice"),
        ("path,group_id\n ,1\nb,1\n", "a path is empty"),
        ("path,group_id\na,1\nb,2\n", "no two files share"),
        ("path,group_id,is_original\na,1,perhaps\nb,1,0\n", "is_original is 'perhaps'"),
        ("path,group_id\n" + "a" * 200_000 + ",1\n", "not a CSV file"),
    ],
)
def test_a_bad_truth_file_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TruthError, match=message) as caught:
        read_truth(write(tmp_path / "truth.csv", text))
    assert "\n" not in str(caught.value)
    assert "truth.csv" in str(caught.value)


def test_a_missing_truth_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="cannot be read"):
        read_truth(tmp_path / "none.csv")


def test_pair_files_are_checked_against_the_truth(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.csv", "path,group_id\na,1\nb,1\nc,\n")
    unknown = write(tmp_path / "pairs.csv", "path_a,path_b\na,zzz\n")
    with pytest.raises(TruthError, match="'zzz' is not in the truth file"):
        read_truth(truth, neutral=unknown)
    copies = write(tmp_path / "hard.csv", "path_a,path_b\na,b\n")
    with pytest.raises(TruthError, match=r"are copies in the truth file \(1 such in all\)"):
        read_truth(truth, hard_negatives=copies)


def test_look_alikes_are_counted_by_reason(tmp_path: Path) -> None:
    truth_path = write(tmp_path / "truth.csv", "path,group_id\na,1\nb,1\nc,\nd,\n")
    hard = write(tmp_path / "hard.csv", "path_a,path_b,reason\nc,a,scene\nd,c,scene\nd,a,form\n")
    truth = read_truth(truth_path, hard_negatives=hard)
    report = groups_report(truth, [[0, 1, 2]])
    assert report["look_alikes"] == {"all": 1, "form": 0, "scene": 1}


# ---------------------------------------------------------------------------- the other scorer


def score(truth: Path, *arguments: str | Path) -> dict:
    scorer = truth.parent.parent.parent / "tools" / "score_pairs.py"
    if not scorer.is_file():
        pytest.skip("the independent scorer is not beside the shared data")
    command = [sys.executable, str(scorer), "--truth", str(truth), *map(str, arguments)]
    done = subprocess.run([*command, "--json", "-"], capture_output=True, check=True)
    return json.loads(done.stdout)


def random_predictions(truth: Truth, folder: Path) -> tuple[list[tuple[int, int, float]], list]:
    """Write pairs.csv and groups.json: copies mostly high, others mostly low, with many ties."""
    random = np.random.default_rng(7)
    first, second = truth.rows(truth.positives())
    pairs = [
        (int(a), int(b), float(round(random.normal(0.7, 0.2), 2)))
        for a, b in zip(first, second, strict=True)
        if random.random() < 0.8
    ]
    for a, b in random.integers(0, truth.count, (4000, 2)).tolist():
        pairs.append((a, b, float(round(random.normal(0.2, 0.2), 2))))
    pairs += [(b, a, value - 0.1) for a, b, value in pairs[:50]]
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path_a", "path_b", "score"])
        writer.writerows([(truth.names[a], truth.names[b], value) for a, b, value in pairs])
    groups = [m[: max(2, len(m) - 2)].tolist() for m in truth.members()]
    groups += [random.integers(0, truth.count, 4).tolist() for _ in range(20)]
    names = [[truth.names[row] for row in group] for group in groups]
    (folder / "groups.json").write_text(json.dumps(names), encoding="utf-8")
    return pairs, groups


def test_our_figures_are_those_of_the_independent_scorer(tmp_path: Path, shared_data: Path) -> None:
    dev = shared_data / "dev"
    hard, neutral = dev / "hard_negatives.csv", dev / "burst_pairs.csv"
    truth = read_truth(dev / "truth.csv", hard_negatives=hard, neutral=neutral)
    pairs, groups = random_predictions(truth, tmp_path)
    options: list[str | Path] = ["--hard-negatives", hard, "--neutral", neutral]
    options += ["--pairs", tmp_path / "pairs.csv", "--groups", tmp_path / "groups.json"]
    theirs = score(dev / "truth.csv", *options)
    assert theirs["truth"]["positive_pairs"] == truth_report(truth)["pairs"]
    compare_pairs(report_of(truth, pairs), theirs["pairs"])
    compare_groups(groups_report(truth, groups), theirs["groups"])


def compare_pairs(ours: dict, theirs: dict) -> None:
    assert ours["predicted"] == theirs["predicted_pairs"]
    assert ours["true"] == theirs["true_positives"]
    for name in ("micro_ap", "micro_ap_blocks", "recall_of_all_listed"):
        assert ours[name] == theirs[name], name
    points = [(ours["best_f1"], theirs["best_f1"])]
    for name, other in (("0.9", "0.90"), ("0.99", "0.99"), ("1", "1.00")):
        points.append((ours["recall_at_precision"][name], theirs["recall_at_precision"][other]))
    for mine, other in points:
        other["look_alikes"] = other.pop("hard_negatives")
        assert mine == other
    assert ours["recall_by_kind"] == theirs["recall_per_kind_at_precision_0.99"]


def compare_groups(ours: dict, theirs: dict) -> None:
    names = {
        "groups": "groups",
        "files": "files_in_groups",
        "largest": "largest_group",
        "pairs": "predicted_pairs",
        "true": "true_positives",
        "precision": "precision",
        "recall": "recall",
        "f1": "f1",
        "look_alikes": "hard_negatives_grouped",
        "recall_by_kind": "recall_per_kind",
    }
    for mine, other in names.items():
        assert ours[mine] == theirs[other], mine
