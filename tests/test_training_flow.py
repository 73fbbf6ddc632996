"""`dupfind train`: the run in the database, the model in its place, the better one active."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import picture
from PIL import Image
from training_samples import TINY

from dupfind import Library
from dupfind.cli import cli
from dupfind.descriptors.backbone import create_backbone, load_model, save_model
from dupfind.errors import TrainingError
from dupfind.flows.models import FORMER_FOLDER
from dupfind.flows.training import SLACK, TrainCallbacks, _install
from dupfind.options import IndexOptions, TrainOptions
from dupfind.training.comparison import Comparison
from dupfind.training.heldout import Retrieval

CHANGES = (
    f"spec.arguments={json.dumps(TINY.arguments)}",
    "spec.view_px=32",
    "views.global_px=32",
    "views.growth=[]",
    "losses.prototypes=32",
    "losses.head_hidden=64",
    "held_out=8",
)


@pytest.fixture(autouse=True)
def small_and_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("dupfind.training.comparison.COPIES", 1)
    monkeypatch.setattr("dupfind.training.comparison.WANTED_COPIES", 8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(36):
        Image.fromarray(picture(number, (64, 48))).save(folder / f"{number:02}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    (folder / "notes.txt").write_text("not a photo", "utf-8")
    return folder


def options(**changes: object) -> TrainOptions:
    given = {"init": "scratch", "epochs": 1, "batch_size": 8, "device": "cpu", "changes": CHANGES}
    return TrainOptions(**(given | changes))  # type: ignore[arg-type]


def set_winner(monkeypatch: pytest.MonkeyPatch, *, is_better: bool) -> None:
    """Decide who wins; who does is a matter of luck in a run of seconds."""
    low, high = Retrieval(0.2, 0.3, 0.1), Retrieval(0.8, 0.9, 0.7)
    before, after = (low, high) if is_better else (high, low)
    gain = 0.6 if is_better else -0.6
    found = Comparison(before, after, 8, 32, 20, gain=gain, least_gain=gain - 0.1)
    monkeypatch.setattr("dupfind.flows.training.Exam.compare", lambda *_: found)


@pytest.mark.parametrize(("least", "is_better"), [(-0.01, False), (0.0, False), (0.01, True)])
def test_better_is_what_is_not_by_the_luck_of_the_draw(least: float, is_better: bool) -> None:
    found = Retrieval(0.5, 0.6, 0.4)
    compared = Comparison(found, found, 8, 32, 20, gain=0.05, least_gain=least)
    assert compared.is_better is is_better


def test_a_better_model_is_what_the_next_index_takes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    decoded: list[tuple[int, int]] = []
    callbacks = TrainCallbacks(on_decoded=lambda done, total: decoded.append((done, total)))
    summary = library.train([photos], options(), callbacks)
    assert summary is not None
    assert (summary.photos, summary.errors, summary.is_better) == (36, 1, True)
    assert decoded[-1] == (37, 37)
    assert summary.active == "builtin"
    model = load_model("mine", models_folder=library.paths.models)
    described = json.loads((summary.folder / "model.json").read_text("utf-8"))
    assert described["comparison"]["after"]["micro_ap"] == 0.7
    with library.store() as store:
        assert store.active_model() is None
        run = store.latest_run("train")
        assert run is not None
        assert run.summary["after"]["recall_at_1"] == 0.8
        for name in ("loss", "recall_at_1", "teacher_entropy", "rank", "loss_koleo"):
            assert len(store.metrics(run.id, name)) == 1, name
    library.index([photos])
    with library.store() as store:
        active = store.active_model()
        assert active is not None
        assert active.fingerprint == model.fingerprint
    assert library.query(photos / "00.png", k=1)
    assert (summary.folder / "training" / "curves.png").is_file()
    page = summary.page.read_text("utf-8")
    assert "mine: before and after" in page
    assert sum(row.copies for row in summary.relations) == 8


def test_a_worse_model_changes_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=False)
    arguments = [
        *("train", str(photos), "--library", str(tmp_path / "lib"), "--init", "scratch"),
        *("--epochs", "1", "--batch-size", "8", "--device", "cpu", "--local-views", "1"),
        *("--local-px", "32", "--name", "try"),
        *(part for change in CHANGES for part in ("--set", change)),
    ]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "1 could not be read" in result.output
    assert "recall@1 0.800" in result.output
    assert "re-encoded" in result.output
    assert "before_after.html" in result.output
    assert "The new model is not better (-0.600, at least -0.700" in result.output
    library = Library(tmp_path / "lib")
    with library.store() as store:
        assert store.active_model() is None
    # It can still be asked for by its folder.
    assert not (library.paths.models / "try" / "model.json").exists()
    assert load_model(str(library.paths.models / "try" / "training" / "model")).dimensions == 128


def test_a_run_starts_from_a_model_of_the_library(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    library.train([photos], options(name="first"))
    changes = (*CHANGES, "optimiser.rate=0")
    second = options(name="second", init="first", changes=changes, anyway=True)
    summary = library.train([photos], second)
    assert summary is not None
    assert summary.compared_with == "first"
    one, other = (
        load_model(name, models_folder=library.paths.models) for name in ("first", "second")
    )
    for name, value in one.module.state_dict().items():
        # At rate 0 nothing moves: all that was learned before is there.
        assert torch.allclose(value, other.module.state_dict()[name], atol=2e-3)


def test_a_better_model_of_the_active_ones_name_leaves_the_library_usable(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    library.train([photos], options())
    library.index([photos])
    before = library.query(photos / "00.png", k=3)
    shutil.rmtree(library.paths.models / "mine" / "training")
    again = library.train([photos], options(seed=1))
    assert again is not None
    assert again.is_better
    # The photos are described by the model before: it still answers, and nothing else changed.
    assert library.query(photos / "00.png", k=3) == before
    library.index([photos])
    fingerprint = load_model("mine", models_folder=library.paths.models).fingerprint
    with library.store() as store:
        active = store.active_model()
        assert active is not None
        assert active.fingerprint == fingerprint
        assert store.count_vectors(active.id) == 36
    assert library.query(photos / "00.png", k=1)


def test_a_worse_model_leaves_the_one_of_its_name_as_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    library.train([photos], options())
    library.index([photos])
    folder = library.paths.models / "mine"
    kept = {name: (folder / name).read_bytes() for name in ("model.json", "weights.safetensors")}
    shutil.rmtree(folder / "training")
    set_winner(monkeypatch, is_better=False)
    summary = library.train([photos], options(seed=1))
    assert summary is not None
    assert (summary.is_better, summary.active) == (False, "mine")
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    library.index([photos])
    assert library.query(photos / "00.png", k=1)


def test_a_model_is_put_in_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    spec, found = replace(TINY, view_px=32), Retrieval(0.8, 0.9, 0.7)
    comparison = Comparison(found, found, 8, 32, 20, gain=0.1, least_gain=0.1)
    place, trained = tmp_path / "mine", tmp_path / "training" / "model"
    for folder in (place, trained):
        save_model(folder, spec=spec, module=create_backbone(spec), details={})
    kept = {path.name: path.read_bytes() for path in place.iterdir()}
    (trained / "weights.safetensors").rename(trained / "gone")
    with pytest.raises(FileNotFoundError):
        _install(trained, place, comparison)
    assert {name: (place / name).read_bytes() for name in kept} == kept
    assert sorted(path.name for path in place.iterdir() if path.is_file()) == sorted(kept)
    (trained / "gone").rename(trained / "weights.safetensors")
    _install(trained, place, comparison)
    assert (place / "weights.safetensors").read_bytes() != kept["weights.safetensors"]
    assert load_model(str(place)).fingerprint == load_model(str(trained)).fingerprint
    # The photos are still described by the one before: it is kept until they no longer are.
    former = load_model(str(place / FORMER_FOLDER))
    assert (place / FORMER_FOLDER / "weights.safetensors").read_bytes() == kept[
        "weights.safetensors"
    ]
    assert former.dimensions == 128


def test_the_library_answers_as_before_until_all_is_described_anew(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    library.index([photos], IndexOptions(model="untrained"))
    before = library.query(photos / "00.png", k=3)
    summary = library.train([photos], options())
    assert summary is not None
    assert summary.active == "untrained"
    assert library.query(photos / "00.png", k=3) == before
    with library.store() as store:
        active = store.active_model()
        assert active is not None
        assert store.count_vectors(active.id) == 36


def test_the_new_model_must_beat_the_active_one_too(photos: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / ".dupfind")
    first = library.train([photos], options(name="first"))
    assert first is not None
    library.index([photos], IndexOptions(model="builtin"))
    # Better than the tiny network it starts from it may be; the builtin one it is not.
    summary = library.train([photos], options(init=str(first.folder), anyway=True))
    assert summary is not None
    assert summary.compared_with == "builtin"
    assert not summary.is_better


def test_an_earlier_run_is_never_thrown_away(photos: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / ".dupfind")
    library.train([photos], options())
    before = sorted((library.paths.models / "mine" / "training").rglob("*"))
    with pytest.raises(TrainingError, match=r"a run of 'mine' already.*--resume.*--name"):
        library.train([photos], options())
    assert sorted((library.paths.models / "mine" / "training").rglob("*")) == before


def test_the_device_of_a_library_is_used_whatever_the_options(photos: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / ".dupfind", device="cuda:99")
    with pytest.raises(TrainingError, match="GPU"):
        library.train([photos], options(device="auto"))


def test_a_budget_that_leaves_no_time_to_train_is_refused(photos: Path, tmp_path: Path) -> None:
    given = options(epochs=None, minutes=0.01)
    with pytest.raises(TrainingError, match=r"--minutes 0.01 leaves no time.*at least \d"):
        Library(tmp_path / ".dupfind").train([photos], given)


def test_a_budget_that_reading_uses_up_ends_the_run_while_it_reads(
    photos: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    callbacks = TrainCallbacks(on_decoded=lambda done, _: told.append(done))
    given = options(epochs=None, minutes=1e-9)
    with pytest.raises(TrainingError, match=r"reading 37 photos takes at least \d+ s"):
        Library(tmp_path / ".dupfind").train([photos], given, callbacks)
    assert told == []
    assert not list((tmp_path / ".dupfind").rglob("training.u8*"))


def test_what_comes_before_and_after_training_is_taken_off_the_budget(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []

    def stop(_: object, *, reserve_s: float, **__: object) -> None:
        told.append(reserve_s)
        raise TrainingError("enough")

    monkeypatch.setattr("dupfind.flows.training.fit", stop)
    started, decoded = time.monotonic(), [0.0]
    callbacks = TrainCallbacks(on_decoded=lambda *_: decoded.append(time.monotonic()))
    given = options(epochs=None, minutes=1.0)
    with pytest.raises(TrainingError, match="enough"):
        Library(tmp_path / ".dupfind").train([photos], given, callbacks)
    # All that was done until then, and something for the comparison of the new model.
    assert decoded[-1] - started < told[0] < (1 + SLACK) * (time.monotonic() - started)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "builtin"}, "cannot be a model's name"),
        ({"name": "../x"}, "cannot be a model's name"),
        ({"resume": True}, "no run of 'mine' to resume"),
        ({"changes": ("nothing=1",)}, "no option 'nothing'"),
        ({"device": "cuda:99"}, "no GPU|GPU"),
    ],
)
def test_wrong_options_are_refused_in_plain_words(
    changes: dict[str, object], words: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=words):
        Library(tmp_path / ".dupfind").train([photos], options(**changes))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_names_what_is_full_and_leaves_nothing_half_written(
    photos: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # Room for the small pictures, 5.4 MB, and not for the first checkpoint.
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=6500k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs the right to mount")
    try:
        library = Library(disk / ".dupfind", device="cpu")
        with pytest.raises(TrainingError, match=r"step-\d+ cannot be written .*No space.*--resume"):
            library.train([photos], options())
        assert not list(library.paths.root.rglob("*.new"))
        with library.store() as store:
            assert [run.status for run in store.runs("train")] == ["failed"]
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
