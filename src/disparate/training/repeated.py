"""Repeated: one split, made ready once, that many disturbed copies of one network answer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from disparate.errors import BadInput
from disparate.predictions import Predictions, Run
from disparate.profiles import Profile
from disparate.training.batches import Source
from disparate.training.execution import in_force
from disparate.training.fusing import Fusion, fused, fusion_of
from disparate.training.loop import Report, silent
from disparate.training.predict import predictions_of

BATCH = 500
"""As in the plain pass: smaller batches, which a cache would hold, gained less than calling kernels more often cost."""
KEPT = 2**28
"""Most bytes of inputs that are kept as the network sees them; more are made again for every copy."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Repeated:
    """A split as copies of a network answer it: their layers fused, images laid out channels last.

    Args:
        source: The inputs as the network sees them.
        rows: Positions of the split.
        profile: Where and how to run.
        fusion: What of the network can be fused.
        kept: The inputs, batch by batch; None where they are too many to be kept.
    """

    source: Source
    rows: NDArray[np.intp]
    profile: Profile
    fusion: Fusion
    kept: tuple[Tensor, ...] | None

    def logits(self, network: nn.Module, *, report: Report = silent) -> NDArray[np.float32]:
        """Return what one copy answers.

        Args:
            network: The copy, in evaluation mode; it is fused in place.
            report: Live progress.

        Returns:
            Shape (rows, classes). They hang on this copy alone, whatever was answered before, and are those of the
            plain forward pass up to rounding.
        """
        parts: list[NDArray[np.float32]] = []
        with in_force(self.profile), torch.no_grad():
            ready = fused(network, self.fusion)
            for batch in self.batches():
                parts.append(ready(batch).float().numpy())
                report(min(len(parts) * BATCH, len(self.rows)), len(self.rows), "predicting")
        return np.concatenate(parts)

    def predictions(
        self, network: nn.Module, *, run: Run, keep_logits: bool = False, report: Report = silent
    ) -> Predictions:
        """Return what one copy answers, as predictions; see :meth:`logits`.

        Args:
            network: The copy, in evaluation mode; it is fused in place.
            run: Which answer this is.
            keep_logits: Whether logits are kept.
            report: Live progress.

        Returns:
            Answers, losses and margins; computed in float64 from the logits.
        """
        logits = self.logits(network, report=report)
        return predictions_of(logits, self.source.data, self.rows, run=run, keep_logits=keep_logits)

    def batches(self) -> Iterator[Tensor]:
        """Yield the inputs of every batch."""
        yield from self.kept if self.kept is not None else made(self.source, self.rows)


def repeated(model: nn.Module, source: Source, *, split: str, profile: Profile) -> Repeated:
    """Make a split ready.

    Args:
        model: The network that the copies are of, before anything is done to it; it is left as it is.
        source: The inputs as it sees them.
        split: Name of the split.
        profile: Where and how to run; on the processor, in float32.

    Returns:
        The split.

    Raises:
        BadInput: The split is empty.
    """
    rows = source.data.rows(split)
    if not len(rows):
        raise BadInput(f"data set '{source.data.name}' has no example in the split '{split}'; choose another split.")
    size = 4 * len(rows) * int(np.prod(source.data.inputs.shape[1:]))
    with in_force(profile):
        kept = tuple(made(source, rows)) if size <= KEPT else None
        fusion = fusion_of(model, next(made(source, rows[:1])))
        return Repeated(source=source, rows=rows, profile=profile, fusion=fusion, kept=kept)


def made(source: Source, rows: NDArray[np.intp]) -> Iterator[Tensor]:
    """Yield the inputs of some rows as the network sees them, batch by batch, images channels last."""
    for start in range(0, len(rows), BATCH):
        batch = source.inputs(rows[start : start + BATCH])
        yield batch.contiguous(memory_format=torch.channels_last) if batch.dim() == 4 else batch
