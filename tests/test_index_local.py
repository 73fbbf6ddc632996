"""The index of keypoints: what it finds, and what it leaves as it was."""

import faiss
import numpy as np

from dupfind.index import build_local, search_local
from dupfind.index.local import EXACT_UP_TO


def test_learning_an_index_finds_codes_again_and_leaves_faiss_its_threads() -> None:
    codes = np.random.default_rng(0).integers(-90, 90, (EXACT_UP_TO + 1000, 16)).astype(np.int8)
    before = faiss.omp_get_max_threads()
    index = build_local(codes)
    assert faiss.omp_get_max_threads() == before
    asked = np.arange(0, len(codes), 50)
    _, neighbour = search_local(index, codes[asked], 3)
    assert (neighbour == asked[:, None]).any(axis=1).mean() > 0.95
