"""Find the files of any number of folders, in memory bounded by the number of folders.

In:  folders. Out: a stream of ``ScannedFile`` and ``FileError``; nothing is opened (that is
``sniff.classify``, for the files that the library does not know yet).
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import translate
from pathlib import Path

from dupfind.errors import PhotoError
from dupfind.photos.identity import scanned_file
from dupfind.photos.sniff import PHOTO_ENDINGS, open_file, reason_of
from dupfind.records import FileError, ScannedFile

# Folders of systems and storage boxes: bins, thumbnails, snapshots. Lower case.
SYSTEM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "lost+found",
        "__macosx",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "@tmp",
        "@__thumb",
        "#recycle",
        "#snapshot",
    }
)
# Programs' own packages that hold previews of photos that lie elsewhere.
PREVIEW_ENDINGS = (".lrdata", ".lrcat-data")
# Inside an Apple Photos library only these folders hold the photos themselves.
APPLE_LIBRARY = ".photoslibrary"
APPLE_ORIGINALS = frozenset({"originals", "masters"})
LIBRARY_DATABASE = "dupfind.db"

Found = ScannedFile | FileError
_Inode = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to leave out of a scan.

    ``exclude`` holds globs. One without a slash is compared with the name of each file and folder
    (``*.gif``, ``thumbs``); one with a slash with the path from the scanned folder, or with the
    whole path when it begins with one (``raw/*``, ``/mnt/nas/old``). ``*`` also matches slashes.
    A folder that matches is not entered.
    """

    exclude: tuple[str, ...] = ()


def scan(folders: Sequence[Path], options: ScanOptions | None = None) -> Iterator[Found]:
    """Yield every regular file below ``folders`` once, and what could not be looked into.

    Args:
        folders: Folders (or single files); the same one twice, or one inside another, is
            scanned once. Hidden folders are entered only when they are given here.
        options: What to leave out.

    Yields:
        ``ScannedFile`` with an absolute path, for regular files and links to ones that the scan
        does not reach otherwise; ``FileError`` for a missing or unreadable folder, a broken
        link with a photo's ending, and a file without readable properties. Hidden files, pipes,
        sockets and devices are passed over and never opened.

    A link to a folder is followed after everything else, and each folder is entered once, so a
    loop ends and a photo has the same path in every scan.
    """
    yield from _Scan(options or ScanOptions()).run(folders)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        PhotoError: The file cannot be read.
    """
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PhotoError(reason_of(error)) from error


class _Kind(Enum):
    FOLDER = auto()
    FILE = auto()
    FOLDER_LINK = auto()
    FILE_LINK = auto()
    OTHER = auto()


@dataclass(slots=True)
class _Scan:
    """One run: the folders entered so far, and the links to look at when all is done."""

    options: ScanOptions
    entered: set[_Inode] = field(default_factory=set)
    linked_files: set[_Inode] = field(default_factory=set)
    folder_links: list[tuple[str, str]] = field(default_factory=list)  # (link, root)
    folders_with_links: list[tuple[str, str]] = field(default_factory=list)  # (folder, root)
    excluded: Callable[[str, str], bool] = field(init=False)

    def __post_init__(self) -> None:
        self.excluded = _excluder(self.options.exclude)

    def run(self, folders: Sequence[Path]) -> Iterator[Found]:
        single_files: list[str] = []
        for folder in folders:
            root = os.path.abspath(folder)  # noqa: PTH100 - resolve() would follow links
            if os.path.isfile(root):  # noqa: PTH113 - plain strings are much faster here
                single_files.append(root)
            else:
                yield from self.walk(root, root)
        while self.folder_links:  # what is behind one link may hold further ones
            links, self.folder_links = sorted(self.folder_links), []
            for link, root in links:
                yield from self.walk(link, root)
        while self.folders_with_links:
            yield from self.linked(*self.folders_with_links.pop())
        for path in single_files:
            yield from self.outside_file(path)

    def walk(self, top: str, root: str) -> Iterator[Found]:
        """Go through ``top`` and all below it, without following links."""
        below: list[str]
        pending = [top]
        while pending:
            folder, below = pending.pop(), []
            try:
                here = os.stat(folder)  # noqa: PTH116
                if (here.st_dev, here.st_ino) in self.entered:
                    continue
                self.entered.add((here.st_dev, here.st_ino))
                yield from self.one_folder(folder, root, below)
            except OSError as error:
                yield FileError(Path(folder), f"the folder cannot be read: {_words(error)}")
            pending.extend(sorted(below, reverse=True))

    def one_folder(self, folder: str, root: str, below: list[str]) -> Iterator[Found]:
        """Yield the files of one folder; collect its subfolders in ``below``, note its links."""
        has_links = False
        with os.scandir(folder) as entries:
            for entry in entries:
                if self.passed_over(entry, root):
                    continue
                try:
                    kind = _kind_of(entry)
                except OSError as error:  # a path beyond PATH_MAX, a failing disk, a lost server
                    yield FileError(Path(entry.path), _words(error))
                    continue
                if kind is _Kind.FOLDER_LINK:
                    self.folder_links.append((entry.path, root))
                elif kind is _Kind.FILE_LINK:
                    has_links = True
                elif kind is _Kind.FOLDER and _holds_photos(folder, entry):
                    below.append(entry.path)
                elif kind is _Kind.FILE:
                    yield _scanned(entry.path, entry.stat)
        if has_links:
            self.folders_with_links.append((folder, root))

    def passed_over(self, entry: os.DirEntry[str], root: str) -> bool:
        """Say whether an entry is hidden, a system's, or excluded by the user."""
        return entry.name.startswith(".") or self.excluded(entry.path, root)

    def linked(self, folder: str, root: str) -> Iterator[Found]:
        """Yield the links to files in ``folder`` whose targets the scan did not reach."""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not self.passed_over(entry, root) and _is_link(entry):
                        yield from self.outside_file(entry.path)
        except OSError as error:
            yield FileError(Path(folder), f"the folder cannot be read: {_words(error)}")

    def outside_file(self, path: str) -> Iterator[Found]:
        """Yield a file by its own path or a link, unless its folder was scanned itself."""
        try:
            target = os.path.realpath(path, strict=True)
            properties = os.stat(target)  # noqa: PTH116
            folder = os.stat(os.path.dirname(target))  # noqa: PTH116, PTH120
        except OSError as error:
            if os.path.splitext(path)[1].lower() in PHOTO_ENDINGS:  # noqa: PTH122
                yield FileError(Path(path), _words(error, "a link to a file that is not there"))
            return
        inode = (properties.st_dev, properties.st_ino)
        hidden = os.path.basename(target).startswith(".")  # noqa: PTH119
        reached = (folder.st_dev, folder.st_ino) in self.entered and not hidden
        if stat.S_ISREG(properties.st_mode) and not reached and inode not in self.linked_files:
            self.linked_files.add(inode)
            yield _scanned(path, lambda: properties)


