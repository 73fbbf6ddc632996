"""What a photo file says of itself besides its pixels, line by line, for a person to compare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from dupfind.photos.exif import EXIF_FOLDER, GPS_FOLDER, read_exif
from dupfind.photos.quiet import QUIET_PILLOW

_LONGEST = 160
_MOST_LINES = 120
# Of no use to a person, or told elsewhere: offsets of folders, thumbnails, blobs of the maker.
_PASSED_OVER = frozenset(
    {
        *("ExifOffset", "GPSInfo", "InteropOffset", "MakerNote", "UserComment", "PrintImageMatching"),
        *("JpegIFOffset", "JpegIFByteCount", "ExifInteroperabilityOffset", "ImageWidth"),
        *("ImageLength", "StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts"),
        *("XMLPacket", "ICCProfile", "ImageResources", "IPTCNAA", "ExifImageWidth", "ExifImageHeight"),
    }
)  # fmt: skip


def labels_of(path: Path) -> dict[str, str]:
    """Return label -> value of what is in a photo's EXIF, and how it was saved; in reading order.

    What is damaged is left out; a file that cannot be opened has none.
    """
    try:
        with QUIET_PILLOW, Image.open(path) as image:
            return _saved(image) | _exif(image)
    except Exception:  # noqa: BLE001 - damaged headers raise anything, and only tell a person more
        return {}


def _saved(image: Image.Image) -> dict[str, str]:
    found = {"Colour mode": image.mode}
    profile = image.info.get("icc_profile")
    found["Colour profile"] = f"{len(profile)} bytes" if profile else ""
    found["Progressive"] = "yes" if image.info.get("progressive") else ""
    resolution = image.info.get("dpi")
    if isinstance(resolution, tuple) and len(resolution) == 2:
        found["Dots per inch"] = " × ".join(f"{float(value):.0f}" for value in resolution)
    return {label: value for label, value in found.items() if value}


def _exif(image: Image.Image) -> dict[str, str]:
    exif = read_exif(image)
    found = _named(exif, ExifTags.TAGS)
    found |= _named(exif.get_ifd(EXIF_FOLDER), ExifTags.TAGS)
    place = exif.get_ifd(GPS_FOLDER)
    if place:
        found["Place"] = _place(place)
    return dict(list(found.items())[:_MOST_LINES])


def _named(values: Mapping[int, Any], names: Mapping[int, str]) -> dict[str, str]:
    found = {}
    for tag, value in values.items():
        name = names.get(tag, f"Tag {tag}")
        text = _text(value)
        if text and name not in _PASSED_OVER:
            found[_spaced(name)] = text
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").strip("\0 ")
        return str(value)[:_LONGEST] if value.isprintable() else f"{len(value)} bytes"
    if isinstance(value, tuple):
        return ", ".join(_text(part) for part in value[:8])
    if isinstance(value, float) or hasattr(value, "numerator"):
        return f"{float(value):.6g}"
    return str(value).strip("\0 ")[:_LONGEST]


def _spaced(name: str) -> str:
    """``DateTimeOriginal`` is "Date time original" for a person; ``ISOSpeed`` is "ISO speed"."""
    words: list[str] = []
    for place, letter in enumerate(name):
        before = name[place - 1] if place else ""
        after = name[place + 1 : place + 2]
        starts = letter.isupper() and (not before.isupper() or after.islower())
        if starts or not words:
            words.append(letter)
        else:
            words[-1] += letter
    lowered = [
        words[0],
        *(word if word.isupper() and len(word) > 1 else word.lower() for word in words[1:]),
    ]
    return " ".join(lowered)


def _place(place: Mapping[int, Any]) -> str:
    latitude = _degrees(place.get(2), place.get(1) == "S")
    longitude = _degrees(place.get(4), place.get(3) == "W")
    return f"{latitude:.5f}, {longitude:.5f}"


def _degrees(parts: Any, is_negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if is_negative else value
