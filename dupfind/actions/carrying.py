"""Carry date, place, rating and tags of a photo that goes into a sidecar of the one that stays.

In:  the photo that goes with its sidecars, the one that stays. Out: the text of an XMP sidecar. The
kept photo itself is never changed; a sidecar that is there is kept as a backup.

Source: Adobe XMP specification, parts 1 and 2 (dc, xmp, exif, photoshop schemas).
"""

import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from dupfind.actions.copying import copy_file
from dupfind.actions.files import (
    Folder,
    RefusedError,
    StrandedError,
    open_parent,
    reached,
    state_at,
)
from dupfind.acts import Entry, FileState
from dupfind.errors import PhotoError
from dupfind.photos.metadata import Metadata, read_metadata

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": _RDF,
    "dc": _DC,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_NAMES = {
    "taken_at": ("photoshop", "DateCreated"),
    "latitude": ("exif", "GPSLatitude"),
    "longitude": ("exif", "GPSLongitude"),
    "rating": ("xmp", "Rating"),
}


@dataclass(frozen=True, slots=True)
class Carried:
    """A sidecar to write: where, with which bytes, and what is there by now (None: nothing)."""

    path: Path
    data: bytes
    existing: FileState | None

    @property
    def sha256(self) -> str:
        """Of the bytes to write."""
        return hashlib.sha256(self.data).hexdigest()


def sidecar_of(photo: Path) -> Path:
    """Return where the sidecar of a photo stands: ``photo.jpg.xmp``."""
    return photo.with_name(f"{photo.name}.xmp")


def what_to_carry(photo: Path, sidecars: list[Path], kept: Path) -> Carried | None:
    """Return the sidecar that gives the kept photo what only the other one says; None for nothing.

    Args:
        photo, sidecars: The one that goes, and the XMP files that belong to it.
        kept: The one that stays.

    Raises:
        RefusedError: The sidecar of the kept photo cannot be understood, so it is not touched.
    """
    target = sidecar_of(kept)
    try:
        text = target.read_bytes() if target.exists() else b""
        ours = [*(parse(path.read_bytes()) for path in sidecars), *_in_file(photo)]
        theirs = [*([parse(text)] if text else []), *_in_file(kept)]
        wanted = _missing(_joined(ours), _joined(theirs))
        if wanted is None:
            return None
        data = written(text, wanted)
    except (PhotoError, OSError, ElementTree.ParseError) as error:
        raise RefusedError(f"its metadata cannot be carried over: {error}") from error
    with Folder(target.parent) as folder:
        existing = state_at(folder, target.name)
    if text and (existing is None or existing.sha256 != hashlib.sha256(text).hexdigest()):
        raise RefusedError("the sidecar of the photo that stays is changing")
    return Carried(target, data, existing)


def parse(text: bytes) -> Metadata:
    """Read an XMP packet.

    Raises:
        xml.etree.ElementTree.ParseError: It is no XML.
    """
    root = ElementTree.fromstring(_without_entities(text))
    values: dict[str, str] = {}
    for name, (space, tag) in _NAMES.items():
        key = f"{{{_SPACES[space]}}}{tag}"
        for description in root.iter(f"{{{_RDF}}}Description"):
            element = description.find(key)
            value = description.get(key) or (element.text if element is not None else None)
            if value and name not in values:
                values[name] = value.strip()
    tags = (item.text for item in root.findall(f".//{{{_DC}}}subject//{{{_RDF}}}li"))
    rating = values.pop("rating", None)
    stars = int(float(rating)) if rating and _NUMBER.fullmatch(rating) else None
    return Metadata(**values, rating=stars, tags=tuple(text.strip() for text in tags if text))


def written(text: bytes, wanted: Metadata) -> bytes:
    """Return an XMP packet with what is wanted added; what stands in ``text`` stays."""
    for prefix, space in _SPACES.items():
        ElementTree.register_namespace(prefix, space)
    for prefix, space in _prefixes(text):
        with suppress(ValueError):
            ElementTree.register_namespace(prefix, space)
    if text:
        root = ElementTree.fromstring(_without_entities(text))
    else:
        root = ElementTree.Element(f"{{{_SPACES['x']}}}xmpmeta")
        ElementTree.SubElement(root, f"{{{_RDF}}}RDF")
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise ElementTree.ParseError("no rdf:RDF in it")
    description = rdf.find(f"{{{_RDF}}}Description")
    if description is None:
        description = ElementTree.SubElement(
            rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""}
        )
    for name, (space, tag) in _NAMES.items():
        value = getattr(wanted, name)
        if value is not None:
            description.set(f"{{{_SPACES[space]}}}{tag}", str(value))
    if wanted.tags:
        _add_tags(description, wanted.tags)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


