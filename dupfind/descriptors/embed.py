"""Describe photos: views in, float16 descriptors out, on the processor or on a GPU.

``Embedder.describe`` runs the network on an array of views. ``describe_stream`` runs a whole
collection: workers decode ahead and run the network batch by batch, so that no core waits for
another. How a photo becomes a view comes in as a function: this stage knows no files.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from dupfind.descriptors.backbone import Model, describe_tokens, suit_attention
from dupfind.descriptors.processor import cpu_has_bfloat16
from dupfind.errors import DescriptorError, DupfindError, ModelError
from dupfind.system import usable_cores

CPU_BATCH = 16
CUDA_BATCH = 256

Item = TypeVar("Item")
Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class Described(Generic[Item, Payload]):
    """What became of one item: a payload and a vector, or else an ``error``.

    ``vector`` is float16, L2-normalised, shape (dimensions,). ``payload`` is what ``load`` gave
    beside the view; it is None when loading failed.
    """

    item: Item
    payload: Payload | None
    vector: NDArray[np.float16] | None
    error: DupfindError | None = None


class Embedder:
    """Runs a model on views; may be used by several threads at once.

    Args:
        model: From ``backbone.load_model``.
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        batch_size: Views in one forward pass; None chooses by device.

    Raises:
        ModelError: There is no such device.
    """

    def __init__(
        self, model: Model, *, device: str = "auto", batch_size: int | None = None
    ) -> None:
        self.model = model
        self.device = choose_device(device)
        self.batch_size = batch_size or (CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH)
        self.view_px = model.spec.view_px
        self.dimensions = model.dimensions
        self._module = model.module.to(self.device).eval().requires_grad_(False)
        suit_attention(self._module, self.device)
        deviation = 255.0 * torch.tensor(model.spec.std).view(1, 3, 1, 1)
        self._scale = (1.0 / deviation).to(self.device)
        self._offset = -(torch.tensor(model.spec.mean).view(1, 3, 1, 1) * 255.0 / deviation).to(
            self.device
        )
        self._streams = threading.local()

    def describe(self, views: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return one descriptor a view.

        Args:
            views: uint8 sRGB of shape (n, view_px, view_px, 3).

        Returns:
            float16 of shape (n, dimensions), each row L2-normalised.

        Raises:
            DescriptorError: The views have another shape or type, or a descriptor is not finite.
        """
        described = self.describe_unchecked(views)
        broken = np.flatnonzero(~np.isfinite(described).all(axis=1))
        if broken.size:
            raise DescriptorError(_not_finite(self.model, int(broken.size)))
        return described

    def describe_unchecked(self, views: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Do as ``describe`` does, but leave rows that are not finite for the caller to find."""
        shape = (self.view_px, self.view_px, 3)
        if views.ndim != 4 or views.shape[1:] != shape or views.dtype != np.uint8:
            raise DescriptorError(
                f"views are {views.dtype} {views.shape} but the model '{self.model.name}' takes "
                f"uint8 (n, {self.view_px}, {self.view_px}, 3); resize them first"
            )
        parts = [
            self._forward(views[start : start + self.batch_size])
            for start in range(0, len(views), self.batch_size)
        ]
        return np.concatenate([np.empty((0, self.dimensions), np.float16), *parts])

    def _forward(self, views: NDArray[np.uint8]) -> NDArray[np.float16]:
        try:
            return self._forward_at_once(views)
        except torch.cuda.OutOfMemoryError as error:
            if len(views) == 1:
                raise ModelError(
                    f"{self.device} has too little free memory for one photo with the model "
                    f"'{self.model.name}'; close what else uses it, or take --device cpu"
                ) from error
        # Outside of the handler: the failed attempt's tensors are free by now.
        middle = len(views) // 2
        return np.concatenate([self._forward(views[:middle]), self._forward(views[middle:])])

    def _forward_at_once(self, views: NDArray[np.uint8]) -> NDArray[np.float16]:
        pixels = torch.from_numpy(np.ascontiguousarray(views))
        with torch.inference_mode(), self._stream(), self._autocast():
            if self.device.type == "cuda":
                pixels = pixels.pin_memory().to(self.device, non_blocking=True)
            descriptors: Tensor = self._describe_pixels(pixels)
            return descriptors.half().cpu().numpy()

    def _describe_pixels(self, pixels: Tensor) -> Tensor:
        # Planes first: arithmetic on contiguous planes is four times as fast as on a permuted view.
        planes = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        inputs = planes.mul_(self._scale).add_(self._offset)
        tokens = self._module.forward_features(inputs)  # type: ignore[operator]
        return describe_tokens(
            tokens,
            prefix_tokens=int(self._module.num_prefix_tokens),  # type: ignore[arg-type]
            gem_power=self.model.spec.gem_power,
        )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.device.type == "cpu" and not cpu_has_bfloat16():
            return nullcontext()
        dtype = torch.bfloat16 if self.device.type == "cpu" else torch.float16
        return torch.autocast(self.device.type, dtype=dtype)

    def _stream(self) -> AbstractContextManager[object]:
        """Each thread works on a CUDA stream of its own: copies overlap other threads' kernels."""
        if self.device.type != "cuda":
            return nullcontext()
        if not hasattr(self._streams, "stream"):
            self._streams.stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._streams.stream)


