"""A small model, and a process without the rights of root, for tests of whole libraries."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from dupfind.descriptors.backbone import ModelSpec, create_backbone, save_model

NOBODY = 65534


def save_small_model(folder: Path, *, width: int = 64) -> None:
    """Save a network that describes a photo in a millisecond: two blocks, views of 64 px."""
    spec = ModelSpec(view_px=64, arguments={"depth": 2, "embed_dim": width, "num_heads": 2})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_model(folder, spec=spec, module=create_backbone(spec), details={})
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors lets nobody else read what it writes


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Give ``folder`` to nobody and act as nobody: root may read and write anything."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
