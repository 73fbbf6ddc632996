"""Copy a file so that it appears whole or not at all, with its times and what else it carries."""

import base64
import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from dupfind.actions.files import Folder, RefusedError, reached
from dupfind.acts import FileState

_CHUNK_BYTES = 1 << 20


def attributes_of(descriptor: int) -> dict[str, Any]:
    """Return, JSON-ready, what a new file in the place of an open one would need besides its bytes."""
    found = os.fstat(descriptor)
    named = {}
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            for name in os.listxattr(descriptor):
                named[name] = base64.b64encode(os.getxattr(descriptor, name)).decode("ascii")
    return {
        "mode": found.st_mode & 0o7777, "uid": found.st_uid, "gid": found.st_gid,
        "atime_ns": found.st_atime_ns, "xattrs": named,
    }  # fmt: skip


def copy_file(
    source: int,
    target: Folder,
    name: str,
    part: str,
    before: FileState,
    attributes: Mapping[str, Any],
) -> None:
    """Make ``target / name`` with the bytes of an open file and the times that are given.

    Args:
        source: The open file.
        target, name: Where the copy appears; nothing may be there.
        part: The name under which it is written first, in the same folder; a left-over is replaced.
        before: The bytes that it must have, and its time.
        attributes: As ``attributes_of`` gave them.

    Raises:
        RefusedError: The bytes are other ones by now.
        OSError: It cannot be written, or the name is taken.
    """
    with suppress(FileNotFoundError):
        target.unlink(part)
    with ExitStack() as stack:
        written = target.create(part)
        stack.callback(os.close, written)
        stack.callback(_discard, target, part)
        reached("part made")
        if _copy_bytes(source, written) != before.sha256:
            raise RefusedError("its bytes changed while it was copied")
        _set_attributes(written, before.mtime_ns, attributes)
        os.fsync(written)
        reached("part written")
        target.rename(part, target, name)
        reached("part named")
        target.sync()


def _copy_bytes(source: int, target: int) -> str:
    digest = hashlib.sha256()
    os.lseek(source, 0, os.SEEK_SET)
    while chunk := os.read(source, _CHUNK_BYTES):
        digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(target, rest) :]
    return digest.hexdigest()


def _set_attributes(descriptor: int, mtime_ns: int, attributes: Mapping[str, Any]) -> None:
    """Set what may be set; the times last, for the others change them."""
    if hasattr(os, "fchown"):
        with suppress(OSError):
            os.fchown(descriptor, attributes.get("uid", -1), attributes.get("gid", -1))
    if hasattr(os, "setxattr"):
        for name, value in attributes.get("xattrs", {}).items():
            with suppress(OSError):
                os.setxattr(descriptor, name, base64.b64decode(value))
    if hasattr(os, "fchmod") and "mode" in attributes:
        with suppress(OSError):
            os.fchmod(descriptor, attributes["mode"])
    if os.utime in os.supports_fd:
        os.utime(descriptor, ns=(attributes.get("atime_ns", mtime_ns), mtime_ns))


def _discard(folder: Folder, part: str) -> None:
    with suppress(OSError):
        folder.unlink(part)