def _scanned(path: str, properties: Callable[[], os.stat_result]) -> Found:
    try:
        found = properties()
    except OSError as error:
        return FileError(Path(path), _words(error))
    return scanned_file(Path(path), found)


def _kind_of(entry: os.DirEntry[str]) -> "_Kind":
    """Tell what an entry is; OSError where the system does not say."""
    if entry.is_symlink():
        return _Kind.FOLDER_LINK if _leads_to_folder(entry) else _Kind.FILE_LINK
    if entry.is_dir():
        return _Kind.FOLDER
    return _Kind.FILE if entry.is_file() else _Kind.OTHER


def _is_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink()
    except OSError:  # reported when its folder was gone through
        return False


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # it leads back to itself, or where we may not look
        return False


def _holds_photos(folder: str, entry: os.DirEntry[str]) -> bool:
    """Say whether a subfolder may hold photos of the user's own."""
    name = entry.name.lower()
    if name in SYSTEM_FOLDERS or name.endswith(PREVIEW_ENDINGS):
        return False
    if folder.lower().endswith(APPLE_LIBRARY) and name not in APPLE_ORIGINALS:
        return False
    # A library folder under another name than .dupfind: its thumbnails are no photos.
    return not os.path.exists(os.path.join(entry.path, LIBRARY_DATABASE))  # noqa: PTH110, PTH118


def _excluder(globs: Sequence[str]) -> Callable[[str, str], bool]:
    """Compile the globs into one test of (path, root)."""
    plain = [glob.rstrip("/") for glob in globs if glob.rstrip("/")]
    names = [translate(glob) for glob in plain if "/" not in glob]
    paths = [translate(glob) for glob in plain if "/" in glob]
    by_name = re.compile("|".join(names)) if names else None
    by_path = re.compile("|".join(paths)) if paths else None

    def excluded(path: str, root: str) -> bool:
        if by_name and by_name.match(path[path.rfind(os.sep) + 1 :]):
            return True
        if not by_path:
            return False
        whole = path.replace(os.sep, "/")
        relative = whole[len(root) :].lstrip("/")  # a path always begins with its root
        return any(by_path.match(text) for text in (relative, "/" + relative, whole))

    return excluded


def _words(error: OSError, missing: str = "it is no longer there") -> str:
    if error.errno == errno.ENOENT:
        return missing
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    return reason_of(error)
