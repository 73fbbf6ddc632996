"""Choose which photo of a group to keep: rules that stack, the first that tells decides.

In:  photos and the names of rules. Out: the photos in order, the best first. No disk or database.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dupfind.errors import DupfindError
from dupfind.records import Photo

# What a camera writes comes before what is made from it; a lossless copy of a JPEG is not better.
_FORMATS = (
    "DNG",
    "RAW",
    "HEIC",
    "HEIF",
    "JPEG",
    "MPO",
    "TIFF",
    "PNG",
    "AVIF",
    "WEBP",
    "BMP",
    "GIF",
)
_NO_DATE = "9999"

Rule = Callable[[Photo], Any]


def _untold(_: Photo) -> int:
    """Stand for the rule ``original`` where the photos were not judged: all are equal."""
    return 0


_RULES: dict[str, Rule] = {
    "original": _untold,
    "reference": lambda photo: not photo.is_reference,
    "resolution": lambda photo: -_steps(photo.width * photo.height),
    "smallest-resolution": lambda photo: _steps(photo.width * photo.height),
    "format": lambda photo: _rank(photo.format),
    "bytes": lambda photo: -photo.size_bytes,
    "biggest": lambda photo: -photo.size_bytes,
    "smallest": lambda photo: photo.size_bytes,
    "exif": lambda photo: -photo.exif_tags,
    "oldest": lambda photo: (photo.taken_at or _NO_DATE, photo.mtime_ns),
    "newest": lambda photo: _Reversed((photo.taken_at or "", photo.mtime_ns)),
    "path": lambda photo: (len(photo.path.parts), str(photo.path)),
    "name": lambda photo: (len(photo.path.name), photo.path.name),
}


class _Reversed:
    """A value that sorts the other way round."""

    def __init__(self, value: tuple[str, int]) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)


def parse_rules(text: str) -> list[Rule]:
    """Read rules such as ``reference,resolution,folder:/photos/best,bytes``.

    ``folder:PATH`` prefers photos below a folder. Ties that no rule settles go to the path.

    Raises:
        DupfindError: There is no rule of that name.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [*(_rule(name) for name in names), _RULES["path"]]


def order(photos: Sequence[Photo], rules: Sequence[Rule]) -> list[Photo]:
    """Return the photos with the one to keep first."""
    return sorted(photos, key=lambda photo: tuple(rule(photo) for rule in rules))


def with_tiers(rules: Sequence[Rule], tiers: Mapping[int, int]) -> list[Rule]:
    """Return the rules with ``original`` going by the tier of each photo's id (``lineage``)."""

    def original(photo: Photo) -> int:
        return tiers.get(photo.id, len(tiers))

    return [original if rule is _untold else rule for rule in rules]


def _rule(name: str) -> Rule:
    if name.startswith("folder:"):
        folder = Path(name.removeprefix("folder:")).absolute()
        return lambda photo: not photo.path.is_relative_to(folder)
    if name not in _RULES:
        raise DupfindError(
            f"there is no keep rule '{name}'; choose from {', '.join(_RULES)}, folder:PATH"
        )
    return _RULES[name]


def _steps(pixels: int) -> int:
    """Count pixels in steps of a quarter: a stretched or turned copy has a few more and is no better."""
    return round(math.log(max(1, pixels)) / math.log(1.25))


def _rank(format_name: str) -> int:
    return _FORMATS.index(format_name) if format_name in _FORMATS else len(_FORMATS)
