"""Presets: settings that a paper or its code states, with where every number comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from disparate.crossbar.device import Device
from disparate.errors import BadInput, suggestion
from disparate.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """Settings of a device and their provenance.

    Args:
        settings: What differs from the ideal device.
        source: Key in the references.
        provenance: Which number stands where, and what we had to decide.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: str = ""
    provenance: str


PRESETS: Mapping[str, Preset] = {
    "ideal": Preset(provenance="Nothing is quantised and nothing deviates."),
    "fairxbar_noise": Preset(
        settings={"bits": 8, "slices": 4, "programming": 0.1, "variation": "fairxbar"},
        source="mugdho2025",
        provenance="eq. 4 and 5; σ'_G = 10 % is the smallest of figure 3 (10, 20, 30 %). N and M are not printed: "
        "8 bits over 4 devices are ours.",
    ),
    "fairxbar_flips": Preset(
        settings={"bits": 8, "flips": 0.01},
        source="mugdho2025",
        provenance="section II-C: permanent bit flips, equal rates for zeros and ones. The rate is not printed: 1 % "
        "and 8 bits are ours.",
    ),
    "swim": Preset(
        settings={"bits": 8, "slices": 4, "programming": 0.3, "variation": "swim"},
        source="yan2022",
        provenance="public code: deviation 0.3 before write-verify, 2 of 8 bits per device.",
    ),
    "swim_verified": Preset(
        settings={"bits": 8, "slices": 4, "programming": 0.03, "variation": "swim"},
        source="yan2022",
        provenance="public code: deviation 0.03 after write-verify, 2 of 8 bits per device.",
    ),
    "pytorx_stuck": Preset(
        settings={"g_min": 3.0, "g_max": 3000.0, "stuck_on": 0.1, "stuck_off": 0.1},
        source="he2019",
        provenance="public code: 3e-6 and 3e-3 S, each tenth cell stuck at either end, independently.",
    ),
    "pcm": Preset(
        settings={
            "g_min": 0.0,
            "g_max": 25.0,
            "programming": 0.01,
            "variation": "state",
            "state": (1.05392, 7.86, -4.6924),
        },
        source="rasch2021",
        provenance="aihwkit 1.1.0, its PCM-like noise: 0.26348 + 1.965 x - 1.1731 x² µS at 25 µS, x the place in the "
        "window; here in hundredths of the window. Drift and read noise of that model depend on the state and are "
        "not part of the preset.",
    ),
}
"""Every preset by name."""


DEVICES = Registry(family="devices", entries=dict.fromkeys(PRESETS, "disparate.crossbar.device:Device"))
"""Devices as a recipe's table names them: each preset, with settings of one's own."""


def build_device(table: Mapping[str, Any]) -> Device:
    """Return the device that a recipe's table describes.

    Args:
        table: ``{"preset": name, setting: value, ...}``; the preset ``"ideal"`` where none is named.

    Returns:
        The device.

    Raises:
        BadInput: There is no such preset or setting, or a value does not fit.

    Example:
        >>> build_device({"preset": "swim", "programming": 0.1}).programming
        0.1
        >>> build_device({"programing": 0.1})
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: device 'ideal': unknown key 'programing' (found 0.1). Did you mean 'programming'?
    """
    settings = dict(table)
    preset = settings.pop("preset", "ideal")
    found: Device = DEVICES.build(preset, {**preset_named(preset).settings, **settings})
    return found


def preset_named(name: str) -> Preset:
    """Return a preset.

    Args:
        name: A name in ``PRESETS``.

    Returns:
        The preset.

    Raises:
        BadInput: There is none of that name.

    Example:
        >>> preset_named("swim").settings["programming"]
        0.3
    """
    if name not in PRESETS:
        raise BadInput(f"crossbar: preset is '{name}'.{suggestion(name, PRESETS)}")
    return PRESETS[name]


def device_of(preset: str, settings: Mapping[str, Any]) -> Device:
    """Return a preset's device with some settings of one's own.

    Args:
        preset: A name in ``PRESETS``.
        settings: Settings of :class:`~disparate.crossbar.device.Device` that replace the preset's.

    Returns:
        The device.

    Raises:
        BadInput: There is no such preset, or the settings do not go together.

    Example:
        >>> device_of("swim", {"programming": 0.0}).is_random
        False
    """
    return Device(**{**preset_named(preset).settings, **settings})
