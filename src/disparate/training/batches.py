"""Batches: from the rows of a data set to what a network sees, without per-example Python."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disparate.data.grouped import GroupedDataset

CHUNK = 4096


@runtime_checkable
class Ordering(Protocol):
    """An objective that also decides in which order, and how often, examples are met."""

    def batches(
        self, rows: NDArray[np.intp], codes: NDArray[np.int32], batch_size: int, generator: torch.Generator
    ) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of one epoch, as many batches as a shuffled epoch has, given each row's group."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Mean and standard deviation per channel that inputs are normalised by.

    Args:
        mean: Per channel, in [0, 1] for images; empty for tables, which come standardised.
        std: Per channel.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def normalisation_of(data: GroupedDataset, rows: NDArray[np.intp]) -> Normalisation:
    """Return the channel means and standard deviations of some examples, computed in integers.

    Args:
        data: The data set.
        rows: Positions of the examples that are trained on.

    Returns:
        The normalisation; the identity for tables.
    """
    if data.kind != "image":
        return Normalisation()
    channels = data.inputs.shape[3]
    total, squares, count = np.zeros(channels, np.int64), np.zeros(channels, np.int64), 0
    for start in range(0, len(rows), CHUNK):
        pixels = data.inputs[rows[start : start + CHUNK]].reshape(-1, channels).astype(np.int64)
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
        count += len(pixels)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1e-6))
    return Normalisation(mean=tuple((mean / 255).tolist()), std=tuple((std / 255).tolist()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """Random changes of a training image, drawn per example, applied per batch.

    Args:
        flip: Mirror left and right with probability one half.
        crop: Pixels of zero padding before a random crop back to size; 0 for none.
    """

    flip: bool = False
    crop: int = 0

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed images.

        Args:
            images: uint8, shape (batch, height, width, channels).
            generator: On the CPU, so that every device draws alike.

        Returns:
            The same shape and type.
        """
        if not (self.flip or self.crop):
            return images
        batch, height, width = images.shape[:3]
        device = images.device
        rows = self._offsets(batch, height, generator)
        columns = self._offsets(batch, width, generator)
        if self.flip:
            mirrored = torch.rand(batch, generator=generator) < 0.5
            columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        padded = torch.nn.functional.pad(images, (0, 0, self.crop, self.crop, self.crop, self.crop))
        tall, wide, channels = padded.shape[1:]
        pixel = (torch.arange(batch)[:, None, None] * tall + rows[:, :, None]) * wide + columns[:, None, :]
        return padded.reshape(-1, channels)[pixel.flatten().to(device)].view(batch, height, width, channels)

    def _offsets(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        start = torch.randint(0, 2 * self.crop + 1, (batch, 1), generator=generator)
        return start + torch.arange(size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The inputs of a data set as a network sees them.

    Args:
        data: The data set; memory-mapped inputs are read batch by batch.
        normalisation: Applied to images after scaling to [0, 1].
        device: Where batches are made.
        memory_format: Layout of images.
    """

    data: GroupedDataset
    normalisation: Normalisation
    device: torch.device
    memory_format: torch.memory_format = torch.contiguous_format

    def inputs(
        self,
        rows: NDArray[np.intp],
        augmentation: Augmentation = Augmentation(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the inputs of some rows.

        Args:
            rows: Positions in the data set.
            augmentation: Random changes.
            generator: What they are drawn from; needed where there are any.

        Returns:
            float32, shape (rows, channels, height, width) or (rows, features).
        """
        raw = self._raw(rows, augmentation, generator)
        return self._normalised_pixels(raw) if self.data.kind == "image" else raw

    def plain(
        self,
        rows: NDArray[np.intp],
        augmentation: Augmentation = Augmentation(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the inputs of some rows before normalisation: images in [0, 1], channels first.

        Args:
            rows: Positions in the data set.
            augmentation: Random changes.
            generator: What they are drawn from; needed where there are any.

        Returns:
            float32, of the shape of :meth:`inputs`.
        """
        raw = self._raw(rows, augmentation, generator)
        return raw.permute(0, 3, 1, 2).to(torch.float32).div_(255) if self.data.kind == "image" else raw

    def _raw(self, rows: NDArray[np.intp], augmentation: Augmentation, generator: torch.Generator | None) -> Tensor:
        raw = torch.from_numpy(np.ascontiguousarray(self.data.inputs[rows])).to(self.device)
        return raw if generator is None or self.data.kind != "image" else augmentation.apply(raw, generator)

    def _normalised_pixels(self, raw: Tensor) -> Tensor:
        # The numbers of normalised(plain(…)), bit for bit, at less than half the time: rows of a picture are long
        # enough for vector instructions, its three channels are not.
        batch, height, width, channels = raw.shape
        mean, std = (
            torch.tensor(values, device=self.device).repeat(width)
            for values in (self.normalisation.mean, self.normalisation.std)
        )
        lines = raw.to(torch.float32).view(batch * height, width * channels).div_(255).sub_(mean).div_(std)
        return lines.view(raw.shape).permute(0, 3, 1, 2).contiguous(memory_format=self.memory_format)

    def normalised(self, plain: Tensor) -> Tensor:
        """Return inputs as the network sees them, from inputs before normalisation; can be differentiated.

        Args:
            plain: As :meth:`plain` gives them; left as it is.

        Returns:
            The same shape.
        """
        if self.data.kind != "image":
            return plain
        mean = torch.tensor(self.normalisation.mean, device=self.device)[:, None, None]
        std = torch.tensor(self.normalisation.std, device=self.device)[:, None, None]
        return plain.sub(mean).div_(std).contiguous(memory_format=self.memory_format)

    @property
    def span(self) -> tuple[float, float] | None:
        """Smallest and largest value of an input before normalisation: of images (0, 1), of others unknown."""
        return (0.0, 1.0) if self.data.kind == "image" else None

    def target(self, rows: NDArray[np.intp]) -> Tensor:
        """Return the targets of some rows, int64."""
        return torch.from_numpy(self.data.target[rows]).to(self.device)


def shuffled(rows: NDArray[np.intp], batch_size: int, generator: torch.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of one epoch in batches of a random order; a last smaller batch is kept unless it is one row.

    A batch of a single example cannot be normalised by batch statistics, so it joins the batch before it.

    Args:
        rows: Positions in the data set.
        batch_size: Rows per batch.
        generator: On the CPU, so that every device draws alike.

    Yields:
        Positions of one batch.
    """
    order = rows[torch.randperm(len(rows), generator=generator).numpy()]
    starts = list(range(0, len(order), batch_size))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield order[start:end]


def sampled(
    rows: NDArray[np.intp], rate: float, batches: int, generator: torch.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yield batches into which every row gets by its own coin: Poisson sampling.

    Args:
        rows: Positions in the data set.
        rate: Chance of a row to be in a batch.
        batches: How many batches.
        generator: On the CPU, so that every device draws alike.

    Yields:
        Positions of one batch; it may be empty.
    """
    for _ in range(batches):
        yield rows[(torch.rand(len(rows), generator=generator, dtype=torch.float64) < rate).numpy()]
