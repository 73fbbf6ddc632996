"""Too little memory for the libraries: one clear line, whatever they say or do themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from dupfind.cli.memory import is_out_of_memory

limited = pytest.mark.skipif(sys.platform != "linux", reason="addresses are limited on Linux only")


def run_with(kilobytes: int, *words: str | Path) -> subprocess.CompletedProcess[str]:
    line = f'ulimit -v {kilobytes}; exec "$@"'
    command = ["bash", "-c", line, "bash", sys.executable, "-m", "dupfind.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@limited
@pytest.mark.parametrize("command", [("index", "."), ("cluster",), ("info",)])
def test_so_little_that_loading_would_crash_is_said_before(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_with(400_000, *command, "--library", tmp_path / "lib")
    assert done.returncode == 1
    assert "390 MB of addresses: raise the limit (ulimit -v)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "lib").exists()


@limited
def test_what_needs_little_works_with_little() -> None:
    assert run_with(400_000, "index", "--help").returncode == 0
    assert run_with(400_000, "models", "-q").returncode == 0


@limited
def test_libraries_that_do_not_fit_end_in_one_line(tmp_path: Path) -> None:
    done = run_with(1_500_000, "cluster", "--library", tmp_path / "lib")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    # Without CUDA they may fit.
    assert (
        "too little memory (its libraries cannot" in done.stderr or "no photos yet" in done.stderr
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), False),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)  # fmt: skip
def test_what_libraries_say_of_no_memory_is_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
