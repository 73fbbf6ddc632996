"""Labels read from folder layouts, k-NN classification, and the pHash used for comparison."""

from pathlib import Path

import numpy as np
import pytest

from dupfind.errors import TruthError
from dupfind.evaluation.knn import knn_report, knn_votes
from dupfind.evaluation.layouts import read_classes, read_copydays, read_disc21
from dupfind.evaluation.phash import phash, phash_pairs
from dupfind.evaluation.report import truth_report
from dupfind.evaluation.truth import make_truth


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def copydays(folder: Path) -> Path:
    touch(folder, "original/200000.jpg", "original/200100.jpg", "crops/10/200000.jpg")
    touch(folder, "crops/80/200000.jpg", "crops/80/200100.jpg", "jpegqual/3/200100.jpg")
    touch(folder, "strong/200001.jpg", "strong/200002.jpg", "strong/200101.jpg")
    return folder


def test_copydays_pairs_each_copy_with_its_original(tmp_path: Path) -> None:
    truth = read_copydays(copydays(tmp_path))
    assert truth.count == 9
    assert truth_report(truth)["pairs"] == 7  # copies of one original are not paired
    first, second = truth.rows(truth.positives())
    named = {(truth.names[a], truth.names[b]) for a, b in zip(first, second, strict=True)}
    assert ("original/200000.jpg", "strong/200002.jpg") in named
    assert ("original/200100.jpg", "jpegqual/3/200100.jpg") in named
    kinds = ["original"] * 2 + ["crops/10"] + ["crops/80"] * 2 + ["jpegqual/3"] + ["strong"] * 3
    assert list(truth.kinds) == kinds


def test_copydays_errors_name_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="no folder of Copydays originals"):
        read_copydays(tmp_path)
    touch(tmp_path, "original/200000.jpg")
    with pytest.raises(TruthError, match="no copies"):
        read_copydays(tmp_path)
    touch(tmp_path, "strong/999901.jpg")
    with pytest.raises(TruthError, match="no original begins with '9999'"):
        read_copydays(tmp_path)


def disc21(folder: Path, truth: str) -> Path:
    touch(folder, "references/R000000.jpg", "references/R000001.jpg", "references/R000002.jpg")
    touch(folder, "queries/Q00000.jpg", "queries/Q00001.jpg", "queries/Q00002.jpg")
    (folder / "dev_ground_truth.csv").write_text(truth, encoding="utf-8")
    return folder


def test_disc21_pairs_queries_with_references(tmp_path: Path) -> None:
    text = "query_id,reference_id\nQ00000,R000002\nQ00001,R000002\nQ00002,\n"
    truth = read_disc21(disc21(tmp_path, text))
    assert truth_report(truth)["pairs"] == 2  # not (Q00000, Q00001)
    assert truth.kinds.count("query") == 2
    assert truth.kinds.count("query without match") == 1


def test_disc21_ground_truth_without_a_header_reads_the_same(tmp_path: Path) -> None:
    truth = read_disc21(disc21(tmp_path, "Q00000,R000002\nQ00001,R000000\n"))
    assert truth_report(truth)["pairs"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q00000,R000009\n", "no reference image 'R000009'"),
        ("Q00009,R000000\n", "no query image 'Q00009'"),
        ("Q00000,R000000\nQ00000,R000001\n", "two references"),
        ("Q00000\n", "needs query_id,reference_id"),
        ("query_id,reference_id\nQ00000,\n", "nothing to find"),
    ],
)
def test_a_bad_disc21_ground_truth_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TruthError, match=message):
        read_disc21(disc21(tmp_path, text))


def test_disc21_needs_one_ground_truth(tmp_path: Path) -> None:
    folder = disc21(tmp_path, "Q00000,R000000\n")
    (folder / "public_ground_truth.csv").write_text("", encoding="utf-8")
    with pytest.raises(TruthError, match="needs one ground truth"):
        read_disc21(folder)


def test_classes_are_the_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg", "cat/more/2.jpg", "dog/1.jpg", ".hidden/1.jpg", "dog/.x.jpg")
    (tmp_path / "empty").mkdir()
    files, labels, classes = read_classes(tmp_path)
    assert classes == ["cat", "dog"]
    assert labels.tolist() == [0, 0, 1]
    assert files[2] == tmp_path / "dog" / "1.jpg"


def test_one_class_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg")
    with pytest.raises(TruthError, match="at least two classes"):
        read_classes(tmp_path)


def test_knn_votes_by_hand() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    labels = np.array([0, 1, 1])
    votes = knn_votes(vectors[:1], vectors, labels, 2, k=2, temperature=0.5)
    # The nearest two have cosine 1 and 0.8.
    assert votes[0] == pytest.approx([np.exp(1 / 0.5), np.exp(0.8 / 0.5)])


def test_leave_one_out_classification() -> None:
    vectors = np.array([[1, 0], [0.99, 0.141], [0, 1], [0.141, 0.99], [0.6, 0.8]], np.float32)
    report = knn_report(vectors, np.array([0, 0, 1, 1, 0]), ["a", "b"], k=1)
    assert report["accuracy"] == 4 / 5  # the last one's nearest is of class b
    assert report["classes"]["a"] == {"files": 3, "right": 2, "accuracy": 2 / 3}
    assert report["chance"] == 3 / 5
    assert report["mean_class_accuracy"] == pytest.approx((2 / 3 + 1) / 2)


def test_phash_scores_are_bits_in_common(make_picture) -> None:
    truth = make_truth(
        Path("/album"),
        ["a", "a1", "x", "bad"],
        ["A", "A", "", ""],
        kinds=[""] * 4,
        originals=[True, False, False, False],
    )
    pictures = [make_picture(1), make_picture(1)[:, ::-1].copy(), make_picture(2)]
    hashes = np.stack([*map(phash, pictures), np.zeros(8, np.uint8)])
    keys, scores = phash_pairs(hashes, np.array([1, 1, 1, 0], bool), truth, most_bits=64)
    assert len(keys) == 3
    for key, value in zip(keys.tolist(), scores.tolist(), strict=True):
        first, second = divmod(key, 4)
        bits = int(np.unpackbits(hashes[first] ^ hashes[second]).sum())
        assert value == 1 - bits / 64
    assert len(phash_pairs(hashes, np.array([1, 1, 1, 0], bool), truth, most_bits=0)[0]) == 0
