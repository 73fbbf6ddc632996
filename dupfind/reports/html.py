"""One HTML page with everything in it: no network, no other file, no script but its own.

Texts go in through Jinja's autoescape or as JSON in a data block; the page's policy allows only
the one script and the one style sheet whose hashes it names, so nothing that a file name
contains can run.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dupfind.records import Group, Member, Photo
from dupfind.reports.decided import member_words, state_words
from dupfind.reports.reported import Report, kept_member, most_reclaimable_first
from dupfind.reports.words import (
    copy_shows_more,
    count,
    explain,
    percent,
    readable_bytes,
    readable_date,
    reason_of,
    relation_name,
    safe_name,
)

TEMPLATES = Path(__file__).parent / "templates"
# Pictures are parsed in the browser a block at a time, when the first of them is seen.
PICTURES_A_BLOCK = 60
ERRORS_SHOWN = 2000
# Non-breaking space and hyphen: a size or a date is not torn at the end of a line.
_UNBROKEN = str.maketrans(" -", "\u00a0\u2011")


@dataclass(frozen=True)
class _Context:
    """What each group of the page needs: ``block_of`` gives a photo's block of pictures."""

    report: Report
    base: str
    block_of: dict[int, int]


def pictured_photos(report: Report, most: int) -> list[Photo]:
    """Return the photos to show as pictures, at most ``most``, those of the best groups first.

    A photo that is in several groups comes once.
    """
    members = (
        report.photo(member)
        for group in most_reclaimable_first(report.groups)
        for member in group.members
    )
    different = {photo.id: photo for photo in members}
    return list(islice(different.values(), most))


def write_html(
    report: Report, stream: TextIO, pictured: list[Photo], thumbnails: Iterable[bytes | None]
) -> None:
    """Write the page.

    Args:
        report: What to show.
        stream: Text stream, UTF-8.
        pictured: From ``pictured_photos``; photos that are not in it are shown without a picture.
        thumbnails: A WebP file for each of ``pictured``, in its order; None where there is none.
            Taken one at a time: the page never is in memory as a whole.
    """
    block_of = {photo.id: index // PICTURES_A_BLOCK for index, photo in enumerate(pictured)}
    context = _Context(report, report.common_folder(), block_of)
    groups = most_reclaimable_first(report.groups)
    numbered = zip(pictured, thumbnails, strict=True)
    page = render_page(
        "report.html",
        script=("report.js", "compare.js"),
        style=("page.css", "report.css"),
        report=report,
        base=context.base,
        groups=(_group_data(context, group) for group in groups),
        relations=_relation_counts(groups),
        unpictured=len({m.photo_id for group in groups for m in group.members} - block_of.keys()),
        picture_blocks=_picture_blocks(numbered),
        errors_shown=ERRORS_SHOWN,
    )
    stream.writelines(page)


def render_page(
    template: str, *, script: tuple[str, ...], style: tuple[str, ...], **values: Any
) -> Iterator[str]:
    """Render a template with its own script and style inside, and the policy that allows only those."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": lambda path: safe_name(os.fspath(path)),
        "bytes": readable_bytes,
        "date": readable_date,
        "percent": percent,
    }
    environment.globals |= {"count": count}
    code, looks = _joined(script), _joined(style)
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(code)}'; style-src '{_hash(looks)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    yield from environment.get_template(template).generate(
        policy=policy, script=Markup(code), style=Markup(looks), **values
    )


def data_uri(thumbnail: bytes | None) -> str:
    """Return a WebP file as the address of a picture; nothing for none."""
    if thumbnail is None:
        return ""
    return "data:image/webp;base64," + base64.b64encode(thumbnail).decode("ascii")


def inline_json(value: Any) -> Markup:
    """Return JSON that is safe between ``<script>`` tags: it holds none of ``<``, ``>``, ``&``."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _joined(files: tuple[str, ...]) -> str:
    return "\n".join((TEMPLATES / file).read_text(encoding="utf-8") for file in files)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _picture_blocks(numbered: Iterator[tuple[Photo, bytes | None]]) -> Iterator[Markup]:
    while block := list(islice(numbered, PICTURES_A_BLOCK)):
        yield inline_json({photo.id: data_uri(picture) for photo, picture in block})


def _relation_counts(groups: list[Group]) -> list[tuple[str, str, int]]:
    """(relation, its name, how many groups have it), the most frequent first."""
    counts: dict[str, int] = {}
    for group in groups:
        for relation in {str(member.relation) for member in group.members if not member.keep}:
            counts[relation] = counts.get(relation, 0) + 1
    ordered = sorted(counts, key=lambda relation: (-counts[relation], relation))
    return [(relation, relation_name(relation), counts[relation]) for relation in ordered]


def _group_data(context: _Context, group: Group) -> Markup:
    kept = kept_member(group)
    members = [kept, *(member for member in group.members if member is not kept)]
    probability = min((member.probability for member in members[1:]), default=1.0)
    return inline_json(
        {
            "id": group.id,
            "frees": group.reclaimable_bytes,
            "freesText": readable_bytes(group.reclaimable_bytes),
            "lowest": round(group.lowest_similarity, 4),
            "probability": probability,
            "state": state_words(group.state),
            "alsoIn": [safe_name(Path(path).name) for path in context.report.appearances(group)],
            "members": [_member_data(context, group, member) for member in members],
        }
    )


def _member_data(context: _Context, group: Group, member: Member) -> dict[str, Any]:
    report, photo = context.report, context.report.photo(member)
    keep = member is kept_member(group)
    parent = os.path.relpath(photo.path.parent, context.base or "/")
    facts = [
        f"{photo.width} × {photo.height}",
        safe_name(photo.format),
        readable_bytes(photo.size_bytes),
        readable_date(photo.taken_at),
    ]
    evidence = member.evidence
    return {
        "advice": str(member.advice),
        "reason": reason_of(member, group),
        "decided": member_words(member),
        "photo": photo.id,
        "block": context.block_of.get(photo.id, -1),
        "keep": keep,
        "name": safe_name(photo.path.name),
        "folder": "" if parent == "." else safe_name(parent),
        "path": safe_name(os.fspath(photo.path)),
        "facts": " · ".join(fact.translate(_UNBROKEN) for fact in facts if fact),
        "width": photo.width,
        "height": photo.height,
        "relation": "keep" if keep else str(member.relation),
        "badge": "keep" if keep else relation_name(member.relation),
        "why": "" if keep else explain(member, photo, report.kept_photo(group)),
        "similarity": round(member.similarity, 4),
        "probability": member.probability,
        "matrix": [float(value) for value in evidence.matrix or ()],
        "scale": float(evidence.scale or 0.0),
        "degrees": float(evidence.degrees or 0.0),
        "mirrored": evidence.mirrored,
        "larger": not keep and copy_shows_more(member, photo, report.kept_photo(group)),
        "box": list(evidence.crop_box or ()),
    }
