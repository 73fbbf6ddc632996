"""Change one small thing in a module at a time, and see whether its tests notice.

    make mutate MODULE=dupfind/matching/cluster.py
    python benchmarks/mutate.py dupfind/matching index --count 200 --seed 1 --tests tests/test_x.py
    python benchmarks/mutate.py index --seen seen.json   (of which_tests.py: the tests of the very line)

Works on a copy of the tree, never on the tree itself. The tests of a module are those in ``TESTS``, or
those that are given, or those that were seen to run the changed line, the quickest first. Mutants that
survive are printed with their lines: each wants an assertion, or is another way to write the same.
"""

import argparse
import ast
import importlib
import importlib.util
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 900
NOT_RUN = 70  # the status of a process whose pytest failed
NO_TESTS = (4, 5)  # pytest's own, where it was called wrongly or there was nothing to run
ASKED_S = 60  # of the tests that run a line, as long as this
_LIBRARIES = ("cv2", "faiss", "scipy.optimize", "sklearn.decomposition", "timm", "pytest")
# The tests that know a part, the quickest first.
TESTS: dict[str, tuple[str, ...]] = {
    "dupfind/store/cache.py": ("test_store", "test_unwritable"),
    "dupfind/store/connection.py": ("test_store", "test_unwritable", "test_library_folder"),
    "dupfind/store/pair_cache.py": ("test_kept_proofs",),
    "dupfind/store/decisions.py": ("test_decisions",),
    "dupfind/store/standing.py": ("test_decisions",),
    "dupfind/store/verdicts.py": ("test_decisions",),
    "dupfind/store/lock.py": ("test_store", "test_interrupted"),
    "dupfind/store/sightings.py": ("test_store", "test_indexing", "test_index_identity"),
    "dupfind/store/results.py": ("test_store", "test_next_kept", "test_decisions"),
    "dupfind/store": ("test_store", "test_active_model", "test_decisions", "test_indexing"),
    "dupfind/matching/cluster.py": ("test_matching_cluster", "test_collages"),
    "dupfind/matching/collages.py": ("test_collages", "test_matching_cluster"),
    "dupfind/matching/calibrate.py": ("test_matching_calibrate",),
    "dupfind/matching/features.py": ("test_matching_features", "test_matching_proof"),
    "dupfind/matching/pairs.py": ("test_matching_pairs", "test_candidates"),
    "dupfind/matching/units.py": ("test_units",),
    "dupfind/matching/keep.py": ("test_matching_cluster", "test_original", "test_cluster_flow"),
    "dupfind/matching/lineage.py": ("test_original",),
    "dupfind/matching/original.py": ("test_original",),
    "dupfind/matching/advice.py": ("test_original", "test_cluster_flow"),
    "dupfind/matching": (
        *("test_relation_words", "test_closer", "test_matching_proof", "test_original"),
        *("test_lookalikes", "test_adversarial"),
    ),
    "index/cache.py": ("test_index_cache",),
    "index/local.py": ("test_query_local", "test_candidates"),
    "index": ("test_index_search", "test_index_cache"),
    "training/cache.py": ("test_training_cache",),
    "training/pages": ("test_training_pages",),
    "training/views": ("test_training_views",),
    "training/losses.py": ("test_training_losses",),
    "training/network.py": ("test_training_losses", "test_training_run"),
    "training/alike.py": ("test_training_photos", "test_training_cache"),
    "training/duplicates.py": ("test_training_photos", "test_training_cache"),
    "training/comparison.py": ("test_training_photos", "test_before_after"),
    "training": ("test_training_losses", "test_training_photos", "test_training_run"),
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult,
}  # fmt: skip
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Types, decorators and what is only logged change nothing that a test should see.
_SKIPPED = {"annotation", "returns", "decorator_list", "type_params"}


@dataclass(frozen=True)
class Change:
    """One thing to change in a tree."""

    line: int
    words: str
    apply: Callable[[], None]


def changes(tree: ast.Module) -> Iterator[Change]:
    """Yield what can be changed in a module, in the same order for equal modules."""
    for node in _inside(tree):
        for words, target, name, value in _ways(node):
            yield Change(
                node.lineno,
                words,
                lambda t=target, n=name, v=value: _put(t, n, v),  # type: ignore[misc]
            )


