"""What `from dupfind import ...` offers: all of it is there, and light."""

import subprocess
import sys

import dupfind
import dupfind.errors


def test_every_public_name_is_there_and_of_its_own_name() -> None:
    for name in dupfind.__all__:
        value = getattr(dupfind, name)
        assert name == "__version__" or value.__name__ in (name, "Progress")
    assert set(dupfind.__all__) <= set(dir(dupfind))


def test_every_error_is_public_and_drawn_in_the_tree() -> None:
    tree = dupfind.errors.__doc__ or ""
    errors = {name for name, value in vars(dupfind.errors).items() if isinstance(value, type)}
    assert len(errors) > 10
    assert errors <= set(dupfind.__all__)
    assert all(name in tree for name in errors)


def test_the_library_its_options_records_and_errors_load_neither_torch_nor_faiss() -> None:
    code = (
        "import sys, dupfind\n"
        "for name, home in dupfind._HOMES.items():\n"
        "    if not home.startswith('flows.'): getattr(dupfind, name)\n"
        "dupfind.IndexSummary, dupfind.KnownModel, dupfind.Match, dupfind.MapSummary\n"
        "sys.exit(str({'torch', 'faiss'} & set(sys.modules) or ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
