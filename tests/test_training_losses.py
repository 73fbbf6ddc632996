"""The losses, schedules and parameter groups of training, against the papers written naively."""

import math

import pytest
import torch
from torch import Tensor

from dupfind.descriptors.backbone import ModelSpec
from dupfind.training import schedule
from dupfind.training.config import OptimiserOptions
from dupfind.training.heldout import precisions, retrieval
from dupfind.training.losses import DinoLoss, contrastive_loss, koleo_loss
from dupfind.training.monitor import rank_me
from dupfind.training.network import DinoHead, make_pair, mixed_precision, update_teacher
from dupfind.training.optimiser import clip_gradients, make_optimiser, parameter_groups, set_rates

TINY = ModelSpec("dupfind_vit_stem", {"embed_dim": 64, "depth": 2, "num_heads": 2}, view_px=32)


def unit_rows(rows: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, width, generator=generator), dim=1)


def small_head(width: int = 64) -> DinoHead:
    return DinoHead(width, hidden=32, bottleneck=16, prototypes=24)


@pytest.mark.parametrize(("globals_", "locals_"), [(2, 0), (2, 3), (3, 2), (2, 8)])
@pytest.mark.parametrize("photos", [1, 4])
def test_the_dino_loss_is_the_double_loop_of_the_paper(
    globals_: int, locals_: int, photos: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    loss = DinoLoss(11, student_temperature=0.1, centre_momentum=0.9)
    loss.centre.copy_(torch.randn(1, 11, generator=generator))
    student = torch.randn((globals_ + locals_) * photos, 11, generator=generator)
    teacher = torch.randn(globals_ * photos, 11, generator=generator)

    total, pairs = 0.0, 0
    for t in range(globals_):
        for s in range(globals_ + locals_):
            if s == t:
                continue
            pairs += 1
            for photo in range(photos):
                target = ((teacher[t * photos + photo] - loss.centre[0]) / 0.04).softmax(0)
                predicted = (student[s * photos + photo] / 0.1).log_softmax(0)
                total += float(-(target * predicted).sum()) / photos
    found = loss(student, teacher, photos=photos, teacher_temperature=0.04)
    assert float(found) == pytest.approx(total / pairs, rel=1e-4)
    if (globals_, locals_) == (2, 8):
        assert pairs == 18


def test_the_centre_follows_the_teachers_mean() -> None:
    loss = DinoLoss(4, student_temperature=0.1, centre_momentum=0.9)
    first, second = torch.randn(6, 4), torch.randn(6, 4)
    loss.update_centre(first)
    loss.update_centre(second)
    expected = 0.9 * (0.1 * first.mean(0)) + 0.1 * second.mean(0)
    assert torch.allclose(loss.centre[0], expected, atol=1e-6)


def test_the_teacher_gets_no_gradient() -> None:
    loss = DinoLoss(5, student_temperature=0.1, centre_momentum=0.9)
    student = torch.randn(4, 5, requires_grad=True)
    teacher = torch.randn(4, 5)
    loss(student, teacher, photos=2, teacher_temperature=0.04).backward()
    assert student.grad is not None
    assert not loss.centre.requires_grad


def test_koleo_is_minus_the_mean_log_distance_to_the_nearest() -> None:
    rows = unit_rows(9, 5)
    logs = []
    for i in range(9):
        distances = [float((rows[i] - rows[j]).norm()) for j in range(9) if j != i]
        logs.append(math.log(min(distances)))
    assert float(koleo_loss(rows)) == pytest.approx(-sum(logs) / 9, rel=1e-4)


def test_koleo_pushes_neighbours_apart() -> None:
    rows = unit_rows(16, 4).requires_grad_()
    loss = koleo_loss(rows)
    loss.backward()
    assert rows.grad is not None
    moved = torch.nn.functional.normalize(rows.detach() - 0.05 * rows.grad, dim=1)
    assert float(koleo_loss(moved)) < float(loss.detach())


def test_koleo_of_two_equal_rows_is_finite() -> None:
    rows = unit_rows(1, 4).repeat(2, 1).requires_grad_()
    loss = koleo_loss(rows)
    loss.backward()
    assert rows.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(rows.grad).all()


def test_the_contrastive_loss_is_a_cross_entropy_over_all_other_views() -> None:
    first, second = unit_rows(5, 6, 1), unit_rows(5, 6, 2)
    views = [*first, *second]
    total = 0.0
    for i, view in enumerate(views):
        own = (i + 5) % 10
        scores = {j: math.exp(float(view @ views[j]) / 0.05) for j in range(10) if j != i}
        total -= math.log(scores[own] / sum(scores.values()))
    found = float(contrastive_loss(first, second, temperature=0.05))
    assert found == pytest.approx(total / 10, rel=1e-4)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, 3.0), (0.5, 2.0), (1, 1.0), (-1, 3.0), (2, 1.0)]
)
def test_a_cosine_goes_from_start_to_end(progress: float, expected: float) -> None:
    assert schedule.cosine(3.0, 1.0, progress) == pytest.approx(expected)


