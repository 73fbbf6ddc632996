"""Name what a photo file has besides the picture that everyone sees first.

In:  the bytes of a file. Out: the words for the reasons of an advice. Whoever gives up a file for
another one gives up these too.

Sources: CIPA DC-007 (MPF); Android's Motion Photo 1.0 and Ultra HDR 1.1 formats; ISO 21496-1 (gain
maps); ISO 23008-12 (HEIF); Samsung's trailer as ExifTool documents it.
"""

import re
from typing import BinaryIO

from dupfind.photos.jpeg import segments

ANIMATION = "animation"
PAGES = "pages"
VIDEO = "has a video behind the picture"
GAIN_MAP = "gain map"
DEPTH = "depth"
SEVERAL_PICTURES = "several pictures"
LAYERS = "layers"
# Frames and pages can be compared one by one; the others cannot.
COMPARED = frozenset({ANIMATION, PAGES})

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_APP1, _APP2 = 0xE1, 0xE2
# The beginning of a film: a box of 8 to 255 bytes, and the brands that cameras write.
_FILM = re.compile(rb"\0\0\0[\x08-\xff]ftyp(?:mp4|isom|iso\d|qt  |M4V|avc1|3gp|MSNV|hvc1|hev1)")
_MOTION = re.compile(rb"""(?:MotionPhoto|MicroVideo)(?:=["']|>)1""")
_GAIN_MAP = re.compile(
    rb"hdrgm:|hdrgainmap|HDRGainMap|Semantic=[\"']GainMap|urn:iso:std:iso:ts:21496|infe.{8}tmap",
    re.DOTALL,
)
_DEPTH = re.compile(
    rb"GDepth:|Semantic=[\"']Depth|auxiliary:depth|auxid:2|aux:depth|aux:disparity|depthData"
)
_SAMSUNG_END, _SAMSUNG_FILM = b"SEFT", b"MotionPhoto_Data"
# MPF types of entries that are the same picture once more, only smaller.
_PREVIEWS = frozenset({0x010001, 0x010002, 0x010003, 0x010004, 0x010005})
_MPF_ENTRIES = 0xB002
_SECOND_HEADER_BYTES = 1 << 16
_META_BYTES = 1 << 20


def extras_of(file: BinaryIO, found: str, frames: int) -> tuple[str, ...]:
    """Return what a file has besides its first picture, in a fixed order.

    Args:
        file: The whole file; it is left at its beginning.
        found: Its format, as ``Picture.format`` names it.
        frames: How many frames or pages its reader found.

    Nothing is decoded: headers, boxes and what stands behind the picture are looked at.
    """
    words = set()
    if frames > 1:
        words.add(_word_for_frames(found))
    file.seek(0)
    if found == "JPEG":
        words |= _of_jpeg(file.read())
    elif found in ("HEIC", "AVIF"):
        words |= _of_boxes(file)
    elif found == "PSD":
        words.add(LAYERS)
    file.seek(0)
    if {GAIN_MAP, DEPTH} & words:
        words.discard(SEVERAL_PICTURES)
    order = (ANIMATION, PAGES, VIDEO, GAIN_MAP, DEPTH, SEVERAL_PICTURES, LAYERS)
    return tuple(word for word in order if word in words)


def _word_for_frames(found: str) -> str:
    if found in _ANIMATED:
        return ANIMATION
    return PAGES if found == "TIFF" else SEVERAL_PICTURES


def _of_jpeg(data: bytes) -> set[str]:
    described, further = b"", []
    place = 2
    for marker, content in segments(data):
        if marker == _APP1 and content.startswith((_XMP, _MORE_XMP)):
            described += content
        elif marker == _APP2 and content.startswith(b"MPF\0"):
            further = _further_pictures(content[4:], data.find(content) + 4)
        elif marker == _APP2 and content.startswith(b"urn:iso:std:iso:ts:21496"):
            described += content[:64]
        place += 4 + len(content)
    heads = b"".join(data[start : start + _SECOND_HEADER_BYTES] for start in further)
    words = set()
    if _FILM.search(data, place) or _MOTION.search(described) or _has_samsung_film(data):
        words.add(VIDEO)
    if _GAIN_MAP.search(described + heads):
        words.add(GAIN_MAP)
    if _DEPTH.search(described + heads):
        words.add(DEPTH)
    if further:
        words.add(SEVERAL_PICTURES)
    return words


def _has_samsung_film(data: bytes) -> bool:
    tail = data[-_SECOND_HEADER_BYTES:].rstrip(b"\0")
    return tail.endswith(_SAMSUNG_END) and _SAMSUNG_FILM in data


def _further_pictures(index: bytes, base: int) -> list[int]:
    """Return where in the file the pictures of an MPF index begin, without the first and previews.

    Args:
        index: The index, from its byte order on.
        base: Where in the file that stands.
    """
    order = "little" if index[:2] == b"II" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(index[place : place + size], order)  # type: ignore[arg-type]

    folder = number(4, 4)
    for entry in range(min(number(folder, 2), 64)):
        tag = folder + 2 + 12 * entry
        if number(tag, 2) == _MPF_ENTRIES:
            count, start = number(tag + 4, 4) // 16, number(tag + 8, 4)
            rows = range(start + 16, start + 16 * min(count, 64), 16)  # without the first
            return [
                base + number(row + 8, 4)
                for row in rows
                if number(row, 4) & 0xFFFFFF not in _PREVIEWS and number(row + 4, 4)
            ]
    return []


def _of_boxes(file: BinaryIO) -> set[str]:
    """Look at the outermost boxes of a HEIF file, and into its description of the pictures."""
    words = set()
    while len(head := file.read(16)) >= 8:
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        begin = file.tell() - len(head)
        if name == b"mpvd":
            words.add(VIDEO)
        if name == b"meta":
            file.seek(begin)
            described = file.read(min(size or _META_BYTES, _META_BYTES))
            words |= {GAIN_MAP} if _GAIN_MAP.search(described) else set()
            words |= {DEPTH} if _DEPTH.search(described) else set()
        if size < 8:  # the last one, or nonsense
            break
        file.seek(begin + size)
    return words
