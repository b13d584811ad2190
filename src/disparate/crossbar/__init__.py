"""Analog crossbars: devices, chips, fault maps, and networks put on them.

From a setting to an answer: a :class:`Device` says what may go wrong, a :class:`Chip` is one piece of hardware on which
it went wrong in one way, :func:`on_crossbars` gives the network as that chip computes it.
"""

from disparate.crossbar.chips import Chip, Defects, chip_of
from disparate.crossbar.deploying import Placement, done_to, fault_map_of, on_crossbars, reestimate, report_of
from disparate.crossbar.device import Device, without_chance
from disparate.crossbar.fault_map import FaultMap, read_device, read_fault_map, write_fault_map
from disparate.crossbar.masks import read_masks, write_masks
from disparate.crossbar.presets import PRESETS, Preset, device_of
from disparate.crossbar.tally import Tally

__all__ = [
    "PRESETS",
    "Chip",
    "Defects",
    "Device",
    "FaultMap",
    "Placement",
    "Preset",
    "Tally",
    "chip_of",
    "device_of",
    "done_to",
    "fault_map_of",
    "on_crossbars",
    "read_device",
    "read_fault_map",
    "read_masks",
    "reestimate",
    "report_of",
    "without_chance",
    "write_fault_map",
    "write_masks",
]
