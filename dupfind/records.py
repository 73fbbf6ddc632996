"""The values that pass between the stages. Plain data: no disk, database, GPU or maths."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dupfind.decisions import GroupState, Verb
from dupfind.evidence import Evidence
from dupfind.evidence import Relation as Relation  # part of Pair: read from here by all

if TYPE_CHECKING:  # for the type alone: `dupfind --help` need not load numpy
    import numpy as np
    from numpy.typing import NDArray

FileId = tuple[int, int]


def file_id_of(photo_id: int, device: int, inode: int) -> FileId:
    """Return what names a photo's file: its number, or the photo where its system has none."""
    return (device, inode) if inode else (-1, photo_id)


def freed_bytes(going: Iterable[tuple[FileId, int]], staying: Iterable[FileId]) -> int:
    """Return how many bytes are free once all of ``going`` (file, bytes) are deleted.

    A file with several names is there as long as one of them stays, and frees its bytes once.
    """
    sizes = dict(going)
    return sum(sizes[file] for file in sizes.keys() - set(staying))


class Level(StrEnum):
    """Which relations join a group: byte and pixel copies, all proven copies, or look-alikes too."""

    EXACT = "exact"
    COPY = "copy"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that the scan found. ``path`` is absolute; bytes that are not UTF-8 are surrogate-escaped.

    ``ctime_ns`` is when the system last saw a change of the file, ``device`` and ``inode`` its
    number; 0 where the system does not tell.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that could not be used, and the reason in words a person understands."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded photo.

    ``pixels`` is uint8 sRGB of shape (height, width, 3), upright (EXIF orientation applied),
    transparency composited on white (or black), possibly smaller than the file (see
    ``photos.decode``). ``width`` and ``height`` are those of the upright picture at full size, in
    pixels. ``taken_at`` is local time in ISO 8601; ``exif_tags`` counts the EXIF entries;
    ``frames`` counts frames or pages; ``has_alpha``: something of it can be seen through.
    """

    pixels: "NDArray[np.uint8]"
    width: int
    height: int
    format: str
    taken_at: str | None = None
    exif_tags: int = 0
    frames: int = 1
    has_alpha: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of the library, as the table ``photos`` holds it.

    ``frames`` counts frames or pages (0: not looked for yet) and ``extras`` names what the file has
    besides its first picture (see ``photos.extras``). ``device`` and ``inode`` are equal for two
    names of one file, and 0 where the file system has no such numbers.
    """

    id: int
    path: Path
    sha256: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    taken_at: str | None = None
    exif_tags: int = 0
    pixels_sha256: str = ""
    is_reference: bool = False
    frames: int = 0
    has_alpha: bool = False
    extras: tuple[str, ...] = ()
    device: int = 0
    inode: int = 0

    @property
    def file_id(self) -> FileId:
        """Equal for two photos exactly when they are two names (hard links) of one file."""
        return file_id_of(self.id, self.device, self.inode)


@dataclass(frozen=True, slots=True)
class Pair:
    """A scored pair of photos: ids with ``photo_a < photo_b``, cosine similarity in [-1, 1].

    ``probability`` that the two are copies, in [0, 1]; ``evidence`` holds all that was found
    (scale, degrees, box, share, inliers, ...), of photo b as made from photo a.
    """

    photo_a: int
    photo_b: int
    similarity: float
    probability: float
    relation: Relation
    evidence: Evidence = field(default_factory=Evidence)


class Advice(StrEnum):
    """What may become of a member: ``remove`` only where a person would lose nothing."""

    KEEP = "keep"
    REMOVE = "remove"
    LOOK = "look"


class Reason(StrEnum):
    """Why a member is kept, may go, or wants a look; the words for them are in ``reports.words``."""

    SOURCE = "source"  # of the kept one: the others are made from it
    BALANCED = "balanced"  # of the kept one: the evidence does not tell, the keep rules chose
    SAME_BYTES = "same-bytes"
    SAME_PIXELS = "same-pixels"
    SAVED_AGAIN = "saved-again"
    REDUCED = "reduced"
    ENLARGED = "enlarged"
    SHOWS_LESS = "shows-less"
    SHOWS_MORE = "shows-more"
    FRAMED = "framed"
    UNFRAMED = "unframed"
    COMPOSITE = "composite"
    SEVERAL = "several-groups"  # it shows photos of other groups too
    WRITTEN = "written-over"
    CHANGED = "changed"
    ONE_TONE = "one-tone"
    MORE_COLOUR = "more-colour"
    RECOLOURED = "recoloured"
    SOFTER = "softer"
    SHARPER = "sharper-or-noisier"
    TURNED = "turned"
    MIRRORED = "mirrored"
    STRETCHED = "stretched"
    WARPED = "warped"
    UNPROVEN = "unproven"
    UNSEEN = "unseen"  # it could not be compared closely
    UNSURE = "unsure"  # it may be edited a little
    FINER = "finer"  # it may be the better one of the two
    LOST_PROFILE = "lost-profile"  # the kept one has a colour profile that it lacks
    MORE_PROFILE = "more-profile"  # it has a colour profile that the kept one lost
    MORE_EXIF = "more-exif"
    VIDEO = "video"
    GAIN_MAP = "gain-map"
    DEPTH = "depth"
    SEVERAL_PICTURES = "several-pictures"
    PAGES = "pages"
    ANIMATION = "animation"
    LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Member:
    """A photo of a group, with its relation to the photo that is kept (``original`` for that one).

    ``evidence`` describes it as made from the kept photo; ``reasons`` say why the ``advice``.
    ``decision`` is what a person decided (``keep`` or ``remove``, since ``decided_at``), None where
    nobody did; ``removed_at`` is when a person removed this content, which is there again.
    """

    photo_id: int
    keep: bool
    relation: str
    similarity: float
    probability: float
    evidence: Evidence = field(default_factory=Evidence)
    advice: Advice = Advice.LOOK
    reasons: tuple[Reason, ...] = ()
    decision: Verb | None = None
    decided_at: str | None = None
    removed_at: str | None = None

    @property
    def may_go(self) -> bool:
        """Whether a person decided so, or the advice says so and nobody decided otherwise."""
        if self.keep or self.decision is Verb.KEEP:
            return False
        return self.decision is Verb.REMOVE or self.advice is Advice.REMOVE


@dataclass(frozen=True, slots=True)
class Group:
    """A set of proven copies: the kept photo first. ``lowest_similarity`` is over all its pairs.

    ``bridges`` are the ids of its collages that show photos of other groups as well; ``also_in``
    those of collages in other groups that show a photo of this one. Only members that ``may_go``
    count as reclaimable. ``state`` says what a person decided of it.
    """

    id: int
    members: tuple[Member, ...]
    lowest_similarity: float
    reclaimable_bytes: int
    bridges: tuple[int, ...] = ()
    also_in: tuple[int, ...] = ()
    state: GroupState = GroupState.OPEN

    @property
    def keep(self) -> Member:
        """The member to keep."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class JoinFacts:
    """How a join was made.

    ``kind`` is ``exact`` or ``lists``; ``lists`` and ``probes`` are how many there are and how many each
    vector was compared with. ``recall`` is the share of a sample of ``sample`` vectors whose nearest other
    was found by either of the two; ``joined`` how many vectors were searched for in this run.
    """

    kind: str
    count: int
    joined: int
    lists: int = 0
    probes: int = 0
    recall: float = 1.0
    sample: int = 0
