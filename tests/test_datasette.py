"""The database in datasette itself: names instead of numbers, a view of the copies, pictures."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import picture
from decision_helpers import group_again
from PIL import Image

from dupfind import Library
from dupfind.cli import cli
from dupfind.photos.scan import file_sha256
from dupfind.records import ScannedFile
from dupfind.store.photos import Batch, Content, PhotoEntry

app = pytest.importorskip("datasette.app")
pytestmark = pytest.mark.filterwarnings("ignore")  # of datasette and what it is built on


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """Datasette with a library of two copies, as `info --datasette` says to start it."""
    entries = []
    for name in ("a", "b <i>"):
        file = tmp_path / f"{name}.png"
        Image.fromarray(picture(1, (640, 480))).save(file, compress_level=1 + len(name))
        size = file.stat().st_size
        entries.append(
            PhotoEntry(ScannedFile(file, size, 1), Content(file_sha256(file), 640, 480, "PNG"))
        )
    library = Library(tmp_path / ".dupfind")
    with library.store(write=True) as store:
        store.add_batch(Batch(entries))
        group_again(store, [("a", "b <i>")])
    words = ["--library", str(library.paths.root), "info", "--datasette", str(tmp_path / "ds")]
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == 0, said.output
    assert f"Next: datasette {library.paths.database} --metadata" in said.output
    return app.Datasette(
        [str(library.paths.database)],
        metadata=json.loads((tmp_path / "ds" / "metadata.json").read_text("utf-8")),
        plugins_dir=str(tmp_path / "ds" / "plugins"),
    )


def get(served: Any, address: str) -> Any:
    async def ask() -> Any:
        await served.invoke_startup()
        return await served.client.get(address)

    # In a thread of its own: a browser of another test may keep a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(asyncio.run, ask()).result()
    assert answer.status_code == 200, answer.text
    return answer


def test_a_row_names_photos_by_their_path(served: Any, tmp_path: Path) -> None:
    rows = get(served, "/dupfind/group_members.json?_labels=on&_shape=objects").json()["rows"]
    assert [row["photo_id"]["label"] for row in rows] == [
        str(tmp_path / "a.png"),
        str(tmp_path / "b <i>.png"),
    ]


def test_the_view_of_copies_is_in_words_and_shows_pictures(served: Any, tmp_path: Path) -> None:
    (row,) = get(served, "/dupfind/copies.json?_shape=objects").json()["rows"]
    size = (tmp_path / "b <i>.png").stat().st_size
    assert row["path"] == str(tmp_path / "b <i>.png")
    assert row["kept"] == str(tmp_path / "a.png")
    assert (row["relation"], row["advice"], row["state"]) == ("reencoded", "look", "open")
    assert row["size"] == f"{size / 1000:.1f} KB"
    page = get(served, "/dupfind/copies").text
    assert page.count('<img alt="" src="data:image/webp;base64,') == 2
    assert "b &lt;i&gt;.png" in page
    assert "Every copy with the photo that its group keeps" in page
