"""`dupfind decide` on real files, and what `cluster`, `report`, `query` and `index` make of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cluster_helpers import cluster_album, groups_of, save_album
from library_helpers import save_small_model
from matching_helpers import edited, photo

from dupfind import ClusterOptions, IndexOptions, Level, Library
from dupfind.cli import cli


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """The folder of an album and its library: two groups, of three photos and of two."""
    folder = tmp_path_factory.mktemp("decide")
    pictures = {
        "cat": photo("chelsea.png"),
        "cat-crop": edited("chelsea.png", "crop_70").pixels,
        "cat-grey": edited("chelsea.png", "grey").pixels,
        "cup": photo("coffee.png"),
        "cup-flip": edited("coffee.png", "flip").pixels,
    }
    cluster_album(folder, pictures, small_model, ClusterOptions(keep="name"))
    return folder


@pytest.fixture
def library(clustered: Path, tmp_path: Path) -> Library:
    """A copy of the library, to decide in; the album is shared."""
    shutil.copytree(clustered / ".dupfind", tmp_path / ".dupfind")
    return Library(tmp_path / ".dupfind", device="cpu")


def run(library: Library, *words: object, status: int = 0, text: str | None = None) -> Result:
    arguments = [str(word) for word in words]
    result = CliRunner().invoke(cli, ["--library", str(library.paths.root), *arguments], input=text)
    assert result.exit_code == status, result.output
    return result


def report(library: Library, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(library, "report", "--json", *options).stdout)
    return found


def test_a_script_decides_lists_and_undoes(library: Library, clustered: Path) -> None:
    album = clustered / "album"
    done = run(library, "decide", "remove", album / "cup-flip.jpg", "--note", "a mirror")
    assert done.output == "Step 1: remove cup-flip.jpg.\n"
    run(library, "decide", "later", album / "cat.jpg")
    listed = run(library, "decide", "--list").output.splitlines()
    assert listed[0].endswith("cli     later: cat.jpg, cat-grey.jpg, cat-crop.jpg")
    assert listed[1].endswith("cli     remove cup-flip.jpg (a mirror)")
    steps = json.loads(run(library, "decide", "--list", "--json").stdout)["decisions"]
    assert [(one["step"], one["verb"]) for one in steps] == [(2, "later"), (1, "mark")]
    states = {group["state"] for group in report(library)["groups"]}
    assert states == {"later", "decided"}
    assert (
        run(library, "decide", "--undo", "1").output == "Took back step 1: remove cup-flip.jpg.\n"
    )
    assert "[taken back]" in run(library, "decide", "--list").output
    run(library, "decide", "--undo")
    refused = run(library, "decide", "--undo", status=1)
    assert refused.output == "Error: there is nothing to take back: nothing was decided yet\n"


def test_a_settled_group_is_left_out_unless_all_is_asked_for(
    library: Library, clustered: Path, tmp_path: Path
) -> None:
    run(library, "decide", "keep-all", clustered / "album" / "cup.jpg")
    assert len(report(library)["groups"]) == 1
    assert report(library)["settled_groups"] == 1
    assert [group["state"] for group in report(library, "--all")["groups"]] == ["open", "settled"]
    words = run(library, "report").output
    assert "1 group that you settled left out: --all shows all" in words
    assert "cup" not in words
    assert "settled: all of it stays" in run(library, "report", "--all").output
    page = tmp_path / "report.html"
    run(library, "report", "--format", "html", "-o", page)
    assert "cup.jpg" not in page.read_text("utf-8")
    assert "1 group that you settled" in page.read_text("utf-8")
    rows = run(library, "report", "--format", "csv", "--all").output.splitlines()
    assert rows[0].endswith(",state,decision,decided_at,removed_at")
    assert sum(",settled,keep," in row for row in rows) == 2


def test_what_was_decided_of_a_photo_is_said(library: Library, clustered: Path) -> None:
    run(library, "decide", "remove", clustered / "album" / "cat-crop.jpg")
    words = run(library, "report").output
    assert "partly decided" in words
    assert " goes  cat-crop.jpg" in words
    assert "You decided to remove it" in words


def test_the_photos_of_a_query_that_were_told_apart_come_last(
    library: Library, clustered: Path
) -> None:
    album = clustered / "album"
    before = json.loads(run(library, "query", album / "cat.jpg", "--json").stdout)["matches"]
    nearest = Path(before[0]["path"])
    run(library, "decide", "not-duplicates", album / "cat.jpg", "--from", nearest)
    after = json.loads(run(library, "query", album / "cat.jpg", "--json").stdout)["matches"]
    told = [(Path(match["path"]).name, match["told_apart"]) for match in after]
    assert told[0][1] is False
    assert (nearest.name, True) in told
    assert "(no duplicate, you said)" in run(library, "query", album / "cat.jpg").output


def test_decisions_are_exported_and_imported(
    library: Library, clustered: Path, tmp_path: Path
) -> None:
    file = tmp_path / "decisions.json"
    run(library, "decide", "keep-all", clustered / "album" / "cup.jpg")
    run(library, "decide", "--export", file)
    run(library, "decide", "--undo")
    assert run(library, "decide", "--import", file).output == "1 decision imported.\n"
    assert len(report(library)["groups"]) == 1
    again = run(library, "decide", "--import", "-", text=file.read_text("utf-8"))
    assert again.output == "0 decisions imported; 1 were known already.\n"
    refused = run(library, "decide", "--import", "-", text="{", status=1)
    assert "is no JSON" in refused.output


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["keep"],
        ["keep", "a.jpg", "--list"],
        ["keep", "a.jpg", "--from", "b.jpg"],
        ["--undo", "first"],
        ["burn", "a.jpg"],
    ],
)
def test_a_wrong_use_ends_with_status_2(library: Library, words: list[str]) -> None:
    run(library, "decide", *words, status=2)


def with_comment(file: Path, text: bytes) -> None:
    """Put a comment into a JPEG: other bytes, the same pixels."""
    data = file.read_bytes()
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    file.write_bytes(data[:2] + segment + data[2:])


def test_told_apart_holds_after_a_move_an_edit_another_model_and_another_threshold(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {
        "cat": photo("chelsea.png"),
        "cat-crop": edited("chelsea.png", "crop_70").pixels,
        "cat-grey": edited("chelsea.png", "grey").pixels,
    }
    library, _ = cluster_album(tmp_path, pictures, small_model, ClusterOptions(keep="name"))
    assert groups_of(library) == [set(pictures)]
    album = tmp_path / "album"
    model = tmp_path / "model"
    model.mkdir()
    save_small_model(model, width=128)
    options = IndexOptions(model=str(model), device="cpu")
    run(library, "decide", "not-duplicates", album / "cat-crop.jpg")
    moved = tmp_path / "moved"
    album.rename(moved)
    shutil.rmtree(library.paths.index)
    library.index([moved], options)
    with_comment(moved / "cat-crop.jpg", b"found in an attic")
    with_comment(moved / "cat.jpg", b"the first one")
    library.index([moved], options)
    library.cluster(ClusterOptions(threshold=0.001, level=Level.SIMILAR))
    assert groups_of(library) == [{"cat", "cat-grey"}]
    with library.store() as store:  # so it was grouped, not only shown
        grouped = store.db.execute("SELECT count(*), sum(is_apart) FROM group_members").fetchone()
    assert grouped == (2, 0)
    run(library, "decide", "--undo")
    library.cluster(ClusterOptions(keep="name"))
    assert groups_of(library) == [set(pictures)]


def test_removed_content_that_is_back_is_said_everywhere(tmp_path: Path, small_model: Path) -> None:
    pictures = {"cup": photo("coffee.png"), "cup-grey": edited("coffee.png", "grey").pixels}
    library, _ = cluster_album(tmp_path, pictures, small_model, ClusterOptions(keep="name"))
    album = tmp_path / "album"
    grey = album / "cup-grey.jpg"
    run(library, "decide", "remove", grey)
    kept_bytes = grey.read_bytes()
    grey.unlink()
    run(library, "index", album)
    with library.store(write=True) as store:  # that was a while ago
        store.db.execute("UPDATE decisions SET decided_at = '2026-05-03T12:00:00+00:00'")
    (album / "uploaded again.jpg").write_bytes(kept_bytes)
    assert "1 photo back that you removed before" in run(library, "index", album).output
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET appeared_at = '2026-05-04T12:00:00+00:00'")
    assert "back that you removed" not in run(library, "index", album).output
    assert (
        "Note: you removed this on 3 May 2026."
        in run(library, "query", grey.with_name("uploaded again.jpg")).output
    )
    library.cluster(ClusterOptions(keep="name"))
    words = run(library, "report").output
    assert "You removed this on 3 May 2026; it is there again" in words
    (back,) = report(library)["came_back"]
    assert back["path"] == str(album / "uploaded again.jpg")


def test_pictures_of_the_same_pixels_can_be_told_apart(tmp_path: Path, small_model: Path) -> None:
    pixels = photo("coffee.png")[:64, :64]
    exact = ClusterOptions(level=Level.EXACT)
    pictures = {"a.png": pixels, "b.bmp": pixels, "c.png": 255 - pixels, "d.png": 255 - pixels}
    library, _ = cluster_album(tmp_path, pictures, small_model, exact)
    assert groups_of(library) == [{"a", "b"}, {"c", "d"}]
    run(library, "decide", "not-duplicates", tmp_path / "album" / "a.png")
    library.cluster(exact)
    assert groups_of(library) == [{"c", "d"}]
    same = run(library, "decide", "not-duplicates", tmp_path / "album" / "c.png", status=1)
    assert "same bytes cannot be told apart" in same.output


def test_only_what_nobody_settled_fails_a_script(tmp_path: Path) -> None:
    save_album(tmp_path / "album", {"a.png": photo("coffee.png")[:64, :64]})
    shutil.copyfile(tmp_path / "album" / "a.png", tmp_path / "album" / "b.png")
    library = Library(tmp_path / ".dupfind", device="cpu")
    words = ("find", tmp_path / "album", "--fail-on-duplicates", "--level", "exact")
    run(library, *words, status=3)
    run(library, "decide", "keep-all", tmp_path / "album" / "a.png")
    run(library, *words)
