"""The report for a person at a terminal: what to keep, why the others are copies, what it frees."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dupfind.decisions import Verb
from dupfind.records import Advice, FileError, Group, Member, Photo
from dupfind.reports.decided import member_words, removed_words, state_words
from dupfind.reports.reported import Report, kept_member, most_reclaimable_first
from dupfind.reports.words import (
    advice_name,
    count,
    explain,
    readable_bytes,
    readable_date,
    reason_of,
    reclaim_words,
    safe_name,
)

MEMBERS_SHOWN = 20
ERRORS_SHOWN = 20
# Nothing is cut where no person looks: a file or another program gets whole lines.
_PIPE_WIDTH = 1_000_000
_INDENT = 7


class _Console(Console):
    """Leaves it to its caller to end when nobody reads any more; rich would end with status 1."""

    def on_broken_pipe(self) -> None:
        """Go on with the BrokenPipeError that is being handled."""
        raise


def make_console(stream: TextIO, *, width: int | None = None) -> Console:
    """Return a console that colours only terminals (and honours NO_COLOR), and never reads markup."""
    if width is None and not stream.isatty():
        width = _PIPE_WIDTH
    return _Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def print_report(report: Report, console: Console, *, limit: int = 0) -> None:
    """Print the groups that free most (``limit`` of them; 0: all), unreadable files and totals."""
    groups = most_reclaimable_first(report.groups)
    shown = groups[:limit] if limit else groups
    base = report.common_folder()
    if shown and base:
        console.print(Text.assemble("Photos below ", (_name(base), "bold"), "\n"))
    for group in shown:
        _print_group(report, group, console, base, most=MEMBERS_SHOWN if limit else 0)
    _print_errors(report.errors, console, everything=not limit)
    _print_totals(report, console, left_out=len(groups) - len(shown))


def _print_group(report: Report, group: Group, console: Console, base: str, *, most: int) -> None:
    console.print(_group_heading(group))
    kept = report.kept_photo(group)
    _print_member(kept, ("keep", "bold green"), _facts(kept), console, base)
    why = reason_of(kept_member(group), group)
    _print_indented(Text(_sentence(safe_name(why)), style="green"), console)
    _print_decision(kept_member(group), console)
    copies = [member for member in group.members if member is not kept_member(group)]
    shown = copies[:most] if most else copies
    for member in shown:
        photo = report.photo(member)
        _print_member(photo, _mark(member), _facts(photo, member), console, base)
        _print_indented(Text(_sentence(explain(member, photo, kept)), style="cyan"), console)
        reason = reason_of(member, group)
        if reason:
            _print_indented(Text(f"{_sentence(advice_name(member))}: {reason}"), console)
        _print_decision(member, console)
    if len(shown) < len(copies):
        rest = count(len(copies) - len(shown), "more copy", "more copies")
        _print_indented(Text(f"… and {rest}: --limit 0 lists all of them"), console)
    for path in report.appearances(group):
        shown_in = _name(_below(Path(path), base))
        _print_indented(Text(f"Also appears in {shown_in}", style="italic"), console)
    console.print()


def _print_decision(member: Member, console: Console) -> None:
    words = member_words(member)
    if words:
        _print_indented(Text(_sentence(words), style="bold"), console)


def _mark(member: Member) -> tuple[str, str]:
    if member.decision is not None:
        return ("keep", "green") if member.decision is Verb.KEEP else ("goes", "red")
    return ("copy", "yellow") if member.advice is Advice.REMOVE else ("look", "magenta")


def _group_heading(group: Group) -> Text:
    frees = f"{readable_bytes(group.reclaimable_bytes)} to free"
    weakest = f"lowest similarity {group.lowest_similarity:.2f}"
    title = f"Group {group.id}: {count(len(group.members), 'photo')}"
    state = state_words(group.state)
    return Text.assemble(
        (title, "bold"), (f" · {frees} · {weakest}", "dim"), f" · {state}" if state else ""
    )


def _print_member(
    photo: Photo, mark: tuple[str, str], facts: str, console: Console, base: str
) -> None:
    name = Text(_name(_below(photo.path, base)), style="bold")
    _print_indented(name, console, first=Text.assemble(" ", mark))
    _print_indented(Text(facts, style="dim"), console)


def _print_indented(text: Text, console: Console, first: Text | None = None) -> None:
    """Print ``text`` wrapped to the right of a margin that ``first`` fills on the first line."""
    margin = first or Text()
    for line in text.wrap(console, max(20, console.width - _INDENT), overflow="fold"):
        margin.pad_right(_INDENT - margin.cell_len)
        line.rstrip()
        console.print(margin + line, soft_wrap=True)
        margin = Text()


def _facts(photo: Photo, member: Member | None = None) -> str:
    parts = [
        f"{photo.width} × {photo.height}",
        safe_name(photo.format),
        readable_bytes(photo.size_bytes),
        readable_date(photo.taken_at),
        "reference" if photo.is_reference else "",
    ]
    if member is not None:
        parts.append(f"similarity {member.similarity:.2f}")
        parts.append(f"{_certainty(member.probability)} sure")
    return " · ".join(part for part in parts if part)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _certainty(probability: float) -> str:
    """Percent with one decimal, cut off: 99.96% must not read as certain."""
    return "100%" if probability >= 1 else f"{int(probability * 1000) / 10:.1f}%"


def _print_errors(errors: Sequence[FileError], console: Console, *, everything: bool) -> None:
    if not errors:
        return
    console.print(Text(f"{count(len(errors), 'file')} could not be read:", style="bold red"))
    shown = errors if everything else errors[:ERRORS_SHOWN]
    for error in shown:
        line = Text.assemble(_name(error.path), ": ", (safe_name(error.reason), "dim"))
        _print_indented(line, console, first=Text(" error", style="red"))
    if len(shown) < len(errors):
        console.print(f" … and {len(errors) - len(shown):,} more: --limit 0 lists all of them")
    console.print()


def _print_totals(report: Report, console: Console, *, left_out: int) -> None:
    if report.settled_total:
        settled = count(report.settled_total, "group")
        console.print(Text(f"{settled} that you settled left out: --all shows all\n", "italic"))
    for back in report.came_back[:ERRORS_SHOWN]:
        line = f": {removed_words(back.removed_at)}; it is there again"
        _print_indented(Text.assemble((_name(back.path), "bold"), line), console)
    if left_out:
        note = (
            f"{count(left_out, 'group')} more that free less: --limit 0 shows all of them, "
            "--format html -o report.html makes a page with pictures\n"
        )
        console.print(Text(note, style="italic"))
    if not report.groups:
        console.print(Text(f"No duplicates among {count(report.photos_total, 'photo')}."))
        return
    among = f" among {count(report.photos_total, 'photo')}" if report.photos_total else ""
    total = (
        f"{count(len(report.groups), 'group')}, {count(report.copies_total, 'copy', 'copies')}"
        f"{among}; {reclaim_words(report.reclaimable_bytes, report.looks_total)}."
    )
    console.print(Text(total, style="bold"))


def _below(path: Path, base: str) -> str:
    return os.path.relpath(path, base) if base else os.fspath(path)


def _name(path: str | Path) -> str:
    return safe_name(os.fspath(path))
