"""Groups in the shapes of other tools, for their viewers: FiftyOne, imagededup, fastdup.

Sources: FiftyOne's importer of ``FiftyOneDataset`` folders (``samples.json`` without a version),
imagededup's ``find_duplicates`` (a dictionary of file names), fastdup's ``similarity.csv``.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from dupfind.records import Group, Member, Photo
from dupfind.reports.reported import Report, kept_member
from dupfind.reports.words import reason_of


def write_fiftyone(report: Report, photos: Iterable[Photo], stream: TextIO) -> None:
    """Write ``samples.json`` of a FiftyOne dataset: a sample for each photo of the library.

    Those of groups have ``group_id``, ``keep``, ``relation`` (a classification whose confidence is the
    probability), ``similarity``, ``advice`` and ``reason``; tags are ``duplicate``, ``keep``,
    ``can-go`` and ``look``.
    """
    members = {
        member.photo_id: (group, member) for group in report.groups for member in group.members
    }
    stream.write('{"samples": [')
    separator = "\n"
    for photo in photos:
        stream.write(separator + json.dumps(_sample(photo, *members.get(photo.id, (None, None)))))
        separator = ",\n"
    stream.write("\n]}\n")


def write_imagededup(report: Report, photos: Iterable[Photo], stream: TextIO) -> None:
    """Write the dictionary of ``find_duplicates``: each photo's name -> names of its duplicates.

    Names are relative to the folder that all photos lie in (its ``image_dir``).
    """
    names = _names_below_one_folder({photo.id: photo.path for photo in photos})
    duplicates: dict[str, list[str]] = {name: [] for name in names.values()}
    for group in report.groups:
        inside = [names[one.photo_id] for one in group.members if one.photo_id in names]
        for name in inside:
            duplicates[name] = [other for other in inside if other != name]
    json.dump(duplicates, stream, indent=1)
    stream.write("\n")


def write_fastdup(report: Report, stream: TextIO) -> None:
    """Write ``similarity.csv``: each copy with the kept photo, the most similar first.

    What fastdup calls distance is a similarity: 1 for the same picture.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("from", "to", "distance"))
    lines = sorted(_lines(report), key=lambda line: line[2], reverse=True)
    writer.writerows(lines)


def _lines(report: Report) -> Iterator[tuple[str, str, float]]:
    for group in report.groups:
        kept = kept_member(group)
        for member in group.members:
            if member is not kept:
                yield (
                    os.fspath(report.photo(kept).path),
                    os.fspath(report.photo(member).path),
                    member.similarity,
                )


def _sample(photo: Photo, group: Group | None, member: Member | None) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "filepath": os.fspath(photo.path),
        "tags": [],
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": photo.size_bytes,
            "width": photo.width,
            "height": photo.height,
        },
    }
    if group is None or member is None:
        return sample
    return sample | {
        "tags": ["duplicate", {"remove": "can-go"}.get(str(member.advice), str(member.advice))],
        "group_id": group.id,
        "keep": member.keep,
        "relation": {
            "_cls": "Classification",
            "label": str(member.relation),
            "confidence": member.probability,
        },
        "similarity": member.similarity,
        "advice": str(member.advice),
        "reason": reason_of(member, group),
    }


def _names_below_one_folder(paths: Mapping[int, Path]) -> dict[int, str]:
    parents = {path.parent for path in paths.values()}
    try:
        base = os.path.commonpath(parents) if parents else "."
    except ValueError:  # several drives
        return {number: os.fspath(path) for number, path in paths.items()}
    return {number: os.path.relpath(path, base) for number, path in paths.items()}
