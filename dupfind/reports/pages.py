"""Cut a large HTML report into pages that any browser and mail takes, and name their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dupfind.errors import ReportError
from dupfind.records import Group, Photo
from dupfind.reports.html import PageLink, group_bytes, listed_members
from dupfind.reports.reported import Report, most_reclaimable_first

PAGE_BYTES = 2_000_000
LINKS_AROUND = 6
LINKS_BYTES = 10_000  # that links take at most
_OURS = b'name="generator" content="dupfind"'
_HEAD_BYTES = 2000


@dataclass(frozen=True, slots=True)
class PageContent:
    """What is on one page: groups, and the photos that it shows as pictures."""

    groups: tuple[Group, ...]
    pictured: tuple[Photo, ...]


def split_pages(
    report: Report, pictures: Mapping[str, int], *, room_bytes: int
) -> list[PageContent]:
    """Put the groups on pages, those that free most first; there is at least one page.

    Args:
        report: All groups.
        pictures: Bytes on a page of each picture that there is, by content.
        room_bytes: Room of a page for groups and pictures. A single group that needs more gets a
            page of its own, with as many pictures as there is room for.
    """
    pages: list[PageContent] = []
    groups: list[Group] = []
    photos: list[Photo] = []
    used = 0
    for group in most_reclaimable_first(report.groups):
        room = room_bytes - group_bytes(report, group)
        shown, taken = _pictured(report, group, pictures, room)
        size = room_bytes - room + taken
        if groups and used + size > room_bytes:
            pages.append(PageContent(tuple(groups), tuple(photos)))
            groups, photos, used = [], [], 0
        groups.append(group)
        photos += shown
        used += size
    return [*pages, PageContent(tuple(groups), tuple(photos))]


def page_files(target: Path, count: int) -> list[Path]:
    """Return the files of ``count`` pages: ``report.html``, ``report-2.html``, ...

    Raises:
        ReportError: One of the further files is there and no page of dupfind.
    """
    files = [_file(target, number) for number in range(1, count + 1)]
    for file in files[1:]:
        if file.exists() and not _is_ours(file):
            raise ReportError(
                f"{file} is in the way of a page of the report; move it, or choose another name "
                "with -o"
            )
    return files


def remove_old_pages(target: Path, count: int) -> None:
    """Delete the pages that an earlier, longer report left behind the last of this one."""
    number = max(2, count + 1)
    while (file := _file(target, number)).is_file() and _is_ours(file):
        file.unlink()
        number += 1


def page_links(files: Sequence[Path], number: int) -> list[PageLink]:
    """Return what leads from a page to the first, the last and those near; nothing for a single one."""
    if len(files) == 1:
        return []
    return [
        PageLink(other, file.name)
        for other, file in enumerate(files, 1)
        if other in (1, len(files)) or abs(other - number) <= LINKS_AROUND
    ]


def _pictured(
    report: Report, group: Group, pictures: Mapping[str, int], room: int
) -> tuple[list[Photo], int]:
    """Return the pictures of a group that there is room for, and the bytes that they take."""
    different = {photo.sha256: photo for photo in map(report.photo, listed_members(group))}
    shown: list[Photo] = []
    taken = 0
    for sha256, photo in different.items():
        size = pictures.get(sha256)
        if size is not None and taken + size <= room:
            shown.append(photo)
            taken += size
    return shown, taken


def _file(target: Path, number: int) -> Path:
    return target if number == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")


def _is_ours(file: Path) -> bool:
    with file.open("rb") as stream:
        return _OURS in stream.read(_HEAD_BYTES)
