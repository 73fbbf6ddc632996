"""The candidates that the last run found, kept for runs in which nothing or little changed.

What is kept is a cache: missing, damaged or of another model, the candidates are found anew.
"""

import hashlib
import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.candidates import Candidates
from dupfind.copies.kept import code_version
from dupfind.copies.local_index import KEPT_FOLDER
from dupfind.system import write_whole

FILE = "candidates"
_CHECK_BYTES = 32
_FINDERS = ("dupfind.matching", "dupfind.copies", "dupfind.index")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptCandidates:
    """What a run found.

    Attributes:
        found: Pairs by row.
        contents: SHA-256 of the photo of each row, in hex.
        whole: How many photos were compared with each other when that was last done for all.
        changed: How many photos came or went since.
    """

    found: Candidates
    contents: tuple[str, ...]
    whole: int
    changed: int = 0


def keep_candidates(folder: Path, kept: KeptCandidates, made_of: Iterable[str]) -> None:
    """Write the candidates; a folder that cannot be written just means none.

    Args:
        folder: ``.dupfind/index``.
        kept: The pairs, and of which photos.
        made_of: What else than the code and the photos they depend on: the model, options.
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        made_of=_digest(made_of),
        promising=kept.found.promising.astype(np.int32),
        other=kept.found.other.astype(np.int32),
        contents=np.frombuffer(bytes.fromhex("".join(kept.contents)), np.uint8),
        counts=np.array([kept.whole, kept.changed], np.int64),
    )
    data, file = buffer.getvalue(), folder / KEPT_FOLDER / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, hashlib.sha256(data).digest() + data)
    except OSError as error:
        log.info("the candidates are not kept in %s (%s)", folder, error)


def kept_candidates(folder: Path, made_of: Iterable[str]) -> KeptCandidates | None:
    """Return what ``keep_candidates`` wrote for the same ``made_of``; None without one."""
    try:
        data = (folder / KEPT_FOLDER / FILE).read_bytes()
    except OSError:
        return None
    check, data = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
    # Damaged arrays fail in many ways, or not at all: nothing is read that is not what was written.
    if check != hashlib.sha256(data).digest():
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        if not np.array_equal(arrays["made_of"], _digest(made_of)):
            return None
        pairs = (arrays[name].astype(np.int64) for name in ("promising", "other"))
        contents = arrays["contents"].reshape(-1, _CHECK_BYTES)
        return KeptCandidates(
            Candidates(*pairs),
            tuple(bytes(row).hex() for row in contents),
            *arrays["counts"].tolist(),
        )


def _digest(made_of: Iterable[str]) -> NDArray[np.uint8]:
    digest = hashlib.sha256(code_version(*_FINDERS).encode())
    for text in made_of:
        digest.update(f"{len(text)} {text}".encode())
    return np.frombuffer(digest.digest(), np.uint8)
