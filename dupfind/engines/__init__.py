"""Where work in parts is done: other processes of this machine, or the machines of a Ray cluster.

A part is one call of a plain function; what it needs and what it gives passes through its argument,
its result and the files of a ``Place``. Home of ray, pyarrow and fsspec.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from dupfind.engines.parts import Done, Engine, Failed, Part, run_all
from dupfind.engines.places import Place
from dupfind.options import EngineKind

__all__ = ["Done", "Engine", "Failed", "Part", "Place", "open_engine", "run_all"]


@contextmanager
def open_engine(
    kind: EngineKind, *, workers: int = 0, modules: Sequence[str] = ()
) -> Iterator[Engine | None]:
    """Start what does parts of the work; None where this process does all of it.

    Args:
        kind: ``local`` and ``array`` start nothing.
        workers: Processes on this machine; 0 takes one for each core. A Ray cluster has its own.
        modules: What the processes of this machine will import.

    Raises:
        EngineError: Ray is not installed, or cannot be reached.
    """
    if kind is EngineKind.PROCESSES:
        from dupfind.engines.processes import ProcessesEngine

        with closing(ProcessesEngine(workers, modules)) as processes:
            yield processes
    elif kind is EngineKind.RAY:
        from dupfind.engines.on_ray import RayEngine

        with closing(RayEngine()) as cluster:
            yield cluster
    else:
        yield None
