"""The recipes of docs/python.md run as they stand, in order, and only use what `dupfind` exports."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import dupfind

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text("utf-8")
RUN = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
ALL = re.findall(r"```python[^\n]*\n(.*?)```", TEXT, re.DOTALL)


def test_the_recipes_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    album = dupfind.Library.sample_album("all")
    album.example.rename("photo.jpg")
    Path("Pictures").mkdir()
    for path in (
        sorted(Path("all").rglob("coffee*"))[:4] + sorted(Path("all").rglob("chelsea*"))[:3]
    ):
        path.rename(Path("Pictures") / path.name)
    names = sorted(path.name for path in Path("Pictures").iterdir())
    rows = [f"Pictures/{name},{name[:6]}" for name in names]
    Path("truth.csv").write_text("\n".join(["path,group_id", *rows]), encoding="utf-8")
    known: dict[str, Any] = {}
    for recipe in RUN:
        exec(compile(recipe, "docs/python.md", "exec"), known)
    printed = capsys.readouterr().out
    assert f"{len(names)} new photos, 2 groups" in printed
    assert "not a photo:" in printed
    assert Path("report.json").read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize("recipe", ALL)
def test_recipes_import_only_what_is_exported(recipe: str) -> None:
    for node in ast.walk(ast.parse(recipe)):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "dupfind"
            assert {alias.name for alias in node.names} <= set(dupfind.__all__)
