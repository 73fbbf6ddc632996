"""The cache of small pictures, and which photos share a batch."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SavePicture, picture
from PIL import Image
from training_samples import grouped, made_up_cache

from dupfind.errors import TrainingError
from dupfind.photos.decode import decode
from dupfind.records import Picture
from dupfind.training.batches import epoch_batches
from dupfind.training.cache import PhotoCache, open_cache
from dupfind.training.config import TrainingConfig, as_json, from_json
from dupfind.training.defaults import (
    SCRATCH_SPEC,
    default_config,
    epochs_for,
    prototypes_for,
    teacher_temperature_for,
)
from dupfind.training.duplicates import group_alike
from dupfind.training.overrides import as_changes, with_overrides
from dupfind.training.views.maker import ViewMaker


def read(path: Path, side_px: int) -> Picture:
    return decode(path, needed_px=side_px)


def opened(paths: list[Path], folder: Path, **options: int) -> PhotoCache:
    return open_cache(paths, folder, decode=read, **{"side_px": 32, **options})  # type: ignore[arg-type]


def test_a_cached_picture_is_the_photo_squashed(save_picture: SavePicture, tmp_path: Path) -> None:
    path = save_picture("a.png", 1, (96, 48))
    cache = opened([path], tmp_path / "cache")
    expected = Image.fromarray(picture(1, (96, 48))).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(cache.pixels[0].transpose(1, 2, 0), np.asarray(expected))
    assert cache.aspects.tolist() == [2.0]
    assert isinstance(cache.pixels, np.memmap)


def test_a_batch_holds_the_pictures_asked_for_and_those_beside_them(
    save_picture: SavePicture, tmp_path: Path
) -> None:
    paths = [save_picture(f"{number}.png", number, (40 + 8 * number, 40)) for number in range(4)]
    cache, processor = opened(paths, tmp_path / "cache"), torch.device("cpu")
    batch = cache.batch(np.array([2, 0]), processor, beside=np.array([1, 3, 1]))
    assert batch.beside is not None
    assert np.array_equal(batch.pixels.numpy(), cache.pixels[[2, 0]])
    assert np.array_equal(batch.beside.numpy(), cache.pixels[[1, 3, 1]])
    assert batch.aspects.tolist() == cache.aspects[[2, 0]].tolist()
    assert cache.batch(np.array([1]), processor).beside is None
    assert cache.batch(np.array([1]), processor, beside=np.zeros(0, np.int64)).beside is None


def test_the_cache_is_made_once_and_again_when_a_photo_changes(
    save_picture: SavePicture, tmp_path: Path
) -> None:
    paths = [save_picture(f"{number}.png", number) for number in range(3)]
    told: list[tuple[int, int]] = []

    def open_again() -> PhotoCache:
        told.clear()
        return open_cache(
            paths,
            tmp_path / "cache",
            decode=read,
            side_px=32,
            on_done=lambda done, total: told.append((done, total)),
        )

    first = open_again()
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert np.array_equal(open_again().pixels, first.pixels)
    assert told == []
    before = first.pixels[0].copy()
    Image.fromarray(picture(9)).save(paths[0])
    os.utime(paths[0], (1, 1))
    assert not np.array_equal(open_again().pixels[0], before)
    assert len(told) == 3


def test_a_damaged_cache_is_made_again(save_picture: SavePicture, tmp_path: Path) -> None:
    paths = [save_picture("a.png")]
    good = opened(paths, tmp_path / "cache").pixels.copy()
    (tmp_path / "cache" / "training.json").write_text("{", "utf-8")
    assert np.array_equal(opened(paths, tmp_path / "cache").pixels, good)
    with (tmp_path / "cache" / "training.u8").open("r+b") as stream:
        stream.truncate(10)
    assert np.array_equal(opened(paths, tmp_path / "cache").pixels, good)


def test_a_full_disk_ends_in_one_line_and_leaves_nothing_behind(
    save_picture: SavePicture, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    paths = [save_picture(f"{number}.png", number) for number in range(6)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (10_000, before[1])
    )  # files end there, as on a full disk
    try:
        with pytest.raises(TrainingError, match=r"cannot write the small pictures.*need 0 MB"):
            opened(paths, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(opened(paths, tmp_path / "cache")) == 6


def test_photos_that_cannot_be_read_are_reported(save_picture: SavePicture, tmp_path: Path) -> None:
    good = save_picture("good.png")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff not a photo")
    gone = tmp_path / "gone.jpg"
    cache = opened([good, bad, gone], tmp_path / "cache")
    assert cache.paths == (good,)
    assert {failure.path for failure in cache.failures} == {bad, gone}
    assert all(failure.reason for failure in cache.failures)
    with pytest.raises(TrainingError, match="none of the 1 photos"):
        opened([bad], tmp_path / "other")


def test_a_bounded_cache_samples_a_large_collection(
    save_picture: SavePicture, tmp_path: Path
) -> None:
    paths = [save_picture(f"{number}.png", number) for number in range(6)]
    cache = opened(paths, tmp_path / "cache", limit_bytes=4 * 3 * 32 * 32)
    assert len(cache) == 4
    assert (tmp_path / "cache" / "training.u8").stat().st_size == 4 * 3 * 32 * 32
    assert set(cache.paths) < set(paths)


def test_every_epoch_is_a_new_order_of_all_photos() -> None:
    rows = np.arange(20)
    epochs = [epoch_batches(rows, batch_size=5, epoch=epoch, seed=3) for epoch in (0, 0, 1)]
    for batches in epochs:
        assert sorted(np.concatenate(batches).tolist()) == rows.tolist()
    assert np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], epochs[2])


def test_duplicates_never_share_a_batch() -> None:
    groups = np.arange(40)
    groups[:6] = 0
    groups[6:9] = 6
    for epoch in range(5):
        batches = epoch_batches(np.arange(40), batch_size=8, epoch=epoch, seed=1, groups=groups)
        assert len(batches) >= 4
        for batch in batches:
            assert len(batch) == 8
            assert len(set(groups[batch].tolist())) == 8
        everyone = np.concatenate(batches)
        assert len(set(everyone.tolist())) == len(everyone)


def test_groups_are_the_chains_of_alike_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 16, generator=generator)
    rows[30:40] = rows[:10] + 0.01 * torch.randn(10, 16, generator=generator)
    rows = torch.nn.functional.normalize(rows, dim=1)
    groups = group_alike(rows, 0.99)
    alike = (rows @ rows.T >= 0.99).numpy()
    for one in range(60):
        for other in range(60):
            assert (groups[one] == groups[other]) == alike[one, other]
    assert len(set(groups.tolist())) == 50


def test_large_collections_are_grouped_without_comparing_every_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dupfind.training.duplicates.EXACT_UP_TO", 100)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2000, 32, generator=generator)
    rows[1000:1100] = rows[:100] + 0.005 * torch.randn(100, 32, generator=generator)
    groups = group_alike(torch.nn.functional.normalize(rows, dim=1), 0.99)
    together = groups[:100] == groups[1000:1100]
    assert together.mean() > 0.95
    assert len(set(groups.tolist())) == 2000 - together.sum()


def test_copies_in_a_collection_end_up_in_one_group(
    save_picture: SavePicture, tmp_path: Path
) -> None:
    paths = [save_picture(f"{number:02}.png", number) for number in range(12)]
    paths.append(save_picture("99.jpg", 3, quality=80))
    cache = opened(paths, tmp_path / "cache")
    maker = ViewMaker(device=torch.device("cpu"), mean=(0.5,) * 3, std=(0.25,) * 3)
    groups = grouped(cache, maker, None)
    assert groups[3] == groups[12]
    assert len(set(groups.tolist())) == 12


@pytest.mark.parametrize(
    ("photos", "prototypes", "temperature"),
    [(500, 1024, 0.02), (20_000, 1024, 0.02), (40_000, 2048, None), (1_000_000, 65536, 0.07)],
)
def test_defaults_follow_the_size_of_the_collection(
    photos: int, prototypes: int, temperature: float | None
) -> None:
    assert prototypes_for(photos) == prototypes
    if temperature is not None:
        assert teacher_temperature_for(photos) == pytest.approx(temperature)
    config = default_config(photos, SCRATCH_SPEC, from_scratch=False, on_gpu=False)
    assert config.losses.prototypes == prototypes
    assert 8 <= config.held_out <= 512
    assert epochs_for(photos, from_scratch=True) >= epochs_for(photos, from_scratch=False) >= 3


def test_what_a_processor_has_no_time_for_is_left_out() -> None:
    for from_scratch in (True, False):
        config = default_config(2000, SCRATCH_SPEC, from_scratch=from_scratch, on_gpu=False)
        assert config.views.local_count == 0
        # From nothing a run goes to its end; one that tunes may stop once it helps no more.
        assert (config.patience == 0) == from_scratch
    assert default_config(2000, SCRATCH_SPEC, from_scratch=True, on_gpu=True).views.local_count > 0


def test_an_album_is_learned_from_with_a_memory_and_beside_what_is_rehearsed() -> None:
    for on_gpu in (False, True):
        config = default_config(150, SCRATCH_SPEC, from_scratch=False, on_gpu=on_gpu)
        assert config.views.single
        assert config.losses.memory > 0
        assert config.losses.rehearsal > 0
        assert 0 < config.losses.dino < 1
        other = default_config(150, SCRATCH_SPEC, from_scratch=True, on_gpu=on_gpu)
        assert not other.views.single
        assert other.losses.memory == other.losses.rehearsal == 0
        assert other.losses.dino == 1


def test_a_configuration_survives_json() -> None:
    import json

    config = default_config(5000, SCRATCH_SPEC, from_scratch=True, on_gpu=True)
    described = json.loads(json.dumps(as_json(config)))
    assert from_json(described) == config
    described["views"]["no_longer_an_option"] = 1
    assert from_json(described) == config


def test_single_options_can_be_changed_by_name() -> None:
    changes = as_changes({"minutes": 3.5, "epochs": None, "batch_size": 8})
    config = with_overrides(
        TrainingConfig(), [*changes, "losses.koleo=0", "views.growth=[[0.5, 96]]"]
    )
    assert (config.minutes, config.batch_size, config.epochs) == (3.5, 8, 100)
    assert config.losses.koleo == 0.0
    assert config.views.global_px_at(0.4) == 224
    assert config.views.growth == ((0.5, 96),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("losses.kolea=1", "no option 'losses.kolea'.*koleo"),
        ("epochs=many", "needs a value like"),
        ("batch_size=1", "at least 2"),
        ("minutes=-1", "above 0"),
        ("views.global_count=1", "two global views"),
    ],
)
def test_a_wrong_option_is_refused_in_plain_words(change: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        with_overrides(TrainingConfig(), [change])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_holds_the_whole_cache_where_it_has_room() -> None:
    device = torch.device("cuda", 0)
    cache = made_up_cache(12)
    held = cache.brought_to(device)
    assert held.resident is not None
    rows, beside = np.array([7, 2, 7]), np.array([0, 11])
    batch, expected = (some.batch(rows, device, beside=beside) for some in (held, cache))
    assert batch.beside is not None
    assert expected.beside is not None
    assert torch.equal(batch.pixels, expected.pixels)
    assert torch.equal(batch.beside, expected.beside)


def test_a_processor_reads_the_cache_where_it_lies() -> None:
    cache = made_up_cache(4)
    assert cache.brought_to(torch.device("cpu")) is cache
