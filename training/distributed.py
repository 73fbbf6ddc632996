"""One process or many: the few collective operations that training needs.

With one process each is the identity, so the same code runs everywhere.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from dupfind.errors import TrainingError

TIMEOUT = timedelta(minutes=30)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes if torchrun started several; leave them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    if device.type == "cuda":
        # What is sent without naming a device goes by the current one: each process has its own.
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def pick_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` into a device; torchrun's processes share the GPUs.

    Raises:
        TrainingError: A GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not has_gpu):
        return torch.device("cpu")
    if not has_gpu:
        raise TrainingError(f"there is no GPU for --device {name}; use cpu or auto")
    number = name.partition(":")[2] or os.environ.get("LOCAL_RANK", "0")
    return torch.device("cuda", int(number))


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def mean_over_processes(value: Tensor) -> Tensor:
    """Average a tensor over all processes (no gradient)."""
    if world_size() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value / world_size()


def gather_rows(rows: Tensor) -> Tensor:
    """Stack the rows of all processes in order of rank; gradients flow back to their owner."""
    if world_size() == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)
    return gathered


def agree(value: float) -> float:
    """Return process 0's value everywhere, so that all take the same decision."""
    if world_size() == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    if dist.get_backend() == "nccl":
        shared = shared.cuda()
    dist.broadcast(shared, src=0)
    return float(shared)


def wait_for_all() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()


class _GatherRows(torch.autograd.Function):
    """All-gather; backward sums the gradients that every process has for our rows."""

    @staticmethod
    def forward(_: object, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient.chunk(world_size())[rank()]