@pytest.mark.parametrize(("progress", "expected"), [(0, 0.04), (0.5, 0.055), (1, 0.07), (9, 0.07)])
def test_a_line_goes_from_start_to_end(progress: float, expected: float) -> None:
    assert schedule.linear(0.04, 0.07, progress) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.55), (1, 0.1)]
)
def test_the_rate_warms_up_and_then_falls(progress: float, expected: float) -> None:
    assert schedule.warmup_cosine(1.0, 0.1, 0.1, progress) == pytest.approx(expected)


def test_the_teacher_starts_as_a_copy_and_moves_by_its_momentum() -> None:
    student, teacher = make_pair(
        TINY, backbone=None, head=small_head(), drop_path=0.0, patch_drop=0.0
    )
    names = [name for name, _ in student.named_parameters()]
    assert names == [name for name, _ in teacher.named_parameters()]
    before = {name: value.clone() for name, value in teacher.named_parameters()}
    for name, value in student.named_parameters():
        assert torch.equal(value, before[name])
        value.data.add_(torch.randn_like(value))
    update_teacher(teacher, student, 0.9)
    for name, value in teacher.named_parameters():
        expected = 0.9 * before[name] + 0.1 * dict(student.named_parameters())[name]
        assert torch.allclose(value, expected, atol=1e-6)
        assert not value.requires_grad


def test_the_head_gives_the_cosine_with_each_prototype() -> None:
    head = small_head(10)
    features = torch.randn(7, 10)
    logits = head(features).detach()
    assert logits.shape == (7, 24)
    assert float(logits.abs().max()) <= 1 + 1e-5
    projected = head.layers(features).detach()
    for row in range(7):
        for column in (0, 23):
            cosine = torch.cosine_similarity(
                projected[row], head.prototypes[column].detach(), dim=0
            )
            assert float(logits[row, column]) == pytest.approx(float(cosine), abs=1e-5)


def test_biases_and_norms_do_not_decay_and_lower_layers_learn_slower() -> None:
    student, _ = make_pair(TINY, backbone=None, head=small_head(), drop_path=0.0, patch_drop=0.0)
    groups = parameter_groups(student, OptimiserOptions(layer_decay=0.5))
    by_id = {id(p): group for group in groups for p in group["params"]}
    assert len(by_id) == sum(1 for _ in student.parameters())
    for name, parameter in student.named_parameters():
        group = by_id[id(parameter)]
        assert group["decays"] == (
            parameter.ndim > 1 and "token" not in name and "pos_embed" not in name
        )
    named = {name: by_id[id(p)] for name, p in student.named_parameters()}
    assert named["backbone.norm.weight"]["share"] == 1
    assert named["backbone.blocks.1.mlp.fc1.weight"]["share"] == 0.5
    assert named["backbone.blocks.0.mlp.fc1.weight"]["share"] == 0.25
    assert named["backbone.patch_embed.layers.0.weight"]["share"] == 0.125
    assert named["head.prototypes"]["part"] == "last"
    assert named["head.layers.0.weight"]["part"] == "head"


def test_frozen_parts_do_not_move() -> None:
    student, _ = make_pair(TINY, backbone=None, head=small_head(), drop_path=0.0, patch_drop=0.0)
    optimiser = torch.optim.AdamW(parameter_groups(student, OptimiserOptions()))
    before = {name: value.clone() for name, value in student.named_parameters()}
    for parameter in student.parameters():
        parameter.grad = torch.ones_like(parameter)
    set_rates(optimiser, rate=0.1, weight_decay=0.1, frozen={"last", "backbone"})
    optimiser.step()
    for name, value in student.named_parameters():
        is_frozen = name.startswith("backbone") or name == "head.prototypes"
        assert torch.equal(value, before[name]) == is_frozen


