"""Write docs/dupfind.1, the man page, from what each command's --help says: `make docs`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dupfind import __version__
from dupfind.cli import COMMANDS, cli
from dupfind.cli.exit_status import EXIT_STATUSES

FILE = Path(__file__).with_name("dupfind.1")
_HELP = ["-h", "--help"]


def man_page() -> str:
    """Return the page in the man macros that every Unix reads."""
    context = click.Context(cli, info_name="dupfind", help_option_names=_HELP)
    lines = [
        f'.TH DUPFIND 1 "" "dupfind {__version__}" "User Commands"',
        ".SH NAME",
        r"dupfind \- find the near-duplicates in a photo collection",
        ".SH SYNOPSIS",
        r".B dupfind",
        r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(cli.help or ""),
        ".SH OPTIONS",
        *_options(cli, context),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            lines += _command(name, command, context)
    lines += [".SH EXIT STATUS"]
    for status, meaning in EXIT_STATUSES.items():
        lines += [".TP", str(status), _escaped(meaning)]
    lines += [".SH ENVIRONMENT", ".TP", "DUPFIND_LIBRARY", "The library folder, as --library."]
    lines += [".TP", r"NO_COLOR", "No colours at the terminal."]
    return "\n".join(lines) + "\n"


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, help_option_names=_HELP)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS dupfind {_escaped(name)} {_escaped(usage)}"
    yield from _paragraphs(command.help or "")
    shared = {parameter.name for parameter in cli.params}
    yield from _options(command, context, leave_out=shared)


def _paragraphs(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help; those after \b stay as they are typed."""
    for paragraph in text.split("\n\n"):
        kept = paragraph.lstrip("\n").startswith("\b")
        yield ".PP"
        if kept:
            yield ".nf"
        lines = [line for line in paragraph.splitlines() if line.strip("\b ")]
        yield from (_escaped(line if kept else line.strip()) for line in lines)
        if kept:
            yield ".fi"


def _options(
    command: click.Command, context: click.Context, leave_out: set[str | None] | None = None
) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or parameter.name in (leave_out or ()):
            continue
        names, words = record
        yield ".TP"
        yield rf"\fB{_escaped(names)}\fR"
        yield _escaped(words)


def _escaped(text: str) -> str:
    """Return text that troff takes as it is: no escapes, no control lines."""
    text = re.sub(r"\s+$", "", text).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    FILE.write_text(man_page(), encoding="utf-8")
    sys.stdout.write(f"{FILE} written\n")
