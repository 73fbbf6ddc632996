"""FAISS: arrays in, arrays out; knows no photo and no database.

Vectors are rows, L2-normalised, float16 or float32. Results are two tables of one shape (rows, k):
``similarity`` (cosine, float32, best first) and ``neighbour`` (row of the neighbour, int64). Where
there are fewer than k neighbours the rest is -inf and -1.
"""

from dupfind.index.building import RECALL_QUERIES, VectorIndex, build, gpu_count
from dupfind.index.cache import keep_index, kept_index, load_or_build
from dupfind.index.joining import BlockTask, Join, join, join_block
from dupfind.index.lists import one_thread_each
from dupfind.index.local import add_local, build_local, search_local
from dupfind.index.near_lists import Tables
from dupfind.index.searching import search, self_join, self_join_blocks

__all__ = [
    "RECALL_QUERIES",
    "BlockTask",
    "Join",
    "Tables",
    "VectorIndex",
    "add_local",
    "build",
    "build_local",
    "gpu_count",
    "join",
    "join_block",
    "keep_index",
    "kept_index",
    "load_or_build",
    "one_thread_each",
    "search",
    "search_local",
    "self_join",
    "self_join_blocks",
]
