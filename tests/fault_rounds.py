"""Random faults between and during random commands: the machinery of test_faults and of benchmarks.

A round does some commands on a library, each in a process of its own, while things go wrong. After it
the database must be whole, and an undisturbed ``index`` and ``cluster`` must find what a fresh library
finds. Rounds go on with what the ones before left.
"""

import ctypes
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matching_helpers import photo
from PIL import Image

from dupfind import Library
from dupfind.errors import DupfindError
from dupfind.options import IndexOptions, ReportFormat, ReportOptions

ANCHORS = 3  # photos that nothing happens to: with all of them gone a folder counts as not there
DISK_BYTES = 24 << 20
ABOUT_S = 1.0  # how long a command takes, until it was seen
REFUSED, DEFECT = 1, 3
# Imported once, before the processes part: torch alone takes seconds.
_PRELOADED = [
    *("dupfind.library", "dupfind.flows.indexing", "dupfind.flows.clustering"),
    *("dupfind.flows.querying", "dupfind.flows.reporting", "dupfind.flows.map"),
    *("dupfind.descriptors.embed", "sklearn.decomposition", "PIL.WebPImagePlugin"),
]


@dataclass
class Scene:
    """What the rounds work on: an album and its untouched photos, a library, a model."""

    folder: Path
    model: Path
    chance: random.Random
    is_mounted: bool = False
    done: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    # What a fresh library finds, by what is in the album.
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def album(self) -> Path:
        return self.folder / "album"

    @property
    def originals(self) -> Path:
        return self.folder / "originals"

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def root(self) -> Path:
        return self.disk / ".dupfind"

    def victim(self) -> Path:
        """Return one of the photos that things happen to, there or not."""
        return self.album / self.chance.choice(sorted(self.originals.iterdir())[ANCHORS:]).name

    def library_file(self) -> Path | None:
        """Return a file of one of the caches."""
        files = [
            path
            for part in ("cache", "index")
            for path in sorted((self.root / part).rglob("*"))
            if path.is_file()
        ]
        return self.chance.choice(files) if files else None


def make_album(folder: Path) -> None:
    """Make the photos of a scene: three that nothing happens to, and copies of them and of others."""
    folder.mkdir(parents=True)
    shown = {name: Image.fromarray(photo(f"{name}.png", 240)) for name in ("coffee", "chelsea")}
    shown["rocket"] = Image.fromarray(photo("rocket.jpg", 240))
    for number, image in enumerate(shown.values()):
        image.save(folder / f"a{number}.png")
    coffee, chelsea, rocket = shown.values()
    coffee.save(folder / "coffee-small.jpg", quality=45)
    coffee.resize((160, 120)).save(folder / "coffee-reduced.jpg", quality=90)
    chelsea.crop((20, 15, 220, 145)).save(folder / "chelsea-cut.jpg", quality=90)
    rocket.save(folder / "rocket-same.bmp")
    shutil.copyfile(folder / "a2.png", folder / "rocket-identical.png")
    Image.fromarray(photo("astronaut.png", 240)).save(folder / "other.webp", quality=80)


# --- what goes wrong ---


def replace(scene: Scene) -> str:
    """Put another photo's bytes into the place of a photo, at times with its size's and date's look."""
    path = scene.victim()
    other = scene.chance.choice(sorted(scene.originals.iterdir()))
    _remove(path)
    shutil.copyfile(other, path)
    if scene.chance.random() < 0.5:
        os.utime(path, ns=(0, (scene.originals / path.name).stat().st_mtime_ns))
    return f"{path.name} is {other.name} now"


def repaint(scene: Scene) -> str:
    """Put a new picture into the place of a photo."""
    path = scene.victim()
    _remove(path)
    noise = scene.chance.randbytes(12 * 9 * 3)
    Image.frombytes("RGB", (12, 9), noise).resize((160, 120)).save(path, "PNG")
    return f"{path.name} is another picture"


def cut(scene: Scene) -> str:
    """Cut a photo's file somewhere."""
    path = scene.victim()
    with suppress(OSError):
        if path.is_file():
            os.truncate(path, scene.chance.randrange(path.stat().st_size + 1))
    return f"{path.name} is cut"


def vanish(scene: Scene) -> str:
    """Remove a photo."""
    path = scene.victim()
    _remove(path)
    return f"{path.name} is gone"


def come_back(scene: Scene) -> str:
    """Put a photo back as it was."""
    path = scene.victim()
    _remove(path)
    shutil.copy2(scene.originals / path.name, path)
    return f"{path.name} is back"


def rename(scene: Scene) -> str:
    """Give a photo another name, or the name of one that is gone."""
    path = scene.victim()
    target = path.with_name(f"moved-{path.name}")
    if path.exists() and not target.exists():
        path.rename(target)
    elif target.exists():
        _remove(path)
        target.rename(path)
    return f"{path.name} moves"


