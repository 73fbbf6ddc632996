"""Kill an apply or an undo between any two of its steps, and see what is left: a program of its own.

    python tests/act_faults.py ACTION FOLDER OUT [plain|carry]

``carry``: with metadata that goes into a sidecar. ``plain``: on a file system that cannot rename
without overwriting, where names are linked instead.

Each step is an auditing event of Python (a rename, a new file, ...) or one of dupfind's own. For each
n a process is killed with SIGKILL at its n-th step. Then nothing may be lost, the next run must put
all in order, and an undo must bring back the very tree. Prints JSON: how many kills, what was wrong.
"""

import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from act_helpers import Album, Copy, Tree, contents, make_album, tree_of
from PIL import Image

from dupfind import Action, ActionError, Plan, PlanOptions
from dupfind.actions import native
from dupfind.records import Reason

STEPS = frozenset(
    {"dupfind.step", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.utime"}
    | {"os.chmod", "os.chown", "os.setxattr"}
)


def is_step(event: str, arguments: tuple) -> bool:
    """Tell whether an auditing event is something that is about to change a disk."""
    if event == "open":  # path, mode, flags
        return bool(arguments[2] and arguments[2] & os.O_CREAT)
    return event in STEPS


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do some work in a child that kills itself at its n-th step; False when it came to its end."""
    child = os.fork()
    if child == 0:
        left = [number]

        def hook(event: str, arguments: tuple) -> None:
            if is_step(event, arguments):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        status = 1
        try:
            work()
            status = 0
        except Exception:  # noqa: BLE001 - a child must not come back into the tests
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise SystemExit(f"the work failed by itself at step {number}")
    return False


class Walk:
    """One action on one small album, killed at every step."""

    def __init__(self, action: Action, folder: Path, out: Path, *, carry: bool = False) -> None:
        self.action, self.folder, self.out, self.carry = action, folder, out, carry
        self.trash = folder / "xdg"
        os.environ["XDG_DATA_HOME"] = str(self.trash)
        self.album = self.make()
        self.before = self.album.tree()
        self.template = folder / "template"
        for name in ("album", ".dupfind"):
            shutil.copytree(folder / name, self.template / name)
        self.kills = 0
        self.problems: list[str] = []

    def make(self) -> Album:
        """Return an album with a copy that has a sidecar, and one that was saved again."""
        album = make_album(self.folder)
        one, two = (jpeg(), jpeg(rating=4)) if self.carry else (b"one", b"two")
        kept, copy = album.file("kept.jpg", one), album.file("sub/copy.jpg", one)
        album.file("kept.jpg.xmp", sidecar("a"))
        album.file("sub/copy.jpg.xmp", sidecar("a"))
        group = [Copy(kept, None), Copy(copy)]
        if self.action is not Action.DELETE:
            group.append(Copy(album.file("again.jpg", two), Reason.SAVED_AGAIN))
        album.group(group)
        return album

    def reset(self) -> None:
        """Put back the album and the library as they were made."""
        for path in (self.folder / "album", self.folder / ".dupfind", self.trash, self.out):
            shutil.rmtree(path, ignore_errors=True)
        for name in ("album", ".dupfind"):
            shutil.copytree(self.template / name, self.folder / name)

    def plan(self) -> Plan:
        """Plan the action."""
        to = self.out if self.action is Action.MOVE else None
        options = PlanOptions(to=to, carry_metadata=self.carry)
        return self.album.library.plan_removal(self.action, options)

    def apply(self) -> None:
        """Do what may be done."""
        self.album.library.apply(self.plan())

    def undo(self) -> None:
        """Take back all that was done."""
        try:
            while True:
                self.album.library.undo()
        except ActionError:
            return

    def settle(self) -> None:
        """Put in order what was killed, and do nothing else."""
        self.album.library.apply(Plan(self.action, ()))

    def run(self) -> None:
        """Kill at every step of an apply, of its settling, and of an undo."""
        self.walk(self.reset, self.apply, "apply")
        self.walk(self.half_done, self.settle, "settling")
        self.walk(self.applied, self.undo, "undo")

    def walk(self, begin: Callable[[], None], work: Callable[[], None], what: str) -> None:
        """Kill some work at each of its steps, and look at what is left each time."""
        number = 1
        begin()
        while killed_at(number, work):
            self.kills += 1
            try:
                self.look(f"{what} killed at step {number}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this kill
                self.problems.append(f"{what} killed at step {number}: {error!r}")
            number += 1
            begin()

    def applied(self) -> None:
        """Begin with all done."""
        self.reset()
        self.apply()

    def half_done(self) -> None:
        """Begin with an apply that was killed in its middle."""
        self.reset()
        killed_at(12, self.apply)

    def look(self, when: str) -> None:
        """Note what is wrong after a kill, after settling, and after an undo."""
        folders = (self.folder / "album", self.trash, self.out)
        lost = {data for data, _ in self.before.values()} - contents(*folders)
        if lost:
            self.problems.append(f"{when}: lost {lost}")
        self.settle()
        tree = self.album.tree()
        self.check_whole(when, tree)
        self.undo()
        tree = self.album.tree()
        if tree != self.before:
            changed = {
                name for name in {*tree, *self.before} if tree.get(name) != self.before.get(name)
            }
            self.problems.append(f"{when}: undo left another tree: {sorted(changed)}")
        rest = {*tree_of(self.trash), *tree_of(self.out)}
        if rest:
            self.problems.append(f"{when}: left behind {sorted(rest)}")

    def check_whole(self, when: str, tree: Tree) -> None:
        """A removal goes as a whole or not at all, and leaves no helpers behind."""
        if not self.action.shares:
            parts = {name in tree for name in ("sub/copy.jpg", "sub/copy.jpg.xmp")}
            if len(parts) != 1:
                self.problems.append(f"{when}: half a removal was left")
        helpers = [name for name in tree if ".dupfind-" in name]
        if helpers:
            self.problems.append(f"{when}: left {helpers}")


def sidecar(text: str) -> bytes:
    """Return the bytes of some sidecar."""
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return (
        f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{rdf}'>"
        f"<rdf:Description rdf:about='{text}'/></rdf:RDF></x:xmpmeta>"
    ).encode()


def jpeg(rating: int = 0, place: bool = False, words: str = "", date: str = "") -> bytes:
    """Return a small JPEG with what its EXIF says."""
    image, file, exif = Image.new("RGB", (8, 8)), io.BytesIO(), Image.Exif()
    if rating:
        exif[0x4746] = rating
    if words:
        exif[0x9C9E] = words.encode("utf-16-le")
    if date:
        exif.get_ifd(0x8769)[0x9003] = date
    if place:
        exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (11.0, 30.0, 0.0)})
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


if __name__ == "__main__":
    if "plain" in sys.argv:
        native.rename_no_replace = lambda *_: False
    walking = Walk(
        Action(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), carry="carry" in sys.argv
    )
    walking.run()
    sys.stdout.write(json.dumps({"kills": walking.kills, "problems": walking.problems}))
