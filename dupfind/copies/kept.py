"""What was found out about pairs before, kept by content: a run costs only what changed.

Proofs, closer looks and the clues to the original are made of nothing but the bytes of two photos,
the code that makes them, and sometimes a result for another pair. So they stand in the cache under
both hashes and a version of the code, with a digest of what else went into them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources

from dupfind import __version__
from dupfind.copies.features import FEATURES_KIND
from dupfind.copies.kept_forms import (
    read_clues,
    read_look,
    read_order,
    read_proven,
    write_clues,
    write_look,
    write_order,
    write_proven,
)
from dupfind.matching.closer import CloserLook
from dupfind.matching.clues import Verdict
from dupfind.matching.proven import Job, Proven, Via
from dupfind.records import Photo
from dupfind.store.pair_cache import PairCache
from dupfind.store.store import Store

PROVERS = ("dupfind.matching", "dupfind.photos")
_DIGEST_BYTES = 8
# The tables beside the code (the judge, the worth of a proof, ...) decide as much as the code does.
_DECIDING = (".py", ".json")


@cache
def code_version(*packages: str) -> str:
    """Return what changes with the code of packages or its tables: what others made is made anew."""
    digest = hashlib.sha256(f"{__version__} {FEATURES_KIND}".encode())
    for package in packages:
        files = [
            file for file in resources.files(package).iterdir() if file.name.endswith(_DECIDING)
        ]
        for file in sorted(files, key=lambda file: file.name):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Counts:
    """How many results were made anew, by what they are."""

    proofs: int = 0
    looks: int = 0
    clues: int = 0


class Kept:
    """Gives and takes results for pairs of photos by row."""

    def __init__(self, cache: PairCache, photos: Sequence[Photo]) -> None:
        self.made = Counts()
        self._cache = cache
        self._contents = [photo.sha256 for photo in photos]
        self._proofs, self._looks, self._clues, self._orders = (
            f"{name}-{code_version(*PROVERS)}" for name in ("proof", "look", "clues", "order")
        )

    def proofs(self, jobs: Sequence[Job]) -> list[Proven | None]:
        """Return the outcome of each job that was done before, None for the others."""
        found = self._get(
            self._proofs, ((a, b, _through(self._contents, via)) for a, b, via in jobs)
        )
        return [
            None if text is None else read_proven(a, b, text)
            for (a, b, _), text in zip(jobs, found, strict=True)
        ]

    def keep_proofs(self, outcomes: Sequence[tuple[Job, Proven]]) -> None:
        """Keep the outcomes of jobs."""
        self.made.proofs += len(outcomes)
        self._put(
            self._proofs,
            (
                (a, b, _through(self._contents, via), write_proven(pair))
                for (a, b, via), pair in outcomes
            ),
        )

    def looks(self, pairs: Sequence[Proven]) -> dict[int, CloserLook | None]:
        """Return the closer looks that were taken before, by place in ``pairs``; None: nothing to see."""
        found = self._get(self._looks, ((pair.a, pair.b, _laid_by(pair)) for pair in pairs))
        known = {place: text for place, text in enumerate(found) if text is not None}
        looks = {place: read_look(text) if text else None for place, text in known.items()}
        return {p: look for p, look in looks.items() if look is not None or not known[p]}

    def keep_looks(self, looks: Sequence[tuple[Proven, CloserLook | None]]) -> None:
        """Keep the closer looks at pairs."""
        self.made.looks += len(looks)
        rows = ((pair.a, pair.b, _laid_by(pair), write_look(look)) for pair, look in looks)
        self._put(self._looks, rows)

    def clues(self, a: int, b: int, made_of: bytes) -> Verdict | None:
        """Return the clues of a pair, if they were found before from the same ``made_of``."""
        (text,) = self._get(self._clues, [(a, b, _digest(made_of))])
        return read_clues(text) if text else None

    def keep_clues(self, found: Mapping[tuple[int, int], tuple[bytes, Verdict]]) -> None:
        """Keep clues by pair, each with what it was made of besides the two photos."""
        self.made.clues += len(found)
        rows = (
            (a, b, _digest(made_of), write_clues(verdict))
            for (a, b), (made_of, verdict) in found.items()
        )
        self._put(self._clues, rows)

    def order(self, a: int, b: int, made_of: bytes) -> list[int] | None:
        """Return the tiers of a group by its first two rows, if found before from the same ``made_of``."""
        (text,) = self._get(self._orders, [(a, b, _digest(made_of))])
        return read_order(text) if text else None

    def keep_orders(self, found: Sequence[tuple[int, int, bytes, Sequence[int]]]) -> None:
        """Keep (first row, second row, what it is made of, tiers) of groups."""
        rows = [(a, b, _digest(made_of), write_order(tiers)) for a, b, made_of, tiers in found]
        self._put(self._orders, rows)

    def forget_others(self, contents: Iterable[str]) -> None:
        """Forget what was made by other code, and the pairs of other contents."""
        self._cache.keep_only((self._proofs, self._looks, self._clues, self._orders), contents)

    def _get(self, kind: str, asked: Iterable[tuple[int, int, bytes]]) -> list[str | None]:
        wanted = [((self._contents[a], self._contents[b]), made_of) for a, b, made_of in asked]
        found = self._cache.get(kind, (pair for pair, _ in wanted))
        texts = []
        for pair, made_of in wanted:
            data = found.get(pair, b"")
            is_same = len(data) >= _DIGEST_BYTES and data[:_DIGEST_BYTES] == made_of
            texts.append(data[_DIGEST_BYTES:].decode(errors="replace") if is_same else None)
        return texts

    def _put(self, kind: str, rows: Iterable[tuple[int, int, bytes, str]]) -> None:
        pairs = {
            (self._contents[a], self._contents[b]): made_of + text.encode()
            for a, b, made_of, text in rows
        }
        self._cache.put(kind, pairs)


@contextmanager
def open_kept(store: Store, photos: Sequence[Photo]) -> Iterator[Kept]:
    """Open what a library keeps about pairs of these photos."""
    with store.proofs() as cache:
        yield Kept(cache, photos)


def _through(contents: Sequence[str], via: Via | None) -> bytes:
    """Return the digest of the way through a third photo; zeros for a pair proven by itself."""
    if via is None:
        return bytes(_DIGEST_BYTES)
    middle, first, second = via
    matrices = [proof.matrix for proof in (first, second) if proof.matrix is not None]
    return _digest(contents[middle].encode() + b"".join(matrix.tobytes() for matrix in matrices))


def _laid_by(pair: Proven) -> bytes:
    """Return the digest of how a proof laid the pair: the closer look begins there."""
    matrix = b"" if pair.matrix is None else pair.matrix.tobytes()
    return _digest(matrix + repr(pair.evidence.crop_share).encode())


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
