"""The memory of what the teacher said: copies are told apart from more photos than a batch holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from training_samples import TINY, made_up_cache, tiny_config

from dupfind.training.feed import Feed
from dupfind.training.memory import NOBODY, Memory, Shown
from dupfind.training.split import split_collection
from dupfind.training.step import Learner
from dupfind.training.views.maker import ViewMaker

DIMENSIONS = 6


def unit(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, DIMENSIONS, generator=generator), dim=-1)


def shown(*photos: int, beside: tuple[int, ...] = ()) -> Shown:
    return Shown(torch.tensor(photos), torch.tensor(beside, dtype=torch.int64))


def naive(copy: Tensor, own: Tensor, others: Tensor, temperature: float) -> Tensor:
    near = torch.exp(own @ copy / temperature)
    return -torch.log(near / (near + torch.exp(others @ copy / temperature).sum()))


def test_each_copy_is_told_apart_from_the_batch_and_all_that_is_kept() -> None:
    memory = Memory(8, DIMENSIONS)
    kept = unit(5, 1)
    memory.add(kept, shown(10, 11, 12, 13, 14))
    copies, keys = unit(3, 2), unit(3, 3)
    loss = memory.loss(copies, keys, shown(0, 1, 2), temperature=0.3)
    expected = [
        naive(copies[row], keys[row], torch.cat([keys[:row], keys[row + 1 :], kept]), 0.3)
        for row in range(3)
    ]
    assert loss == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)


def test_neither_itself_nor_a_near_duplicate_nor_what_stands_beside_it_counts_as_another() -> None:
    memory = Memory(4, DIMENSIONS)
    memory.add(unit(4, 1), shown(10, 11, 0, 12))
    copies, keys = unit(3, 2), unit(3, 3)
    # Photo 0 is kept, 7 and 7 are near-duplicates in one batch, 12 stands in the collage.
    loss = memory.loss(copies, keys, shown(0, 7, 7, beside=(12, 99)), temperature=0.3)
    far = unit(4, 1)[:2]
    own = unit(4, 1)[2:3]
    expected = [
        naive(copies[0], keys[0], torch.cat([keys[1:], far]), 0.3),
        naive(copies[1], keys[1], torch.cat([keys[:1], far, own]), 0.3),
        naive(copies[2], keys[2], torch.cat([keys[:1], far, own]), 0.3),
    ]
    assert loss == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)


def test_an_empty_memory_leaves_the_batch_alone() -> None:
    copies, keys = unit(3, 2), unit(3, 3)
    loss = Memory(4, DIMENSIONS).loss(copies, keys, shown(0, 1, 2), temperature=0.1)
    expected = functional.cross_entropy(copies @ keys.T / 0.1, torch.arange(3))
    assert loss == pytest.approx(float(expected), rel=1e-5)


def test_it_keeps_the_last_ones() -> None:
    memory = Memory(5, DIMENSIONS)
    for start in (0, 3, 6):
        memory.add(unit(3, start), shown(start, start + 1, start + 2))
    assert sorted(memory.photos.tolist()) == [4, 5, 6, 7, 8]
    at = {photo: place for place, photo in enumerate(memory.photos.tolist())}
    for start, number in ((3, 1), (3, 2), (6, 0), (6, 1), (6, 2)):
        assert torch.equal(memory.keys[at[start + number]], unit(3, start)[number])


def test_a_batch_larger_than_the_memory_leaves_its_last_ones() -> None:
    memory = Memory(2, DIMENSIONS)
    memory.add(unit(5, 1), shown(0, 1, 2, 3, 4))
    assert sorted(memory.photos.tolist()) == [3, 4]


def test_a_step_learns_from_what_the_teacher_said_of_first_views_in_the_steps_before() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = tiny_config()
    losses = replace(config.losses, memory=0.5, dino=0.0)
    learner = Learner(replace(config, losses=losses), torch.device("cpu"), photos=21)
    memory = learner.memory
    assert memory is not None
    assert len(memory.photos) == 16  # whole batches of 8
    assert set(memory.photos.tolist()) == {NOBODY}
    views = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = learner.teacher([views[:8]]).descriptors
    result = learner.step([views], photos=8, progress=0.5, shown=shown(*range(8)))
    assert memory.photos[:8].tolist() == list(range(8))
    assert torch.allclose(memory.keys[:8], expected, atol=0.02)  # bfloat16
    assert result.loss == pytest.approx(
        0.1 * result.terms["koleo"] + result.terms["contrastive"] + 0.5 * result.terms["memory"],
        rel=1e-4,
    )
    again = learner.step([views], photos=8, progress=0.5, shown=shown(*range(10, 18)))
    # Eight more are to be told apart, and all of them look like the own photo.
    assert again.terms["memory"] > result.terms["memory"] + 0.3


def test_the_feed_says_what_its_views_show() -> None:
    config = tiny_config()
    config = replace(config, views=replace(config.views, single=True, local_count=0))
    photos = split_collection(made_up_cache(), config)
    photos = replace(photos, groups=np.arange(40) + 100)
    maker = ViewMaker(device=torch.device("cpu"), mean=TINY.mean, std=TINY.std)
    feed = Feed(config, photos, maker)
    batch = next(feed.plan(0, 0))
    said = feed.shown(batch, 3)
    assert said.photos.tolist() == (batch.rows + 100).tolist()
    assert not set(said.beside.tolist()) & set(said.photos.tolist())
    assert set(said.beside.tolist()) <= set((photos.split.train + 100).tolist())
    assert torch.equal(feed.shown(batch, 3).beside, said.beside)
    # The first view of a copy's photo is the photo itself, as it will be searched.
    views = feed.views(batch, 3, 0.5)[0]
    whole = maker.clean(photos.cache.batch(batch.rows, torch.device("cpu")), 32)
    assert torch.allclose(views[: len(whole)], whole, atol=1e-5)


def test_without_a_weight_there_is_no_memory() -> None:
    assert Learner(tiny_config(), torch.device("cpu"), photos=21).memory is None