def _put(target: Any, name: str | int, value: object) -> None:
    if isinstance(name, int):
        target[name] = value
    else:
        setattr(target, name, value)


def _inside(tree: ast.Module) -> Iterator[Any]:
    """Yield the statements and expressions inside functions; constants of a module are its tuning."""
    for top in tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef):
            yield from _below(top)


def _below(node: ast.AST) -> Iterator[Any]:
    if _is_logging(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name not in _SKIPPED:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _below(child)


def _is_logging(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("log.", "'", '"'))


def _ways(node: Any) -> Iterator[tuple[str, Any, str | int, object]]:
    """Yield (words, what to change, its field or place, the new value) for a node."""
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                other = _COMPARED[type(op)]
                yield f"{type(op).__name__} to {other.__name__}", ops, place, other()
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _COUNTED:
            sides = (getattr(node, "left", None), getattr(node, "right", None))
            if not any(isinstance(side, ast.JoinedStr) for side in sides):
                yield f"{type(op).__name__} swapped", node, "op", _COUNTED[type(op)]()
        case ast.BoolOp(op=op):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} swapped", node, "op", other_op
        case ast.UnaryOp(op=ast.USub()):
            yield "minus dropped", node, "op", ast.UAdd()
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield "test turned", node, "test", ast.UnaryOp(ast.Not(), test)
        case ast.Constant(value=bool() as value):
            yield f"{value} turned", node, "value", not value
        case ast.Constant(value=int() | float() as value):
            yield f"{value} and one more", node, "value", value + 1
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            yield f"{name} to {_CALLED[name]}", node.func, "id", _CALLED[name]
        case ast.Call(keywords=[_, *_]):
            for place, keyword in enumerate(node.keywords):
                kept = [*node.keywords[:place], *node.keywords[place + 1 :]]
                if keyword.arg:
                    yield f"{keyword.arg}= not given", node, "keywords", kept
        case ast.Expr(value=ast.Call()):
            yield "call dropped", node, "value", ast.Constant(None)


def mutated(source: str, number: int) -> str:
    """Return a source with its change of this number made."""
    tree = ast.parse(source)
    next(change for place, change in enumerate(changes(tree)) if place == number).apply()
    return ast.unparse(ast.fix_missing_locations(tree))


def tests_of(module: str) -> tuple[str, ...]:
    """Return the files of the tests that know a module: those of the longest name that fits."""
    known = [name for name in TESTS if module == name or module.startswith(f"{name}/")]
    return tuple(f"tests/{name}.py" for name in TESTS[max(known, key=len)]) if known else ()


def tests_of_line(module: str, line: int, seen: Mapping[str, Any]) -> list[str]:
    """Return the tests that were seen to run a line, or the statement it is in, the quickest first."""
    lines = seen["lines"].get(module, {})
    begins = next((near for near in range(line, line - 9, -1) if str(near) in lines), line)
    chosen, total_s = [], 0.0
    for test in sorted(lines.get(str(begins), ()), key=seen["seconds"].__getitem__):
        total_s += seen["seconds"][test]
        if chosen and total_s > ASKED_S:
            break
        chosen.append(test)
    return chosen