def test_each_gradient_is_clipped_by_itself() -> None:
    small, large = (torch.nn.Parameter(torch.zeros(4)) for _ in range(2))
    small.grad, large.grad = torch.full((4,), 0.5), torch.full((4,), 50.0)
    clip_gradients([small, large], 3.0)
    assert float(small.grad.norm()) == pytest.approx(1.0)
    assert float(large.grad.norm()) == pytest.approx(3.0, rel=1e-3)


def test_biases_and_norms_keep_no_decay_when_the_rates_are_set() -> None:
    student, _ = make_pair(TINY, backbone=None, head=small_head(), drop_path=0.0, patch_drop=0.0)
    optimiser = make_optimiser(student, OptimiserOptions(layer_decay=0.5))
    set_rates(optimiser, rate=0.1, weight_decay=0.3, frozen=set())
    by_id = {id(p): group for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in student.named_parameters():
        expected = 0.3 if by_id[id(parameter)]["decays"] else 0.0
        assert by_id[id(parameter)]["weight_decay"] == expected, name
    named = {name: by_id[id(p)] for name, p in student.named_parameters()}
    assert named["backbone.blocks.0.mlp.fc1.weight"]["lr"] == pytest.approx(0.025)
    assert named["head.prototypes"]["lr"] == pytest.approx(0.1)


def test_a_clip_of_zero_leaves_gradients_as_they_are() -> None:
    large, without = (torch.nn.Parameter(torch.zeros(4)) for _ in range(2))
    large.grad = torch.full((4,), 50.0)
    assert clip_gradients([large, without], 0.0)
    assert large.grad.tolist() == [50.0] * 4
    assert without.grad is None
    assert clip_gradients([without], 3.0)
    large.grad[1] = float("nan")
    assert not clip_gradients([large, without], 0.0)


def test_without_a_warm_up_the_rate_starts_at_its_peak() -> None:
    assert schedule.warmup_cosine(1.0, 0.1, 0.0, 0.0) == pytest.approx(1.0)
    assert schedule.warmup_cosine(1.0, 0.1, 0.0, 1.0) == pytest.approx(0.1)


def test_the_rate_is_held_at_its_peak_before_it_falls() -> None:
    rates = [schedule.warmup_cosine(1.0, 0.0, 0.2, at, hold=0.4) for at in (0.1, 0.2, 0.6, 0.8, 1)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.5, 0.0])


def test_the_logits_keep_their_precision_in_mixed_precision() -> None:
    head = small_head(10)
    features = torch.randn(50, 10)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(features)
        projected = torch.nn.functional.normalize(head.layers(features).float(), dim=-1)
    assert logits.dtype == torch.float32
    exact = projected @ torch.nn.functional.normalize(head.prototypes, dim=-1).T
    assert torch.allclose(logits, exact, atol=1e-6)


def test_bfloat16_is_used_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_it in (False, True):
        monkeypatch.setattr("dupfind.training.network.cpu_has_bfloat16", lambda has=has_it: has)
        with mixed_precision(torch.device("cpu")):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if has_it else torch.float32)


def test_rank_me_of_what_is_no_number_is_no_number() -> None:
    assert math.isnan(rank_me(torch.full((8, 8), math.nan)))


def test_rank_me_counts_the_dimensions_in_use() -> None:
    assert rank_me(torch.eye(8)) == pytest.approx(8, rel=1e-3)
    assert rank_me(torch.ones(8, 8)) == pytest.approx(1, rel=1e-3)


def test_average_precision_is_the_mean_precision_at_each_hit() -> None:
    score = torch.tensor([0.9, 0.8, 0.7, 0.6])
    is_true = torch.tensor([True, False, True, False])
    assert precisions(score, is_true)[is_true].tolist() == pytest.approx([1, 2 / 3])


def test_retrieval_counts_the_originals_that_come_first() -> None:
    originals = torch.eye(12)
    copies = torch.eye(12)[[0, 1, 2]].clone()
    copies[2] = torch.tensor([0.5 if i != 2 else 0.4 for i in range(12)])
    found = retrieval(originals, copies, torch.tensor([0, 1, 2]))
    assert found.recall_at_1 == pytest.approx(2 / 3)
    assert found.recall_at_10 == pytest.approx(2 / 3)
