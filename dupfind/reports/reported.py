"""What every report is made from: groups joined with their photos, and what could not be read."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dupfind.decisions import CameBack
from dupfind.records import Advice, FileError, Group, Member, Photo


@dataclass(frozen=True)
class Report:
    """All that a report shows. ``photos`` holds at least each photo that a group names.

    ``photos_total`` counts the whole library; ``precision`` is what the user asked for, in [0, 1];
    ``found_at`` is when the groups were found, ISO 8601. ``settled_total`` counts the groups that are
    left out since a person keeps all of them; ``came_back`` are photos that a person once removed.
    """

    library: Path
    model: str
    level: str
    precision: float
    groups: Sequence[Group]
    photos: Mapping[int, Photo]
    errors: Sequence[FileError] = field(default_factory=tuple)
    photos_total: int = 0
    found_at: str = ""
    settled_total: int = 0
    came_back: Sequence[CameBack] = ()

    @property
    def reclaimable_bytes(self) -> int:
        """Bytes that all groups together would free."""
        return sum(group.reclaimable_bytes for group in self.groups)

    @property
    def copies_total(self) -> int:
        """Members that are not kept, over all groups."""
        return sum(not member.keep for group in self.groups for member in group.members)

    @property
    def looks_total(self) -> int:
        """Members that want a look before anything is done with them, over all groups."""
        return sum(
            member.advice is Advice.LOOK and not member.keep and member.decision is None
            for group in self.groups
            for member in group.members
        )

    def appearances(self, group: Group) -> list[str]:
        """Return the paths of collages in other groups that show a photo of this one."""
        return [os.fspath(self.photos[one].path) for one in group.also_in if one in self.photos]

    def common_folder(self) -> str:
        """Return the folder that all shown photos lie in, "" where naming it would shorten nothing."""
        folders = {os.path.dirname(photo.path) for photo in self.photos.values()}  # noqa: PTH120
        try:
            common = os.path.commonpath(folders) if folders else ""
        except ValueError:  # several drives
            return ""
        return common if len(common) > 1 else ""

    def photo(self, member: Member) -> Photo:
        """Return the photo of a member."""
        return self.photos[member.photo_id]

    def kept_photo(self, group: Group) -> Photo:
        """Return the photo that the group keeps."""
        return self.photos[kept_member(group).photo_id]


class PairLine(NamedTuple):
    """One line of the pairs report: two photos and how sure it is that they are copies."""

    path_a: Path
    path_b: Path
    similarity: float
    probability: float
    relation: str


def kept_member(group: Group) -> Member:
    """Return the member that is marked to be kept, or else the first."""
    return next((member for member in group.members if member.keep), group.members[0])


def most_reclaimable_first(groups: Sequence[Group]) -> list[Group]:
    """Sort groups by what they would free; equal ones by their number."""
    return sorted(groups, key=lambda group: (-group.reclaimable_bytes, group.id))
