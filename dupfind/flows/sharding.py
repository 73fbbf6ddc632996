"""Bring a library up to date from shards: plan them, have them described, take in what they hold.

What is written into the library is what ``Reading`` writes: only the hashing and describing is done
elsewhere. A shard that is there is never made again, so a run that was stopped goes on.
"""

import hashlib
import json
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from dupfind.engines import Part, Place, open_engine, run_all
from dupfind.engines.tables import from_parquet
from dupfind.errors import EngineError, PhotoError
from dupfind.flows.describing import DecodedFile, Work
from dupfind.flows.indexing_state import IndexRun
from dupfind.flows.models import full_name
from dupfind.flows.reading import Read, Reading, is_same, look_into
from dupfind.flows.shards import (
    MANIFEST,
    PATHS,
    PLAN_FILE,
    ROWS,
    ShardSettings,
    ShardTask,
    describe_task,
    plan_shard,
    settings_of,
)
from dupfind.options import EngineKind
from dupfind.records import ScannedFile
from dupfind.reports.words import count
from dupfind.store.photos import Content, KnownFile

if TYPE_CHECKING:  # torch takes seconds to import
    from dupfind.descriptors.embed import Described

OWN_FOLDER = "shards"  # in the library's cache
_HELD = 3  # shards in memory: files are read in the order in which they were planned

log = logging.getLogger(__name__)
_Row = tuple[str, int]


def read_in_shards(run: IndexRun) -> None:
    """Describe the files that the scan noted in shards, and commit what came of them.

    Raises:
        EngineError: Some shards could not be described; the others are kept for the next run.
        LibraryError: The library cannot be written (through ``Store``).
    """
    own = run.store.paths.cache / OWN_FOLDER
    place = Place(run.options.shards or str(own))
    settings = _settings(run)
    shards = Shards(place, settings)
    keys = list(_plan(run, shards, settings))
    place.write(PLAN_FILE, (json.dumps({"shards": keys}) + "\n").encode())
    _describe(run, place.address, keys)
    shards.look_again()
    ShardedReading(run, shards).go()
    if run.options.shards is None:
        shutil.rmtree(own, ignore_errors=True)


class Shards:
    """The shards of a place that were described with the same settings, by the files that they hold."""

    def __init__(self, place: Place, settings: ShardSettings) -> None:
        self.place = place
        self.settings = settings
        self._where: dict[bytes, _Row] = {}
        self._facts: dict[str, dict[str, list[Any]]] = {}
        self._held: OrderedDict[str, dict[str, list[Any]]] = OrderedDict()
        self.look_again()

    def look_again(self) -> None:
        """Take in the shards that have come."""
        for name in self.place.names(MANIFEST):
            key = name.removesuffix(MANIFEST)
            if name.endswith(PATHS) or name == PLAN_FILE or key in self._facts:
                continue
            data = self._whole(key)
            if data is not None:
                facts = from_parquet(data, ["path", "size_bytes", "mtime_ns", "ctime_ns"])
                self._facts[key] = facts
                self._where.update((path, (key, row)) for row, path in enumerate(facts["path"]))

    def find(self, file: ScannedFile) -> _Row | None:
        """Return where a file stands, as it is now; None where it does not, or was another one."""
        found = self._where.get(os.fsencode(file.path))
        if found is None:
            return None
        facts, row = self._facts[found[0]], found[1]
        known = KnownFile(
            facts["size_bytes"][row], facts["mtime_ns"][row], ctime_ns=facts["ctime_ns"][row]
        )
        return found if is_same(file, known) else None

    def row(self, where: _Row) -> dict[str, Any]:
        """Return all that stands in a row."""
        key, row = where
        if key not in self._held:
            self._held[key] = from_parquet(self.place.read(key + ROWS) or b"")
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return {name: column[row] for name, column in self._held[key].items()}

    def _whole(self, key: str) -> bytes | None:
        """Return the rows of a shard; None where it is damaged, or described in another way."""
        try:
            manifest = json.loads(self.place.read(key + MANIFEST) or b"")
            if manifest["settings"] != self.settings.digest():
                return None
            data = self.place.read(key + ROWS) or b""
            if hashlib.sha256(data).hexdigest() == manifest["sha256"]:
                return data
        except (ValueError, KeyError, TypeError):
            pass
        log.warning("the shard %s in %s is damaged and is described again", key, self.place.address)
        self.place.remove(key + MANIFEST)
        return None


class ShardedReading(Reading):
    """Takes hashes, descriptors and sketches from shards; what is in none is read here."""

    def __init__(self, run: IndexRun, shards: Shards) -> None:
        super().__init__(run)
        self._shards = shards
        self._by_content: dict[str, _Row] = {}

    def _look(
        self,
        pool: ThreadPoolExecutor,
        files: Sequence[ScannedFile],
        known: Sequence[KnownFile | None],
    ) -> Iterator[Read]:
        for file, entry in zip(files, known, strict=True):
            where = self._shards.find(file)
            if where is None:
                yield look_into(file, entry)
                continue
            row = self._shards.row(where)
            if row["sha256"]:
                self._by_content[row["sha256"]] = where
            yield Read(file, entry, row["sha256"], "" if row["sha256"] else row["error"] or "")

    def _described(self, works: Iterator[Work]) -> "Iterator[Described[Work, DecodedFile]]":
        for is_there, some in groupby(works, key=lambda work: work.sha256 in self._by_content):
            if is_there:
                yield from (self._from_row(work) for work in some)
            else:
                yield from super()._described(some)

    def _from_row(self, work: Work) -> "Described[Work, DecodedFile]":
        from dupfind.descriptors.embed import Described

        row = self._shards.row(self._by_content[work.sha256])
        if row["vector"] is None:
            return Described(work, None, None, PhotoError(row["error"]))
        known = {field.name: row[field.name] for field in fields(Content)}
        content = Content(**known | {"extras": tuple(row["extras"])})
        vector = np.frombuffer(row["vector"], np.float16)
        return Described(work, DecodedFile(work.file, content, row["sketch"] or b""), vector)


def _settings(run: IndexRun) -> ShardSettings:
    model = next(model for model in run.store.models() if model.id == run.model_id)
    options = run.options
    name = full_name(model.name, run.store.paths)
    own = run.store.paths.models / name
    name = str(own) if own.is_dir() else name
    settings = settings_of(name, model.fingerprint, options.max_pixels, options.features)
    return replace(settings, device=options.device)


def _plan(run: IndexRun, shards: Shards, settings: ShardSettings) -> Iterator[str]:
    """Write down the files that are in no shard yet; yield the key of each planned one."""
    files = (file for some in run.store.todo() for file in some)
    missing = (file for file in files if shards.find(file) is None)
    while some := list(islice(missing, max(1, run.options.shard_photos))):
        yield plan_shard(shards.place, settings, some)


def _describe(run: IndexRun, address: str, keys: Sequence[str]) -> None:
    if run.options.engine is EngineKind.ARRAY and keys:
        last = len(keys) - 1
        raise EngineError(
            f"{count(len(keys), 'shard')} to describe: run `dupfind shard {address} N` for each N from 0 to "
            f"{last} (Slurm: --array=0-{last}), then this command again"
        )
    done, total = 0, run.store.count_todo()

    def tell(_: int, described: int) -> None:
        nonlocal done
        done += described
        run.report("shards", done, total)

    parts = [Part(describe_task, ShardTask(address, key)) for key in keys]
    with open_engine(run.options.engine, workers=run.options.workers or 0) as engine:
        if engine is not None:
            run_all(engine, parts, tell, called="shards")
