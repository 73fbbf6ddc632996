"""Start-up: torch, timm and FAISS take seconds to import, so what needs none of them loads none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dupfind.descriptors.backbone import ModelSpec, create_backbone, load_folder, save_model
from dupfind.descriptors.spec import identify
from dupfind.errors import ModelError

INDEX = """
import sys
from dupfind import IndexOptions, Library
summary = Library(sys.argv[1]).index([sys.argv[2]], IndexOptions(model=sys.argv[3]))
print(summary.new, summary.unchanged, sorted({"torch", "timm", "faiss"} & set(sys.modules)))
"""


def python(program: str, *arguments: Path) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, saved as training saves one."""
    folder = tmp_path_factory.mktemp("model")
    spec = ModelSpec(view_px=32)
    save_model(folder, spec=spec, module=create_backbone(spec), details={})
    return folder


def test_the_library_and_the_command_line_load_no_heavy_package() -> None:
    program = (
        "import sys, dupfind.library, dupfind.cli.index, dupfind.cli.report; print(*sys.modules)"
    )
    loaded = set(python(program).split())
    assert "dupfind.library" in loaded
    assert not loaded & {"torch", "timm", "faiss", "cv2", "sklearn", "matplotlib"}


def test_a_run_that_finds_nothing_new_loads_no_torch_and_a_saved_model_no_timm(
    tmp_path: Path, saved_model: Path, save_picture: Callable[..., Path]
) -> None:
    photos = save_picture("photos/a.jpg").parent
    assert python(INDEX, tmp_path / "library", photos, saved_model) == "1 0 ['torch']"
    assert python(INDEX, tmp_path / "library", photos, saved_model) == "0 1 []"


def test_a_model_is_identified_without_loading_it(saved_model: Path) -> None:
    loaded, identity = (
        load_folder(saved_model, name=str(saved_model)),
        identify(str(saved_model), None),
    )
    assert identity is not None
    assert identity.name == loaded.name
    assert identity.spec == loaded.spec
    assert identity.fingerprint == loaded.fingerprint
    assert identity.dimensions == loaded.dimensions


def test_other_weights_or_another_spec_are_another_model(tmp_path: Path) -> None:
    found = set()
    for number, view_px in enumerate((32, 32, 48)):
        spec = ModelSpec(arguments={"depth": 1}, view_px=view_px)
        module = create_backbone(spec)
        save_model(tmp_path / str(number), spec=spec, module=module, details={"number": number})
        identity = identify(str(number), tmp_path)
        assert identity is not None
        found.add(identity.fingerprint)
    assert len(found) == 3


def test_a_model_that_only_loading_can_tell_is_not_identified() -> None:
    assert identify("untrained", None) is None
    assert identify("vit_small_patch16_224.dino", None) is None


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_damaged_model_is_refused_before_anything_loads(
    tmp_path: Path, saved_model: Path, name: str
) -> None:
    for file in saved_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(100))
    with pytest.raises(ModelError, match="cannot be loaded"):
        identify(str(tmp_path), None)
