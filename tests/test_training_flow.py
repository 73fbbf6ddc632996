"""`dupfind train`: the run in the database, the model in its place, the better one active."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import picture
from PIL import Image
from training_samples import TINY

from dupfind import Library
from dupfind.cli import cli
from dupfind.descriptors.backbone import load_model
from dupfind.errors import ModelError, TrainingError
from dupfind.flows.training import TrainCallbacks, TrainOptions
from dupfind.training.comparison import Comparison, compare
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
def one_thread() -> None:
    torch.set_num_threads(1)


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
    found = Comparison(before, after, photos=8, copies=32, rivals=20)
    monkeypatch.setattr("dupfind.flows.training.compare", lambda *_, **__: found)


def test_a_better_model_becomes_the_active_one(
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
    assert summary.active == "mine"
    model = load_model("mine", models_folder=library.paths.models)
    described = json.loads((summary.folder / "model.json").read_text("utf-8"))
    assert described["comparison"]["after"]["micro_ap"] == 0.7
    with library.store() as store:
        active = store.active_model()
        assert active is not None
        assert active.fingerprint == model.fingerprint
        run = store.latest_run("train")
        assert run is not None
        assert run.summary["after"]["recall_at_1"] == 0.8
        for name in ("loss", "recall_at_1", "teacher_entropy", "rank", "loss_koleo"):
            assert len(store.metrics(run.id, name)) == 1, name
    with pytest.raises(ModelError, match=r"no photo is described by the model 'mine' yet.*index"):
        library.query(photos / "00.png")
    library.index([photos])
    assert library.query(photos / "00.png", k=1)
    assert (summary.folder / "training" / "curves.png").is_file()


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
    assert "not better, so nothing changes" in result.output
    library = Library(tmp_path / "lib")
    with library.store() as store:
        assert store.active_model() is None
    # It can still be asked for by name.
    assert load_model("try", models_folder=library.paths.models).dimensions == 128


def test_a_run_starts_from_a_model_of_the_library(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_winner(monkeypatch, is_better=True)
    library = Library(tmp_path / ".dupfind")
    library.train([photos], options(name="first"))
    second = options(name="second", init="first", changes=(*CHANGES, "optimiser.rate=0"))
    summary = library.train([photos], second)
    assert summary is not None
    assert summary.compared_with == "first"
    one, other = (
        load_model(name, models_folder=library.paths.models) for name in ("first", "second")
    )
    for name, value in one.module.state_dict().items():
        # At rate 0 nothing moves: all that was learned before is there.
        assert torch.allclose(value, other.module.state_dict()[name], atol=2e-3)


def test_both_models_are_compared_on_the_same_copies(photos: Path) -> None:
    paths = sorted(photos.glob("*.png"))[:10]
    model = load_model("untrained")
    found = compare(model, model, paths, device="cpu")
    assert found.before == found.after
    assert found.is_better
    assert (found.photos, found.copies, found.rivals) == (10, 200, 0)
    assert 0 < found.after.score <= 1


def test_copies_look_for_their_originals_among_the_other_photos_too(photos: Path) -> None:
    paths = sorted(photos.glob("*.png"))
    model = load_model("untrained")
    alone = compare(model, model, paths[:10], device="cpu")
    among = compare(model, model, paths[:10], rivals=paths[10:], device="cpu")
    assert among.rivals == len(paths) - 10 > 0
    assert among.after.score < alone.after.score


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
