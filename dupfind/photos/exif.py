"""What EXIF says about a picture: how to turn it upright, when it was taken, how much there is."""

from datetime import datetime

from PIL import Image

ORIENTATION = 0x0112
MODIFIED = 0x0132
EXIF_FOLDER = 0x8769
GPS_FOLDER = 0x8825
ORIGINAL, ORIGINAL_FRACTION = 0x9003, 0x9291
DIGITISED, DIGITISED_FRACTION = 0x9004, 0x9292

# EXIF orientation -> what brings the stored picture upright (EXIF 2.32, tag 0x0112).
UPRIGHT: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The turns that swap width and height.
SIDEWAYS = frozenset(UPRIGHT[value] for value in (5, 6, 7, 8))


def read_exif(image: Image.Image) -> Image.Exif:
    """Return the EXIF entries; damaged ones read as far as they go, at worst none."""
    try:
        return image.getexif()
    except Exception:  # noqa: BLE001 - damaged EXIF raises anything; the picture is fine
        return Image.Exif()


def orientation(exif: Image.Exif) -> Image.Transpose | None:
    """Return the turn that brings the picture upright; None for none, and for invalid values."""
    value = exif.get(ORIENTATION)
    return UPRIGHT.get(value) if isinstance(value, int) else None


def taken_at(exif: Image.Exif) -> str | None:
    """Return when the picture was taken, as local time in ISO 8601, or None.

    The original time comes first, then the time of digitising, then that of the last change.
    """
    details = _folder(exif, EXIF_FOLDER)
    candidates = (
        (details.get(ORIGINAL), details.get(ORIGINAL_FRACTION)),
        (details.get(DIGITISED), details.get(DIGITISED_FRACTION)),
        (exif.get(MODIFIED), None),
    )
    return next((iso for text, part in candidates if (iso := _iso(text, part))), None)


def count_tags(exif: Image.Exif) -> int:
    """Count the EXIF entries, those of the camera and the place included."""
    return len(exif) + len(_folder(exif, EXIF_FOLDER)) + len(_folder(exif, GPS_FOLDER))


def _folder(exif: Image.Exif, tag: int) -> dict[int, object]:
    try:
        return dict(exif.get_ifd(tag))
    except Exception:  # noqa: BLE001 - as in read_exif: a damaged part counts as empty
        return {}


def _iso(text: object, fraction: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    digits = fraction.strip("\0 ") if isinstance(fraction, str) else ""
    if digits.isascii() and digits.isdigit():
        moment = moment.replace(microsecond=int(digits[:6].ljust(6, "0")))
    return moment.isoformat()
