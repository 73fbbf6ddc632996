"""Read labels from folders: Copydays and DISC21 as they are published, and one folder for each class.

Copydays (Douze et al. 2009): ``original/200000.jpg``; ``crops/10`` to ``crops/80`` and ``jpegqual/3`` to
``jpegqual/75`` hold the same names; ``strong/`` holds altered copies whose first four digits are
those of their original. DISC21 (arXiv 2106.09672): query images ``Q00000.jpg``, reference images
``R000000.jpg``, training images ``T000000.jpg`` and a ground truth ``query_id,reference_id``.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import TruthError
from dupfind.evaluation.truth import Truth, make_truth

_IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png"})
_COPYDAYS_PREFIX = 4
_COPYDAYS_ORIGINALS = ("original", "originals")
# Folder names of the challenge, of its host's archive, and of the SSCD code.
_DISC_QUERIES = ("queries", "query_images", "query", "dev_queries", "val_query")
_DISC_REFERENCES = ("references", "reference_images", "reference", "val_ref")


def read_copydays(folder: Path) -> Truth:
    """Read a Copydays folder: each copy is a query, the originals are searched.

    Kinds are the block names: ``crops/50``, ``jpegqual/10``, ``strong``.

    Raises:
        TruthError: There is no folder of originals, no copy, or a copy without an original.
    """
    originals = _first_folder(folder, _COPYDAYS_ORIGINALS, "Copydays originals")
    group_of = {path.stem[:_COPYDAYS_PREFIX]: path.stem for path in _images(originals)}
    rows = [(path, group, "original") for path, group in _grouped(originals, group_of)]
    for block in _copydays_blocks(folder):
        kind = block.relative_to(folder).as_posix()
        rows += [(path, group, kind) for path, group in _grouped(block, group_of)]
    if all(kind == "original" for _, _, kind in rows):
        raise TruthError(
            f"{folder}: no copies; Copydays has folders crops/N, jpegqual/N and strong"
        )
    return make_truth(
        folder,
        [path.relative_to(folder).as_posix() for path, _, _ in rows],
        [group for _, group, _ in rows],
        kinds=[kind for _, _, kind in rows],
        originals=[kind == "original" for _, _, kind in rows],
        queries=[kind != "original" for _, _, kind in rows],
        source=str(folder),
    )


def read_disc21(folder: Path) -> Truth:
    """Read a DISC21 folder: queries are searched for in the references; training images are left out.

    Kinds are ``query``, ``reference``, and ``query without match`` for queries that copy nothing.

    Raises:
        TruthError: A folder or the ground truth is missing, or it names an image that is not there.
    """
    queries = _by_id(_first_folder(folder, _DISC_QUERIES, "DISC21 queries"))
    references = _by_id(_first_folder(folder, _DISC_REFERENCES, "DISC21 references"))
    truth_path = _ground_truth(folder)
    reference_of = _disc_matches(truth_path, queries, references)
    matched = set(reference_of.values())
    names, groups, kinds = [], [], []
    for name, path in references.items():
        names.append(path.relative_to(folder).as_posix())
        groups.append(name if name in matched else "")
        kinds.append("reference")
    for name, path in queries.items():
        names.append(path.relative_to(folder).as_posix())
        groups.append(reference_of.get(name, ""))
        kinds.append("query" if name in reference_of else "query without match")
    return make_truth(
        folder,
        names,
        groups,
        kinds=kinds,
        originals=[kind == "reference" for kind in kinds],
        queries=[kind != "reference" for kind in kinds],
        source=str(truth_path),
    )


def read_classes(folder: Path) -> tuple[list[Path], NDArray[np.int64], list[str]]:
    """Read a folder with one subfolder for each class: files, their class numbers, class names.

    Files in deeper folders belong to the class of the top one; hidden ones are left out.

    Raises:
        TruthError: The folder is missing or has fewer than two subfolders with files.
    """
    if not folder.is_dir():
        raise TruthError(f"{folder}: not a folder; give one with one subfolder for each class")
    files: list[Path] = []
    labels: list[int] = []
    classes: list[str] = []
    for child in sorted(folder.iterdir()):
        found = sorted(_visible_files(child)) if child.is_dir() and child.name[0] != "." else []
        if found:
            labels += [len(classes)] * len(found)
            classes.append(child.name)
            files += found
    if len(classes) < 2:
        raise TruthError(
            f"{folder}: {len(classes)} subfolders with files, but k-NN needs at least two classes; give "
            "a folder with one subfolder for each class"
        )
    return files, np.array(labels, np.int64), classes


def _visible_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _first_folder(folder: Path, names: Sequence[str], what: str) -> Path:
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise TruthError(f"{folder}: no folder of {what}; one of {', '.join(names)} must be there")


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGE_ENDINGS)


def _copydays_blocks(folder: Path) -> list[Path]:
    levels = [
        path
        for name in ("crops", "jpegqual")
        if (folder / name).is_dir()
        for path in (folder / name).iterdir()
        if path.is_dir()
    ]
    levels.sort(key=lambda path: (path.parent.name, path.name.zfill(8)))
    return [*levels, *([folder / "strong"] if (folder / "strong").is_dir() else [])]


def _grouped(folder: Path, group_of: dict[str, str]) -> Iterator[tuple[Path, str]]:
    for path in _images(folder):
        group = group_of.get(path.stem[:_COPYDAYS_PREFIX])
        if group is None:
            raise TruthError(
                f"{path}: no original begins with {path.stem[:_COPYDAYS_PREFIX]!r}; Copydays names begin "
                "with the four digits of their original"
            )
        yield path, group


def _by_id(folder: Path) -> dict[str, Path]:
    # The references are published in several archives: they may lie in subfolders.
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGE_ENDINGS)
    return {path.stem: path for path in found}


def _ground_truth(folder: Path) -> Path:
    found = sorted(
        path
        for path in folder.rglob("*.csv")
        if "ground_truth" in path.name or "groundtruth" in path.name
    )
    if len(found) != 1:
        listed = ", ".join(path.name for path in found) or "none"
        raise TruthError(
            f"{folder}: needs one ground truth, a CSV query_id,reference_id such as "
            f"dev_ground_truth.csv; found {listed}"
        )
    return found[0]


def _disc_matches(
    path: Path, queries: dict[str, Path], references: dict[str, Path]
) -> dict[str, str]:
    """Return {query: reference}; the header line is optional, an empty reference means no match."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TruthError(f"{path}: cannot be read as CSV ({error})") from error
    matches: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path}, line {number}"
        if row[:2] == ["query_id", "reference_id"]:
            continue
        if len(row) < 2:
            raise TruthError(f"{where}: needs query_id,reference_id")
        query, reference = row[:2]
        if not reference:
            continue
        for name, known, what in ((query, queries, "query"), (reference, references, "reference")):
            if name not in known:
                raise TruthError(f"{where}: there is no {what} image {name!r}")
        if matches.setdefault(query, reference) != reference:
            raise TruthError(f"{where}: {query!r} has two references; DISC21 gives each query one")
    if not matches:
        raise TruthError(f"{path}: no query has a reference, so there is nothing to find")
    return matches
