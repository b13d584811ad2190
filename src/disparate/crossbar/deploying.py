"""Deploying: from a network to the network on a chip."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from disparate.crossbar.arrays import Arrays, arrays_of
from disparate.crossbar.chips import Chip, Defects, number_of
from disparate.crossbar.device import Device
from disparate.crossbar.disturbing import disturbed
from disparate.crossbar.fault_map import FaultMap, Recorder
from disparate.crossbar.layers import Mappable, mappable
from disparate.crossbar.products import Products
from disparate.crossbar.reading import read_spread
from disparate.crossbar.tally import Tally, summed, tally_of, told
from disparate.errors import BadInput

BATCH = 64
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Placement:
    """How a network is put on crossbars.

    Args:
        device: The device.
        masks: Which weights may be disturbed, by layer; all where empty.
        layers: Names of the layers that go onto crossbars; all that can where empty.
        calibration: Gives n inputs as the network sees them; asked only for converters' ranges and statistics.
        calibrated_on: Inputs that ranges of converters are taken from.
        reestimated_on: Inputs that the statistics of batch normalisation are taken from anew, on the disturbed
            network; 0 leaves them as they were trained.
    """

    device: Device
    masks: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    layers: Sequence[str] = ()
    calibration: Callable[[int], Tensor] = torch.zeros
    calibrated_on: int = 64
    reestimated_on: int = 0


class Reading(nn.Module):
    """A layer whose weights are read anew, with noise, at every call.

    A call is one cycle: all examples of a batch meet the same reading. (On tiled products every product is a cycle.)

    Args:
        layer: The layer, its weights as they are on the chip.
        spread: Standard deviation of every weight's reading, in weights.
        name: Name of the layer.
        cycle_seed: Seed of the readings.
    """

    spread: Tensor

    def __init__(self, layer: Mappable, spread: Tensor, *, name: str, cycle_seed: int) -> None:
        super().__init__()
        self.layer = layer
        self.name, self.cycle_seed, self.cycle = name, cycle_seed, 0
        self.register_buffer("spread", spread.to(layer.weight.dtype))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the layer gives with weights read once."""
        self.cycle += 1
        outputs: Tensor = functional_call(self.layer, {"weight": self.layer.weight + self.noise(self.cycle)}, inputs)
        return outputs

    def noise(self, cycle: int) -> Tensor:
        """Return the noise of one reading, in weights."""
        return reading_noise(self.spread, self.name, self.cycle_seed, cycle)


def reading_noise(spread: Tensor, layer: str, cycle_seed: int, cycle: int) -> Tensor:
    """Return the noise of one reading of a layer's weights.

    Args:
        spread: Standard deviation of every weight's reading.
        layer: Name of the layer.
        cycle_seed: Seed of the readings.
        cycle: Which reading.

    Returns:
        In weights, shape of ``spread``.
    """
    generator = torch.Generator().manual_seed(number_of(cycle_seed, layer, str(cycle)))
    return torch.randn(spread.shape, generator=generator).to(spread) * spread


def on_crossbars(model: nn.Module, placement: Placement, defects: Defects, *, cycle_seed: int) -> nn.Module:
    """Return a copy of a network as it is on a chip, in evaluation mode.

    Biases, normalisation and every layer that no crossbar can hold stay digital, as exact as they were. A weight that
    two layers share is held by each of them in arrays of its own.

    Args:
        model: The network; it keeps its weights.
        placement: What goes where.
        defects: The chip.
        cycle_seed: Seed of what differs from reading to reading.

    Returns:
        The copy; what was done to each layer hangs on it (:func:`done_to`).

    Raises:
        NotApplicable: There is no layer that a crossbar can hold, or a named one cannot be held.
        BadInput: A mask or a fault map does not fit.
    """
    deployed = deepcopy(model, _weights_to_be_replaced(model, placement)).eval()
    layers = mappable(deployed, only=placement.layers)
    for name, arrays in arrays_of(layers, placement.device, placement.masks).items():
        found = disturbed(arrays, defects)
        deployed = _put(deployed, name, layers[name], arrays, found.weights, defects, cycle_seed)
        deployed.get_submodule(name).tally = tally_of(arrays, found)  # pyright: ignore[reportArgumentType]
    _calibrate(deployed, placement)
    if placement.reestimated_on:
        reestimate(deployed, placement.calibration(placement.reestimated_on))
    return deployed


