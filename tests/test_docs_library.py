"""docs/library.md tells the truth about the tables, and its queries run."""

import re
import sqlite3
from pathlib import Path

import pytest

from dupfind.config import LibraryPaths
from dupfind.store.store import Store

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "library.md").read_text("utf-8")


@pytest.fixture
def connection(tmp_path: Path):
    with Store.open(LibraryPaths(tmp_path / ".dupfind"), write=True):
        pass
    opened = sqlite3.connect(tmp_path / ".dupfind" / "dupfind.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL))
def test_the_queries_run(connection: sqlite3.Connection, query: str) -> None:
    assert connection.execute(query).description


def test_every_table_is_described(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    names = {name for (name,) in tables if not name.startswith("sqlite_")}
    assert len(names) > 10
    assert names == names & set(re.findall(r"`(\w+)`", TEXT.split("## The tables")[1]))


def test_every_column_of_photos_is_described(connection: sqlite3.Connection) -> None:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(photos)")} - {"id"}
    line = next(line for line in TEXT.splitlines() if line.startswith("| `photos`"))
    assert columns == columns & set(re.findall(r"`(\w+)`", line))
