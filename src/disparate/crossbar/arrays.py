"""Arrays: the weights of one layer as crossbars are meant to hold them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from disparate.crossbar.coding import Coded, coded
from disparate.crossbar.device import Device
from disparate.crossbar.layers import Mappable, blocks_of, require_masks


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Arrays:
    """The weights of one layer, before anything goes wrong.

    Args:
        layer: Name of the layer.
        device: The device.
        held: Its weights as the device is meant to store them.
        blocks: Independent blocks of outputs.
        exposed: Which weights the device may disturb, of the shape of the weight; the others are protected: their
            cells have no fault, no drift, no loss, and deviate only where ``verify`` is ``"protected"``. 0-dimensional
            and true where all are exposed.
    """

    layer: str
    device: Device
    held: Coded
    blocks: int
    exposed: Tensor

    @property
    def shape(self) -> torch.Size:
        """Shape of the weight."""
        return self.held.stored.shape

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.held.stored.numel()

    @property
    def peak(self) -> Tensor:
        """Largest absolute weight, 0-dimensional."""
        if self.held.widths:
            return self.held.step * (2 ** ((self.device.bits or 1) - 1) - 1)
        return self.held.step

    @property
    def is_partly_protected(self) -> bool:
        """Whether there is a mask."""
        return self.exposed.dim() > 0

    def is_exposed(self, where: Tensor) -> Tensor:
        """Return whether the weights at some positions of the flat weight are exposed."""
        if self.is_partly_protected:
            return self.exposed.reshape(-1)[where]
        return torch.ones_like(where, dtype=torch.bool)

    @property
    def exposed_weights(self) -> int:
        """Number of weights that the device may disturb."""
        return int(self.exposed.sum()) if self.is_partly_protected else self.weights


def arrays_of(layers: Mapping[str, Mappable], device: Device, masks: Mapping[str, Tensor]) -> dict[str, Arrays]:
    """Return the arrays of every layer.

    Args:
        layers: The layers that go onto crossbars.
        device: The device.
        masks: Which weights are exposed, by layer; all where empty.

    Returns:
        Arrays by layer.

    Raises:
        BadInput: A mask does not fit.
    """
    require_masks(masks, layers)
    everything = torch.tensor(True)
    return {
        name: Arrays(
            layer=name,
            device=device,
            held=coded(layer.weight, device),
            blocks=blocks_of(layer),
            exposed=masks.get(name, everything).to(layer.weight.device),
        )
        for name, layer in layers.items()
    }
