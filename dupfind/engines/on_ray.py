"""Do parts of a work on a Ray cluster: the one that RAY_ADDRESS names, else one of this machine."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from dupfind.engines.parts import ATTEMPTS, Done, Failed, Part, attempt, use_one_core
from dupfind.errors import EngineError

ADDRESS_VARIABLE = "RAY_ADDRESS"
AHEAD = 2  # parts for each core that the cluster knows of at once
ANSWERS_WITHIN_S = 10.0  # Ray itself tries a dead address for minutes
OBJECT_STORE_BYTES = 256 << 20  # of a cluster that is started here: little passes through it


class RayEngine:
    """Parts as tasks of a Ray cluster, which does those of lost machines again elsewhere."""

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # photos are nobody else's business
        try:
            import ray
        except ImportError as error:
            raise EngineError(
                "Ray is not installed here; `pip install 'dupfind[ray]'`, or take --engine processes"
            ) from error
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            self._connect()
        self._task = ray.remote(max_retries=ATTEMPTS - 1, num_cpus=1)(_attempt)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._is_ours:
            self._ray.shutdown()

    @property
    def workers(self) -> int:
        """How many cores the cluster has now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def run(self, parts: Sequence[Part]) -> Iterator[tuple[int, Done | Failed]]:
        """See ``Engine.run``."""
        todo = iter(enumerate(parts))
        running: dict[Any, int] = {}
        while True:
            for place, part in todo:
                running[self._task.remote(part)] = place
                if len(running) >= AHEAD * self.workers:
                    break
            if not running:
                return
            ready, _ = self._ray.wait(list(running), num_returns=1)
            for reference in ready:
                yield running.pop(reference), self._result(reference)

    def _result(self, reference: Any) -> Done | Failed:
        errors = self._ray.exceptions
        try:
            found: Done | Failed = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            first = str(error).strip().splitlines()[0]
            return Failed(f"its worker was lost {ATTEMPTS} times ({first})")
        return found

    def _connect(self) -> None:
        logging.getLogger("ray").setLevel(logging.ERROR)
        address = os.environ.get(ADDRESS_VARIABLE)
        options = {} if address else {"object_store_memory": OBJECT_STORE_BYTES}
        try:
            _reach(address or "")
            self._ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
                **options,
            )
        except (OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise EngineError(
                f"the Ray cluster {address or 'of this machine'} does not start or answer ({first}); "
                f"check {ADDRESS_VARIABLE}, or take --engine processes"
            ) from error


def _reach(address: str) -> None:
    """Open a connection to the cluster's head and close it again; nothing for one without host and port.

    Raises:
        OSError: Nobody answers there.
        ValueError: The port is no number.
    """
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), ANSWERS_WITHIN_S).close()


def _attempt(part: Part) -> Done | Failed:
    use_one_core()
    return attempt(part)
