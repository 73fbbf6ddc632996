"""Whitening and score normalisation do to numbers what their papers say."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.descriptors.whiten import Whitening, fit
from dupfind.errors import DescriptorError
from dupfind.evaluation.background import background_similarity, normalise_pairs

DIMENSIONS = 12


def stretched(count: int = 4000, seed: int = 0) -> NDArray[np.float32]:
    """Vectors off the origin, with very unequal and correlated directions."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    lengths = np.geomspace(0.05, 1, DIMENSIONS)
    vectors = 3 + (rng.normal(size=(count, DIMENSIONS)) * lengths) @ rotation
    return vectors.astype(np.float32)


def turned(whitening: Whitening, vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The transform before normalisation, in double precision."""
    centred = vectors.astype(np.float64) - whitening.mean
    return np.asarray(centred @ whitening.matrix.astype(np.float64))


def test_full_whitening_leaves_no_correlation_and_one_variance() -> None:
    vectors = stretched()
    covariance = np.cov(turned(fit(vectors), vectors).T)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(DIMENSIONS), atol=1e-3)


def test_centring_alone_gives_the_cosines_of_the_centred_vectors() -> None:
    vectors = stretched(200)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    applied = fit(vectors, strength=0).apply(vectors)
    np.testing.assert_allclose(applied @ applied.T, centred @ centred.T, atol=1e-5)


def test_strength_goes_from_the_variances_there_are_to_equal_ones() -> None:
    vectors = stretched()

    def inequality(strength: float) -> float:
        variance = turned(fit(vectors, strength=strength), vectors).var(axis=0)
        return float(np.log(variance.max() / variance.min()))

    untouched, half, full = (inequality(strength) for strength in (0.0, 0.5, 1.0))
    assert half == pytest.approx(untouched / 2, rel=1e-3)
    assert full == pytest.approx(0, abs=1e-3)


def test_full_shrinkage_scales_no_direction() -> None:
    vectors = stretched(300)
    plain, shrunk = fit(vectors, strength=0), fit(vectors, shrinkage=1)
    np.testing.assert_allclose(
        plain.apply(vectors) @ plain.apply(vectors).T,
        shrunk.apply(vectors) @ shrunk.apply(vectors).T,
        atol=1e-5,
    )


def test_the_floor_keeps_empty_directions_from_blowing_up() -> None:
    vectors = stretched()
    vectors[:, 5] = 1.0  # no variance at all
    matrix = fit(vectors, floor=1e-4).matrix
    assert np.isfinite(matrix).all()
    assert np.linalg.norm(matrix, axis=0).max() == pytest.approx(100, rel=1e-3)  # 1e-4 ** -0.5


def test_fewer_dimensions_keep_those_of_most_variance() -> None:
    vectors = stretched()
    full, short = fit(vectors, strength=0), fit(vectors, strength=0, dimensions=3)
    np.testing.assert_array_equal(short.matrix, full.matrix[:, :3])
    assert short.apply(vectors).shape == (len(vectors), 3)
    variance = turned(full, vectors).var(axis=0)
    assert variance[:3].min() >= variance[3:].max()


def test_the_result_is_normalised_and_float16_will_do() -> None:
    vectors = stretched(500)
    whitening = fit(vectors.astype(np.float16))
    applied = whitening.apply(vectors.astype(np.float16))
    assert applied.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(applied, axis=1), 1, atol=1e-5)
    agreement = (applied * fit(vectors).apply(vectors)).sum(axis=1)
    assert np.median(agreement) > 0.99


def test_the_mean_itself_comes_back_as_zeros() -> None:
    whitening = fit(stretched())
    assert not whitening.apply(whitening.mean[None]).any()


def test_a_large_sample_in_blocks_equals_one_in_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = stretched(1000)
    whole = fit(vectors).apply(vectors)
    monkeypatch.setattr("dupfind.descriptors.whiten.BLOCK_ROWS", 64)
    np.testing.assert_allclose(fit(vectors).apply(vectors), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("vectors", "options", "message"),
    [
        (stretched(1), {}, "at least 2"),
        (stretched(9)[0], {}, "at least 2"),
        (np.ones((5, 3), np.float32), {}, "all vectors are equal"),
        (np.full((5, 3), np.nan, np.float32), {}, "NaN"),
        (stretched(9), {"strength": 1.5}, "strength is 1.5"),
        (stretched(9), {"shrinkage": -0.1}, "shrinkage -0.1"),
        (stretched(9), {"dimensions": 13}, "dimensions is 13"),
        (stretched(9), {"dimensions": 0}, "dimensions is 0"),
    ],
)
def test_what_cannot_be_whitened_is_refused(
    vectors: NDArray[np.float32], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DescriptorError, match=message):
        fit(vectors, **options)


def test_vectors_of_another_model_are_refused() -> None:
    with pytest.raises(DescriptorError, match="fitted on 12 dimensions"):
        fit(stretched(20)).apply(np.zeros((2, 5), np.float32))


def test_the_background_is_the_mean_of_the_ranks_beyond_a_group() -> None:
    similarity = np.array([[0.9, 0.8, 0.4, 0.2], [0.7, 0.6, 0.5, -np.inf]], np.float32)
    background = background_similarity(similarity, first_rank=2, ranks=2)
    np.testing.assert_allclose(background, [0.3, 0.5], atol=1e-6)


def test_a_photo_without_so_many_neighbours_has_no_background() -> None:
    similarity = np.array([[0.9, -np.inf, -np.inf]], np.float32)
    assert background_similarity(similarity, first_rank=1, ranks=2).tolist() == [0.0]


def test_a_table_with_too_few_neighbours_is_refused() -> None:
    with pytest.raises(DescriptorError, match="search at least 30"):
        background_similarity(np.zeros((4, 29), np.float32))


def test_pairs_lose_the_mean_background_of_their_photos() -> None:
    similarity, first, second = (np.array([value], np.float32) for value in (0.8, 0.5, 0.1))
    assert normalise_pairs(similarity, first, second)[0] == pytest.approx(0.5)
    assert normalise_pairs(similarity, first, second, beta=0)[0] == pytest.approx(0.8)
    with pytest.raises(DescriptorError, match="one value a pair"):
        normalise_pairs(similarity, first, np.zeros(2, np.float32))


def test_a_hub_that_is_close_to_all_falls_behind_a_true_copy() -> None:
    """The point of it: 0.75 between two odd photos beats 0.8 between two foggy ones."""
    fog, odd = np.float32([0.7, 0.7]), np.float32([0.1, 0.2])
    scores = normalise_pairs(
        np.float32([0.8, 0.75]), np.float32([fog[0], odd[0]]), np.float32([fog[1], odd[1]])
    )
    assert scores[1] > scores[0]
