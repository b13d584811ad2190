"""Products: a layer whose matrix-vector products run through arrays of limited size, between converters."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.chips import Defects, number_of
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.converters import Converter, converter_for
from disparate.crossbar.convolving import in_places, rows_of
from disparate.crossbar.disturbing import slice_errors, whole_errors
from disparate.crossbar.layers import Mappable, as_blocks
from disparate.crossbar.reading import read_spread_of_slice
from disparate.errors import NotApplicable

CHUNK_NUMBERS = 2**24
"""Numbers that the rows, or the sums, of some examples may hold at a time (64 MB of float32)."""


class Products(nn.Module):
    """A linear layer or a convolution on arrays.

    The rows of an array are inputs; a layer with more inputs is cut into tiles whose sums are converted one by one and
    added digitally. Slices of a weight lie in arrays of their own, a pair of cells is subtracted before the converter.
    Each product is read anew: with σ of reading, its sum has the standard deviation √(Σ x² σ²), exactly what noise in
    every cell and every cycle comes to.

    Args:
        layer: The layer; its bias is added digitally, as it is.
        arrays: Its weights.
        defects: The chip.
        cycle_seed: Seed of what differs from reading to reading.
    """

    digit: Tensor
    variance: Tensor
    row_offset: Tensor
    column_offset: Tensor

    def __init__(self, layer: Mappable, arrays: Arrays, defects: Defects, *, cycle_seed: int) -> None:
        super().__init__()
        self.layer = layer
        self.device = arrays.device
        self.shift = arrays.held.shift
        self.step = arrays.held.step.item()
        self.worth = tuple(arrays.held.place(place) for place in range(arrays.held.slices))
        self.name, self.cycle_seed, self.cycle = arrays.layer, cycle_seed, 0
        self.dac: Converter | None = None
        self.adcs: tuple[Converter, ...] = ()
        self.calibrating = False
        self.register_buffer("digit", _digits(arrays, defects))
        self.register_buffer("variance", _variances(arrays) if self.device.read > 0 else torch.zeros(0))
        self.register_buffer("row_offset", self._offsets(defects, "offsets of rows", self.device.dac_offset, 1))
        tiles = len(self._tiles())
        self.register_buffer(
            "column_offset", self._offsets(defects, "offsets of columns", self.device.adc_offset, tiles)
        )

    @property
    def converts(self) -> bool:
        """Whether there are converters whose ranges have to be calibrated."""
        device = self.device
        return any((device.dac_bits, device.adc_bits, device.dac_offset, device.adc_offset))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the layer gives through its arrays.

        Args:
            inputs: As the layer takes them.

        Returns:
            As the layer gives them.

        Raises:
            NotApplicable: The converters have no range, because calibration never came here.
        """
        if self.calibrating and self.converts:
            self._calibrate(inputs)
        elif self.converts and self.dac is None:
            raise NotApplicable(
                f"crossbar: layer '{self.name}' is reached by these inputs and was not by those of the calibration, so "
                "its converters have no range. Calibrate with more examples."
            )
        self.cycle += 1
        numbers = torch.Generator(inputs.device).manual_seed(number_of(self.cycle_seed, self.name, str(self.cycle)))
        parts = [self._products(part, numbers) for part in self._chunks(inputs)]
        outputs = torch.cat(parts).to(inputs.dtype)
        bias = self.layer.bias
        if bias is None:
            return outputs
        return outputs + (bias if isinstance(self.layer, nn.Linear) else bias.view(-1, *[1] * (outputs.dim() - 2)))

    def _chunks(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return some examples at a time."""
        rows, places = rows_of(self.layer, inputs[:1])
        each = math.prod(places) * max(self.digit.shape[0] * rows.shape[2], self.digit.shape[0] * self.digit.shape[2])
        return inputs.split(max(1, CHUNK_NUMBERS // max(1, each)))

    def _products(self, inputs: Tensor, numbers: torch.Generator) -> Tensor:
        rows, places = self._converted(inputs)
        total = torch.zeros(1, device=rows.device)
        for tile, sums in enumerate(self._sums(rows, numbers)):
            total = total + self._added(sums, tile)
        if self.shift:
            total = total - self.shift * rows.sum(dim=2, keepdim=True)
        scale = self.step * (self.dac.step if self.dac and self.device.dac_bits else 1.0)
        return in_places(total * scale, self.layer, places)

    def _converted(self, inputs: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        rows, places = rows_of(self.layer, inputs.float())
        if self.dac is None:
            return rows, places
        if self.device.dac_bits:
            rows = self.dac.levels(rows)
        if self.device.dac_offset:
            whole = self.dac.top * (1.0 if self.device.dac_bits else self.dac.step)
            rows = rows + whole * self.row_offset[0].unsqueeze(1)
        return rows, places

    def _tiles(self) -> list[slice]:
        inputs = self.digit.shape[1]
        size = self.device.rows or inputs
        return [slice(start, start + size) for start in range(0, inputs, size)]

    def _sums(self, rows: Tensor, numbers: torch.Generator) -> Iterator[Tensor]:
        """Yield, tile by tile, what comes out of the columns, shape (blocks, products, slices × outputs)."""
        for tile in self._tiles():
            part = rows[:, :, tile]
            sums = part @ self.digit[:, tile]
            if self.device.read > 0:
                spread = (part.square() @ self.variance[:, tile]).sqrt_()
                sums += spread.mul_(torch.randn(spread.shape, generator=numbers, device=spread.device))
            yield sums

    def _added(self, sums: Tensor, tile: int) -> Tensor:
        """Return the sums of all slices, converted and weighed, shape (blocks, products, outputs)."""
        slices = sums.unflatten(2, (len(self.worth), -1))
        total = torch.zeros(1, device=sums.device)
        for place, worth in enumerate(self.worth):
            values = slices[:, :, place]
            if self.adcs:
                values = self._read_out(values, place, tile)
            total = total + worth * values
        return total

    def _read_out(self, values: Tensor, place: int, tile: int) -> Tensor:
        adc = self.adcs[place]
        if self.device.adc_offset:
            offsets = self.column_offset[tile].unflatten(1, (len(self.worth), -1))[:, None, place]
            values = values + adc.top * adc.step * offsets
        return adc.levels(values).mul_(adc.step) if self.device.adc_bits else values

    def _calibrate(self, inputs: Tensor) -> None:
        """Take the range of the converters from what reaches them now."""
        device = self.device
        low, high = (value.item() for value in inputs.float().aminmax())
        self.dac, self.adcs = converter_for(low, high, device.dac_bits or EXACT_BITS), ()
        if not (device.adc_bits or device.adc_offset):
            return
        ends = torch.zeros(2, len(self.worth))
        for part in self._chunks(inputs):
            rows, _ = self._converted(part)
            for sums in self._sums(rows, torch.Generator(rows.device).manual_seed(0)):
                slices = sums.unflatten(2, (len(self.worth), -1)).movedim(2, 0).flatten(1).cpu()
                ends = torch.stack([ends[0].minimum(slices.amin(1)), ends[1].maximum(slices.amax(1))])
        self.adcs = tuple(
            converter_for(lowest, highest, device.adc_bits or EXACT_BITS) for lowest, highest in ends.T.tolist()
        )

    def _offsets(self, defects: Defects, kind: str, spread: float, tiles: int) -> Tensor:
        blocks, inputs, columns = self.digit.shape
        if not spread:
            return torch.zeros(0, device=self.digit.device)
        size = inputs if kind == "offsets of rows" else columns
        return spread * defects.normals(self.name, kind, (tiles, blocks, size)).to(self.digit)


EXACT_BITS = 16
"""Bits behind the range of a converter that has an offset and no resolution."""


def _digits(arrays: Arrays, defects: Defects) -> Tensor:
    """Return the digits that a chip holds, positive minus negative cell, shape (blocks, inputs, slices × outputs).

    Under a law of whole weights the most significant slice carries the deviation.
    """
    held, level = arrays.held, levels(arrays.held)
    parts: list[Tensor] = []
    for place in range(held.slices):
        found, _ = slice_errors(arrays, defects, place)
        for sign in held.signs:
            found += sign * digits(level, held, sign, place)
        parts.append(found)
    if arrays.device.writes_weights:
        parts[0] += whole_errors(arrays, defects) / (held.step * held.place(0)).clamp_min(
            torch.finfo(torch.float32).tiny
        )
    return torch.cat([as_blocks(part, arrays.blocks) for part in parts], dim=2).float().contiguous()


def _variances(arrays: Arrays) -> Tensor:
    spreads = [read_spread_of_slice(arrays, place) * arrays.exposed for place in range(arrays.held.slices)]
    return torch.cat([as_blocks(part.square(), arrays.blocks) for part in spreads], dim=2).float().contiguous()