def lock_away(scene: Scene) -> str:
    """Forbid to read a photo, or to read or write something of the library."""
    places = [scene.victim(), scene.root, scene.root / "cache", scene.root / "index"]
    places += [scene.root / "dupfind.db", scene.library_file() or scene.root]
    path, mode = scene.chance.choice(places), scene.chance.choice([0, 0o444, 0o555])
    with suppress(OSError):
        path.chmod(mode)
    return f"mode {mode:o} of {path.name}"


def become_a_pipe(scene: Scene) -> str:
    """Put a pipe, which nobody writes to, into the place of a photo."""
    path = scene.victim()
    _remove(path)
    os.mkfifo(path)
    return f"{path.name} is a pipe"


def fill_the_disk(scene: Scene) -> str:
    """Leave the library little room."""
    left = scene.chance.choice([0, 4, 40, 400]) << 10
    with suppress(OSError), (scene.disk / "filler").open("wb", 0) as stream:
        usage = shutil.disk_usage(scene.disk) if scene.is_mounted else None
        free = usage.free - left if usage else 0
        while free > 0 and (written := stream.write(bytes(min(free, 1 << 16)))):
            free -= written
    return f"{left >> 10} KB free"


def damage_a_cache(scene: Scene) -> str:
    """Change, cut or remove a file of the caches."""
    path = scene.library_file()
    if path is None:
        return "no cache to damage"
    how = scene.chance.choice(["flip", "flip", "cut", "rubbish", "remove"])
    with suppress(OSError):
        size = path.stat().st_size
        if how == "remove":
            path.unlink()
        elif how == "cut":
            os.truncate(path, scene.chance.randrange(size + 1))
        elif how == "rubbish":
            path.write_bytes(scene.chance.randbytes(scene.chance.randrange(1, 5000)))
        elif size:
            with path.open("rb+") as stream:
                for _ in range(scene.chance.choice([1, 20, 2000])):
                    stream.seek(scene.chance.randrange(size))
                    stream.write(scene.chance.randbytes(1))
    return f"{how} {path.relative_to(scene.root)}"


def change_the_clock(scene: Scene) -> str:
    """Date a photo, or a file of the library, from another time."""
    path = scene.chance.choice([scene.victim(), scene.library_file() or scene.victim()])
    moment = scene.chance.choice([0, 10**9, 4 * 10**9]) * 10**9 + scene.chance.randrange(10**9)
    with suppress(OSError):
        os.utime(path, ns=(moment, moment))
    return f"{path.name} is of {moment // 10**9}"


FAULTS: tuple[Callable[[Scene], str], ...] = (
    *(replace, repaint, cut, vanish, come_back, rename, lock_away, become_a_pipe),
    *(fill_the_disk, damage_a_cache, damage_a_cache, change_the_clock),
)


# --- what is done ---


def _index(scene: Scene) -> None:
    _library(scene).index([scene.album], _options(scene))


def _cluster(scene: Scene) -> None:
    _library(scene).cluster()


def _find(scene: Scene) -> None:
    _library(scene).find([scene.album], _options(scene))


def _query(scene: Scene) -> None:
    _library(scene).query(min(scene.originals.iterdir()), k=5)


def _report(scene: Scene) -> None:
    _library(scene).report(scene.folder / "page.html", ReportOptions(ReportFormat.HTML))


def _map(scene: Scene) -> None:
    _library(scene).map(scene.folder / "map.html")


def _facts(scene: Scene) -> None:
    library = _library(scene)
    for facts in (library.info, library.models, library.errors):
        facts()


COMMANDS = {
    "index": _index, "cluster": _cluster, "find": _find, "query": _query,
    "report": _report, "map": _map, "facts": _facts,
}  # fmt: skip
WEIGHTS = (4, 4, 3, 1, 1, 1, 1)


def play_round(scene: Scene) -> None:
    """Do some commands while things go wrong, then check that nothing of it stays."""
    scene.done = []
    for _ in range(scene.chance.randint(1, 3)):
        (name,) = scene.chance.choices(list(COMMANDS), WEIGHTS)
        for _ in range(scene.chance.randint(0, 2)):
            _go_wrong(scene)
        run(scene, name, disturbed=scene.chance.random() < 0.7)
    heal(scene)
    check_whole(scene)
    for name in ("index", "cluster"):
        ended = run(scene, name)
        assert ended == 0, f"undisturbed {name}: {ended}"
    check_whole(scene)
    _check_as_fresh(scene)


