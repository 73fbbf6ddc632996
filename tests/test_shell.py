"""At home in a shell: completion in a real bash, the exit statuses, why a device is used."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dupfind.cli import COMMANDS, cli
from dupfind.cli.exit_status import EXIT_STATUSES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """Variables with a `dupfind` on the PATH that runs this source."""
    program = tmp_path / "bin" / "dupfind"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from dupfind.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}


def completed(words: str, variables: dict[str, str]) -> list[str]:
    """Return what bash offers for the last of some words."""
    script = (
        'eval "$(dupfind completion bash)" || exit 9\n'
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_dupfind_completion dupfind\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return said_by(["bash", "--norc", "-c", script], variables).split()


def said_by(words: list[str], variables: dict[str, str]) -> str:
    """Return what a program prints."""
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_bash_completes_commands_options_and_values(on_path: dict[str, str]) -> None:
    assert completed("dupfind re", on_path) == [
        "report",
        *(["review"] if "review" in COMMANDS else []),
    ]
    assert "--format" in completed("dupfind report --fo", on_path)
    assert completed("dupfind report --format htm", on_path) == ["html"]
    assert completed("dupfind decide not", on_path) == ["not-duplicates"]


@pytest.mark.parametrize(("shell", "words"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_zsh_and_fish_get_their_own(shell: str, words: str) -> None:
    printed = CliRunner().invoke(cli, ["completion", shell])
    assert printed.exit_code == 0
    assert words in printed.output
    assert "_DUPFIND_COMPLETE" in printed.output


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish on this machine")
def test_fish_completes_commands_options_and_values(on_path: dict[str, str]) -> None:
    script = "dupfind completion fish | source; " + "; ".join(
        f"complete -C '{words}'"
        for words in ("dupfind rep", "dupfind report --format htm", "dupfind decide not")
    )
    lines = said_by(["fish", "--no-config", "-c", script], on_path).splitlines()
    assert [line.partition("\t")[0] for line in lines] == ["report", "html", "not-duplicates"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh on this machine")
def test_zsh_takes_its_completion(on_path: dict[str, str]) -> None:
    script = (
        "autoload -U compinit; compinit -u -D\n"
        'eval "$(dupfind completion zsh)" || exit 9\n'
        "print -r -- $_comps[dupfind]\n"
        'COMP_WORDS="dupfind report --format htm" COMP_CWORD=3 _DUPFIND_COMPLETE=zsh_complete dupfind'
    )
    lines = said_by(["zsh", "-f", "-c", script], on_path).splitlines()
    assert lines[:3] == ["_dupfind_completion", "plain", "html"]


def test_the_exit_statuses_are_as_documented(tmp_path: Path) -> None:
    """3 is tried with decisions, 130 and 141 with interrupted and closed streams."""
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    for status, meaning in EXIT_STATUSES.items():
        assert f"| {status} | {meaning} |" in page
    library = ["--library", str(tmp_path / "none")]
    found = {
        words: CliRunner().invoke(cli, [*library, *words.split()]).exit_code
        for words in ("--help", "report", "report --formt", "completion tcsh")
    }
    assert found == {"--help": 0, "report": 1, "report --formt": 2, "completion tcsh": 2}


def test_info_says_why_a_device_is_used() -> None:
    words = CliRunner().invoke(cli, ["info", "--device", "cpu"]).output
    assert "asked for with --device cpu" in words
    assert "because" in CliRunner().invoke(cli, ["info", "--json"]).output
