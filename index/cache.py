"""Keep an index on disk, beside a manifest that says of what it is.

The database is the truth and these files a cache: one that is missing, damaged, of another FAISS or
of other vectors is built again, and a folder that cannot be written just means no cache.
"""

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.index.building import VectorIndex, build, kind_of
from dupfind.index.vectors import BLOCK_ROWS, Vectors, check_vectors
from dupfind.options import IndexKind
from dupfind.system import write_whole, written_whole

FORMAT = 2
INDEX_FILE = "vectors.faiss"
MANIFEST_FILE = "manifest.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What an index on disk was made from; any difference means building it again.

    ``seen`` is the file's size, time of change and inode when its digest ``file`` was last read:
    while they stay, so does the digest, and no query reads a large file twice.
    """

    format: int
    faiss: str
    model: str
    count: int
    dimensions: int
    content: str
    kind: str
    probes: int
    recall: float
    file: str
    seen: list[int]


def load_or_build(
    folder: Path,
    ids: NDArray[np.int64],
    vectors: Vectors,
    fingerprint: str,
    *,
    kind: IndexKind = IndexKind.AUTO,
) -> VectorIndex:
    """Return an index of ``vectors``: the one in ``folder`` when it is theirs, else a new one.

    Args:
        folder: ``.dupfind/index``; made when missing.
        ids: What each row is, shape (n,); the index itself answers with row numbers.
        vectors: L2-normalised rows, shape (n, dimensions).
        fingerprint: Of the model that made the vectors.
        kind: ``auto`` takes lists beyond ``EXACT_UP_TO`` vectors.

    Raises:
        SearchError: The vectors have a wrong shape or type, or a value that is not finite.
    """
    check_vectors(vectors)
    content = content_digest(ids, vectors)
    index = kept_index(folder, content, fingerprint)
    # Lists of a single vector would be one with nothing to measure.
    exact = None if kind is IndexKind.AUTO or len(vectors) < 2 else kind is IndexKind.EXACT
    if index is None or index.kind != kind_of(len(vectors), exact):
        index = build(vectors, exact=exact)
        keep_index(folder, index, content, fingerprint)
    return index


def keep_index(folder: Path, index: VectorIndex, content: str, fingerprint: str) -> None:
    """Write an index and its manifest into ``folder``, if that can be written.

    Args:
        folder: Made when missing; it holds one index.
        index: What to keep.
        content: What it was made from; the index is read back for the same only.
        fingerprint: Of what made its vectors.
    """
    try:
        _save(folder, index, content, fingerprint)
    except (OSError, RuntimeError) as error:
        log.info("the index is not kept in %s (%s)", folder, error)


def content_digest(ids: NDArray[np.int64], vectors: Vectors) -> str:
    """Return the SHA-256 of ids and vectors, in hex."""
    digest = hashlib.sha256(f"{vectors.shape} {vectors.dtype}".encode())
    digest.update(np.ascontiguousarray(ids, np.int64).data)
    for start in range(0, len(vectors), BLOCK_ROWS):
        digest.update(np.ascontiguousarray(vectors[start : start + BLOCK_ROWS]).data)
    return digest.hexdigest()


def kept_index(folder: Path, content: str, fingerprint: str) -> VectorIndex | None:
    """Return the index that ``keep_index`` wrote for the same content; None where there is none."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")))
        current = (FORMAT, faiss.__version__, fingerprint, content)
        if (manifest.format, manifest.faiss, manifest.model, manifest.content) != current:
            return None
        # faiss trusts lengths that it reads from a file, so a damaged one must not reach it.
        if not _is_whole(folder, manifest):
            return None
        index: Any = faiss.read_index(os.fspath(folder / INDEX_FILE))
    except (OSError, ValueError, TypeError, RuntimeError):
        return None
    if manifest.probes:
        index.nprobe = manifest.probes
    return VectorIndex(
        index, manifest.kind, manifest.count, manifest.dimensions, manifest.probes, manifest.recall
    )


def _save(folder: Path, index: VectorIndex, content: str, fingerprint: str) -> None:
    """Write both files; each appears whole or not at all, the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / INDEX_FILE) as draft:
        faiss.write_index(index.faiss_index, os.fspath(draft))
        digest, seen = _file_digest(draft), _seen(draft)
    manifest = Manifest(
        format=FORMAT,
        faiss=faiss.__version__,
        model=fingerprint,
        count=index.count,
        dimensions=index.dimensions,
        content=content,
        kind=index.kind,
        probes=index.probes,
        recall=index.recall,
        file=digest,
        seen=seen,
    )
    _write_manifest(folder, manifest)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=2) + "\n"
    write_whole(folder / MANIFEST_FILE, text.encode())


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    """Say whether the index file is the one that was written; it is read only when it looks new."""
    seen = _seen(folder / INDEX_FILE)
    if seen == manifest.seen:
        return True
    if _file_digest(folder / INDEX_FILE) != manifest.file:
        return False
    with suppress(OSError):  # a copied library that cannot be written is read each time
        _write_manifest(folder, replace(manifest, seen=seen))
    return True


def _seen(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
