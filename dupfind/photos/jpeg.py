"""Look into the segments of a JPEG file: where its pictures begin and end, and what it carries.

Source: ITU-T T.81, annex B (markers) and G (progressive scans).
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

END = b"\xff\xd9"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_RESTARTS = frozenset(range(0xD0, 0xD8))
# What may stand between two scans: tables, restart interval, line count, comments, application data.
_BETWEEN_SCANS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_COEFFICIENTS = 64
_FEW = 16
_TAIL_BYTES = 1 << 12


@dataclass(slots=True)
class _Coverage:
    """Which coefficients of which components the scans so far have brought to their last bit."""

    progressive: bool = False
    left: dict[int, set[int]] = field(default_factory=dict)

    def begin(self, marker: int, frame: bytes) -> None:
        self.progressive = marker in _PROGRESSIVE
        self.left = {frame[6 + 3 * place]: set(range(_COEFFICIENTS)) for place in range(frame[5])}

    def add(self, scan: bytes) -> None:
        count = scan[0]
        first, last, bits = scan[1 + 2 * count], scan[2 + 2 * count], scan[3 + 2 * count] & 15
        for component in scan[1 : 1 + 2 * count : 2]:
            if component in self.left and not self.progressive:
                self.left[component].clear()
            elif component in self.left and bits == 0:
                self.left[component] -= set(range(first, last + 1))

    @property
    def complete(self) -> bool:
        return bool(self.left) and not any(self.left.values())


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, content) of the segments before the first scan, as far as they are whole."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in (_START_OF_SCAN, _END_OF_IMAGE) or length < 2:
            return
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length


def lacks_end(file: BinaryIO) -> bool:
    """Say whether a JPEG file has no end marker behind where its picture data begins."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    if END in file.read():
        return False
    file.seek(0)
    data = file.read()
    return data.rfind(END) < data.find(bytes([0xFF, _START_OF_SCAN]), _header_bytes(data))


def picture_data(data: bytes) -> bytes | None:
    """Return a JPEG file up to where the data of its picture may reach, if it lacks its end marker.

    Zeros and whatever follows the first byte pair that no picture data can hold are cut off. None
    when the file has its end marker, has no picture data, or lacks whole scans.
    """
    coverage, place = _Coverage(), 2
    try:
        while data[place] == 0xFF:
            marker = data[place + 1]
            if marker == 0xFF:  # filling
                place += 1
                continue
            if marker == _END_OF_IMAGE:
                return None
            if coverage.complete or not _fits(data, place, marker, scanned=bool(coverage.left)):
                break
            length = int.from_bytes(data[place + 2 : place + 4], "big")
            content = data[place + 4 : place + 2 + length]
            if marker in _FRAMES:
                coverage.begin(marker, content)
            place += 2 + length
            if marker == _START_OF_SCAN:
                coverage.add(content)
                place = _end_of_scan(data, place)
    except IndexError:
        pass  # the end of the file
    return _trimmed(data[:place]) if coverage.complete else None


def fillings() -> tuple[bytes, bytes]:
    """Return two different pieces of made-up picture data with an end marker.

    Behind a whole picture neither is looked at; behind one that lacks rows both are, and what is
    decoded differs. The restart markers are for files that have an interval of them.
    """
    first, second = (random.Random(seed) for seed in (1, 2))
    return _filling(first), _filling(second)


def _header_bytes(data: bytes) -> int:
    """Return how long the segments before the first scan are: a thumbnail in them has an end too."""
    return 2 + sum(4 + len(content) for _, content in segments(data))


def _filling(generator: random.Random) -> bytes:
    pieces = (
        bytes(generator.choices(range(255), k=61)) + bytes([0xFF, 0xD0 + number % 8])
        for number in range(64)
    )
    return b"".join(pieces) + END


def _fits(data: bytes, place: int, marker: int, *, scanned: bool) -> bool:
    """Tell whether a segment may begin here: behind picture data, junk may look like a marker."""
    if scanned and marker not in _BETWEEN_SCANS:
        return False
    return place + 2 + int.from_bytes(data[place + 2 : place + 4], "big") <= len(data)


def _end_of_scan(data: bytes, place: int) -> int:
    """Return where the next marker stands that is no part of the picture data, or the file's end."""
    while (place := data.find(b"\xff", place)) >= 0:
        if place + 1 >= len(data):
            return place
        if data[place + 1] != 0 and data[place + 1] not in _RESTARTS:
            return place
        place += 2
    return len(data)


def _trimmed(data: bytes) -> bytes:
    """Cut off zeros and half an end marker; a few zeros may be the end of a flat picture's data."""
    trimmed = data.rstrip(b"\0")
    zeros = len(data) - len(trimmed)
    zeros = zeros if zeros < _FEW else 2
    if trimmed.endswith(b"\xff") and not zeros:
        return trimmed[:-1]
    return trimmed + bytes(zeros)
