"""Plan what may go, do it, bring it back, and tell what was done: joins store, photos and actions."""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from dupfind.actions.doing import Doing
from dupfind.actions.files import RefusedError, words_of
from dupfind.actions.planning import plan_removals
from dupfind.actions.restoring import same_bytes_kept, undo_entry
from dupfind.actions.settling import settle
from dupfind.acts import (
    Action,
    ActSummary,
    Entry,
    Event,
    LeftAlone,
    PastRun,
    Plan,
    PlannedRemoval,
    PlanOptions,
    Role,
)
from dupfind.errors import ActionError
from dupfind.flows.removable import candidates
from dupfind.progress import OnProgress, stage
from dupfind.store.runs import Run
from dupfind.store.store import Store

APPLY, UNDO = "apply", "undo"
BACKUPS = "backups"  # in the library folder: sidecars as they were

log = logging.getLogger(__name__)


def plan_removal(store: Store, action: Action, options: PlanOptions | None = None) -> Plan:
    """Return what may go by the advice of the last ``cluster`` and by decisions; nothing is changed.

    Raises:
        LibraryError: ``cluster`` has not been run.
        ActionError: The folder of ``move`` is missing, or one that it must not be.
    """
    options = options or PlanOptions()
    roots = _roots(store)
    if action is Action.MOVE:
        options = replace(options, to=_checked_target(options.to, roots, store))
    left: list[LeftAlone] = []
    found = list(candidates(store, action, options, left))
    references = frozenset(Path(os.path.realpath(path)) for path in store.reference_paths())
    plan = plan_removals(action, found, options, roots, references)
    return Plan(plan.action, plan.removals, (*left, *plan.left_alone), options)


def apply_plan(store: Store, plan: Plan, on_progress: OnProgress | None = None) -> ActSummary:
    """Do what a plan says, one removal after the other; what is no longer so is left alone.

    Args:
        store: Open for writing, so that no other one acts at the same time.
        plan: As ``plan_removal`` gave it, or some of its removals.
        on_progress: Called after each removal; the phase is ``apply``.

    Raises:
        LibraryError: The library cannot be written. What was begun is put in order by the next
            ``apply`` or ``undo``.
    """
    store.flush_each_commit()
    settled = settle_open(store)
    if not plan.removals:
        return ActSummary(0, plan.action, settled=settled)
    removals, left = _still_planned(plan, plan_removal(store, plan.action, plan.options))
    begun = ActSummary(0, plan.action, left_alone=tuple(left), settled=settled)
    return _apply(store, plan, removals, begun, on_progress) if removals else begun


def _apply(
    store: Store,
    plan: Plan,
    removals: list[PlannedRemoval],
    summary: ActSummary,
    on_progress: OnProgress | None,
) -> ActSummary:
    to, carry = plan.options.to, plan.options.carry_metadata
    if carry:  # at first those whose sidecars are compared with the kept one's
        removals.sort(key=lambda removal: -len(removal.parts))
    options = {"action": plan.action, "to": to, "carry_metadata": carry}
    report, left = stage(on_progress, "apply"), len(summary.left_alone)
    with store.run(APPLY, options) as run:
        backups = store.paths.root / BACKUPS if carry else None
        target = Path(to) if to else None
        doing = Doing(_StoreJournal(store), run.id, plan.action, target, backups)
        summary = replace(summary, run_id=run.id)
        try:
            for now in _summaries(doing, removals, summary):
                summary = now
                run.summary = _counts(now)
                report(now.photos + len(now.left_alone) - left, len(removals))
        except KeyboardInterrupt:
            settle_open(store, of_run=run.id)
            raise
    return summary


def _summaries(
    doing: Doing, removals: Sequence[PlannedRemoval], summary: ActSummary
) -> Iterator[ActSummary]:
    """Do one removal after the other; yield what came of them so far."""
    for removal in removals:
        try:
            entries = doing.remove(removal)
        except RefusedError as error:
            words = LeftAlone(removal.photo.file.path, str(error), removal.photo_id)
            summary = replace(summary, left_alone=(*summary.left_alone, words))
        else:
            summary = replace(
                summary,
                photos=summary.photos + 1,
                files=summary.files + len(entries),
                freed_bytes=summary.freed_bytes + removal.freed_bytes,
            )
        yield summary


