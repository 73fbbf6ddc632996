"""Keep Pillow's warnings away from the user while photos are decoded."""

import threading
import warnings


class QuietPillow:
    """Silence Pillow's warnings while any thread decodes.

    ``warnings.catch_warnings`` changes the whole process, so only the first thread in sets it and
    the last one out takes it back. What matters in the warnings comes as an error anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


QUIET_PILLOW = QuietPillow()