def is_found(copy: Path, tests: Sequence[str]) -> bool:
    """Run tests (of files of tests/, or by id) in a copy of the tree, in a process with the libraries."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # to be ended with all that it starts
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        sys.path[:0] = [str(copy), str(copy / "tests")]
        sys.dont_write_bytecode = False  # what does not change is compiled once for all mutants
        import pytest

        ended = NOT_RUN
        try:
            # Plugins that are loaded already are not warned of.
            options = ["-q", "-x", "-p", "no:cacheprovider"]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
            ended = int(pytest.main([*options, *tests]))
        finally:
            os._exit(ended)  # never into what the parent has to do
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            found = os.waitstatus_to_exitcode(status)
            if found in (NOT_RUN, *NO_TESTS):
                raise RuntimeError(
                    f"pytest itself failed on {' '.join(tests)}, with status {found}"
                )
            return found != 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True  # it hangs


def main() -> None:
    """Draw mutants, try them one by one, print the table."""
    given = _arguments()
    for name in _LIBRARIES:  # once for all of them
        importlib.import_module(name)
    sites = [
        (module, number, change)
        for module in _modules(given.modules, given.without)
        for number, change in enumerate(changes(ast.parse((ROOT / module).read_text("utf-8"))))
    ]
    if given.count is not None:
        sites = random.Random(given.seed).sample(sites, min(given.count, len(sites)))
    seen = json.loads(given.seen.read_text("utf-8")) if given.seen else {"lines": {}}
    with tempfile.TemporaryDirectory(prefix="dupfind-mutants-") as place:
        copy = Path(place) / "tree"
        ignored = shutil.ignore_patterns(
            ".git", ".venv", "__pycache__", ".mypy_cache", "*.egg-info"
        )
        shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
        out = given.out or Path(place) / "out"
        out.mkdir(parents=True, exist_ok=True)
        for module, number, change in sites:
            if given.only and not module.startswith(tuple(given.only)):
                continue
            said = out / f"{module.replace('/', '.')}.{number}"
            names = [f"tests/{Path(name).stem}.py" for name in given.tests or ()]
            names = names or tests_of_line(module, change.line, seen) or [*tests_of(module)]
            with suppress(FileExistsError), said.open("x"):  # another process may be at work
                said.write_text(_tried(copy, module, number, change, names), "utf-8")
                print(said.read_text("utf-8"), flush=True)
        _show_table(sites, out)


def _tried(copy: Path, module: str, number: int, change: Change, names: Sequence[str]) -> str:
    """Try a mutant in a copy of the tree; return what became of it in a line."""
    file = copy / module
    source = file.read_text("utf-8")
    _write(file, mutated(source, number))
    found = is_found(copy, [name for name in names if (copy / name.split("::")[0]).exists()])
    _write(file, source)
    line = source.splitlines()[change.line - 1].strip()
    said = "found" if found else "SURVIVED"
    return f"{said:<9} {module}:{change.line}: {change.words}: {line}"


def _write(file: Path, source: str) -> None:
    """Write a module; what was compiled of it is gone, however the clock stands."""
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
    file.write_text(source, "utf-8")


def _show_table(sites: Sequence[tuple[str, int, Change]], out: Path) -> None:
    counts: dict[str, Counter[str]] = {}
    for module, number, _ in sites:
        file = out / f"{module.replace('/', '.')}.{number}"
        said = file.read_text("utf-8").split(" ")[0] if file.exists() else ""
        counts.setdefault(str(Path(module).parent), Counter())[said or "undecided"] += 1
    print("\n| part | mutants | found | survived | undecided |\n|---|---|---|---|---|")
    for part, count in sorted(counts.items()):
        shown = (sum(count.values()), count["found"], count["SURVIVED"], count["undecided"])
        print(f"| {part} | {' | '.join(map(str, shown))} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", help="modules or folders, as in dupfind/matching")
    parser.add_argument("--without", nargs="*", default=(), help="modules or folders to leave out")
    parser.add_argument("--count", type=int, help="so many, drawn at random [default: all]")
    parser.add_argument("--only", nargs="*", help="of what is drawn, the modules or folders to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", nargs="*", help="files of tests/ instead of those in TESTS")
    parser.add_argument("--seen", type=Path, help="what which_tests.py wrote")
    parser.add_argument(
        "--out",
        type=Path,
        help="a folder for a file a mutant: those that are there are not tried again, "
        "so that a run goes on where it stopped, and two may share the work; "
        "remove the empty files of one that was killed",
    )
    return parser.parse_args()


def _modules(names: Sequence[str], without: Sequence[str] = ()) -> list[str]:
    files = [
        path
        for name in names
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ]
    left_out = tuple(ROOT / name for name in without)
    return [
        str(path.relative_to(ROOT))
        for path in files
        if not any(path.is_relative_to(folder) for folder in left_out)
    ]


if __name__ == "__main__":
    main()
