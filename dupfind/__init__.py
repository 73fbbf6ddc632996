"""Find the near-duplicates in a photo collection with DINO features learned on it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dupfind.library import Library

__version__ = "0.1.0"
__all__ = ["Library", "__version__"]


def __getattr__(name: str) -> Any:
    # torch and FAISS take seconds to load: only those who use the library pay for it.
    if name == "Library":
        from dupfind.library import Library

        return Library
    raise AttributeError(f"module 'dupfind' has no attribute {name!r}")
