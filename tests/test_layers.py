"""Who may import whom (CONTRIBUTING.md): data flows one way, and each library has one home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dupfind

ROOT = Path(__file__).resolve().parent.parent
BASE = {
    "acts",
    "errors",
    "records",
    "config",
    "decisions",
    "evidence",
    "options",
    "progress",
    "system",
}
# Stage -> the other parts of dupfind it may import (besides BASE and itself).
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "records": set(),
    "evidence": set(),
    "config": set(),
    "decisions": set(),
    "options": set(),
    "progress": set(),
    "system": set(),
    "acts": set(),
    "engines": set(),
    "photos": set(),
    "descriptors": set(),
    "index": set(),
    "training": {"photos", "descriptors", "index"},
    "matching": set(),
    "store": set(),
    "evaluation": set(),
    "reports": set(),
    "review": {"photos", "reports", "store"},
    "actions": {"photos", "matching"},
    "copies": {"photos", "index", "matching", "store", "engines"},
    "flows": {
        "copies",
        "photos",
        "descriptors",
        "index",
        "training",
        "matching",
        "store",
        "reports",
        "review",
        "evaluation",
        "actions",
        "engines",
    },
    "library": {"library_acting", "library_decisions", "flows", "store", "matching", "descriptors"},
    "library_decisions": {"flows", "store"},
    "library_acting": {"flows", "store"},
    "cli": {"library", "reports", *dupfind.__all__},
}
# Third-party library -> the only parts that may import it.
HOMES: dict[str, set[str]] = {
    "faiss": {"index"},
    "filelock": {"store"},
    "sqlite_utils": {"store"},
    "click": {"cli"},
    "cv2": {"matching"},
    "timm": {"descriptors"},
    "pillow_heif": {"photos"},
    "jinja2": {"reports", "review"},
    "rich": {"reports", "cli"},
    "starlette": {"review"},
    "uvicorn": {"review"},
    "torch": {"descriptors", "training"},
    "send2trash": {"actions"},
    "ray": {"engines"},
    "pyarrow": {"engines"},
    "fsspec": {"engines"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for folder, prefix in (("dupfind", ""), ("index", "index"), ("training", "training")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            part = prefix or path.relative_to(ROOT / folder).parts[0].removesuffix(".py")
            yield part, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "dupfind":
                yield from (f"dupfind.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("part", "path"), list(modules()), ids=lambda value: str(value)[-40:])
def test_a_module_imports_only_what_its_part_may(part: str, path: Path) -> None:
    allowed = MAY_IMPORT.get(part, set()) | BASE | {part, "__version__"}
    if part != "__init__":
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("dupfind.")}
        assert ours <= allowed, f"{path} imports {sorted(ours - allowed)}"
    for name in imports(path):
        home = HOMES.get(name.split(".")[0])
        assert home is None or part in home, f"{path} imports {name}, whose home is {home}"


def test_the_pages_server_is_loaded_by_who_serves_it_only() -> None:
    flow = ROOT / "dupfind" / "flows" / "reviewing.py"
    tree = ast.parse(flow.read_text(encoding="utf-8"))
    at_the_top = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "dupfind.review.server" not in at_the_top


def test_no_module_is_longer_than_400_lines() -> None:
    long = [str(path) for _, path in modules() if len(path.read_text("utf-8").splitlines()) > 400]
    assert not long