def _counts(summary: ActSummary) -> dict[str, int]:
    return {
        "photos": summary.photos, "files": summary.files, "freed_bytes": summary.freed_bytes,
        "left_alone": len(summary.left_alone),
    }  # fmt: skip


def undo_run(
    store: Store, run_id: int | None = None, on_progress: OnProgress | None = None
) -> ActSummary:
    """Bring back what an ``apply`` did, the last thing first.

    Args:
        store: Open for writing.
        run_id: Its number (``history`` shows it); None for the last one that has something to undo.
        on_progress: Called after each file; the phase is ``undo``.

    Raises:
        ActionError: There is no such run, or nothing to undo.
    """
    store.flush_each_commit()
    settled = settle_open(store)
    wanted, entries = _to_undo(store, run_id)
    report = stage(on_progress, "undo")
    journal = _StoreJournal(store)
    left: list[LeftAlone] = []
    back: list[Entry] = []
    with store.run(UNDO, {"run": wanted}) as run:
        for _, unit in groupby(reversed(entries), key=lambda entry: entry.unit):
            of_unit = list(unit)
            journal.note(of_unit, Event.UNDOING)
            refused = _bring_back(journal, of_unit)
            left += refused.values()
            back += [entry for entry in of_unit if entry.id not in refused]
            report(len(back) + len(left), len(entries))
        photos = sum(entry.role is Role.PHOTO for entry in back)
        run.summary = {"photos": photos, "files": len(back), "left_alone": len(left)}
    action = entries[0].action
    size = sum(entry.before.size_bytes for entry in back)
    return ActSummary(wanted, action, photos, len(back), size, tuple(left), settled)


def list_history(store: Store) -> list[PastRun]:
    """Return every ``apply`` that did something, the newest first."""
    by_run: dict[int, list[Entry]] = defaultdict(list)
    for entry in store.entries(states=(Event.DONE, Event.UNDONE, Event.INTENDED, Event.UNDOING)):
        by_run[entry.run_id].append(entry)
    runs = [run for run in store.runs(APPLY) if run.id in by_run]
    return [_past(run, by_run[run.id]) for run in reversed(runs)]


def settle_open(store: Store, of_run: int | None = None) -> int:
    """Put in order what a killed run left half done; return how many files that were.

    A removal of which all files went where they should go is done; any other is taken back. What
    cannot be told now, because a disk is not there, stays for the next time.
    """
    entries = [entry for entry in store.open_entries() if of_run in (None, entry.run_id)]
    journal = _StoreJournal(store)
    count = 0
    for _, unit in groupby(entries, key=lambda entry: (entry.run_id, entry.unit)):
        of_unit = list(unit)
        try:
            _settle_unit(journal, of_unit)
        except OSError as error:
            path = of_unit[0].before.path
            log.warning("%s cannot be put in order yet: %s", path, words_of(error))
            continue
        count += len(of_unit)
    if of_run is None:
        store.end_dead_runs((APPLY, UNDO))
    return count


def _settle_unit(journal: "_StoreJournal", entries: list[Entry]) -> None:
    words = "it was interrupted and taken back"
    intended = [entry for entry in entries if entry.state is Event.INTENDED]
    for one in settle(intended, forward=True, words=words) if intended else ():
        journal.note([one.entry], one.event, one.words)
    _bring_back(journal, [entry for entry in entries if entry.state is Event.UNDOING])


def _bring_back(journal: "_StoreJournal", entries: Sequence[Entry]) -> dict[int, LeftAlone]:
    """Bring back the files of one removal; return why not, by the id of the entry."""
    refused = {}
    for entry in entries:
        try:
            undo_entry(entry)
        except RefusedError as error:
            journal.note([entry], Event.DONE, str(error))
            refused[entry.id] = LeftAlone(entry.before.path, str(error), entry.photo_id)
        else:
            journal.note([entry], Event.UNDONE)
    return refused


