"""What macOS and Windows lack is not needed: none of our modules asks for it, and no step fails."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cluster_helpers import save_album
from matching_helpers import edited, photo
from test_layers import imports, modules

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
NAMES = {
    *("chown", "copy_file_range", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid"),
    *("getloadavg", "getpgid", "getuid", "killpg", "lchown", "mkfifo", "nice", "posix_fadvise"),
    *("posix_fallocate", "pread", "preadv", "pwrite", "pwritev", "sched_getaffinity"),
    *("sched_setaffinity", "sendfile", "setsid", "statvfs", "waitid"),
}
IN_LIBRARIES = {
    "fchmod",
    "sysconf",
    "uname",
    "O_CLOEXEC",
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NONBLOCK",
}

WITHOUT = """
import json, os, sys
from pathlib import Path
import filelock, numpy, psutil, torch  # they know each system, by sys.platform

modules, names, album, model, page = sys.argv[1:]
sys.modules.update(dict.fromkeys(modules.split()))  # None: the import fails
for name in names.split():
    if hasattr(os, name):
        delattr(os, name)

from dupfind.options import IndexOptions, ReportFormat, ReportOptions
from dupfind.library import Library

library = Library(Path(album).parent / ".dupfind", device="cpu")
indexed = library.index([album], IndexOptions(model=model, device="cpu"))
clustered = library.cluster()
matches = library.query(Path(album) / "cut.jpg", k=2)
library.report(page, ReportOptions(ReportFormat.HTML))
found = matches[0].photo.path.name
print(json.dumps([indexed.new, clustered.groups, found]))
"""


def test_an_album_goes_the_whole_way_without_what_only_unix_has(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {"whole": photo("astronaut.png"), "other": photo("chelsea.png")}
    pictures["cut"] = edited("astronaut.png", "crop_70").pixels
    save_album(tmp_path / "album", pictures)
    page = tmp_path / "report.html"
    taken = [" ".join(sorted(MODULES)), " ".join(sorted(NAMES))]
    words: list[str | Path] = [
        sys.executable,
        "-c",
        WITHOUT,
        *taken,
        tmp_path / "album",
        small_model,
        page,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [3, 1, "whole.jpg"]
    assert "whole.jpg" in page.read_text(encoding="utf-8")


def unguarded(tree: ast.AST, guards: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the names of ``os`` that only Unix has and no ``hasattr(os, ...)`` above asks for."""
    for node in ast.iter_child_nodes(tree):
        within = guards
        if isinstance(tree, ast.If) and node in tree.body:
            within = (*guards, ast.unparse(tree.test))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            asked = any(f"hasattr(os, '{node.attr}')" in guard for guard in within)
            if node.attr in NAMES | IN_LIBRARIES and not asked:
                yield node.attr
        yield from unguarded(node, within)


def test_our_modules_ask_before_they_use_what_only_unix_has() -> None:
    for _, path in modules():
        assert not set(imports(path)) & MODULES, path
        assert not list(unguarded(ast.parse(path.read_text(encoding="utf-8")))), path


def test_the_guard_is_seen() -> None:
    use = "os.sched_getaffinity(0)"
    assert list(unguarded(ast.parse(use))) == ["sched_getaffinity"]
    guarded = f"if hasattr(os, 'sched_getaffinity'):\n    {use}\nelse:\n    {use}"
    assert list(unguarded(ast.parse(guarded))) == ["sched_getaffinity"]
    assert NAMES & set(dir(os))