def run(scene: Scene, name: str, *, disturbed: bool = False) -> int:
    """Do a command in a process of its own, at times disturbed or killed; return how it ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    words = scene.folder / "words"
    words.unlink(missing_ok=True)
    process = context.Process(target=_in_child, args=(name, scene, words))
    process.start()
    started = time.monotonic()
    scene.done.append(name)
    if disturbed:
        process.join(scene.chance.uniform(0, scene.seconds.get(name, ABOUT_S)))
        if scene.chance.random() < 0.5:
            scene.done.append("killed" if process.is_alive() else "over")
            process.kill()
        else:
            _go_wrong(scene)
    process.join(120)
    assert process.exitcode is not None, f"{name} does not end: {scene.done}"
    if not disturbed:
        scene.seconds[name] = time.monotonic() - started
    said = words.read_text("utf-8") if words.exists() else ""
    scene.done.append(f"({process.exitcode}{': ' if said else ''}{said[-1500:]})")
    assert process.exitcode in (0, REFUSED, -9) or _cut_under(scene, process.exitcode), said
    return process.exitcode


def _cut_under(scene: Scene, ended: int) -> bool:
    """Tell whether the system killed a process because a file that it has mapped was cut meanwhile."""
    return ended == -signal.SIGBUS and scene.done[-2].startswith(("cut ", "rubbish "))


def _go_wrong(scene: Scene) -> None:
    scene.done.append(scene.chance.choice(FAULTS)(scene))


def _in_child(name: str, scene: Scene, words: Path) -> None:
    """Run a command; end with 1 when it refuses, with 3 when it fails in a way that is a defect."""
    import torch

    torch.set_num_threads(1)
    _without_rights()
    try:
        COMMANDS[name](scene)
    except DupfindError as error:
        words.write_text(str(error), "utf-8")
        os._exit(REFUSED)
    except BaseException:  # noqa: BLE001 - whatever it is, it is to be seen
        words.write_text(traceback.format_exc(), "utf-8")
        os._exit(DEFECT)
    os._exit(0)


def _without_rights() -> None:
    """Let the modes of files hold for root too: without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    library = ctypes.CDLL(None)
    library.capget(header, sets)
    sets[0] &= ~0b110
    library.capset(header, sets)


def heal(scene: Scene) -> None:
    """Give back what only disturbs: rights, and room on the disk."""
    (scene.disk / "filler").unlink(missing_ok=True)
    if scene.root.exists():
        scene.root.chmod(0o755)
    for top in (scene.root, scene.album):
        for path in sorted(top.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)


def check_whole(scene: Scene) -> None:
    """Check that the database is whole and says nothing of what is not in it."""
    file = scene.root / "dupfind.db"
    if not file.exists():
        return
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), scene.done
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == [], scene.done
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            left = (
                "SELECT count(*) FROM photos LEFT JOIN vectors USING (sha256) WHERE vector IS NULL"
            )
            assert connection.execute(left).fetchone() == (0,), scene.done
    finally:
        connection.close()


def what_is_found(library: Library) -> dict[str, Any]:
    """Return groups and errors by the names of files."""
    names = {photo.id: photo.path.name for photo in library.photos()}
    groups = [
        [
            (names[member.photo_id], member.keep, str(member.relation), str(member.advice))
            for member in group.members
        ]
        for group in library.groups()
    ]
    return {
        "photos": sorted(names.values()),
        "groups": sorted(sorted(group) for group in groups),
        "errors": sorted(error.path.name for error in library.errors()),
    }


def _check_as_fresh(scene: Scene) -> None:
    state = _state(scene.album)
    if state not in scene.expected:
        root = scene.folder / "fresh"
        shutil.rmtree(root, ignore_errors=True)
        fresh = Library(root, device="cpu")
        fresh.index([scene.album], _options(scene))
        fresh.cluster()
        scene.expected[state] = what_is_found(fresh)
    assert what_is_found(_library(scene)) == scene.expected[state], scene.done


def _state(album: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(album.iterdir()):
        data = path.read_bytes() if path.is_file() else b"no file"
        digest.update(f"{path.name} {path.stat().st_mtime_ns} {len(data)} ".encode() + data)
    return digest.hexdigest()


def _library(scene: Scene) -> Library:
    return Library(scene.root, device="cpu")


def _options(scene: Scene) -> IndexOptions:
    return IndexOptions(model=str(scene.model), device="cpu", workers=1)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def scene(folder: Path, model: Path, album: Path, seed: int) -> Iterator[Scene]:
    """Prepare the scene: the photos of ``album`` copied, a disk of its own where root may mount one."""
    made = Scene(folder, model, random.Random(seed))
    shutil.copytree(album, made.originals)
    shutil.copytree(album, made.album)
    made.disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(made.disk)]
    if os.geteuid() == 0 and shutil.which("mount"):
        made.is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield made
    finally:
        heal(made)
        if made.is_mounted:
            subprocess.run(["umount", "--lazy", str(made.disk)], check=True)