class CarriedSpot:
    """The sidecar of a kept photo that was written, with the backup of what was there before.

    ``entry.before`` is what was there (no hash: nothing), ``entry.destination`` the backup.
    """

    def __init__(self, stack: ExitStack, entry: Entry) -> None:
        self.stack, self.entry = stack, entry
        self.home = open_parent(stack, entry.before.path)
        self.name = entry.before.path.name
        token = f".dupfind-{entry.attributes.get('token', '')}-{entry.unit}"
        self.part, self.old, self.gone = (f"{token}.{word}" for word in ("xmp", "old", "gone"))

    def is_out_of_sight(self) -> bool:
        """Whether the folder is not there today."""
        return self.home is None

    def is_written(self) -> bool:
        """Whether the sidecar is what was written."""
        found = state_at(self.home, self.name) if self.home else None
        return found is not None and found.sha256 == self.entry.attributes.get("written")

    def may_finish(self) -> bool:
        """Whether it is written."""
        return self.is_written()

    def must_finish(self) -> bool:
        """There is always a way back."""
        return False

    def finish(self) -> None:
        """Remove what stood there before; the backup has it."""
        self._remove(self.part, self.old)

    def write(self, data: bytes) -> None:
        """Write the backup, then the sidecar.

        Raises:
            RefusedError: The sidecar changed meanwhile.
            OSError: One of them cannot be written.
        """
        home = self.home
        if home is None:
            raise RefusedError("the folder of the photo that stays is gone")
        if self.entry.before.sha256:
            self._copy(home, self.name, self.entry.destination)
            reached("backup made")
        descriptor = home.create(self.part, 0o644)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(data)
            file.flush()
            self.stack.callback(home.sync)
            reached("sidecar written")
        if self.entry.before.sha256:
            home.rename(self.name, home, self.old)
            reached("old sidecar aside")
            found = state_at(home, self.old)
            if found is None or found.sha256 != self.entry.before.sha256:
                raise RefusedError("the sidecar of the photo that stays changed meanwhile")
        home.rename(self.part, home, self.name)
        reached("sidecar named")

    def take_back(self) -> None:
        """Put back what was there; a sidecar that was changed since stays.

        Raises:
            StrandedError: It was changed since.
        """
        home = self.home
        if home is None:
            return
        self._remove(self.part)
        if self.is_written():
            home.rename(self.name, home, self.gone)
            reached("sidecar aside")
        if home.find(self.name) is None and self.entry.before.sha256:
            if home.find(self.old) is not None:
                home.rename(self.old, home, self.name)
            elif self.entry.destination is not None:
                self._copy_back(home)
        self._remove(self.gone)
        home.sync()

    def undo(self) -> None:
        """Put back what was there.

        Raises:
            RefusedError: The sidecar was changed since.
        """
        if self.home is not None and self.home.find(self.name) and not self.is_written():
            found = state_at(self.home, self.name)
            if found is None or found.sha256 != self.entry.before.sha256:
                raise StrandedError("the sidecar was changed since: it stays as it is")
        self.take_back()

    def _copy(self, source: Folder, name: str, target: Path | None) -> None:
        if target is None:
            raise RefusedError("there is no place for the backup")
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = source.open(name)
        self.stack.callback(os.close, descriptor)
        folder = self.stack.enter_context(Folder(target.parent))
        copy_file(descriptor, folder, target.name, self.part, self.entry.before, {})

    def _copy_back(self, home: Folder) -> None:
        backup = self.entry.destination
        folder = open_parent(self.stack, backup) if backup else None
        if folder is None or backup is None or folder.find(backup.name) is None:
            raise StrandedError("the backup of the sidecar is gone")
        descriptor = folder.open(backup.name)
        self.stack.callback(os.close, descriptor)
        copy_file(descriptor, home, self.name, self.part, self.entry.before, self.entry.attributes)

    def _remove(self, *names: str) -> None:
        for name in names:
            if self.home is not None and self.home.find(name) is not None:
                self.home.unlink(name)


def _in_file(photo: Path) -> list[Metadata]:
    """Return what a photo's own XMP and EXIF say."""
    exif, packet = read_metadata(photo)
    with suppress(ElementTree.ParseError):  # a damaged packet says nothing
        return [parse(packet), exif] if packet else [exif]
    return [exif]


def _joined(sources: list[Metadata]) -> Metadata:
    """Return what the sources say, the first one that says it."""
    found = Metadata()
    for source in sources:
        found = Metadata(
            found.taken_at or source.taken_at,
            *(
                (found.latitude, found.longitude)
                if found.latitude
                else (source.latitude, source.longitude)
            ),
            found.rating or source.rating,
            tuple(dict.fromkeys((*found.tags, *source.tags))),
        )
    return found


def _missing(ours: Metadata, theirs: Metadata) -> Metadata | None:
    """Return what only the first says; None for nothing."""
    has_place = theirs.latitude is not None
    wanted = Metadata(
        ours.taken_at if theirs.taken_at is None else None,
        None if has_place else ours.latitude,
        None if has_place else ours.longitude,
        ours.rating if not theirs.rating else None,
        tuple(tag for tag in ours.tags if tag not in theirs.tags),
    )
    return None if wanted == Metadata() else wanted


def _add_tags(description: ElementTree.Element, tags: tuple[str, ...]) -> None:
    subject = description.find(f"{{{_DC}}}subject")
    if subject is None:
        subject = ElementTree.SubElement(description, f"{{{_DC}}}subject")
    bag = next(iter(subject), None)
    if bag is None:
        bag = ElementTree.SubElement(subject, f"{{{_RDF}}}Bag")
    for tag in tags:
        ElementTree.SubElement(bag, f"{{{_RDF}}}li").text = tag


def _without_entities(text: bytes) -> bytes:
    """Refuse a document that defines entities: sidecars have none, and they can grow without end."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ElementTree.ParseError("it defines entities")
    return text


def _prefixes(text: bytes) -> Iterator[tuple[str, str]]:
    """Yield the prefixes that a document uses, so that it is written with the same ones."""
    if text:
        for _, pair in ElementTree.iterparse(io.BytesIO(_without_entities(text)), ["start-ns"]):
            yield pair
