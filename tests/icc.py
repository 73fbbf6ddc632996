"""Colour profiles for the tests: what cameras, phones and editors embed, by the numbers of their standards."""

import struct

from PIL import ImageCms

Primaries = tuple[tuple[float, float, float], ...]

# Red, green and blue as XYZ under D50, and the exponent of the curve of tone.
SPACES: dict[str, tuple[Primaries, float]] = {
    "Display P3": (
        ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)), 2.2),
    "Adobe RGB (1998)": (
        ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)), 2.2),
    "iMac": (
        ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)), 1.8),
    "ROMM RGB": (
        ((0.7977, 0.2880, 0.0000), (0.1352, 0.7119, 0.0000), (0.0313, 0.0001, 0.8249)), 1.8),
}  # fmt: skip


def profile_of(name: str) -> bytes:
    """Return an ICC profile of one of ``SPACES``."""
    primaries, gamma = SPACES[name]
    tags = {b"desc": _text(name), b"cprt": _text("none"), b"wtpt": _xyz((0.9642, 1.0, 0.8249))}
    for channel, place in zip("rgb", primaries, strict=True):
        tags[channel.encode() + b"XYZ"] = _xyz(place)
        tags[channel.encode() + b"TRC"] = struct.pack(">4sIIHxx", b"curv", 0, 1, round(gamma * 256))
    at, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, at + len(body), len(data))
        body += data
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    size = struct.pack(">I", at + len(body))
    return size + srgb[4:128] + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return struct.pack(">4sIiii", b"XYZ ", 0, *(round(value * 65536) for value in values))


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    found = struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(data), 28) + data
    return found + bytes(-len(found) % 4)