def choose_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` into a device that is there.

    Raises:
        ModelError: The name is not a device, or this machine has no such GPU.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"'{device}' is no device; use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda"):
        raise ModelError(f"'{device}' is not supported; use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"this machine has {torch.cuda.device_count()} CUDA GPUs, so there is no '{device}'; "
            "use --device auto or cpu"
        )
    return chosen


def device_reason(device: str, chosen: torch.device) -> str:
    """Say why a device was chosen, and what would be faster: one line for a person."""
    if device != "auto":
        return f"asked for with --device {device}"
    if chosen.type == "cuda":
        return "the first GPU that PyTorch can use"
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return (
            "this PyTorch was built without CUDA; with an NVIDIA GPU, install the CUDA build of "
            "torch for describing at many times the speed"
        )
    return (
        "PyTorch found no GPU (`nvidia-smi` shows whether the driver does); one makes describing "
        "and training many times as fast, matching runs on the CPU's cores either way"
    )


def devices() -> list[str]:
    """Return the devices that this machine has, with the names of its GPUs."""
    gpus = range(torch.cuda.device_count())
    return ["cpu", *(f"cuda:{number} ({torch.cuda.get_device_name(number)})" for number in gpus)]


def describe_stream(
    embedder: Embedder,
    items: Iterable[Item],
    load: Callable[[Item], tuple[Payload, NDArray[np.uint8]]],
    *,
    workers: int | None = None,
) -> Iterator[Described[Item, Payload]]:
    """Load and describe many items, in their order, in bounded memory.

    Each worker takes a batch of items, loads them, and runs the network on one core: with as many
    workers as cores there is no queue to tune and no core waits for another. On a GPU the
    workers' copies and kernels overlap each other's decoding.

    Args:
        embedder: Its batch size is that of the stream.
        items: Taken a few batches ahead of the results, never all at once.
        load: Gives a payload and a uint8 view (view_px, view_px, 3); runs in the workers. A
            ``DupfindError`` it raises becomes the item's ``error``; any other ends the stream.
        workers: Threads; None means one a core (a few more on a GPU).

    Yields:
        One ``Described`` an item. A descriptor that is not finite is an ``error``.
    """
    workers = workers or usable_cores() + (2 if embedder.device.type == "cuda" else 0)
    batches = _balanced_batches(items, embedder.batch_size, workers)
    with _one_core_each(), ThreadPoolExecutor(workers, "describe", _use_one_core) as pool:
        waiting: deque[Future[list[Described[Item, Payload]]]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(describe_batch, embedder, batch, load))
                if len(waiting) >= 2 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _balanced_batches(
    items: Iterable[Item], batch_size: int, workers: int
) -> Iterator[tuple[Item, ...]]:
    """Cut items into batches; a short collection is shared out so that every worker has some."""
    iterator = iter(items)
    head = list(islice(iterator, batch_size * workers))
    if len(head) < batch_size * workers:
        batch_size = max(1, -(-len(head) // workers))
    everything = chain(head, iterator)
    while batch := tuple(islice(everything, batch_size)):
        yield batch


def describe_batch(
    embedder: Embedder,
    items: tuple[Item, ...],
    load: Callable[[Item], tuple[Payload, NDArray[np.uint8]]],
) -> list[Described[Item, Payload]]:
    """Load and describe a few items here, as ``describe_stream`` does many."""
    results: list[Described[Item, Payload]] = []
    loaded: list[tuple[int, Payload]] = []
    views: list[NDArray[np.uint8]] = []
    for position, item in enumerate(items):
        try:
            payload, view = load(item)
        except DupfindError as error:
            results.append(Described(item, None, None, error))
            continue
        results.append(Described(item, payload, None, None))
        loaded.append((position, payload))
        views.append(view)
    if views:
        vectors = embedder.describe_unchecked(np.stack(views))
        for (position, payload), vector in zip(loaded, vectors, strict=True):
            results[position] = _checked(embedder.model, items[position], payload, vector)
    return results


def _checked(
    model: Model, item: Item, payload: Payload, vector: NDArray[np.float16]
) -> Described[Item, Payload]:
    if np.isfinite(vector).all():
        return Described(item, payload, vector, None)
    return Described(item, payload, None, DescriptorError(_not_finite(model, 1)))


def _not_finite(model: Model, count: int) -> str:
    return (
        f"the model '{model.name}' gave {count} descriptors that are not finite numbers; "
        "its weights are damaged or did not train well: use another model"
    )


def use_one_core() -> None:
    """Keep torch and BLAS from starting threads in this process, from now on."""
    threadpool_limits(1, user_api="blas")
    torch.set_num_threads(1)


def _use_one_core() -> None:
    torch.set_num_threads(1)


class _one_core_each:  # noqa: N801 - used like a function
    """Keep torch and BLAS from starting threads beside the workers, who each use one, until they are done.

    The threads of OpenBLAS wait for more work in a loop: small products of several workers, each on all
    cores, cost a third of the time of describing.
    """

    def __enter__(self) -> None:
        self._threads = torch.get_num_threads()
        self._blas = threadpool_limits(1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        self._blas.restore_original_limits()
        torch.set_num_threads(self._threads)
