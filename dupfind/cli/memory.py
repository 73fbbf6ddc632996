"""Too little memory, before it crashes the process or as it ends a command: one clear line."""

import click

LIGHT = {"report", "models"}  # commands that load no network and no FAISS
NOT_LOADED = "its libraries cannot be loaded"
LEAST_BYTES = 1 << 30  # of address space: below it native libraries crash the process as they load
# What libraries say when the system gives them no more memory, most of them in a RuntimeError.
_SIGNS = (
    "cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "can't start new thread",
    "insufficient memory",
)
# The loader's words, which have other reasons too where memory is not limited.
_SIGNS_IF_LIMITED = ("failed to map segment", "failed to load lib")


def check_address_space(command: str) -> None:
    """Refuse a command that could not even load its libraries.

    Raises:
        ClickException: This process may use less than ``LEAST_BYTES``.
    """
    limit = None if command in LIGHT else _address_space()
    if limit is not None and limit < LEAST_BYTES:
        raise too_little_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is no more memory, whichever library raised it."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, ImportError | RuntimeError):
        return False
    text = str(error).lower()
    if any(sign in text for sign in _SIGNS):
        return True
    return any(sign in text for sign in _SIGNS_IF_LIMITED) and _address_space() is not None


def too_little_memory(error: str = NOT_LOADED) -> click.ClickException:
    """Return what a person reads then; ``error`` is in the words of who found out."""
    limit = _address_space()
    if any(sign in error.lower() for sign in _SIGNS_IF_LIMITED):
        error = NOT_LOADED
    if limit is None:
        advice = "free some, or run with fewer photos at once"
    else:
        advice = (
            f"this process may use {limit >> 20:,} MB of addresses: raise the limit (ulimit -v)"
        )
    return click.ClickException(f"there is too little memory ({error}); {advice}")


def _address_space() -> int | None:
    """Return how many bytes of addresses this process may use; None: no limit, or none is known."""
    import psutil

    if not hasattr(psutil, "RLIMIT_AS"):  # Linux and FreeBSD have it
        return None
    limit: int = psutil.Process().rlimit(psutil.RLIMIT_AS)[0]
    return None if limit == psutil.RLIM_INFINITY else limit
