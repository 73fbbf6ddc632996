"""The report at a terminal, and the words it uses."""

import io
import os
import re

import pytest
from report_samples import FOLDER, HOSTILE_NAMES, copy, hostile_report, original, photo, report_of

from dupfind.records import Group, Member
from dupfind.reports.reported import Report
from dupfind.reports.terminal import make_console, print_report
from dupfind.reports.words import explain, percent, readable_bytes, readable_date, safe_name


def printed(report: Report, *, width: int | None = 80, limit: int = 30) -> str:
    stream = io.StringIO()
    print_report(report, make_console(stream, width=width), limit=limit)
    return stream.getvalue()


def words_of(member: Member, **changes: object) -> str:
    kept = photo(1, "kept.jpg", size_bytes=1000)
    return explain(member, photo(2, "copy.jpg", **({"size_bytes": 250} | changes)), kept)


def tones(**values: float) -> dict[str, float]:
    plain = {"gain": 1, "offset": 0, "colour_a": 30, "colour_b": 30, "colour_shift": 0}
    return plain | values


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (copy(2, "identical"), "identical: the same bytes"),
        (copy(2, "reencoded"), "re-encoded: JPEG, file 75% smaller"),
        (copy(2, "resized", scale=0.5), "resized: scaled to 50%"),
        (
            copy(2, "cropped", crop_share=0.52, crop_box=[0.1, 0, 0.9, 0.65]),
            "cropped: shows 52% of the picture (10% off the left, 10% off the right, "
            "35% off the bottom)",
        ),
        (copy(2, "rotated", degrees=90), "rotated 90 degrees anticlockwise"),
        (copy(2, "rotated", degrees=270), "rotated 90 degrees clockwise"),
        (copy(2, "rotated", degrees=-180.2), "rotated 180 degrees"),
        (copy(2, "rotated", degrees=3.4), "rotated 3.4 degrees anticlockwise"),
        (
            copy(2, "mirrored", degrees=90, relations=["mirrored", "rotated"]),
            "mirrored; rotated 90 degrees anticlockwise",
        ),
        (copy(2, "recoloured", grey=True), "recoloured: turned grey"),
        (copy(2, "recoloured", tones=tones(offset=-40)), "recoloured: darker"),
        (
            copy(2, "recoloured", tones=tones(gain=1.5, offset=20, colour_b=60, colour_shift=30)),
            "recoloured: more contrast, brighter, more colour",
        ),
        (
            copy(2, "recoloured", tones=tones(gain=0.5, offset=64, colour_shift=30)),
            "recoloured: less contrast, other colours",
        ),
        (copy(2, "recoloured", tones=tones(gain=-1, offset=255)), "recoloured: negative"),
        (
            copy(2, "recoloured", tones=tones(colour_b=0), grey=True),
            "recoloured: without its colours",
        ),
        (
            copy(2, "recoloured", tones=tones(colour_a=0), grey=True),
            "recoloured: with the colours that the kept photo lacks",
        ),
        (copy(2, "edited", changed_share=0.04), "edited: 4% of it changed"),
        (copy(2, "edited", changed_share=0.004, detail_ratio=0.6), "edited: softer"),
        (
            copy(
                2,
                "edited",
                changed_share=0.2,
                relations=["reencoded", "resized", "edited"],
                scale=2,
            ),
            "edited: 20% of it changed; resized: scaled to 200%",
        ),
        (
            copy(2, "edited", changed_share=0.1, frame="b", warped=True, detail_ratio=0.6),
            "edited: 10% of it changed, a frame added, seen at an angle, softer",
        ),
        (
            copy(2, "cropped", crop_share=0.5, part="a"),
            "cropped: the kept photo shows 50% of the picture",
        ),
        (
            copy(2, "composite", crop_share=0.25, part="a"),
            "composite: the kept photo fills 25% of this collage or screenshot",
        ),
        (
            copy(2, "composite", crop_share=0.25, part="b"),
            "composite: a part of the kept collage or screenshot, 25% of it",
        ),
        (copy(2, "composite"), "composite: one is part of a collage or a screenshot"),
        (
            copy(2, "similar", burst_seconds=2.0),
            "similar: looks alike, not proven a copy; taken 2 s apart",
        ),
        (
            copy(2, "similar", method="quorum"),
            "similar: proven against other photos of the group, not against the kept one",
        ),
        (copy(2, "a-relation-of-tomorrow"), "a-relation-of-tomorrow"),
    ],
)
def test_a_relation_is_explained_in_words(member: Member, words: str) -> None:
    assert words_of(member) == words


