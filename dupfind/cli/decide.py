"""`dupfind decide`."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.decisions import Choice, Decision, Verb
from dupfind.errors import DecisionError
from dupfind.reports.decided import decision_words
from dupfind.reports.output import text_output
from dupfind.reports.words import count, readable_date, safe_name

SOURCE = "cli"
_LAST = "last"


@click.command(short_help="Say what is to be kept, removed or left in peace.")
@click.argument("verb", required=False, type=click.Choice([str(verb) for verb in Verb]))
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--from",
    "others",
    multiple=True,
    metavar="PHOTO",
    type=click.Path(path_type=Path),
    help="With not-duplicates: tell PHOTOS apart from this one only. Repeatable.",
)
@click.option("--note", default="", metavar="TEXT", help="Remember why, for --list.")
@click.option(
    "--undo",
    is_flag=False,
    flag_value=_LAST,
    metavar="[STEP]",
    help="Take back a step of --list, or the last one.",
)
@click.option("--list", "as_list", is_flag=True, help="List what was decided, the newest first.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=30, show_default=True,
    help="Decisions to list; 0 lists all.",
)  # fmt: skip
@click.option(
    "--export",
    "target",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Write the decisions that hold as JSON (- for standard output).",
)
@click.option(
    "--import",
    "exported",
    metavar="FILE",
    type=click.File("r", encoding="utf-8"),
    help="Add the decisions of such a file, as one step (- for standard input).",
)
@json_option
@common_options
def decide(
    common: Common,
    verb: str | None,
    photos: tuple[Path, ...],
    others: tuple[Path, ...],
    note: str,
    undo: str | None,
    as_list: bool,
    limit: int,
    target: Path | None,
    exported: Any,
    as_json: bool,
) -> None:
    """Say what is to be kept, removed or left in peace; nothing is done to a file.

    \b
    keep, remove    these photos of a group stay, or may go
    keep-all        all of these stay; one photo stands for all of its group
    not-duplicates  these are no copies of each other (a single one: of none of its group)
    later           put off until something is new in the group
    clear           take back keep and remove

    It is remembered by content: it holds after files were moved, or their metadata edited.

    \b
    dupfind decide remove copies/*.jpg
    dupfind decide not-duplicates may.jpg june.jpg --note "two months"
    dupfind decide --undo
    dupfind decide --list
    """
    asked = [verb is not None, undo is not None, as_list, target is not None, exported is not None]
    if sum(asked) != 1:
        raise click.UsageError(
            "say one thing: a verb with photos, or one of --undo, --list, --export, --import"
        )
    if undo is not None:
        _undo(common, undo, as_json=as_json)
    elif as_list:
        _list(common, limit, as_json=as_json)
    elif target is not None:
        with text_output(target) as stream:
            stream.write(json.dumps(common.library().export_decisions(), indent=1) + "\n")
    elif exported is not None:
        _import(common, exported, as_json=as_json)
    else:
        choice = Choice(Verb(str(verb)), tuple(photos), tuple(others))
        _decide(common, choice, note, as_json=as_json)


def _decide(common: Common, choice: Choice, note: str, *, as_json: bool) -> None:
    if not choice.photos:
        raise click.UsageError(f"name the photos: dupfind decide {choice.verb} PHOTO...")
    if choice.others and choice.verb is not Verb.NOT_DUPLICATES:
        raise click.UsageError("--from goes with not-duplicates")
    library = common.library()
    step = library.decide([choice], source=SOURCE, note=note)
    decisions = library.decisions(batch=step)
    if as_json:
        print_json({"step": step, "decisions": [_to_json(one) for one in decisions]})
        return
    for decision in decisions:
        common.say(f"Step {step}: {decision_words(decision)}.")


def _undo(common: Common, step: str, *, as_json: bool) -> None:
    if step != _LAST and not step.isdecimal():
        raise click.UsageError(f"--undo takes the number of a step, not {step}")
    undone = common.library().undo_decision(None if step == _LAST else int(step), source=SOURCE)
    if not undone:
        raise DecisionError("there is nothing to take back: nothing was decided yet")
    if as_json:
        print_json({"undone": undone[0].batch, "decisions": [_to_json(one) for one in undone]})
        return
    common.say(f"Took back step {undone[0].batch}: {decision_words(undone[0])}{_and_more(undone)}.")


def _list(common: Common, limit: int, *, as_json: bool) -> None:
    decisions = common.library().decisions(limit=limit or None)
    if as_json:
        print_json({"decisions": [_to_json(one) for one in decisions]})
        return
    if not decisions:
        common.say("Nothing was decided yet.")
    for step, of_step in groupby(decisions, key=lambda one: one.batch):
        found = list(of_step)
        first = found[0]
        line = f"{step:>5}  {readable_date(first.decided_at)}  {safe_name(first.source):6}  "
        line += decision_words(first) + _and_more(found)
        line += f" ({safe_name(first.note)})" if first.note else ""
        click.echo(line + (" [taken back]" if first.is_undone else ""))


def _import(common: Common, exported: Any, *, as_json: bool) -> None:
    try:
        value = json.load(exported)
    except ValueError as error:
        raise DecisionError(f"{exported.name} is no JSON ({error}); export it again") from error
    done = common.library().import_decisions(value)
    if as_json:
        print_json(
            {"step": done.batch, "imported": done.decisions, "already_known": done.already_known}
        )
        return
    known = f"; {done.already_known:,} were known already" if done.already_known else ""
    common.say(f"{count(done.decisions, 'decision')} imported{known}.")


def _and_more(decisions: Sequence[Decision]) -> str:
    more = len(decisions) - 1
    return f", and {count(more, 'decision')} more" if more else ""


def _to_json(decision: Decision) -> dict[str, Any]:
    return {
        "step": decision.batch,
        "verb": decision.verb,
        "decided_at": decision.decided_at,
        "source": decision.source,
        "note": decision.note,
        "undoes": decision.undoes,
        "is_undone": decision.is_undone,
        "photos": [
            {"path": str(content.path), "role": content.role, "sha256": content.sha256}
            for content in decision.contents
        ],
    }
