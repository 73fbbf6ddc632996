"""Lay descriptors out in the plane, so that near neighbours stay near: PCA, then t-SNE.

scikit-learn loads inside the function: its import takes as long as laying out a few hundred photos.
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError

PRINCIPAL = 50
PERPLEXITY = 30.0
# Below this many photos neighbourhoods mean little: the two main directions say as much.
FEWEST_FOR_TSNE = 8
WORTH_THREADS = 4000
_SEED = 0


def lay_out(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return a place for each vector; the same vectors always give the same places.

    Args:
        vectors: Descriptors of shape (n, dimensions).

    Returns:
        float32 of shape (n, 2), centred, within [-1, 1]; equal vectors come to lie together.

    Raises:
        DescriptorError: The vectors are no finite table.

    Source: t-SNE (van der Maaten and Hinton, JMLR 2008), with PCA first as the paper advises.
    """
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise DescriptorError(
            f"vectors of shape {vectors.shape} cannot be laid out; they must be (n, dimensions) and finite"
        )
    if len(vectors) == 0:
        return np.empty((0, 2), np.float32)
    main = _principal(vectors.astype(np.float32))
    places = main[:, :2] if len(main) < FEWEST_FOR_TSNE else _tsne(main)
    return _centred(places)


def _principal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project on the main directions, shape (n, 2 to PRINCIPAL); missing directions are zero."""
    count = min(PRINCIPAL, *vectors.shape)
    main = np.zeros((len(vectors), max(2, count)), np.float32)
    if len(vectors) > 1 and np.ptp(vectors, axis=0).any():
        from sklearn.decomposition import PCA

        main[:, :count] = PCA(count, svd_solver="auto", random_state=_SEED).fit_transform(vectors)
    return main


def _tsne(main: NDArray[np.float32]) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    noise = np.random.default_rng(_SEED).standard_normal((len(main), 2)) * 1e-6
    spread = max(float(main[:, 0].std()), 1e-12)
    # t-SNE starts from the main directions, made tiny: neighbours then keep their region.
    start = (main[:, :2] / spread * 1e-4 + noise).astype(np.float32)
    perplexity = min(PERPLEXITY, (len(main) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init=start, random_state=_SEED)
    # Threads meet a thousand times: with little to do each time they mostly wait for one another
    # (8 times the processor time for 800 photos on a busy machine).
    with threadpool_limits(None if len(main) >= WORTH_THREADS else 1):
        places: NDArray[np.float32] = tsne.fit_transform(main)
    return places


def _centred(places: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = places - (places.max(axis=0) + places.min(axis=0)) / 2
    scaled: NDArray[np.float32] = centred / np.float32(max(np.abs(centred).max(), 1e-12))
    return scaled
