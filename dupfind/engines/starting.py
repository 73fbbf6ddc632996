"""Start processes that work for this one: they never run its script, and end when it ends.

On Linux they are forked from a server that has the modules they need: these load once, and their memory
is shared. Elsewhere each starts anew.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver
from types import ModuleType

FEWEST_WORKERS = 3  # two threads keep two cores busy

_started = threading.Lock()


def pay(workers: int) -> bool:
    """Tell whether processes do much work sooner than threads: not two of them, nor where they load anew."""
    return sys.platform == "linux" and workers >= FEWEST_WORKERS


def open_processes(workers: int, modules: Sequence[str] = ()) -> ProcessPoolExecutor:
    """Return processes that start when they are first asked for something (``begun``).

    Args:
        workers: How many.
        modules: What they will import; a server that runs already has what it was started with.
    """
    is_forked = sys.platform == "linux"
    if is_forked:
        forkserver.set_forkserver_preload(list(modules))
    # A fork of this process would copy its threads' locks in whatever state they are.
    context = multiprocessing.get_context("forkserver" if is_forked else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)


@contextmanager
def begun() -> Iterator[None]:
    """Hide this process's script while processes start: else each would run it once more.

    A script without ``if __name__ == "__main__"`` would start processes of its own in each of them.
    """
    with _started:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = script


def _begin() -> None:
    """Leave Ctrl-C to the process that gave the command, use one core, and end with that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # a killed one closes no queue
        os._exit(1)
