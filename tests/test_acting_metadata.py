"""What only the removed photo knows goes into a sidecar of the kept one, and an undo puts it back."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from act_faults import jpeg, sidecar
from act_helpers import Album, Copy, left_words, make_album

from dupfind import PlanOptions
from dupfind.records import Reason

CARRY = PlanOptions(carry_metadata=True)


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return make_album(tmp_path)


def pair(album: Album, kept: bytes, other: bytes) -> Path:
    """Put a kept photo and one that may go into the album; return where the sidecar would be."""
    paths = album.file("kept.jpg", kept), album.file("sub/other.jpg", other)
    album.group([Copy(paths[0], None), Copy(paths[1], Reason.SAVED_AGAIN)])
    return album.folder / "kept.jpg.xmp"


def apply(album: Album, options: PlanOptions = CARRY) -> dict[str, str]:
    summary = album.library.apply(album.library.plan_removal("trash", options))
    return dict(left_words(summary.left_alone))


def said(path: Path) -> str:
    """Return what a sidecar says, as one text."""
    root = ElementTree.fromstring(path.read_bytes())
    values = [value for element in root.iter() for value in element.attrib.values()]
    return " ".join([*values, *(text.strip() for text in root.itertext())])


def test_date_place_rating_and_tags_are_carried(album: Album) -> None:
    other = jpeg(rating=4, place=True, words="cat;garden", date="2020:05:04 10:20:30")
    target = pair(album, jpeg(), other)
    before = album.tree()
    assert apply(album) == {}
    text = said(target)
    for word in ("2020-05-04T10:20:30", "48,12.500000N", "11,30.000000E", "4", "cat", "garden"):
        assert word in text
    assert album.tree()["kept.jpg"] == before["kept.jpg"]
    album.library.undo()
    assert album.tree() == before


def test_what_the_kept_photo_says_itself_stays(album: Album) -> None:
    target = pair(album, jpeg(rating=2, date="2001:01:01 01:01:01"), jpeg(rating=5, words="cat"))
    apply(album)
    text = said(target)
    assert "cat" in text
    assert "5" not in text
    assert "2001" not in text


def test_a_sidecar_keeps_what_it_says_and_an_undo_brings_it_back(album: Album) -> None:
    old = sidecar("mine")
    target = pair(album, jpeg(), jpeg(rating=3))
    album.file("kept.jpg.xmp", old, 1_300_000_000_000_000_007)
    before = album.tree()
    apply(album)
    assert "mine" in said(target)
    assert "3" in said(target)
    backups = album.library.paths.root / "backups"
    assert [path.read_bytes() for path in backups.rglob("*.xmp")] == [old]
    album.library.undo()
    assert album.tree() == before


def test_a_sidecar_that_was_changed_since_is_not_touched_by_an_undo(album: Album) -> None:
    target = pair(album, jpeg(), jpeg(rating=3))
    apply(album)
    target.write_bytes(sidecar("edited since"))
    undone = album.library.undo()
    assert "changed since" in left_words(undone.left_alone)["kept.jpg.xmp"]
    assert target.read_bytes() == sidecar("edited since")
    assert (album.folder / "sub/other.jpg").exists()


@pytest.mark.parametrize(
    "text", [b"no XML at all", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<a>no RDF</a>"]
)
def test_a_sidecar_that_cannot_be_understood_keeps_all_as_it_is(album: Album, text: bytes) -> None:
    pair(album, jpeg(), jpeg(rating=3))
    album.file("kept.jpg.xmp", text)
    before = album.tree()
    assert "cannot be carried over" in apply(album)["other.jpg"]
    assert album.tree() == before


def test_nothing_is_written_where_nothing_is_missing(album: Album) -> None:
    target = pair(album, jpeg(rating=3), jpeg(rating=3))
    apply(album)
    assert not target.exists()


def test_without_the_option_nothing_is_carried(album: Album) -> None:
    target = pair(album, jpeg(), jpeg(rating=3))
    assert apply(album, PlanOptions()) == {}
    assert not target.exists()


def test_what_a_sidecar_of_the_removed_one_says_is_carried_too(album: Album) -> None:
    target = pair(album, jpeg(), jpeg())
    space = "http://ns.adobe.com/xap/1.0/"
    rated = sidecar("a").replace(
        b"rdf:about", f"xmlns:xmp='{space}' xmp:Rating='5' rdf:about".encode()
    )
    album.file("sub/other.jpg.xmp", rated)
    ids = album.ids
    decided = {ids[album.folder / "sub/other.jpg"]: ids[album.folder / "kept.jpg"]}
    before = album.tree()
    assert apply(album, PlanOptions(carry_metadata=True, removals=decided)) == {}
    assert "5" in said(target)
    album.library.undo()
    assert album.tree() == before
