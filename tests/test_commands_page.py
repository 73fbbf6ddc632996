"""Every command is described the same wherever it is described."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from dupfind.cli import COMMANDS, SUMMARIES, cli

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_with_an_example(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == SUMMARIES[name]
    assert f"dupfind {name}" in (command.help or "")


def test_the_page_of_commands_is_what_help_prints() -> None:
    spec = importlib.util.spec_from_file_location("make_commands", ROOT / "docs/make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == module.commands_page(), "run `make docs`"


def test_the_man_page_is_what_help_says_and_troff_takes_it() -> None:
    spec = importlib.util.spec_from_file_location("make_man", ROOT / "docs" / "make_man.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "dupfind.1").read_text("utf-8")
    assert page == module.man_page(), "run `make docs`"
    if shutil.which("groff") is None:
        pytest.skip("there is no groff on this machine")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-k", "-z", str(ROOT / "docs" / "dupfind.1")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
