"""Write down which tests run which lines: benchmarks/mutate.py then asks only those of a mutant's line.

    python benchmarks/which_tests.py -o seen.json tests/test_store.py tests/test_units.py

Run again with other files, it adds to what is there. Processes that a test starts are not seen into, and
of a function that a test calls again and again only the first calls are.
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("dupfind", "index", "training")
CALLS = 20  # of a function in a test: watching takes ten times as long as running


class Watcher:
    """A pytest plugin: ``lines`` are module -> line -> tests, ``seconds`` of the processor for each test."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[str, list[str]]] = {}
        self.seconds: dict[str, float] = {}
        self._modules: dict[str, str] = {}
        self._seen: set[tuple[str, int]] = set()
        self._failed: set[str] = set()
        self._calls: Counter[CodeType] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch a test and what its fixtures do."""
        self._seen.clear()
        self._calls.clear()
        started = time.process_time()
        threading.settrace(self._entered)
        sys.settrace(self._entered)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            if item.nodeid not in self._failed:
                self.seconds[item.nodeid] = round(time.process_time() - started, 3)
                for module, line in sorted(self._seen):
                    of_module = self.lines.setdefault(module, {})
                    of_module.setdefault(str(line), []).append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave out what fails or is skipped."""
        if report.outcome != "passed":
            self._failed.add(report.nodeid)

    def _entered(self, frame: FrameType, _: str, __: Any) -> Callable[..., Any] | None:
        module = self._module(frame.f_code.co_filename)
        self._calls[frame.f_code] += 1
        if not module or self._calls[frame.f_code] > CALLS:
            return None

        def line(frame: FrameType, _: str, __: Any) -> Callable[..., Any]:
            self._seen.add((module, frame.f_lineno))
            return line

        return line(frame, "", None)

    def _module(self, name: str) -> str:
        known = self._modules.get(name)
        if known is None:
            path = Path(name).resolve()
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PARTS
            known = str(path.relative_to(ROOT)) if inside else ""
            self._modules[name] = known
        return known


def main() -> None:
    """Run tests and add what they run to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", nargs="+", help="files of tests")
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    watcher = Watcher()
    pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", *given.tests], [watcher])
    known: dict[str, Any] = {"lines": {}, "seconds": {}}
    if given.out.exists():
        known = json.loads(given.out.read_text("utf-8"))
    known["seconds"].update(watcher.seconds)
    for module, lines in watcher.lines.items():
        for line, tests in lines.items():
            before = known["lines"].setdefault(module, {}).setdefault(line, [])
            before.extend(test for test in tests if test not in before)
    given.out.write_text(json.dumps(known), "utf-8")


if __name__ == "__main__":
    main()
