"""How many bits a sample has in the file, whatever the decoder makes of it."""

from typing import BinaryIO

from PIL import Image, ImageFile, TiffImagePlugin

_HEADER_BYTES = 1 << 18
_BITS_PER_SAMPLE = 258  # TIFF


def bits_per_sample(image: Image.Image, found: str, file: BinaryIO) -> int:
    """Return the bits of a sample; 8 where the format has no more.

    Args:
        image: The open picture, not loaded yet.
        found: Its format, as ``Picture.format`` names it.
        file: The file; left at the place where it is.

    Source: PNG 11.2.2 (IHDR); ISO 15444-1 A.5.1 (SIZ); AV1-ISOBMFF 2.3.3 (av1C); ISO 14496-15 8.3.3
    (hvcC).
    """
    if image.mode.startswith(("I", "F")):
        return 16
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(int(bits) for bits in image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
    place = file.tell()
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    file.seek(place)
    match found:
        case "PNG":
            return head[24]
        case "JPEG2000":
            return (_at(head, b"\xff\x51", 40) & 0x7F) + 1
        case "AVIF":
            return 10 if _at(head, b"av1C", 6) & 0x40 else 8
        case "HEIC":
            return (_at(head, b"hvcC", 21) & 7) + 8
        case "PPM":
            return 16 if _is_deep_map(image) else 8
    return 8


def _at(head: bytes, name: bytes, offset: int) -> int:
    """Return the byte ``offset`` bytes behind the beginning of ``name``; 0 where there is none."""
    place = head.find(name)
    found = place >= 0 and place + offset < len(head)
    return head[place + offset] if found else 0


def _is_deep_map(image: Image.Image) -> bool:
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return False
    args = image.tile[0].args
    return isinstance(args, tuple) and any(isinstance(arg, int) and arg > 255 for arg in args)
