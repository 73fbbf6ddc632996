"""What was found about a pair of photos, as a record with a direction: b as made from a.

``Evidence.reversed`` gives the same facts as a made from b. The words for a person are made of these
numbers in ``reports.words``; the names in JSON are those of the fields (docs/matching.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Literal

Which = Literal["a", "b"]
Box = tuple[float, float, float, float]

BY_HUB = "hub"  # the method of a pair that follows from the pairs of both with one photo
QUORUM = "quorum"  # the method of a member that is proven against others of its group only
GREY = 5.0  # mean saturation (largest minus smallest channel) below which a picture is grey
TONE_GAIN = 1.18
TONE_OFFSET = 10.0  # grey levels
COLOUR_SHIFT = 2.5  # grey levels
COLOUR_SHARE = 0.12
CLEARLY_MORE_COLOUR = 0.2
_SMALLEST_GAIN = 0.05


class Relation(StrEnum):
    """How two photos are related, strongest first (docs: "What a match is")."""

    IDENTICAL = "identical"
    SAME_PIXELS = "same-pixels"
    REENCODED = "reencoded"
    RESIZED = "resized"
    CROPPED = "cropped"
    ROTATED = "rotated"
    MIRRORED = "mirrored"
    RECOLOURED = "recoloured"
    EDITED = "edited"
    COMPOSITE = "composite"
    VARIANT = "variant"
    OVERLAPPING = "overlapping"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Tone:
    """How the tones of b follow from those of a; grey levels of 255.

    Attributes:
        gain, offset: b = gain * a + offset; a negative has a gain below 0.
        colour_a, colour_b: Mean saturation of the overlap in each.
        colour_shift: Mean difference of the colour channels after the fit of grey.
    """

    gain: float
    offset: float
    colour_a: float
    colour_b: float
    colour_shift: float

    @property
    def loses_colour(self) -> bool:
        """Whether one of the two is grey and the other clearly not."""
        grey = (self.colour_a < GREY, self.colour_b < GREY)
        return grey[0] != grey[1] and max(self.colour_a, self.colour_b) > 2 * GREY

    @property
    def is_negative(self) -> bool:
        """Whether dark and light are swapped."""
        return self.gain < 0

    @property
    def contrast(self) -> int:
        """1 where b has clearly more contrast, -1 where it has less, else 0."""
        return (self.gain > TONE_GAIN) - (self.gain < 1 / TONE_GAIN)

    @property
    def brightness(self) -> int:
        """1 where the middle grey of a is clearly brighter in b, -1 where it is darker, else 0."""
        middle = 128 * (self.gain - 1) + self.offset
        return (middle > TONE_OFFSET) - (middle < -TONE_OFFSET)

    @property
    def recolours(self) -> bool:
        """Whether the colours differ by more than the grey tones explain."""
        strongest = max(self.colour_a, self.colour_b)
        return self.colour_shift > max(COLOUR_SHIFT, COLOUR_SHARE * strongest)

    @property
    def colourfulness(self) -> int:
        """1 where b is clearly more colourful, -1 where it is less, else 0."""
        clear = CLEARLY_MORE_COLOUR * max(self.colour_a, self.colour_b)
        more = self.colour_b - self.colour_a
        return (more > clear) - (more < -clear)

    @property
    def differs(self) -> bool:
        """Whether the tones or colours of the two differ by more than saving anew explains."""
        toned = self.is_negative or self.contrast != 0 or self.brightness != 0
        return self.loses_colour or toned or self.recolours

    def reversed(self) -> "Tone":
        """Return how the tones of a follow from those of b."""
        gain = self.gain if abs(self.gain) > _SMALLEST_GAIN else _SMALLEST_GAIN
        return Tone(1 / gain, -self.offset / gain, self.colour_b, self.colour_a, self.colour_shift)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about photos a and b; None, False and empty mean that nothing is to be said.

    A new field needs a line here, one in ``FORMS``, and one in ``reversed`` when it has a direction.

    Attributes:
        method: ``keypoints``, ``tile`` (in one picture of a collage), ``direct``, ``composed`` (through a
            third photo), ``hub`` (not compared: both are copies of one that shows what they share),
            ``quorum``, ``none``.
        inliers: Keypoints in place.
        relations: All that hold, the strongest last.
        scale: Pixels of b for one of a.
        stretch: How much more one side was scaled than the other, above 1; the same from both sides.
        degrees: How far b is turned against a, anticlockwise, after ``mirrored``.
        mirrored: Whether b is flipped.
        part: Which of the two is a part of the other.
        crop_box: Where the part lies in the larger picture: left, top, right, bottom as shares.
        crop_share: How much of the larger picture's content that is.
        part_share: How much of the part's content the overlap covers.
        changed_share: Share of the overlap that differs.
        frame: Which of the two has a frame or something else around it that the other has not.
        warped: Whether b is seen at an angle or sheared.
        detail_ratio: Fine structure of b over that of a, where they clearly differ.
        grey: Whether one of the two has lost the other's colours.
        tones: How tones and colours follow, where they clearly differ.
        matrix: 3 x 3 row by row, from shares of a's sides to shares of b's.
        burst_seconds: Taken so few seconds apart that a burst is likely.
        unit: ``raw+jpeg`` or ``live-photo``: a file beside it makes b, a member of a group, a part of
            a shot. It is about one photo, and stays when the pair is turned.
        same_file: Id of another photo of the group that is a name of the same file (a hard link): to
            delete one of the two frees nothing. It stays when the pair is turned.
    """

    method: str = ""
    inliers: int | None = None
    relations: tuple[Relation, ...] = ()
    scale: float | None = None
    stretch: float | None = None
    degrees: float | None = None
    mirrored: bool = False
    part: Which | None = None
    crop_box: Box | None = None
    crop_share: float | None = None
    part_share: float | None = None
    changed_share: float | None = None
    frame: Which | None = None
    warped: bool = False
    detail_ratio: float | None = None
    grey: bool = False
    tones: Tone | None = None
    matrix: tuple[float, ...] | None = None
    burst_seconds: float | None = None
    unit: str | None = None
    same_file: int | None = None

    def reversed(self) -> "Evidence":
        """Return the same facts as a made from b: the two photos have changed their letters."""
        return replace(
            self,
            scale=_inverse(self.scale),
            # Mirrored and then turned is undone by the same turn after the same mirror.
            degrees=self.degrees if self.mirrored else _turned_back(self.degrees),
            part=_other(self.part),
            frame=_other(self.frame),
            detail_ratio=_inverse(self.detail_ratio),
            tones=None if self.tones is None else self.tones.reversed(),
            matrix=_inverse_matrix(self.matrix),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values, rounded, without those that say nothing."""
        values = ((name, getattr(self, name)) for name in FORMS)
        return {
            name: FORMS[name].write(value)
            for name, value in values
            if value is not None and value is not False and value not in ("", ())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Evidence":
        """Read what ``to_json`` made; what this version does not know or understand is left out."""
        found: dict[str, Any] = {}
        for name, form in FORMS.items():
            if values.get(name) is None:
                continue
            try:
                found[name] = form.read(values[name])
            except (TypeError, ValueError, KeyError):  # written by another version
                continue
        return cls(**found)


def _other(side: Which | None) -> Which | None:
    if side is None:
        return None
    return "b" if side == "a" else "a"


def _inverse(ratio: float | None) -> float | None:
    return 1 / ratio if ratio else None


def _turned_back(degrees: float | None) -> float | None:
    return None if degrees is None else (180 - degrees) % 360 - 180


def _inverse_matrix(matrix: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if matrix is None:
        return None
    import numpy as np  # here: `dupfind --help` need not load it

    try:
        inverse = np.linalg.inv(np.reshape(matrix, (3, 3)))
    except np.linalg.LinAlgError:  # rounded to nothing: a part of no size
        return None
    return tuple((inverse / inverse[2, 2]).ravel().tolist())


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is read from JSON, and how it is written, rounded."""

    read: Callable[[Any], object]
    write: Callable[[Any], object] = lambda value: value


def _five_digits(value: float) -> float:
    return float(f"{value:.5g}")


def _which(value: Any) -> Which:
    if value not in ("a", "b"):
        raise ValueError(f"{value!r} is neither a nor b")
    return "a" if value == "a" else "b"


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    numbers = tuple(map(float, values))
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers instead of {count}")
    return numbers


def _relations(names: Any) -> tuple[Relation, ...]:
    known = set(Relation)
    return tuple(Relation(name) for name in names if name in known)


def _tones(values: Any) -> Tone:
    return Tone(*(float(values[one.name]) for one in fields(Tone)))


_SHARE = Form(float, lambda value: round(value, 4))
_RATIO = Form(float, _five_digits)
_TEXT, _FLAG, _WHICH, _SECONDS = Form(str), Form(bool), Form(_which), Form(float)
FORMS: dict[str, Form] = {
    "method": _TEXT,
    "inliers": Form(int),
    "relations": Form(_relations, lambda names: [str(name) for name in names]),
    "scale": _RATIO,
    "stretch": _RATIO,
    "degrees": Form(float, lambda value: round(value, 1)),
    "mirrored": _FLAG,
    "part": _WHICH,
    "crop_box": Form(lambda box: _numbers(box, 4), lambda box: [round(x, 4) for x in box]),
    "crop_share": _SHARE,
    "part_share": _SHARE,
    "changed_share": _SHARE,
    "frame": _WHICH,
    "warped": _FLAG,
    "detail_ratio": _RATIO,
    "grey": _FLAG,
    "tones": Form(_tones, lambda tones: {k: _five_digits(v) for k, v in asdict(tones).items()}),
    "matrix": Form(lambda values: _numbers(values, 9), lambda m: [round(x, 6) for x in m]),
    "burst_seconds": _SECONDS,
    "unit": _TEXT,
    "same_file": Form(int),
}
