"""Libraries of plain files for tests of acting: real files and database, no describing."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dupfind import Library
from dupfind.photos.identity import scanned_file
from dupfind.records import Advice, Group, Member, Reason
from dupfind.store.photos import Batch, Content, PhotoEntry

Tree = dict[str, tuple[bytes, int]]


@dataclass
class Copy:
    """A member of a group: its path, and what is advised of it (None: the kept one)."""

    path: Path
    reason: Reason | None = Reason.SAME_BYTES
    advice: Advice = Advice.REMOVE
    is_reference: bool = False
    extras: tuple[str, ...] = ()


@dataclass
class Album:
    """A folder of files, and a library that knows them."""

    folder: Path
    library: Library
    ids: dict[Path, int] = field(default_factory=dict)

    def file(self, name: str, data: bytes, mtime_ns: int = 1_500_000_000_123_456_789) -> Path:
        """Write a file with a time of its own."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    def group(self, *groups: Iterable[Copy]) -> None:
        """Put files into the library as groups; the first of each is kept."""
        wanted = [list(group) for group in groups]
        with self.library.store(write=True) as store:
            copies = [copy for group in wanted for copy in group]
            entries = [_entry(copy) for copy in copies]
            with store.run("index", {"folders": [str(self.folder)]}):
                ids = store.add_batch(Batch(photos=entries))
            self.ids |= dict(zip([copy.path for copy in copies], ids, strict=True))
            with store.run("cluster", {"level": "copy"}) as run:
                rows = [self._group(number, group) for number, group in enumerate(wanted, 1)]
                store.replace_results(run.id, (), rows)

    def _group(self, number: int, copies: list[Copy]) -> Group:
        kept = Member(self.ids[copies[0].path], True, "original", 1.0, 1.0, advice=Advice.KEEP)
        others = [
            Member(
                self.ids[copy.path],
                False,
                "identical" if copy.reason is Reason.SAME_BYTES else "reencoded",
                1.0,
                1.0,
                advice=copy.advice,
                reasons=(copy.reason,) if copy.reason else (),
            )
            for copy in copies[1:]
        ]
        return Group(number, (kept, *others), 1.0, 0)

    def tree(self) -> Tree:
        """Return bytes and time of every file below the folder, links as what they point to."""
        return tree_of(self.folder)


def make_album(folder: Path, library: Path | None = None) -> Album:
    """Return an empty album in ``folder / album`` with its library beside it."""
    (folder / "album").mkdir(parents=True)
    return Album(folder / "album", Library(library or folder / ".dupfind", device="cpu"))


def tree_of(folder: Path) -> Tree:
    """Return relative name -> (bytes, mtime in ns) of every file and link below a folder."""
    found: Tree = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top) / name
            data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[os.path.relpath(path, folder)] = (data, path.lstat().st_mtime_ns)
    return found


def contents(*folders: Path) -> set[bytes]:
    """Return the bytes of every file below folders."""
    return {data for folder in folders for data, _ in tree_of(folder).values()}


def names(paths: Iterable[Path]) -> set[str]:
    """Return the names of paths."""
    return {path.name for path in paths}


def left_words(left: Iterable) -> Mapping[str, str]:
    """Return name -> why it was left alone."""
    return {one.path.name: one.reason for one in left}


def _entry(copy: Copy) -> PhotoEntry:
    data = copy.path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    content = Content(sha256, 100, 80, "JPEG", pixels_sha256=sha256, frames=1, extras=copy.extras)
    return PhotoEntry(scanned_file(copy.path, copy.path.stat()), content, copy.is_reference)
