"""Open a photo once for all that is done with it: what is decoded is what was hashed.

What the library keeps (descriptors, features, thumbnails) stands under the hash of a file's bytes,
and files change at any moment. So the bytes are read once into memory, hashed and decoded there; of
a file that is too large for that the properties must be the same before and after.
"""

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dupfind.errors import PhotoError
from dupfind.photos.sniff import open_file, reason_of

IN_MEMORY_BYTES = 64 << 20
CHANGED = "it changed while it was read; run the command again"


@dataclass(frozen=True, slots=True)
class OpenedPhoto:
    """A file that is open for reading, with the SHA-256 of its bytes (64 hexadecimal digits).

    ``file`` holds all bytes in memory, or is the file itself where it is larger than
    ``IN_MEMORY_BYTES``. ``properties`` are those of the moment when it was opened.
    """

    path: Path
    file: BinaryIO
    sha256: str
    properties: os.stat_result


@contextmanager
def open_photo(path: Path) -> Iterator[OpenedPhoto]:
    """Open a regular file and hash it; what is read inside are the bytes with that hash.

    Raises:
        PhotoError: The file cannot be read, or it changed until the block was left.
    """
    try:
        with open_file(path) as file:
            properties = os.fstat(file.fileno())
            if not stat.S_ISREG(properties.st_mode):
                raise PhotoError("it is not a regular file")
            if properties.st_size <= IN_MEMORY_BYTES:
                data = file.read()
                yield OpenedPhoto(path, io.BytesIO(data), _sha256(data), properties)
                return
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            yield OpenedPhoto(path, file, sha256, properties)
            if _state(os.fstat(file.fileno())) != _state(properties):
                raise PhotoError(CHANGED)
    except OSError as error:
        raise PhotoError(reason_of(error)) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
