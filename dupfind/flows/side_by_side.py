"""Load and describe photos side by side: in threads, or in processes where many photos meet many cores.

Python runs 3 to 4 ms of each photo in one thread at a time, so threads describe some hundred photos a
second, on however many cores. Processes have no such limit but take seconds to start. What they give is
the same. A GPU is fed by threads.
"""

import logging
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from dupfind.engines.starting import begun, open_processes, pay
from dupfind.flows.describing import DecodedFile, Loading, Work, needed_px
from dupfind.flows.indexing_state import IndexRun
from dupfind.flows.models import full_name
from dupfind.system import usable_cores

if TYPE_CHECKING:  # torch takes seconds to import, and a run may find nothing new
    from dupfind.descriptors.embed import Described, Embedder

    Batch = list[Described[Work, DecodedFile]]

FEWEST_PHOTOS = 10_000  # of fewer, threads describe all while 16 processes start
MODULES = ("dupfind.descriptors.embed", "dupfind.descriptors.views", "dupfind.matching.sketch")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Photos for one process, and how to describe them."""

    works: tuple[Work, ...]
    how: Loading
    model: str
    models_folder: Path


def describe_works(
    run: IndexRun, how: Loading, works: Iterator[Work], *, count: int
) -> "Iterator[Described[Work, DecodedFile]]":
    """Load and describe photos, in their order; ``count`` is about how many there are."""
    from dupfind.descriptors.embed import describe_stream
    from dupfind.matching.features import use_one_thread

    embedder = run.load_embedder()
    use_one_thread()
    workers = run.options.workers or usable_cores()
    if pay(workers) and count >= FEWEST_PHOTOS and embedder.device.type == "cpu":
        works = yield from _in_processes(run, how, works, embedder, workers)
    load = partial(how.load, size_px=needed_px(embedder), view_px=embedder.view_px)
    yield from describe_stream(embedder, works, load, workers=run.options.workers)


def _in_processes(
    run: IndexRun, how: Loading, works: Iterator[Work], embedder: "Embedder", workers: int
) -> "Generator[Described[Work, DecodedFile], None, Iterator[Work]]":
    """Describe photos in processes; return those that are left where a process is lost."""
    folder = run.store.paths.models
    model = full_name(embedder.model.name, run.store.paths)
    taken: deque[tuple[Work, ...]] = deque()  # whose results were not given yet
    waiting: deque[Future[Batch]] = deque()
    with open_processes(workers, MODULES) as pool:
        try:
            while some := tuple(islice(works, embedder.batch_size)):
                taken.append(some)
                waiting.append(_begin(pool, Task(some, how, model, folder)))
                if len(waiting) >= 2 * workers:
                    yield from _first(waiting, taken)
            while waiting:
                yield from _first(waiting, taken)
        except BrokenProcessPool:
            log.warning(
                "a process that described photos was lost (too little memory?); threads go on"
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return chain(chain.from_iterable(taken), works)


def _first(waiting: "deque[Future[Batch]]", taken: deque[tuple[Work, ...]]) -> "Batch":
    """Wait for the oldest task; it leaves the queues when it is done."""
    found = waiting[0].result()
    waiting.popleft()
    taken.popleft()
    return found


def _begin(pool: ProcessPoolExecutor, task: Task) -> "Future[Batch]":
    with begun():
        return pool.submit(do_task, task)


def do_task(task: Task) -> "Batch":
    """Load and describe the photos of a task in this process."""
    from dupfind.descriptors.embed import describe_batch

    embedder = _embedder(task.model, task.models_folder)
    load = partial(task.how.load, size_px=needed_px(embedder), view_px=embedder.view_px)
    return describe_batch(embedder, task.works, load)


@lru_cache(maxsize=1)
def _embedder(name: str, models_folder: Path) -> "Embedder":
    """Load the model once for all tasks of this process, which has one core."""
    from dupfind.descriptors.backbone import load_model
    from dupfind.descriptors.embed import Embedder, use_one_core
    from dupfind.matching.features import use_one_thread

    use_one_core()
    use_one_thread()
    return Embedder(load_model(name, models_folder=models_folder), device="cpu")
