"""Run the page's server: on the loopback address, until Ctrl-C."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import uvicorn

from dupfind.config import LibraryPaths
from dupfind.errors import ReportError
from dupfind.review.app import Review, make_app
from dupfind.review.deeds import Deeds
from dupfind.review.desk import Desk
from dupfind.review.security import LOOPBACK, Access

OnReady = Callable[[str, int], None]


def serve(paths: LibraryPaths, deeds: Deeds, port: int, on_ready: OnReady | None) -> None:
    """Serve the page until it is stopped.

    Args:
        paths: The library.
        deeds: What the page may do to it.
        port: Where to listen; 0 takes a free one.
        on_ready: Called with the address to open, and how many groups there are.

    Raises:
        LibraryError: There is no library, or no groups in it.
        ReportError: The port is taken.
    """
    with ExitStack() as resources:
        # One thread for the library: its connection may not change threads.
        thread = resources.enter_context(ThreadPoolExecutor(1, "desk"))
        desk = Desk(paths, deeds)
        resources.callback(lambda: thread.submit(desk.close).result())
        groups = thread.submit(desk.open).result()
        listener = resources.enter_context(_listen(port))
        access = Access(listener.getsockname()[1])
        review = Review(desk, thread)
        resources.callback(review.pictures.close)
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(review, access),
                log_config=None,
                log_level="error",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=3,
            )
        )
        # It ends by Ctrl-C, which is no failure.
        with suppress(KeyboardInterrupt):
            if on_ready is not None:
                on_ready(access.address, groups)
            server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()  # whoever opens the address at once only waits
    except OSError as error:
        listener.close()
        raise ReportError(
            f"port {port} cannot be had ({error.strerror}); choose another with --port, or leave it "
            "out to take a free one"
        ) from error
    return listener