@dataclass(frozen=True, slots=True)
class _StoreJournal:
    """The journal that the acting writes to, in the library's database."""

    store: Store

    def intend(self, entries: list[Entry]) -> list[Entry]:
        return self.store.add_entries(entries)

    def note(self, entries: list[Entry], event: Event, words: str = "") -> None:
        if entries:
            self.store.add_events(entries, event, words)


def _still_planned(plan: Plan, fresh: Plan) -> tuple[list[PlannedRemoval], list[LeftAlone]]:
    """Return the removals of a plan that would be planned again just so, and why not the others."""
    now = {removal.photo_id: removal for removal in fresh.removals}
    reasons = {left.photo_id: left.reason for left in fresh.left_alone}
    removals, left = [], []
    for removal in plan.removals:
        again = now.get(removal.photo_id)
        if again is not None and _files(again) == _files(removal):
            removals.append(removal)
            continue
        words = reasons.get(removal.photo_id) or "it is no longer what the plan says; plan again"
        left.append(LeftAlone(removal.photo.file.path, words, removal.photo_id))
    return removals, left


def _files(removal: PlannedRemoval) -> list[object]:
    return [(part.file, part.role, part.kept) for part in removal.parts]


def _to_undo(store: Store, run_id: int | None) -> tuple[int, list[Entry]]:
    """Return the run to undo and its entries that are done."""
    runs = {run.id for run in store.runs(APPLY)}
    if run_id is not None and run_id not in runs:
        raise ActionError(f"there is no apply run {run_id}; `dupfind history` lists them")
    done = store.entries(run_id, states=(Event.DONE,))
    if not done:
        what = "there is nothing to undo" if run_id is None else f"run {run_id} is undone already"
        raise ActionError(f"{what}; `dupfind history` shows what was done")
    wanted = max(entry.run_id for entry in done) if run_id is None else run_id
    return wanted, [entry for entry in done if entry.run_id == wanted]


def _past(run: Run, entries: Sequence[Entry]) -> PastRun:
    done = [entry for entry in entries if entry.state is not Event.UNDONE]
    places = {entry.destination.parent for entry in done if entry.destination}
    gone = entries[0].action is Action.DELETE or entries[0].action.shares
    return PastRun(
        run.id,
        entries[0].action,
        run.status,
        run.started_at,
        sum(entry.role is Role.PHOTO for entry in entries),
        len(entries),
        int(run.summary.get("freed_bytes", sum(entry.before.size_bytes for entry in entries))),
        len(entries) - len(done),
        sum(_can_come_back(entry) for entry in done),
        () if gone else tuple(sorted(places)),
    )


def _can_come_back(entry: Entry) -> bool:
    """Say whether a file seems to be where ``undo`` would look for it."""
    if entry.role is Role.CARRIED or entry.action.shares:
        return True
    if entry.action is Action.DELETE:
        kept = entry.kept
        return kept is not None and same_bytes_kept(entry) and os.path.lexists(kept.path)
    return entry.destination is not None and os.path.lexists(entry.destination)


def _roots(store: Store) -> list[Path]:
    """Return the folders that were indexed."""
    named = (
        folder
        for run in store.runs("index")
        for key in ("folders", "reference")
        for folder in run.options.get(key, ())
    )
    return list(dict.fromkeys(Path(os.path.abspath(folder)) for folder in named))  # noqa: PTH100


def _checked_target(to: Path | str | None, roots: Iterable[Path], store: Store) -> Path:
    """Return the folder to move to as a whole path.

    Raises:
        ActionError: There is none, or it would be indexed or lie in the library.
    """
    if to is None:
        raise ActionError("moving needs a folder to move to; name it with --to")
    target = Path(os.path.abspath(to))  # noqa: PTH100 - resolve() would follow links
    real = Path(os.path.realpath(target))
    if real.exists() and not real.is_dir():
        raise ActionError(f"{target} is no folder; choose one to move to")
    if real.is_relative_to(os.path.realpath(store.paths.root)):
        raise ActionError(f"{target} lies in the library folder; choose another one")
    for root in roots:
        if real.is_relative_to(os.path.realpath(root)):
            raise ActionError(
                f"{target} lies in the indexed folder {root}: the next index would find the photos "
                "there again; choose a folder outside"
            )
    return target
