"""The README's commands run, and print what it says they print."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from dupfind.cli import cli
from dupfind.flows.sample_album import make_sample_album

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOME = "/home/ann"


def steps() -> list[tuple[str, str]]:
    """Return (command, what it prints) of the README's console blocks, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def comparable(text: str) -> list[str]:
    """Return the lines without their numbers, which differ between machines."""
    lines = [re.sub(r"\d+(?:[.,]\d+)*", "#", line) for line in text.splitlines()]
    lines = [" ".join(line.split()) for line in lines]
    return [re.sub(r"(?<=#) (bytes?|KB|MB)\b", " B", line) for line in lines if line]


def test_the_everyday_commands_print_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    album = make_sample_album(tmp_path / "Pictures")
    album.example.rename(tmp_path / "photo.jpg")
    assert len(steps()) >= 5
    for command, printed in steps():
        words = [str(Path(word).expanduser()) for word in shlex.split(command)]
        assert words[0] == "dupfind"
        result = CliRunner(catch_exceptions=False).invoke(cli, words[1:])
        assert result.exit_code == 0, result.output
        output = result.stdout.replace(str(tmp_path), HOME)
        expected, got = comparable(printed), comparable(output)
        if words[1] == "query":  # two copies that are equally near come in any order
            expected, got = sorted(expected), sorted(got)
        assert got == expected, command


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_what_the_readme_links_to_is_there(target: str) -> None:
    assert (ROOT / target).is_file()


def test_the_report_picture_is_small_enough_to_load_quickly() -> None:
    assert (ROOT / "docs" / "report.png").stat().st_size < 300_000
