"""Groups written straight into a library, for decisions about them; the files are only names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dupfind.config import LibraryPaths
from dupfind.library import Library
from dupfind.records import Advice, Group, Member, Pair, Relation, ScannedFile
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store

# A photo as (bytes, picture): each a letter that its hash is made of.
Looks = Mapping[str, tuple[str, str]]


def fill(root: Path, looks: Looks, groups: Sequence[Sequence[str]]) -> Library:
    """Make a library of photos by name, and group them; the first of a group is the kept one."""
    with Store.open(LibraryPaths(root), write=True) as store:
        add_photos(store, looks)
        group_again(store, groups)
    return Library(root)


def add_photos(store: Store, looks: Looks, *, view: str = "") -> None:
    """Write photos as ``index`` does; ``view`` changes what the hash of their pixels is."""
    entries = [
        PhotoEntry(
            ScannedFile(Path(f"/p/{name}.jpg"), 1000, 1),
            Content(content * 64, 40, 30, "JPEG", pixels_sha256=view + picture * 64),
        )
        for name, (content, picture) in looks.items()
    ]
    store.add_batch(Batch(entries))


def group_again(store: Store, groups: Sequence[Sequence[str]]) -> None:
    """Write groups by names as ``cluster`` does, each member proven against the first."""
    ids = {photo.path.stem: photo.id for photo in store.photos()}
    with store.run("cluster", {}) as run:
        found = [
            _group(number, [ids[name] for name in names]) for number, names in enumerate(groups, 1)
        ]
        pairs = [
            _pair(group.keep.photo_id, member.photo_id)
            for group in found
            for member in group.members[1:]
        ]
        store.replace_results(run.id, pairs, found)


def _pair(one: int, other: int) -> Pair:
    return Pair(min(one, other), max(one, other), 0.9, 0.9, Relation.REENCODED)


def _group(number: int, photo_ids: Sequence[int]) -> Group:
    kept = Member(photo_ids[0], True, "original", 1.0, 1.0, advice=Advice.KEEP)
    others = (
        Member(photo_id, False, "reencoded", 0.9, 0.9, advice=Advice.LOOK)
        for photo_id in photo_ids[1:]
    )
    return Group(number, (kept, *others), 0.9, 0)


def shown(library: Library) -> list[str]:
    """Return each group as ``state: names``, a decision behind each name: ``a+`` keep, ``a-`` remove."""
    names = {photo.id: photo.path.stem for photo in library.photos()}
    marks = {"keep": "+", "remove": "-", None: ""}
    return [
        f"{group.state}: "
        + " ".join(names[one.photo_id] + marks[one.decision] for one in group.members)
        for group in library.groups()
    ]
