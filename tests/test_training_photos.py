"""Which photos a run learns from, and how two models are compared on the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SavePicture, picture
from PIL import Image
from training_samples import TINY, grouped, made_up_cache, tiny_config

from dupfind.descriptors.backbone import Model, create_backbone, load_model
from dupfind.errors import TrainingError
from dupfind.training.alike import keep_apart, look_alikes
from dupfind.training.batches import epoch_batches
from dupfind.training.cache import PhotoCache, open_cache
from dupfind.training.comparison import Exam
from dupfind.training.duplicates import group_alike
from dupfind.training.feed import Feed
from dupfind.training.heldout import HeldOut, LookUp, look_up, retrieval
from dupfind.training.loop import Trainer
from dupfind.training.pages import make_page
from dupfind.training.run import RunOptions, cache_side, configure, decode_for_cache, prepare, train
from dupfind.training.split import Collection, Split, split_collection, split_photos
from dupfind.training.views.maker import ViewMaker

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def maker() -> ViewMaker:
    return ViewMaker(device=CPU, mean=(0.5,) * 3, std=(0.25,) * 3)


def test_pages_of_one_form_are_different_photos_of_a_small_album_too() -> None:
    start = load_model("builtin")
    pages = [make_page("form", 900001, number, short_px=224) for number in range(50)]
    shown = [np.asarray(page.resize((224, 224))).transpose(2, 0, 1) for page in pages]
    names = tuple(Path(f"{number}.webp") for number in range(50))
    cache = PhotoCache(np.stack(shown), np.ones(50, np.float32), names, ())
    eye = ViewMaker(device=CPU, mean=start.spec.mean, std=start.spec.std)
    assert len(set(grouped(cache, eye, start).tolist())) >= 45


def saved(folder: Path, count: int, side: int = 64) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray(picture(number, (side, side - 16))).save(path)
    return paths


def collection(paths: list[Path], folder: Path, judged: list[int]) -> Collection:
    cache = open_cache(paths, folder, decode=decode_for_cache, side_px=32)
    train_rows = np.array([row for row in range(len(cache)) if row not in judged])
    return Collection(
        cache, np.arange(len(cache)), Split(train_rows, tuple(judged), (), tuple(judged))
    )


def test_near_duplicates_are_never_split_between_training_and_held_out() -> None:
    groups = np.repeat(np.arange(50), 2)
    for seed in range(5):
        split = split_photos(groups, tiny_config(seed=seed, held_out=15))
        assert len(split.held) == 14
        assert not set(groups[list(split.held)]) & set(groups[split.train])
        assert sorted([*split.train.tolist(), *split.held]) == list(range(100))
        # The monitor and the comparison see one photo of each group, and not the same ones.
        shown = [*split.monitor, *split.judged]
        assert len(shown) == len(set(groups[shown])) == 7
        assert set(shown) <= set(split.held)
        assert 0 < len(split.monitor) < len(split.judged)


def test_a_resumed_run_must_hold_the_same_photos_out(tmp_path: Path) -> None:
    config = tiny_config()
    photos = split_collection(made_up_cache(), config)
    Trainer(config, photos, tmp_path, device=CPU).run()
    other = split_collection(made_up_cache(), tiny_config(seed=1))
    with pytest.raises(TrainingError, match="held other photos out"):
        Trainer(config, other, tmp_path, device=CPU).resume()


@pytest.mark.parametrize("change", ["seed=5", "held_out=4"])
def test_another_seed_is_refused_before_it_trains_on_what_was_held_out(
    change: str, tmp_path: Path
) -> None:
    paths = saved(tmp_path / "photos", 30)
    spec = ['spec.arguments={"embed_dim":64,"depth":2,"num_heads":2,"pos_embed":"none"}']
    changes = (*spec, "spec.view_px=32", "views.global_px=32", "views.growth=[]", "epochs=1")
    options = RunOptions(tmp_path / "run", tmp_path / "cache", changes=changes)
    train(paths, options)
    again = RunOptions(tmp_path / "run", tmp_path / "cache", resume=True, changes=(change,))
    with pytest.raises(TrainingError, match=r"begun with seed 0 and held_out 16"):
        train(paths, again)
    # As many photos as before, but not the same ones: their rows mean other photos.
    resumed = RunOptions(tmp_path / "run", tmp_path / "cache", resume=True)
    with pytest.raises(TrainingError, match="not those of the run to resume"):
        train([*paths[1:], saved(tmp_path / "more", 31)[30]], resumed)
    assert prepare(paths, resumed).photos.split.held


@pytest.mark.parametrize("start", [None, "untrained"])
@pytest.mark.parametrize("kind", ["copies", "black"])
def test_one_photo_many_times_is_refused_in_one_line(
    start: str | None, kind: str, tmp_path: Path
) -> None:
    pixels = picture(1) if kind == "copies" else np.zeros((64, 96, 3), np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for path in paths:
        Image.fromarray(pixels).save(path)
    model = None if start is None else load_model(start)
    with pytest.raises(
        TrainingError, match="only 1 photo is different; training needs at least 20"
    ):
        train(paths, RunOptions(tmp_path / "run", tmp_path / "cache", model))


def test_a_batch_is_made_smaller_where_there_are_few_different_photos(tmp_path: Path) -> None:
    paths = saved(tmp_path / "photos", 30)
    options = RunOptions(tmp_path / "run", tmp_path / "cache", changes=("batch_size=128",))
    prepared = prepare(paths, options)
    assert prepared.config.batch_size == 8
    assert next(Feed(prepared.config, prepared.photos, maker()).plan(0, 0)).rows.shape == (8,)
    with pytest.raises(TrainingError, match=r"a batch holds 64 photos but there are only 24"):
        Feed(tiny_config(batch_size=64), prepared.photos, maker())


@pytest.mark.parametrize("batch_size", [16, 128])
def test_the_rate_of_a_tuning_run_is_the_same_whatever_the_batch(batch_size: int) -> None:
    start = Model("tiny", TINY, create_backbone(TINY), "")
    for changes in ((f"batch_size={batch_size}",), ("batch_size=4", f"batch_size={batch_size}")):
        options = RunOptions(Path("run"), Path("cache"), start, changes=changes)
        config = configure(300, options, None)
        assert config.batch_size == batch_size
        assert config.optimiser.rate * config.batch_size / 256 == pytest.approx(4e-4)


def test_views_consist_of_whole_patches_whatever_the_patch(tmp_path: Path) -> None:
    from dupfind.descriptors.backbone import ModelSpec

    arguments = {"embed_dim": 32, "depth": 1, "num_heads": 2, "patch_size": 14, "img_size": 98}
    spec = ModelSpec("vit_tiny_patch16_224", arguments, view_px=98)
    start = Model("fourteen", spec, create_backbone(spec), "")
    for device in ("cpu", "cuda"):
        options = RunOptions(tmp_path, tmp_path, start, device=torch.device(device))
        views = configure(300, options, None).views
        sides = [views.global_px, views.local_px, *(px for _, px in views.growth)]
        assert all(px % 14 == 0 for px in sides), sides
    options = RunOptions(tmp_path, tmp_path, start, changes=("views.global_px=100",))
    config = configure(300, options, None)
    with pytest.raises(
        TrainingError, match=r"views.global_px is 100.*patches of 14 px.*such as 98"
    ):
        Trainer(config, split_collection(made_up_cache(), config), tmp_path, device=CPU)


def test_cached_pictures_are_as_large_as_the_views() -> None:
    assert cache_side(tiny_config()) == 224
    large = configure(300, RunOptions(Path(), Path(), changes=("spec.view_px=518",)), None)
    assert cache_side(large) == 528


def test_collages_never_show_photos_of_their_own_batch() -> None:
    config = tiny_config(batch_size=8)
    groups = np.arange(40)
    groups[1::2] -= 1  # two of each
    photos = split_collection(made_up_cache(), config, groups)
    feed = Feed(config, photos, maker())
    batch = next(feed.plan(0, 0))
    shown = np.concatenate([feed.beside(batch, seed) for seed in range(50)])
    assert not set(groups[shown]) & set(groups[batch.everyone])
    assert set(shown.tolist()) <= set(photos.split.train.tolist())


def test_large_collections_are_grouped_as_small_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3000, 32, generator=generator)
    rows[1000:1400] = rows[:400] + 0.05 * torch.randn(400, 32, generator=generator)
    rows = torch.nn.functional.normalize(rows, dim=1)
    exact = group_alike(rows, 0.99)
    monkeypatch.setattr("dupfind.training.duplicates.EXACT_UP_TO", 100)
    large = group_alike(rows, 0.99)
    alike = exact[:400] == exact[1000:1400]
    assert alike.mean() > 0.95
    assert (large[:400] == large[1000:1400])[alike].mean() > 0.99


def test_blank_pictures_are_one_group(save_picture: SavePicture, tmp_path: Path) -> None:
    paths = [save_picture(f"{number}.png", number) for number in range(10)]
    for number in range(40):
        paths.append(tmp_path / f"black{number}.png")
        Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(paths[-1])
    cache = open_cache(paths, tmp_path / "cache", decode=decode_for_cache, side_px=32)
    for start in (None, load_model("untrained")):
        groups = grouped(cache, maker(), start)
        is_black = np.array([path.name.startswith("black") for path in cache.paths])
        assert len(set(groups[is_black])) == 1
        assert len(set(groups[~is_black])) == 10


def test_a_group_with_many_members_fills_no_batch_twice() -> None:
    groups = np.arange(300)
    groups[:100] = 0
    batches = epoch_batches(np.arange(300), batch_size=8, epoch=0, seed=0, groups=groups)
    assert len(batches) >= 25
    for batch in batches:
        assert len(set(groups[batch].tolist())) == 8


def test_look_alikes_are_of_the_family_or_the_nearest_that_are_no_duplicates() -> None:
    """Rows 0 to 2 are pages of one form, 3 and 4 duplicates, 5 near both, 6 far."""
    families = np.array([7, 7, 7, -1, -1, -1, -1])
    groups = keep_apart(np.array([0, 0, 1, 2, 2, 3, 4]), families)
    angles = torch.tensor([0.0, 0.1, 0.2, 0.0, 0.1, 0.4, 2.0])
    descriptors = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = look_alikes(descriptors, groups, families, 2)
    assert found.tolist() == [[1, 2], [2, 0], [0, 1], [5, 6], [5, 6], [4, 3], [5, 4]]


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_descriptors_that_are_all_alike_find_nothing(value: float) -> None:
    found = retrieval(torch.full((20, 4), value), torch.full((20, 4), value), torch.arange(20))
    assert (found.recall_at_1, found.recall_at_10) == (0.0, 0.0)
    assert found.micro_ap < 0.1


@pytest.mark.parametrize("shown", [1, 2, 40])
def test_few_photos_are_looked_up_by_more_copies_of_each(shown: int, tmp_path: Path) -> None:
    photos = collection(saved(tmp_path / "photos", 60, 32), tmp_path / "cache", list(range(shown)))
    split = replace(photos.split, monitor=photos.split.judged)
    held_out = HeldOut(replace(photos, split=split), maker(), view_px=16)
    copies_of_each = max(2, -(-128 // shown))
    assert len(held_out.copies) == len(held_out.owner) == copies_of_each * shown


def test_pairs_that_count_neither_way_are_left_out() -> None:
    originals = torch.eye(3)
    collage = torch.tensor([[0.6, 0.8, 0.0]])  # shows 0, and 1 more clearly
    assert look_up(originals, collage, torch.tensor([0])).place.tolist() == [1]
    ignored = torch.tensor([[False, True, False]])
    found = look_up(originals, collage, torch.tensor([0]), ignored)
    assert found.place.tolist() == [0]
    assert found.precision.tolist() == [1.0]


def test_all_models_see_the_same_copies_and_a_tie_changes_nothing(tmp_path: Path) -> None:
    photos = collection(saved(tmp_path / "photos", 30), tmp_path / "cache", list(range(10)))
    model = load_model("untrained")
    exam = Exam(photos, [model.spec.view_px])
    assert (exam.photos, exam.copies, exam.rivals, len(exam.kinds)) == (10, 200, 20, 200)
    first, second = (exam.sit(model, device="cpu") for _ in range(2))
    comparison = exam.compare(first, second)
    assert comparison.before == comparison.after
    assert not comparison.is_better
    assert 0 < comparison.after.score < 1


def test_a_collage_does_not_count_against_the_other_photos_in_it(tmp_path: Path) -> None:
    photos = collection(saved(tmp_path / "photos", 24), tmp_path / "cache", list(range(4)))
    exam = Exam(photos, [32])
    is_collage = torch.tensor([kind.startswith("collage") for kind in exam.kinds])
    # Each collage shows other judged photos; those, and never its own, count neither way.
    assert bool(exam.ignored[is_collage].any(dim=1).all())
    assert not bool(exam.ignored[torch.arange(exam.copies), exam.owners].any())
    assert not bool(exam.ignored[:, exam.photos :].any())


def luck(gain: float, seed: int, photos: int = 60) -> tuple[LookUp, LookUp]:
    """Two models that differ by noise, and by ``gain`` besides: four copies of each photo."""
    rng = np.random.default_rng(seed)
    before = rng.random((photos, 4)) < 0.7
    flips = rng.random((photos, 4)) < 0.1
    after = np.where(flips, ~before, before) | (rng.random((photos, 4)) < gain)
    return tuple(  # type: ignore[return-value]
        LookUp(
            torch.from_numpy((~found).astype(np.int64).ravel()),
            torch.from_numpy(found.astype(float).ravel()),
            torch.zeros(found.size),
            torch.zeros(1, 1),
        )
        for found in (before, after)
    )


def test_noise_hardly_ever_wins_and_a_real_gain_does(tmp_path: Path) -> None:
    photos = collection(saved(tmp_path / "photos", 70), tmp_path / "cache", list(range(60)))
    exam = Exam(photos, [32])
    assert exam.copies == 240
    # Flips take more than they give here (0.7 are found), so a win would be luck.
    lucky = [exam.compare(*luck(0.0, seed)).is_better for seed in range(60)]
    real = [exam.compare(*luck(0.5, seed)).is_better for seed in range(60)]
    assert sum(lucky) <= 2
    assert sum(real) >= 55


def test_the_photos_to_compare_on_are_drawn_from_all_that_were_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dupfind.training.comparison.MOST_PHOTOS", 5)
    photos = collection(saved(tmp_path / "photos", 40), tmp_path / "cache", list(range(20)))
    shown = {seed: Exam(photos, [32], seed=seed).rows for seed in (1, 2)}
    assert len(shown[1]) == 5
    assert shown[1] != shown[2]
    assert shown[1] != list(range(5))