def test_a_change_of_format_and_a_larger_file_are_said() -> None:
    words = words_of(copy(2, "same-pixels"), format="PNG", size_bytes=4200)
    assert words == "same pixels: PNG instead of JPEG, file 4.2 times as large"


def test_raw_and_jpeg_of_one_shot_are_not_called_waste() -> None:
    assert "belong together" in words_of(copy(2, "resized", scale=1.0, unit="raw+jpeg"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("家 e\u0301 🏴‍☠️", "家 e\u0301 🏴‍☠️"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_names_are_made_safe_and_stay_recognisable(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_sizes_dates_and_shares_read_well() -> None:
    sizes = [1, 999, 1000, 123_456, 999_600, 12_345_678, 5 * 10**15]
    words = ["1 byte", "999 bytes", "1.0 KB", "123 KB", "1.0 MB", "12.3 MB", "5.0 PB"]
    assert [readable_bytes(size) for size in sizes] == words
    assert readable_date("2021-07-14T10:22:05") == "2021-07-14 10:22"
    assert readable_date(None) == ""
    assert [percent(share) for share in (0, 0.003, 0.5, 0.997, 1)] == [
        "0%", "under 1%", "50%", "over 99%", "100%",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_wider_than_the_terminal_and_no_name_breaks_it(width: int) -> None:
    text = printed(hostile_report(), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\udc80-\udcff]", text)
    flat = re.sub(r"\n {7}", "", text).replace(" ", "")
    for name in HOSTILE_NAMES:
        assert safe_name(name).replace(" ", "") in flat


def test_the_group_that_frees_most_comes_first_with_its_keeper() -> None:
    text = printed(hostile_report())
    assert text.index("Group 2") < text.index("Group 1:")
    assert re.search(r"keep +sub/sea\.png\n +4000 × 3000 · PNG · 44\.4 KB · 2021-07-14 10:22", text)
    assert "Mirrored; rotated 90 degrees clockwise" in text
    assert "2 groups, 13 copies among 20 photos; 1.0 MB can go; " in text
    assert f"Photos below {FOLDER}" in text


def test_unreadable_files_are_listed_with_their_reason() -> None:
    text = printed(hostile_report())
    assert "2 files could not be read:" in text
    assert f"{FOLDER}/caf\\xe9.jpg: the file ends too early" in text


def many_groups(number: int) -> Report:
    photos = [photo(index, f"{index:05}.jpg") for index in range(1, 2 * number + 1)]
    groups = [
        Group(index, (original(2 * index - 1), copy(2 * index, "identical")), 0.9, 1000 * index)
        for index in range(1, number + 1)
    ]
    return report_of(*groups, photos=photos)


def test_hundreds_of_groups_are_cut_to_the_limit_and_it_is_said() -> None:
    report = many_groups(400)
    text = printed(report, limit=10)
    assert re.findall(r"Group (\d+)", text) == [str(number) for number in range(400, 390, -1)]
    assert "390 groups more that free less: --limit 0 shows all of them" in text
    assert "400 groups, 400 copies" in text
    assert len(re.findall(r"Group (\d+)", printed(report, limit=0))) == 400


def test_a_group_of_hundreds_is_cut_too() -> None:
    photos = [photo(index, f"{index:05}.jpg") for index in range(1, 301)]
    copies = [copy(index, "identical") for index in range(2, 301)]
    report = report_of(Group(1, (original(1), *copies), 0.9, 1), photos=photos)
    text = printed(report)
    assert text.count(" copy  ") == 20
    assert "… and 279 more copies: --limit 0 lists all of them" in text
    assert printed(report, limit=0).count(" copy  ") == 299


def test_an_empty_report_says_so() -> None:
    assert printed(report_of(photos=[])) == "No duplicates among 5 photos.\n"


def test_a_pipe_gets_whole_lines_without_colour() -> None:
    report = report_of(
        Group(1, (original(1), copy(2, "identical")), 0.9, 10),
        photos=[photo(1, "a" * 200 + ".jpg"), photo(2, "b.jpg")],
    )
    text = printed(report, width=None)
    assert "a" * 200 + ".jpg\n" in text
    assert "\x1b" not in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    texts = []
    for value in ("", "1"):
        monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        print_report(hostile_report(), make_console(stream))
        texts.append(stream.getvalue())
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", texts[0])
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", texts[1])
