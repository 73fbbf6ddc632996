"""Three calls of Linux that Python does not offer; elsewhere they say that they are not there.

Sources: renameat2(2), ioctl_fideduperange(2), flock(2).
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

_NOREPLACE = 1
_FIDEDUPERANGE = 0xC0189436  # _IOWR(0x94, 54, 24 bytes)
_DEDUPE = struct.Struct("=QQHHIqQQiI")  # the head, then one destination
_DIFFERS = 1
_SHARED, _EXCLUSIVE, _AT_ONCE = 1, 2, 4
_DEDUPE_BYTES = 16 << 20  # the most that btrfs takes at once
_NOT_THERE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


def rename_no_replace(
    name: str, target: str, folder: int | None, target_folder: int | None
) -> bool:
    """Rename unless ``target`` exists; False where the system or file system cannot do that.

    Args:
        name, target: Names in the folders that are open as ``folder`` and ``target_folder``.

    Raises:
        FileExistsError: ``target`` exists.
        OSError: Any other trouble, EXDEV for another device.
    """
    call = _function("renameat2")
    if call is None or folder is None or target_folder is None:
        return False
    done = call(folder, os.fsencode(name), target_folder, os.fsencode(target), _NOREPLACE)
    number = ctypes.get_errno()
    if done == 0:
        return True
    if number in _NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), name, None, target)


def share_blocks(source: int, target: int, size_bytes: int) -> None:
    """Let ``target`` share the blocks of ``source``; the kernel compares each of them first.

    Args:
        source, target: Open files.
        size_bytes: Of both.

    Raises:
        OSError: The file system cannot do it (EOPNOTSUPP, EXDEV, ...); EILSEQ: the bytes differ.
    """
    call = _function("ioctl")
    if call is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    place = 0
    while place < size_bytes:
        length = min(_DEDUPE_BYTES, size_bytes - place)
        request = ctypes.create_string_buffer(
            _DEDUPE.pack(place, length, 1, 0, 0, target, place, 0, 0, 0), _DEDUPE.size
        )
        if call(source, ctypes.c_ulong(_FIDEDUPERANGE), request) != 0:
            raise _error(ctypes.get_errno())
        shared, status = _DEDUPE.unpack(request.raw)[7:9]
        if status == _DIFFERS:
            raise _error(errno.EILSEQ)
        if status < 0 or shared == 0:
            raise _error(-status or errno.EIO)
        place += shared


def lock_file(descriptor: int, *, exclusive: bool) -> bool:
    """Take the advisory lock of an open file; False when another program has it.

    It ends with the descriptor. Where there are no such locks, nothing is locked.
    """
    call = _function("flock")
    if call is None:
        return True
    if call(descriptor, (_EXCLUSIVE if exclusive else _SHARED) | _AT_ONCE) == 0:
        return True
    return ctypes.get_errno() not in (errno.EWOULDBLOCK, errno.EAGAIN)


@cache
def _function(name: str) -> "Callable[..., Any] | None":
    if sys.platform != "linux":
        return None
    function: Callable[..., Any] | None = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return function


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
