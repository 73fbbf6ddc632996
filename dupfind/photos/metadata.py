"""What a photo says of itself that a person may miss: when, where, how good, which tags.

In:  a photo file. Out: ``Metadata``, in the notation of XMP. Nothing is decoded.

Source: EXIF 2.32; Microsoft's tags 0x4746 (rating) and 0x9C9E (keywords).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dupfind.errors import PhotoError
from dupfind.photos.exif import GPS_FOLDER, read_exif, taken_at
from dupfind.photos.opening import open_photo

_RATING, _KEYWORDS = 0x4746, 0x9C9E
_SIDES = {"latitude": (1, 2), "longitude": (3, 4)}  # the tags of the side and of the angle
_PACKET = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_LOOKED_AT = 1 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a photo beside its pixels.

    ``taken_at`` is local time in ISO 8601; places are as XMP writes them (``48,12.5N``: degrees,
    minutes, side); ``rating`` is 1 to 5, -1 for rejected.
    """

    taken_at: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    rating: int | None = None
    tags: tuple[str, ...] = ()


def read_metadata(path: Path) -> tuple[Metadata, bytes]:
    """Return what the EXIF entries of a photo say, and the XMP packet in it (empty: none).

    Raises:
        PhotoError: The file cannot be read.
    """
    with open_photo(path) as opened:
        head = opened.file.read(_LOOKED_AT)
        opened.file.seek(0)
        try:
            with Image.open(opened.file) as image:
                exif = read_exif(image)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise PhotoError(f"its EXIF cannot be read ({error})") from error
    place = _folder(exif)
    rating = exif.get(_RATING)
    packet = _PACKET.search(head)
    metadata = Metadata(
        taken_at(exif),
        _angle(place, *_SIDES["latitude"]),
        _angle(place, *_SIDES["longitude"]),
        rating if isinstance(rating, int) and rating else None,
        _keywords(exif.get(_KEYWORDS)),
    )
    return metadata, packet[0] if packet else b""


def _folder(exif: Image.Exif) -> dict[int, object]:
    try:
        return dict(exif.get_ifd(GPS_FOLDER))
    except Exception:  # noqa: BLE001 - as in exif.read_exif: a damaged part counts as empty
        return {}


def _angle(place: dict[int, object], side_tag: int, angle_tag: int) -> str | None:
    """Return an angle in XMP's notation; None for none, or a damaged one."""
    side, angle = place.get(side_tag), place.get(angle_tag)
    if not isinstance(side, str) or side.strip("\0 ") not in ("N", "S", "E", "W"):
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in angle)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    whole = int(degrees)
    rest = 60 * (degrees - whole) + minutes + seconds / 60
    if not 0 <= rest < 61 or not 0 <= whole <= 180:
        return None
    return f"{whole},{rest:.6f}{side.strip(chr(0) + ' ')}"


def _keywords(value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        value = bytes(value)
    if not isinstance(value, bytes):
        return ()
    text = value.decode("utf-16-le", "ignore").strip("\0 ")
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(";") if tag.strip()))
