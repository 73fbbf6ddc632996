"""A library of made-up groups, and the real server of `dupfind review` in a process of its own."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.config import LibraryPaths
from dupfind.evidence import Evidence
from dupfind.records import Advice, Group, Member, Pair, Reason, Relation, ScannedFile
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store

# What a group's copies are, in turn: (relation, advice, reasons, evidence).
COPIES: list[tuple[Relation, Advice, tuple[Reason, ...], Evidence]] = [
    (Relation.REENCODED, Advice.REMOVE, (Reason.SAVED_AGAIN,), Evidence(method="direct")),
    (
        Relation.CROPPED,
        Advice.LOOK,
        (Reason.SHOWS_LESS,),
        Evidence(
            method="keypoints",
            part="b",
            crop_box=(0.25, 0.25, 0.75, 0.75),
            crop_share=0.25,
            matrix=(2, 0, -0.5, 0, 2, -0.5, 0, 0, 1),
        ),
    ),
    (
        Relation.MIRRORED,
        Advice.LOOK,
        (Reason.MIRRORED,),
        Evidence(method="keypoints", mirrored=True, matrix=(-1, 0, 1, 0, 1, 0, 0, 0, 1)),
    ),
]
SIZE = (240, 160)


def made_pixels(seed: int) -> NDArray[np.uint8]:
    """Return pixels (160, 240, 3) with a bright square in the middle of a field of colour."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(30, 200, (4, 6, 3), dtype=np.uint8)
    image = Image.fromarray(cells).resize(SIZE, Image.Resampling.BICUBIC)
    image.paste((255, 250, 240), (90, 50, 150, 110))
    return np.asarray(image)


def altered(pixels: NDArray[np.uint8], relation: Relation) -> NDArray[np.uint8]:
    """Return the copy that the evidence of ``COPIES`` is about."""
    if relation is Relation.CROPPED:
        return pixels[40:120, 60:180]
    return pixels[:, ::-1] if relation is Relation.MIRRORED else pixels


def make_library(
    folder: Path,
    groups: int,
    *,
    pictures: int = 0,
    names: dict[int, str] | None = None,
    true_files: bool = False,
) -> Path:
    """Write a library of groups of two to four photos; return its folder.

    Args:
        groups: How many; group n frees the more the smaller n is.
        pictures: Of the first so many groups, the files are there too.
        names: Photo id -> a file name of its own.
        true_files: The library knows the true sizes of the files, so that they may be acted on.
    """
    root = folder / ".dupfind"
    with Store.open(LibraryPaths(root), write=True) as store:
        model = store.add_model("builtin", "f" * 64, spec={}, dimensions=8)
        for start in range(0, groups, 2000):
            entries = [
                entry
                for number in range(start, min(groups, start + 2000))
                for entry in _photos_of(folder, number, number < pictures, names or {})
            ]
            if true_files:
                entries = [_true(entry) for entry in entries]
            store.add_batch(Batch(entries))
        with store.run("cluster", {"level": "copy", "precision": 0.99}, model_id=model.id) as run:
            store.replace_results(run.id, _pairs(groups), _groups(groups))
    return root


def copies_of(number: int) -> int:
    """Return how many copies the group of a number has: one, two or three."""
    return 1 + number % 3


def first_photo(number: int) -> int:
    """Return the id of the kept photo of the group with a number, from 0."""
    return 1 + sum(1 + copies_of(before) for before in range(number % 3)) + 9 * (number // 3)


def _photos_of(
    folder: Path, number: int, is_real: bool, names: dict[int, str]
) -> Iterator[PhotoEntry]:
    pixels = made_pixels(number) if is_real else None
    for place in range(1 + copies_of(number)):
        photo_id = first_photo(number) + place
        place_name = "album" if place == 0 else f"backup {number % 5}"
        path = folder / place_name / names.get(photo_id, f"photo-{number:05}-{place}.jpg")
        relation = Relation.IDENTICAL if place == 0 else COPIES[place - 1][0]
        width, height = SIZE
        digest = sha256(f"{number} {place}".encode()).hexdigest()
        if pixels is not None:
            shown = altered(pixels, relation)
            height, width = shown.shape[:2]
            digest = _write(path, shown, 95 if place == 0 else 60 + place)
        size_bytes = 5_000_000 - 50 * number - place
        file = ScannedFile(path, size_bytes, 10**18 + number, 1, 1, photo_id)
        taken = f"2021-07-{1 + number % 28:02}T10:{place:02}:00"
        content = Content(digest, width, height, "JPEG", taken, 3 - place)
        yield PhotoEntry(file, content)


def _true(entry: PhotoEntry) -> PhotoEntry:
    found = entry.file.path.stat()
    times = (found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino)
    return replace(entry, file=ScannedFile(entry.file.path, found.st_size, *times))


def _write(path: Path, pixels: NDArray[np.uint8], quality: int) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream.getvalue())
    return sha256(stream.getvalue()).hexdigest()


def _groups(count: int) -> Iterator[Group]:
    for number in range(count):
        first = first_photo(number)
        kept = Member(first, True, "original", 1.0, 1.0, Evidence(), Advice.KEEP, (Reason.SOURCE,))
        copies = [
            Member(
                first + place,
                False,
                relation,
                0.9 - 0.1 * place,
                1 - (number % 97) / 1000 - place / 10_000,
                evidence,
                advice,
                reasons,
            )
            for place, (relation, advice, reasons, evidence) in enumerate(
                COPIES[: copies_of(number)], start=1
            )
        ]
        frees = 5_000_000 - 50 * number - 1
        yield Group(number + 1, (kept, *copies), 0.9 - 0.1 * len(copies), frees)


def _pairs(count: int) -> Iterator[Pair]:
    for group in _groups(count):
        for member in group.members[1:]:
            yield Pair(
                group.keep.photo_id,
                member.photo_id,
                member.similarity,
                member.probability,
                Relation(member.relation),
                member.evidence,
            )


class Client:
    """Talks to the server as a browser that has the cookie would; without, as anyone else."""

    def __init__(self, address: str, pid: int = 0) -> None:
        self.pid = pid  # of the server's process
        parts = urlsplit(address)
        self.address = address
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.query = f"/?{parts.query}"
        self.cookie = ""

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; keyword ``content_type`` is the header Content-Type, None leaves one out."""
        sent = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        if method == "POST":
            sent |= {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        finally:
            connection.close()

    def enter(self) -> "Client":
        """Take the cookie for the token."""
        status, headers, _ = self.ask("GET", self.query)
        assert status == 303, status
        self.cookie = headers["set-cookie"].partition(";")[0]
        return self

    def get(self, path: str) -> Any:
        """Return the JSON of an address."""
        status, _, body = self.ask("GET", path)
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path: str, values: Any, expected: int = 200) -> Any:
        """Send JSON and return the JSON of the answer."""
        status, _, body = self.ask("POST", path, values)
        assert status == expected, (status, body)
        return json.loads(body)


@contextmanager
def served(root: Path) -> Iterator[Client]:
    """Run `dupfind review` on a library until the block ends."""
    words = [sys.executable, "-m", "dupfind.cli", "review", "--no-browser", "-q", "--library"]
    process = subprocess.Popen(
        [*words, os.fspath(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        yield Client(address, process.pid)
        # Ctrl-C ends it in peace.
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, ""), (process.returncode, errors)
    finally:
        process.kill()
        process.communicate()
