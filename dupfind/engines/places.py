"""A place for files that several machines reach: a shared folder, or an object store by its address."""

import os
from pathlib import Path
from typing import Any

from dupfind.errors import EngineError
from dupfind.system import write_whole


class Place:
    """Files by name in one folder or below one address (``s3://bucket/folder``).

    Each file is whole or not there, whatever happens to the one who writes it.

    Raises:
        EngineError: The address is of a kind for which nothing is installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._folder = None if "://" in address else Path(address)
        self._files: Any = None
        self._root = ""
        if self._folder is None:
            self._files, self._root = _open_store(address)

    def write(self, name: str, data: bytes) -> None:
        """Write a file that appears whole or not at all.

        Raises:
            EngineError: The disk is full, or the place cannot be reached or written.
        """
        try:
            if self._folder is not None:
                file = self._folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, data)
            else:  # an object store shows an object when all of it is there
                self._files.pipe_file(f"{self._root}/{name}", data)
        except OSError as error:
            raise EngineError(
                f"{name} cannot be written to {self.address} ({_reason(error)}); make room there, or "
                "check its rights"
            ) from error

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file; None where there is none.

        Raises:
            EngineError: The place cannot be reached or read.
        """
        try:
            if self._folder is not None:
                return (self._folder / name).read_bytes()
            return bytes(self._files.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EngineError(
                f"{name} cannot be read from {self.address} ({_reason(error)}); check its rights"
            ) from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            EngineError: The place cannot be reached or written.
        """
        try:
            if self._folder is not None:
                (self._folder / name).unlink(missing_ok=True)
            else:
                self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise EngineError(
                f"{name} cannot be removed from {self.address} ({_reason(error)}); check its rights"
            ) from error

    def names(self, ending: str) -> list[str]:
        """Return the sorted names of the files that end so.

        Raises:
            EngineError: The place cannot be reached or read.
        """
        try:
            if self._folder is not None:
                found = [entry.name for entry in self._folder.iterdir()]
            else:
                self._files.invalidate_cache()
                found = [
                    path.rsplit("/", 1)[-1] for path in self._files.ls(self._root, detail=False)
                ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EngineError(
                f"{self.address} cannot be listed ({_reason(error)}); check its name and rights"
            ) from error
        return sorted(name for name in found if name.endswith(ending) and not name.startswith("."))


def _open_store(address: str) -> tuple[Any, str]:
    try:
        import fsspec

        files, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        kind = address.split("://", 1)[0]
        raise EngineError(
            f"{address} cannot be opened ({error}); `pip install 'dupfind[ray]'` and what fsspec wants for "
            f"{kind}:// (s3fs for s3://)"
        ) from error
    return files, str(root).rstrip("/")


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
