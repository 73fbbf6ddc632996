"""Random albums, plans and mishaps against a model of the file system: nothing may ever be lost.

The model knows paths, bytes and times only. It says which files may go at all, which must go because
nothing speaks against it, and what the tree has to be after an undo.
"""

import os
import random
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from act_faults import killed_at
from act_helpers import Copy, Tree, make_album, tree_of

from dupfind import Action, ActionError, ActSummary, Plan, PlanOptions
from dupfind.records import Advice, Reason

NAMES = ["a", "photo", "new\nline", os.fsdecode(b"caf\xe9"), "家", "x y", "-rf", "a%20b", "q" * 200]
ENDINGS = [".jpg", ".JPG", ".heic", ".png"]
FOLDERS = ["", "sub", "sub/deeper", os.fsdecode(b"f\xff"), "in\nside"]
BESIDE = [".xmp", ".mov", ".cr2", ".aae"]
LOOKS = (Reason.CHANGED, Advice.LOOK)


@dataclass
class Wish:
    """A photo of a group in the model: what is said of it, and what happened to its file since."""

    copy: Copy
    group: int
    is_kept: bool
    data: bytes
    is_plain: bool = True  # nothing but the advice has to do with it
    decided: bool = False


@dataclass
class Case:
    """One random album with a plan."""

    seed: int
    folder: Path
    other_disk: Path
    counts: Counter = field(default_factory=Counter)
    kills: float = 0.0  # how often a process is killed on the way

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.album = make_album(self.folder)
        self.out = self.random.choice([self.folder / "out", self.other_disk])
        self.trash = self.folder / "xdg"
        self.wishes: list[Wish] = []

    def run(self) -> None:
        """Go through all of it.

        Raises:
            AssertionError: Something was lost, or is not as the model says.
        """
        os.environ["XDG_DATA_HOME"] = str(self.trash)
        action = self.random.choice(list(Action))
        self.make_groups()
        self.mishaps(self.random.choice([0, 0, 0, 1, 2]))
        plan = self.plan(action)
        self.mishaps(self.random.choice([0, 0, 0, 0, 1, 3]))
        before = self.album.tree()
        if self.random.random() < self.kills:
            self.apply_with_kills(plan, before)
        else:
            summary = self.album.library.apply(plan)
            self.check_applied(action, plan, summary, before)
        self.check_undone(action, plan, before)

    def apply_with_kills(self, plan: Plan, before: Tree) -> None:
        """Kill the apply at some step, perhaps the settling too, and see that nothing is lost."""
        library = self.album.library
        if killed_at(self.random.randint(1, 60), lambda: library.apply(plan)):
            self.counts["kills"] += 1
            self.check_nothing_lost(plan, before, self.album.tree())
        if killed_at(self.random.randint(1, 30), lambda: library.apply(Plan(plan.action, ()))):
            self.counts["kills"] += 1
            self.check_nothing_lost(plan, before, self.album.tree())
        library.apply(Plan(plan.action, ()))
        self.counts["plans"] += 1
        after = self.album.tree()
        self.check_untouched(plan, before, after)
        self.check_nothing_lost(plan, before, after)
        self.check_permitted(before, after)

    def make_groups(self) -> None:
        groups = []
        for number in range(self.random.randint(1, 3)):
            wishes = self.make_group(number)
            self.wishes += wishes
            groups.append([wish.copy for wish in wishes])
        self.album.group(*groups)

    def make_group(self, number: int) -> list[Wish]:
        data = self.bytes_of()
        wishes = [Wish(Copy(self.new_file(data), None), number, True, data)]
        for _ in range(self.random.randint(1, 4)):
            kind = self.random.choice(["same", "same", "same", "other", "other", "look", "name"])
            wishes.append(self.make_member(number, kind, wishes[0]))
        for wish in wishes:
            if self.random.random() < 0.25:
                self.put_beside(wish)
        return wishes

    def make_member(self, number: int, kind: str, kept: Wish) -> Wish:
        is_reference = self.random.random() < 0.1
        if kind == "name":  # a second name of the kept file
            path = self.new_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(kept.copy.path)
            copy = Copy(path, Reason.SAME_BYTES, is_reference=is_reference)
            return Wish(copy, number, False, kept.data, is_plain=False)
        data = kept.data if kind == "same" else self.bytes_of()
        path = self.new_file(data)
        if kind == "look":
            copy = Copy(path, *LOOKS, is_reference=is_reference)
            return Wish(copy, number, False, data, is_plain=False)
        extras = ("gain map",) if self.random.random() < 0.1 else ()
        reason = Reason.SAME_BYTES if kind == "same" else Reason.SAVED_AGAIN
        copy = Copy(path, reason, is_reference=is_reference, extras=extras)
        plain = not is_reference and not extras
        return Wish(copy, number, False, data, is_plain=plain)

    def put_beside(self, wish: Wish) -> None:
        """Put a sidecar, a film or a RAW beside a photo: from now on it is no plain one."""
        ending = self.random.choice(BESIDE)
        path = wish.copy.path
        name = path.name + ending if self.random.random() < 0.4 else path.stem + ending
        if len(os.fsencode(name)) < 255 and not os.path.lexists(path.with_name(name)):
            data = self.random.choice([b"beside", self.bytes_of()])
            self.album.file(str(path.with_name(name).relative_to(self.album.folder)), data)
        for other in [*self.wishes, wish]:
            other.is_plain = other.is_plain and other.group != wish.group
        wish.is_plain = False
        self.shaken.add(wish.group)

    @property
    def shaken(self) -> set[int]:
        """Groups of which the model does not say what must go."""
        return self.__dict__.setdefault("_shaken", set())

    def bytes_of(self) -> bytes:
        return self.random.randbytes(self.random.randint(0, 40))

    def new_path(self) -> Path:
        while True:
            name = self.random.choice(NAMES) + str(self.random.randint(0, 30))
            folder = self.album.folder / self.random.choice(FOLDERS)
            path = folder / (name + self.random.choice(ENDINGS))
            stems = {one.stem.lower() for one in folder.iterdir()} if folder.is_dir() else set()
            if path.stem.lower() not in stems:
                return path

    def new_file(self, data: bytes) -> Path:
        name = str(self.new_path().relative_to(self.album.folder))
        return self.album.file(name, data, self.random.randint(10**17, 2 * 10**18))

    def mishaps(self, number: int) -> None:
        """Let things happen to files behind the library's back."""
        for _ in range(number):
            wish = self.random.choice(self.wishes)
            self.shaken.add(wish.group)
            path = wish.copy.path
            if not path.exists() or path.is_symlink():
                continue
            self.counts["mishaps"] += 1
            match self.random.choice(["gone", "changed", "touched", "link", "swapped", "renamed"]):
                case "gone":
                    path.unlink()
                case "changed":  # of the same size and time
                    time_ns = path.stat().st_mtime_ns
                    path.write_bytes(self.random.randbytes(path.stat().st_size))
                    os.utime(path, ns=(time_ns, time_ns))
                case "touched":
                    os.utime(path, ns=(1, 10**18))
                case "link":
                    target = self.random.choice(self.wishes).copy.path
                    path.unlink()
                    path.symlink_to(target)
                case "swapped":  # another file of the same bytes
                    data, time_ns = path.read_bytes(), path.stat().st_mtime_ns
                    fresh = path.with_name("fresh")
                    fresh.write_bytes(data)
                    os.utime(fresh, ns=(time_ns, time_ns))
                    fresh.replace(path)
                case "renamed":
                    path.rename(path.with_name(f"renamed{self.random.randint(0, 10**9)}"))

    def plan(self, action: Action) -> Plan:
        removals = {}
        if self.random.random() < 0.3:
            for _ in range(self.random.randint(1, 3)):
                one, other = self.random.choice(self.wishes), self.random.choice(self.wishes)
                removals[self.album.ids[one.copy.path]] = self.album.ids[other.copy.path]
                one.decided = True
                self.shaken.update((one.group, other.group))
        to = self.out if action is Action.MOVE else None
        return self.album.library.plan_removal(action, PlanOptions(to=to, removals=removals))

    def check_applied(self, action: Action, plan: Plan, summary: ActSummary, before: Tree) -> None:
        after = self.album.tree()
        self.counts["plans"] += 1
        self.counts[action.value] += 1
        self.counts["photos"] += summary.photos
        self.counts["left alone"] += len(summary.left_alone)
        self.check_untouched(plan, before, after)
        self.check_nothing_lost(plan, before, after)
        self.check_permitted(before, after)
        gone = set(before) - set(after)
        photos = {str(wish.copy.path.relative_to(self.album.folder)) for wish in self.wishes}
        if not action.shares:
            assert len(gone & photos) == summary.photos, "not what was said"
            self.check_all_done(action, gone)

    def check_untouched(self, plan: Plan, before: Tree, after: Tree) -> None:
        touched = {
            str(part.file.path.relative_to(self.album.folder))
            for removal in plan.removals
            for part in removal.parts
        }
        for name, state in before.items():  # what was not planned is as it was
            assert name in touched or after.get(name) == state, f"{name!r} was touched"
        assert set(after) <= set(before), "something new lies in the album"

    def check_nothing_lost(self, plan: Plan, before: Tree, after: Tree) -> None:
        saved = {data for data, _ in [*tree_of(self.trash).values(), *tree_of(self.out).values()]}
        here = {data for data, _ in after.values()}
        kept = {}
        for removal in plan.removals:
            for part in removal.parts:
                name = str(part.file.path.relative_to(self.album.folder))
                stays = part.kept and str(part.kept.path.relative_to(self.album.folder))
                kept[name] = stays
                if name in before and name not in after and stays:
                    assert after.get(stays) == before[stays], "what was to stay did not"
                    assert not (self.album.folder / stays).is_symlink()
        for name, (data, _) in before.items():
            if data in here or data in saved:
                continue
            assert plan.action is Action.DELETE, f"the bytes of {name!r} are gone"
            assert kept.get(name) in after, f"{name!r} was deleted, and nothing stays for it"

    def check_permitted(self, before: Tree, after: Tree) -> None:
        """References, kept photos and those to look at stay, unless a person said otherwise."""
        for wish in self.wishes:
            name = str(wish.copy.path.relative_to(self.album.folder))
            may_go = wish.decided or (not wish.is_kept and wish.copy.advice is Advice.REMOVE)
            if wish.copy.is_reference or not may_go:
                assert after.get(name) == before.get(name), f"{name!r} must not be touched"

    def check_all_done(self, action: Action, gone: set[str]) -> None:
        """What nothing speaks against has to go: a tool that does nothing is safe as well."""
        # A reference that became a link to a photo makes that one a reference too.
        references = {
            os.path.realpath(one.copy.path) for one in self.wishes if one.copy.is_reference
        }
        for wish in self.wishes:
            name = str(wish.copy.path.relative_to(self.album.folder))
            may_go = wish.is_plain and not wish.is_kept and wish.group not in self.shaken
            if may_go and os.path.realpath(wish.copy.path) not in references:
                assert name in gone, f"{name!r} could have gone"

    def check_undone(self, action: Action, plan: Plan, before: Tree) -> None:
        library = self.album.library
        if self.random.random() < self.kills:
            self.counts["kills"] += killed_at(self.random.randint(1, 40), self.undo)
            self.check_nothing_lost(plan, before, self.album.tree())
        self.undo()
        library.apply(Plan(action, ()))
        after = self.album.tree()
        lost = set()
        if action is Action.DELETE:  # for good, but for what has a copy
            for removal in plan.removals:
                for part in removal.parts:
                    if not part.same_bytes:
                        lost.add(str(part.file.path.relative_to(self.album.folder)))
        wanted = {
            name: state for name, state in before.items() if name not in lost or name in after
        }
        assert after == wanted, "undo left another tree"
        assert not {*tree_of(self.trash), *tree_of(self.out)}, "undo left something behind"

    def undo(self) -> None:
        with suppress(ActionError):  # nothing was done
            self.album.library.undo()


def run_cases(
    seeds: range, folder: Path, other_disk: Path, *, kills: float = 0.0
) -> tuple[Counter, list[str]]:
    """Run random cases; return what was done, and what went wrong with its seed."""
    counts: Counter = Counter()
    problems = []
    for seed in seeds:
        case = Case(seed, folder / str(seed), other_disk / str(seed), counts, kills)
        try:
            case.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this seed
            problems.append(f"seed {seed}: {type(error).__name__}: {error}")
        for path in (case.folder, case.other_disk):
            shutil.rmtree(path, ignore_errors=True)
    return counts, problems
