"""Reports for scripts: JSON, CSV and pairs are promises, and file names come through exactly."""

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from report_samples import (
    FOLDER,
    HOSTILE_NAMES,
    NOT_UTF8,
    copy,
    hostile_report,
    original,
    photo,
    report_of,
)

from dupfind.errors import ReportError
from dupfind.records import Group
from dupfind.reports.output import text_output
from dupfind.reports.reported import PairLine, Report
from dupfind.reports.structured import MEMBER_COLUMNS, write_csv, write_json, write_pairs


def as_json(report: Report) -> str:
    stream = io.StringIO()
    write_json(report, stream)
    return stream.getvalue()


def test_the_json_report_has_exactly_the_promised_keys() -> None:
    report = report_of(
        Group(7, (original(1), copy(2, "cropped", crop_share=0.5)), 0.71, 123),
        photos=[photo(1, "a.jpg"), photo(2, "b.png", format="PNG", taken_at=None)],
    )
    undecided = {"decision": None, "decided_at": None, "removed_at": None}
    first = undecided | {
        "path": f"{FOLDER}/a.jpg", "keep": True, "relation": "original", "similarity": 1.0,
        "probability": 1.0, "advice": "keep",
        "reason": "kept by the keep rules", "evidence": {}, "bytes": 4_000_000, "width": 4000, "height": 3000,
        "format": "JPEG", "taken_at": "2021-07-14T10:22:05",
    }  # fmt: skip
    second = undecided | {
        "path": f"{FOLDER}/b.png", "keep": False, "relation": "cropped", "similarity": 0.8,
        "probability": 0.9987, "advice": "look",
        "reason": "", "evidence": {"crop_share": 0.5}, "bytes": 2_000_000, "width": 4000,
        "height": 3000, "format": "PNG", "taken_at": None,
    }  # fmt: skip
    group = {
        "id": 7, "keep": f"{FOLDER}/a.jpg", "lowest_similarity": 0.71, "reclaimable_bytes": 123,
        "also_in": [], "state": "open", "members": [first, second],
    }  # fmt: skip
    assert json.loads(as_json(report)) == {
        "version": 1, "library": f"{FOLDER}/.dupfind", "model": "builtin", "level": "copy",
        "precision": 0.99, "settled_groups": 0, "came_back": [], "groups": [group], "errors": [],
    }  # fmt: skip


def test_every_name_survives_json_to_the_byte() -> None:
    text = as_json(hostile_report())
    assert text.isascii()
    read = json.loads(text)
    members = {os.fsencode(member["path"]) for member in read["groups"][0]["members"]}
    assert {os.fsencode(f"{FOLDER}/{name}") for name in HOSTILE_NAMES} < members
    assert os.fsencode(read["errors"][0]["path"]).endswith(b"caf\xe9.jpg")
    assert read["errors"][1] == {
        "path": f"{FOLDER}/not\na photo.jpg",
        "error": "it is text, not a photo",
    }


def test_an_empty_report_is_valid_json_and_numbers_that_json_lacks_are_null() -> None:
    assert json.loads(as_json(report_of(photos=[])))["groups"] == []
    group = Group(1, (original(1), copy(2, "edited", changed_share=float("nan"))), 0.5, 1)
    text = as_json(report_of(group, photos=[photo(1, "a.jpg"), photo(2, "b.jpg")]))
    evidence = json.loads(text, parse_constant=pytest.fail)["groups"][0]["members"][1]["evidence"]
    assert evidence == {"changed_share": None}


def test_the_csv_has_a_row_a_member_and_exact_names(tmp_path: Path) -> None:
    with text_output(tmp_path / "members.csv") as stream:
        write_csv(hostile_report(), stream)
    text = (tmp_path / "members.csv").read_bytes().decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == MEMBER_COLUMNS
    assert [row["group_id"] for row in rows].count("1") == 1 + len(HOSTILE_NAMES)
    assert [row["path"] for row in rows][1 : 1 + len(HOSTILE_NAMES)] == [
        f"{FOLDER}/{name}" for name in HOSTILE_NAMES
    ]
    assert rows[0]["keep"] == "yes"
    assert rows[1]["keep"] == "no"
    assert json.loads(rows[1]["evidence"])["crop_share"] == 0.52


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1"])
def test_no_cell_of_the_csv_is_a_formula_and_json_has_the_text_as_it_is(formula: str) -> None:
    photos = [photo(1, "a.jpg"), photo(2, "b.jpg", taken_at=formula)]
    report = report_of(Group(1, (original(1), copy(2, "resized")), -0.1, 1), photos=photos)
    stream = io.StringIO(newline="")
    write_csv(report, stream)
    row = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))[1]
    assert row["taken_at"] == f"'{formula}"
    assert row["lowest_similarity"] == "-0.1"  # a number stays one
    assert json.loads(as_json(report))["groups"][0]["members"][1]["taken_at"] == formula


def test_pairs_come_out_as_they_come_in_with_every_digit(tmp_path: Path) -> None:
    pairs = [
        PairLine(Path("/a,b.jpg"), Path(f"/{NOT_UTF8}"), 1 / 3, 0.1 + 0.2, "cropped"),
        PairLine(Path("/c"), Path("/d"), 0.5, 0.25, "similar"),
    ]
    with text_output(tmp_path / "pairs.csv") as stream:
        write_pairs(pairs, stream)
    assert (tmp_path / "pairs.csv").read_bytes() == (
        b"path_a,path_b,similarity,probability,relation\n"
        b'"/a,b.jpg",/caf\xe9.jpg,0.3333333333333333,0.30000000000000004,cropped\n'
        b"/c,/d,0.5,0.25,similar\n"
    )


def test_pairs_need_no_memory_of_their_own(tmp_path: Path) -> None:
    line = PairLine(Path("/one.jpg"), Path("/two.jpg"), 0.5, 0.5, "similar")
    with text_output(tmp_path / "pairs.csv") as stream:
        tracemalloc.start()
        write_pairs((line for _ in range(100_000)), stream)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (tmp_path / "pairs.csv").stat().st_size > 3_000_000
    assert peak < 500_000


def test_a_report_that_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")

    def fail_midway() -> None:
        with text_output(target) as stream:
            stream.write("new")
            raise KeyError("a defect elsewhere")

    with pytest.raises(KeyError):
        fail_midway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    with text_output(tmp_path / "link.json") as stream:
        stream.write("new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "report.json"
    with pytest.raises(ReportError, match=r"cannot write .*No such file.*-o"), text_output(missing):
        pass


def test_standard_output_gets_the_bytes_of_the_name() -> None:
    code = (
        "from dupfind.reports.output import text_output\n"
        "with text_output(None) as stream: stream.write('caf\\udce9')\n"
        "print(' and on')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout == b"caf\xe9 and on\n"
