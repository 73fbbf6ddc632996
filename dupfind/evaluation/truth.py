"""Read labels: which files show the same picture, which pairs only look alike.

A truth file is a CSV ``path,group_id[,kind,is_original]``, one row a file, paths relative to the
CSV file's own folder. Files that share a group_id are copies of each other; a file with an empty group_id
is a distractor. ``kind`` names the alteration, ``is_original`` marks the unaltered picture.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import TruthError

Keys = NDArray[np.int64]
_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y"})
_FALSE_WORDS = frozenset({"", "0", "false", "f", "no", "n"})


@dataclass(frozen=True)
class Truth:
    """Labelled files, numbered by row.

    ``names`` are as written; a file lies at ``folder / name``. ``group`` is int64 of shape (files,),
    -1 for a distractor; ``is_original`` and ``is_query`` are bool of the same shape. Where any file
    is a query, only pairs of a query and another file count. A pair of files a < b has the key
    ``a * files + b``. ``neutral`` are sorted keys that count neither way; ``hard_negatives`` maps the
    key of each look-alike pair to its reason.
    """

    folder: Path
    names: tuple[str, ...]
    group: NDArray[np.int64]
    kinds: tuple[str, ...]
    is_original: NDArray[np.bool_]
    is_query: NDArray[np.bool_]
    neutral: Keys = field(default_factory=lambda: np.empty(0, np.int64))
    hard_negatives: Mapping[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many files are labelled."""
        return len(self.names)

    @property
    def paths(self) -> list[Path]:
        """Where each file lies: absolute, symbolic links not followed."""
        return [Path(os.path.abspath(self.folder / name)) for name in self.names]  # noqa: PTH100

    def keys(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Keys:
        """Return one key for each unordered pair of row numbers (arrays of one shape)."""
        return np.minimum(first, second) * np.int64(self.count) + np.maximum(first, second)

    def rows(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the two row numbers of each key, the smaller first."""
        return keys // self.count, keys % self.count

    def are_copies(self, keys: Keys) -> NDArray[np.bool_]:
        """Say for each key whether its two files share a group."""
        first, second = self.rows(keys)
        same: NDArray[np.bool_] = self.group[first] == self.group[second]
        return same & (self.group[first] >= 0)

    def counted(self, keys: Keys) -> NDArray[np.bool_]:
        """Say for each key whether it counts: not neutral and, where there are queries, one of each side."""
        kept: NDArray[np.bool_] = ~np.isin(keys, self.neutral)
        if self.is_query.any():
            first, second = self.rows(keys)
            kept &= self.is_query[first] != self.is_query[second]
        return kept

    def positives(self) -> Keys:
        """Return the sorted keys of all pairs of copies that count."""
        found = [
            self.keys(members[first], members[second])
            for members in self.members()
            for first, second in [np.triu_indices(len(members), k=1)]
        ]
        keys = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
        return keys[self.counted(keys)]

    def members(self) -> list[NDArray[np.int64]]:
        """Return the rows of each group with at least two files."""
        order = np.argsort(self.group, kind="stable")
        order = order[self.group[order] >= 0]
        borders = np.flatnonzero(np.diff(self.group[order])) + 1
        return [rows for rows in np.split(order, borders) if len(rows) > 1]


def read_truth(
    path: Path, *, hard_negatives: Path | None = None, neutral: Path | None = None
) -> Truth:
    """Read a truth CSV and, when given, its look-alike pairs and its neutral pairs.

    Raises:
        TruthError: A file cannot be read, lacks a column, lists a path twice or one that it does not
            know, has no pair of copies, or calls the same pair a copy and a look-alike.
    """
    rows = list(_read_rows(path, ("path", "group_id")))
    truth = make_truth(
        path.parent,
        [row["path"] for _, row in rows],
        [row["group_id"].strip() for _, row in rows],
        kinds=[(row.get("kind") or "").strip() for _, row in rows],
        originals=[_flag(where, row) for where, row in rows],
        source=str(path),
    )
    if neutral is not None:
        truth = replace(truth, neutral=np.array(sorted(_read_pairs(neutral, truth)), np.int64))
    if hard_negatives is not None:
        truth = replace(truth, hard_negatives=_read_hard_negatives(hard_negatives, truth))
    if not len(truth.positives()):
        raise TruthError(
            f"{path}: no two files share a group_id, so there is nothing to find; give the copies of one "
            "picture the same group_id"
        )
    return truth


def make_truth(
    folder: Path,
    names: Iterable[str],
    groups: Iterable[str],
    *,
    kinds: Iterable[str],
    originals: Iterable[bool],
    queries: Iterable[bool] | None = None,
    source: str = "truth",
) -> Truth:
    """Number the files and their groups (an empty group name is a distractor); all columns equally long.

    Raises:
        TruthError: A path is empty or listed twice.
    """
    names = tuple(names)
    numbers: dict[str, int] = {}
    group = [numbers.setdefault(name, len(numbers)) if name else -1 for name in groups]
    _refuse_repeated(names, source)
    return Truth(
        folder=folder,
        names=names,
        group=np.array(group, np.int64),
        kinds=tuple(kinds),
        is_original=np.array(list(originals), np.bool_),
        is_query=np.array(list(queries), np.bool_) if queries else np.zeros(len(names), np.bool_),
    )


def missing_files(truth: Truth) -> list[str]:
    """Return the names that are no files on the disk."""
    pairs = zip(truth.names, truth.paths, strict=True)
    return [name for name, path in pairs if not path.is_file()]


def _refuse_repeated(names: tuple[str, ...], source: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        normal = os.path.normpath(name)
        if not name.strip():
            raise TruthError(f"{source}: a path is empty; each row needs the path of one file")
        if normal in seen:
            raise TruthError(f"{source}: {name!r} is listed twice; keep one row for each file")
        seen[normal] = name


def _read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, row) of a CSV file that has these columns, names stripped."""
    try:
        # Names that are not UTF-8 come through as they do from the file system.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _parse_rows(path, csv.DictReader(file), columns)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TruthError(f"{path}: cannot be read ({reason}); give a CSV file of labels") from error
    except csv.Error as error:
        raise TruthError(f"{path}: not a CSV file ({error}); save it as plain CSV") from error


def _parse_rows(
    path: Path, reader: "csv.DictReader[str]", columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    if reader.fieldnames is None:
        raise TruthError(f"{path}: the file is empty; its first line must be {','.join(columns)}")
    reader.fieldnames = [name.strip() for name in reader.fieldnames]
    missing = [name for name in columns if name not in reader.fieldnames]
    if missing:
        raise TruthError(
            f"{path}: no column {', '.join(missing)} (it has {', '.join(reader.fieldnames)[:200]}); "
            f"its first line must name {','.join(columns)}"
        )
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if any(row[name] is None for name in columns):
            raise TruthError(f"{where}: too few fields; each row needs {', '.join(columns)}")
        yield where, row


def _flag(where: str, row: dict[str, str]) -> bool:
    """Return is_original; without that column, a kind named ``original`` says it."""
    text = row.get("is_original")
    if text is None:
        return (row.get("kind") or "").strip().lower() == "original"
    word = text.strip().lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise TruthError(f"{where}: is_original is {text!r}; write 1 or 0")
    return word in _TRUE_WORDS


def _read_pairs(path: Path, truth: Truth) -> dict[int, str]:
    """Read ``path_a,path_b[,reason]`` as {key: reason}; a file paired with itself is left out."""
    number = {os.path.normpath(name): row for row, name in enumerate(truth.names)}
    found: dict[int, str] = {}
    for where, row in _read_rows(path, ("path_a", "path_b")):
        rows = [number.get(os.path.normpath(row[name])) for name in ("path_a", "path_b")]
        for name, at in zip(("path_a", "path_b"), rows, strict=True):
            if at is None:
                raise TruthError(
                    f"{where}: {row[name]!r} is not in the truth file; both must name files alike, "
                    "relative to the truth file's folder"
                )
        first, second = sorted(at for at in rows if at is not None)
        if first != second:
            found[first * truth.count + second] = (row.get("reason") or "").strip()
    return found


def _read_hard_negatives(path: Path, truth: Truth) -> dict[int, str]:
    found = _read_pairs(path, truth)
    keys = np.array(sorted(found), np.int64)
    wrong = keys[truth.are_copies(keys)]
    if len(wrong):
        first, second = truth.rows(wrong[:1])
        raise TruthError(
            f"{path}: {truth.names[first[0]]!r} and {truth.names[second[0]]!r} are copies in the truth "
            f"file ({len(wrong)} such in all); a look-alike pair must not share a group_id"
        )
    return found
