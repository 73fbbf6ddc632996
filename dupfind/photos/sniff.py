"""Tell from its first bytes what a file is: a photo, something else, or a photo that is none.

In:  the path of a regular file. Out: the name of its format, or None for "not a photo".
"""

import re
import stat
from io import BufferedReader
from pathlib import Path, PurePath

from dupfind.errors import PhotoError

HEAD_BYTES = 64

# A file with one of these endings claims to be a photo: without photo content it is an error.
PHOTO_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
    | {".heic", ".heif", ".hif", ".avif", ".mpo", ".jp2", ".j2k", ".jxl"}
)
# Camera raw files are TIFF inside, and what a TIFF reader finds in them is a tiny preview.
RAW_ENDINGS = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos"}
    | {".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf"}
    | {".srw", ".x3f"}
)
# (first bytes, format); what needs more than the first bytes is in ``_by_structure``.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"8BPS\0\x01", "PSD"),
    (b"qoif", "QOI"),
)
_PORTABLE_MAP = re.compile(rb"P[1-6][ \t\r\n]+(#|\d)")
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def classify(path: Path) -> str | None:
    """Return the format of a photo by its content, or None for a file that is no photo.

    Opens the file and reads 64 bytes, so a caller that knows the file by size and time skips it.

    Raises:
        PhotoError: The file cannot be read, or it has a photo's ending and no photo's content.
    """
    return None if _is_raw(path.name) else format_by(path.name, read_head(path))


def format_by(name: str, head: bytes) -> str | None:
    """Return the format of a photo by its name and first 64 bytes, or None for no photo.

    Raises:
        PhotoError: It has a photo's ending and no photo's content.
    """
    if _is_raw(name):
        return None
    ending = PurePath(name).suffix.lower()
    found = format_of(head)
    if found is None and ending == ".tga" and _is_targa(head):
        return "TGA"  # the one format without a signature
    if found is None and ending in PHOTO_ENDINGS:
        raise PhotoError(_why_no_photo(head, ending))
    return found


def read_head(path: Path) -> bytes:
    """Return the first 64 bytes of a file.

    Raises:
        PhotoError: The file cannot be opened or read.
    """
    try:
        with open_file(path) as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise PhotoError(reason_of(error)) from error


def open_file(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or a device would block or never end.

    Raises:
        OSError: The file cannot be opened.
        PhotoError: It is not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise PhotoError("it is not a regular file")
    return path.open("rb")


def format_of(head: bytes) -> str | None:
    """Return the format that a file's first 64 bytes show, or None."""
    for signature, name in SIGNATURES:
        if head.startswith(signature):
            return name
    return _by_structure(head)


def reason_of(error: OSError) -> str:
    """Put what the system said about a file into plain words."""
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, FileNotFoundError):
        return "it is no longer there"
    return f"it cannot be read: {error.strerror or error}"


def _is_raw(name: str) -> bool:
    return PurePath(name).suffix.lower() in RAW_ENDINGS


def _by_structure(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "BMP"
    return "PPM" if _PORTABLE_MAP.match(head) else None


def _of_brands(head: bytes) -> str | None:
    """Tell AVIF from HEIC: the list of brands counts, since both may lead with ``mif1``."""
    end = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
    if brands.intersection(_AVIF_BRANDS):
        return "AVIF"
    return "HEIC" if brands.intersection(_HEIF_BRANDS) else None


def _is_targa(head: bytes) -> bool:
    return len(head) >= 18 and head[1] in (0, 1) and head[2] in (1, 2, 3, 9, 10, 11)


def _why_no_photo(head: bytes, ending: str) -> str:
    if not head:
        return "the file is empty"
    if not head.strip(b"\0"):
        return f"named {ending}, but it holds only zeros"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"named {ending}, but it holds a web page (a failed download?)"
    if head[4:8] == b"ftyp":
        return f"named {ending}, but it holds a video"
    return f"named {ending}, but it does not begin like any photo format"
