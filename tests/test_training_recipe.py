"""The parts of DINO as one training step puts them together (the parts alone: test_training_losses)."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from training_samples import tiny_config

from dupfind.errors import TrainingError
from dupfind.training import schedule
from dupfind.training.network import DinoHead
from dupfind.training.step import Learner

CPU = torch.device("cpu")
PHOTOS = 4


@pytest.fixture
def learner() -> Learner:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = tiny_config()
    optimiser = replace(config.optimiser, drop_path=0.0, frozen_last_layer=0.2)
    learner = Learner(replace(config, optimiser=optimiser), CPU)
    learner.student.train()
    return learner


def views(global_count: int = 2, local_count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randn(count * PHOTOS, 3, px, px, generator=generator)
        for count, px in ((global_count, 32), (local_count, 16))
    ]


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def test_all_views_go_through_the_student_and_only_global_ones_through_the_teacher(
    learner: Learner,
) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    for name in ("student", "teacher"):
        backbone = getattr(learner, name).backbone
        backbone.patch_embed.register_forward_pre_hook(
            lambda _, given, name=name: seen.update({(name, given[0].shape[-1]): len(given[0])})
        )
    learner.step(views(), photos=PHOTOS, progress=0.5)
    assert seen == {("student", 32): 2 * PHOTOS, ("student", 16): 3 * PHOTOS, ("teacher", 32): 8}


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.9])
def test_the_teacher_follows_the_student_that_has_just_moved(
    learner: Learner, progress: float
) -> None:
    for parameter in learner.student.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))  # apart, or nothing would show
    before = weights(learner.teacher)
    learner.step(views(), photos=PHOTOS, progress=progress)
    student, momentum = weights(learner.student), schedule.cosine(0.9, 1.0, progress)
    for name, value in weights(learner.teacher).items():
        expected = momentum * before[name] + (1 - momentum) * student[name]
        assert torch.allclose(value, expected, atol=1e-6), name


def test_the_loss_uses_the_centre_of_the_batches_before(learner: Learner) -> None:
    learner.dino.centre.copy_(torch.randn(1, 32, generator=torch.Generator().manual_seed(5)))
    centre = learner.dino.centre.clone()
    groups = views()
    with torch.no_grad():
        student, teacher = learner.student(groups).logits, learner.teacher(groups[:1]).logits
        temperature = learner.teacher_temperature(0.5)
        expected = learner.dino(student, teacher, photos=PHOTOS, teacher_temperature=temperature)
    result = learner.step(groups, photos=PHOTOS, progress=0.5)
    assert result.terms["dino"] == pytest.approx(float(expected), rel=0.02)
    moved = torch.lerp(centre, teacher.mean(dim=0, keepdim=True), 0.1)
    assert torch.allclose(learner.dino.centre, moved, atol=1e-3)


def test_the_loss_is_the_sum_of_its_terms_by_their_weights(learner: Learner) -> None:
    losses = replace(learner.config.losses, dino=0.5, koleo=0.25, contrastive=3.0)
    learner.config = replace(learner.config, losses=losses)
    result = learner.step(views(), photos=PHOTOS, progress=0.5)
    terms = result.terms
    assert set(terms) == {"dino", "koleo", "contrastive"}
    expected = 0.5 * terms["dino"] + 0.25 * terms["koleo"] + 3.0 * terms["contrastive"]
    assert result.loss == pytest.approx(expected, rel=1e-4)
    assert result.teacher_entropy is not None
    assert 0 < result.teacher_entropy <= math.log(32) + 1e-4  # of 32 prototypes


@pytest.mark.parametrize("name", ["koleo", "contrastive"])
def test_a_term_that_is_off_is_not_computed(name: str, learner: Learner) -> None:
    shipped = learner.config.losses
    off = {
        "koleo": replace(shipped, koleo=0.0),
        "contrastive": replace(shipped, contrastive=0.0),
    }
    losses = off[name]
    learner.config = replace(learner.config, losses=losses)
    result = learner.step(views(), photos=PHOTOS, progress=0.5)
    assert set(result.terms) == {"dino", "koleo", "contrastive"} - {name}


def test_the_backbone_waits_as_long_as_was_asked_for(learner: Learner) -> None:
    for frozen, progress, waits in ((0.0, 0.0, False), (0.3, 0.29, True), (0.3, 0.3, False)):
        optimiser = replace(
            learner.config.optimiser, frozen_backbone=frozen, warmup=0.0, frozen_last_layer=0.0
        )
        learner.config = replace(learner.config, optimiser=optimiser)
        learner._schedule(progress)
        rates = [g["lr"] for g in learner.optimiser.param_groups if g["part"] == "backbone"]
        assert rates
        assert all((rate == 0.0) is waits for rate in rates)


def test_the_targets_get_warmer_at_the_start_of_a_run_only(learner: Learner) -> None:
    losses = replace(learner.config.losses, teacher_temperature=(0.04, 0.07))
    learner.config = replace(learner.config, losses=losses)
    found = [learner.teacher_temperature(progress) for progress in (0.0, 0.15, 0.3, 1.0)]
    assert found == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_rate_and_decay_follow_the_batch_and_the_schedule(learner: Learner) -> None:
    optimiser = replace(
        learner.config.optimiser, rate=0.256, warmup=0.1, final_rate=0.0, weight_decay=(0.04, 0.4)
    )
    learner.config = replace(learner.config, optimiser=optimiser)
    peak = 0.256 * learner.config.batch_size / 256
    for progress, rate in ((0.05, peak / 2), (0.55, peak / 2), (1.0, 0.0)):
        learner._schedule(progress)
        for group in learner.optimiser.param_groups:
            waits = group["part"] == "last" and progress < 0.2
            assert group["lr"] == pytest.approx(0.0 if waits else rate, abs=1e-9)
    for progress, decay in ((0.0, 0.04), (0.5, 0.22), (1.0, 0.4)):
        learner._schedule(progress)
        for group in learner.optimiser.param_groups:
            assert group["weight_decay"] == pytest.approx(decay if group["decays"] else 0.0)


def test_the_last_layer_waits_at_first(learner: Learner) -> None:
    before = learner.student.head.prototypes.detach().clone()  # type: ignore[union-attr]
    learner.step(views(), photos=PHOTOS, progress=0.1)
    assert torch.equal(learner.student.head.prototypes, before)  # type: ignore[union-attr]
    learner.step(views(), photos=PHOTOS, progress=0.3)
    assert not torch.equal(learner.student.head.prototypes, before)  # type: ignore[union-attr]


def test_the_head_is_three_layers_and_prototypes_of_fixed_length() -> None:
    head = DinoHead(16, hidden=512, bottleneck=256, prototypes=300)
    kinds = [type(layer) for layer in head.layers]
    assert kinds == [nn.Linear, nn.GELU, nn.Linear, nn.GELU, nn.Linear]
    assert not any(isinstance(part, nn.modules.batchnorm._NormBase) for part in head.modules())
    for weight in (head.get_parameter("layers.2.weight"), head.prototypes):
        assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    # How long a prototype is makes no difference: there is no gain to learn.
    features = torch.randn(5, 16)
    logits = head(features)
    head.prototypes.data *= 7
    assert torch.allclose(head(features), logits, atol=1e-6)
    assert len(list(head.parameters())) == 7


def test_only_the_student_leaves_layers_and_patches_out() -> None:
    config = tiny_config()
    optimiser = replace(config.optimiser, drop_path=0.5, patch_drop=0.5)
    learner = Learner(replace(config, optimiser=optimiser), CPU)
    learner.student.train()
    groups = views()[:1]
    with torch.no_grad():
        student = [learner.student(groups).descriptors for _ in range(2)]
        teacher = [learner.teacher(groups).descriptors for _ in range(2)]
    assert not torch.allclose(*student)
    assert torch.equal(*teacher)
    assert not any(parameter.requires_grad for parameter in learner.teacher.parameters())


def test_the_lowest_layers_can_be_kept_as_they_are() -> None:
    config = tiny_config()
    config = replace(config, optimiser=replace(config.optimiser, frozen_layers=2))
    learner = Learner(config, CPU)
    before = weights(learner.student)
    for progress in (0.3, 0.4):
        learner.step(views(), photos=PHOTOS, progress=progress)
    moved = {
        name for name, value in weights(learner.student).items() if (value != before[name]).any()
    }
    low = ("backbone.patch_embed", "backbone.cls_token", "backbone.blocks.0.")
    assert moved
    assert not [name for name in moved if name.startswith(low)]
    assert any(name.startswith("backbone.blocks.1.") for name in moved)
    with pytest.raises(TrainingError, match="frozen_layers is 3, which leaves none of 2 blocks"):
        Learner(replace(config, optimiser=replace(config.optimiser, frozen_layers=3)), CPU)
