"""Do parts of a work in processes of this machine, each of which may be lost without the others."""

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from dupfind.engines.parts import ATTEMPTS, Done, Failed, Part, attempt
from dupfind.engines.starting import begun, open_processes
from dupfind.system import usable_cores

_Result = tuple[int, Done | Failed | BaseException]


class ProcessesEngine:
    """Processes that live until the engine is closed; ``modules`` are what they will import."""

    def __init__(self, workers: int = 0, modules: Sequence[str] = ()) -> None:
        self.workers = workers or usable_cores()
        self._slots = [_Slot(modules) for _ in range(self.workers)]

    def close(self) -> None:
        """End the processes."""
        for slot in self._slots:
            slot.close()

    def run(self, parts: Sequence[Part]) -> Iterator[tuple[int, Done | Failed]]:
        """See ``Engine.run``."""
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        results: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        for place in range(len(parts)):
            todo.put(place)
        threads = [
            threading.Thread(target=_work, args=(slot, parts, todo, results), daemon=True)
            for slot in self._slots[: len(parts)]
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in parts:
                place, found = results.get()
                if isinstance(found, BaseException):
                    raise found
                yield place, found
        finally:
            _drain(todo)
            for thread in threads:
                thread.join()


class _Slot:
    """One process, and another one when it is lost."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._pool: ProcessPoolExecutor | None = None

    def do(self, part: Part) -> Done | Failed:
        for _ in range(ATTEMPTS):
            pool = self._open()
            try:
                with begun():
                    future = pool.submit(attempt, part)
                return future.result()
            except BrokenProcessPool:
                self.close()
        return Failed(f"its process was lost {ATTEMPTS} times (too little memory?)")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = open_processes(1, self._modules)
        return self._pool


def _work(
    slot: _Slot,
    parts: Sequence[Part],
    todo: "queue.SimpleQueue[int]",
    results: "queue.SimpleQueue[_Result]",
) -> None:
    while True:
        try:
            place = todo.get_nowait()
        except queue.Empty:
            return
        try:
            results.put((place, slot.do(parts[place])))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            results.put((place, error))
            return


def _drain(todo: "queue.SimpleQueue[int]") -> None:
    while not todo.empty():
        todo.get_nowait()