def _weights_to_be_replaced(model: nn.Module, placement: Placement) -> dict[int, Any]:
    """Return weights that need no copy, as nobody else has them and others are about to take their place."""
    if placement.device.fidelity != "weights":
        return {}
    weights = [layer.weight for layer in mappable(model, only=placement.layers).values()]
    having = Counter(id(own) for layer in model.modules() for own in layer.parameters(recurse=False))
    replaced = Counter(map(id, weights))
    return {id(weight): weight for weight in weights if having[id(weight)] == replaced[id(weight)]}


def _put(
    model: nn.Module,
    name: str,
    layer: Mappable,
    arrays: Arrays,
    found: Tensor,
    defects: Defects,
    cycle_seed: int,
) -> nn.Module:
    """Put one layer on the chip and return the model."""
    new: nn.Module = layer
    if arrays.device.fidelity == "mvm":
        new = Products(layer, arrays, defects, cycle_seed=cycle_seed)
    else:
        old = layer.weight.detach()
        same = (old.dtype, old.stride()) == (found.dtype, found.stride())
        weight = found if same else torch.empty_like(old).copy_(found)  # keeps the layout in memory
        layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
        if arrays.device.read > 0:
            new = Reading(layer, read_spread(arrays), name=name, cycle_seed=cycle_seed)
    if new is layer:
        return model
    if model is layer:
        return new
    for path in [path for path, found in model.named_modules(remove_duplicate=False) if found is layer]:
        parent, _, own = path.rpartition(".")
        setattr(model.get_submodule(parent), own, new)
    return model


def _calibrate(model: nn.Module, placement: Placement) -> None:
    converting = [layer for layer in model.modules() if isinstance(layer, Products) and layer.converts]
    if not converting:
        return
    inputs = placement.calibration(placement.calibrated_on)
    for layer in converting:
        layer.calibrating = True
    with torch.no_grad():
        model(inputs)
    for layer in converting:
        layer.calibrating, layer.cycle = False, 0


def reestimate(model: nn.Module, inputs: Tensor) -> None:
    """Take the statistics of batch normalisation anew, in place, from inputs as the network now answers them.

    Args:
        model: The network, in evaluation mode; it stays in it.
        inputs: Inputs as the network sees them, 2 or more.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, Normalisation) and layer.track_running_stats]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    with torch.no_grad():
        for batch in _batches(inputs):
            model(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def _batches(inputs: Tensor) -> Iterable[Tensor]:
    """Return batches of equal size as far as that goes: a single last example has no variance."""
    return inputs.chunk(max(1, len(inputs) // BATCH))


def done_to(deployed: nn.Module) -> dict[str, Tally]:
    """Return what was done to each layer of a network on a chip."""
    found = {name: getattr(layer, "tally", None) for name, layer in deployed.named_modules()}
    return {name: tally for name, tally in found.items() if isinstance(tally, Tally)}


def report_of(deployed: nn.Module, device: Device) -> dict[str, Any]:
    """Return what was done to a network as plain values: the whole, and layer by layer.

    Args:
        deployed: What :func:`on_crossbars` returned.
        device: What was asked for.

    Returns:
        Plain values.
    """
    done = done_to(deployed)
    return {
        "whole": told(summed(done.values()), device),
        "layers": {name: told(tally, device) for name, tally in done.items()},
    }


def fault_map_of(model: nn.Module, placement: Placement, chip: Chip) -> FaultMap:
    """Return what is wrong with a chip for good, as far as a network meets it.

    Args:
        model: The network.
        placement: What goes where.
        chip: The chip.

    Returns:
        The map; :func:`on_crossbars` takes it in place of the chip.

    Raises:
        BadInput: The device has nothing that could differ from chip to chip.
    """
    if not placement.device.has_permanent_chance:
        raise BadInput("fault map: the device has no faults and no deviations, so that all chips are alike.")
    recorder = Recorder(chip)
    deployed = on_crossbars(model, placement, recorder, cycle_seed=0)
    return recorder.fault_map(placement.device, **report_of(deployed, placement.device))
