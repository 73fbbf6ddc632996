"""A join by lists that is kept in a folder: goes on after a stop, and grows with what is new.

It is a cache: damaged, of another version or shape, or of other vectors, it is made anew.
"""

import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.index.lists import Floats, Lists, Rows, arrange, make_file, open_lists
from dupfind.index.vectors import Vectors
from dupfind.system import write_whole, written_whole

FORMAT = 1
BLOCK = 16_384  # positions that are joined together, and then kept
MANIFEST_FILE = "join.json"
SIMILARITY_FILE = "similarity.npy"
NEIGHBOUR_FILE = "neighbour.npy"

log = logging.getLogger(__name__)


@dataclass
class KeptJoin:
    """Lists and what was joined of them so far: tables of (n, k), by position.

    ``done`` has the check sum of each block that is joined, by its number. ``trained`` is how many vectors
    the lists were made for; ``updated`` how many an update has just searched for. Without a ``folder``
    nothing is kept.
    """

    lists: Lists
    probes: int
    similarity: NDArray[np.float32]
    neighbour: NDArray[np.integer[Any]]
    folder: Path | None = None
    done: dict[int, int] = field(default_factory=dict)
    trained: int = 0
    updated: int = 0

    def blocks_to_do(self) -> list[Rows]:
        """Return the positions of each block that is not joined yet."""
        count = len(self.similarity)
        return [
            np.arange(number * BLOCK, min((number + 1) * BLOCK, count))
            for number in range(-(-count // BLOCK))
            if number not in self.done
        ]

    def put(self, block: Rows, similarity: Floats, neighbour: Rows) -> None:
        """Take in what was found for one block, and keep it."""
        rows = slice(int(block[0]), int(block[-1]) + 1)
        self.similarity[rows], self.neighbour[rows] = similarity, neighbour
        number = rows.start // BLOCK
        self.done[number] = self._check_sum(number)
        if self.folder is None:
            return
        try:
            for table in (self.similarity, self.neighbour):
                if isinstance(table, np.memmap):
                    table.flush()
            self.write_manifest(self.folder)
        except OSError as error:
            log.info("the join is not kept in %s (%s)", self.folder, error)

    def write_manifest(self, folder: Path) -> None:
        """Write what else there is to know.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        facts = _Manifest(
            FORMAT,
            len(self.lists.vectors),
            self.lists.vectors.shape[1],
            self.similarity.shape[1],
            self.probes,
            self.trained,
            {str(number): check for number, check in self.done.items()},
        )
        write_whole(folder / MANIFEST_FILE, (json.dumps(asdict(facts)) + "\n").encode())

    def is_whole(self) -> bool:
        """Say whether what is joined is what was written."""
        in_range = self.neighbour.max(initial=-1) < len(self.similarity)
        return bool(in_range) and all(
            self._check_sum(number) == check for number, check in self.done.items()
        )

    def seal(self) -> None:
        """Count all blocks as joined."""
        self.done = {
            number: self._check_sum(number) for number in range(-(-len(self.similarity) // BLOCK))
        }

    def close(self) -> None:
        """Let go of the files."""
        none = np.zeros((0, 0), np.float32)
        self.lists = Lists(none, np.zeros(1, np.int64), none.astype(np.float16))
        self.similarity, self.neighbour = none, none.astype(np.int32)

    def _check_sum(self, number: int) -> int:
        rows = slice(number * BLOCK, (number + 1) * BLOCK)
        check = zlib.crc32(np.ascontiguousarray(self.similarity[rows]).data)
        return zlib.crc32(np.ascontiguousarray(self.neighbour[rows], np.int32).data, check)


@dataclass(frozen=True)
class _Manifest:
    format: int
    count: int
    dimensions: int
    k: int
    probes: int
    trained: int
    done: Mapping[str, int]


def begin_kept(
    folder: Path, vectors: Vectors, centroids: Floats, home: Rows, k: int, probes: int
) -> tuple[KeptJoin, Rows]:
    """Write lists into a folder, which appears whole or not at all, with nothing joined yet.

    Returns:
        The join, and the row of each position.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder) as draft:
        draft.mkdir()
        lists, order = arrange(vectors, centroids, home, draft)
        lists.save(draft)
        tables = make_tables(draft, len(vectors), k)
        KeptJoin(lists, probes, *tables, trained=len(vectors)).write_manifest(draft)
        del lists, tables  # Windows renames no folder with a file that is mapped
    return reopened(folder, k, centroids.shape[1]), order


def reopened(folder: Path, k: int, dimensions: int) -> KeptJoin:
    """Return the join that was just written.

    Raises:
        OSError: It cannot be read.
    """
    kept = open_kept(folder, k, dimensions)
    if kept is None:
        raise OSError("what was just written there cannot be read")
    return kept


def open_kept(folder: Path, k: int, dimensions: int) -> KeptJoin | None:
    """Return the join that is kept in a folder; None where there is none of this kind."""
    try:
        facts = _Manifest(**json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")))
        if (facts.format, facts.k, facts.dimensions) != (FORMAT, k, dimensions):
            return None
        lists = open_lists(folder)
        similarity = np.load(folder / SIMILARITY_FILE, mmap_mode="r+")
        neighbour = np.load(folder / NEIGHBOUR_FILE, mmap_mode="r+")
        done = {int(number): check for number, check in facts.done.items()}
        if not len(lists.vectors) == len(similarity) == len(neighbour) == facts.count:
            return None
        kept = KeptJoin(lists, facts.probes, similarity, neighbour, folder, done, facts.trained)
        return kept if kept.is_whole() else None
    except (OSError, ValueError, TypeError, AttributeError, EOFError):
        return None


def make_tables(
    folder: Path, count: int, k: int
) -> "tuple[np.memmap[Any, Any], np.memmap[Any, Any]]":
    """Make the files of similarity and neighbour.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    return (
        make_file(folder / SIMILARITY_FILE, np.dtype(np.float32), (count, k)),
        make_file(folder / NEIGHBOUR_FILE, np.dtype(np.int32), (count, k)),
    )
