"""Hardware sensitivity: how far a group's loss or error moves over devices (nelaturu2024).

The displayed equation of the paper could not be read; ``absmax`` is the form its theorem 4.1 bounds. Signs follow one
rule: a positive value is harm. The signed form of accuracy is therefore the change of the *error*.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from disparate.measures.measure import POSITIVE, Measure

Array = NDArray[np.float64]
Form = Literal["absmax", "signed", "range"]


def absmax(devices: Array, reference: Array) -> Array:
    """Return Δ(a, m) = max over m′ of |J(θ_m′; D_a) − J(θ_m; D_a)|.

    Undefined when the group has no example.

    Args:
        devices: J under every other device, shape (..., M, G).
        reference: J under the reference device m, shape (..., G).

    Returns:
        Not negative, shape (..., G).

    Example:
        >>> absmax(np.array([[0.25, 1.0], [1.0, 1.0]]), np.array([0.5, 1.0])).tolist()
        [0.5, 0.0]
    """
    return np.abs(devices - reference[..., None, :]).max(axis=-2)


def device_range(devices: Array, reference: Array) -> Array:
    """Return the largest J minus the smallest over all devices, the reference device being one of them.

    No device is special in it. Undefined when the group has no example.

    Args:
        devices: J under every other device, shape (..., M, G).
        reference: J under the reference device, shape (..., G).

    Returns:
        Not negative, shape (..., G).

    Example:
        >>> device_range(np.array([[0.25, 1.0], [1.0, 1.0]]), np.array([0.5, 1.0])).tolist()
        [0.75, 0.0]
    """
    most = np.maximum(devices.max(axis=-2), reference)
    return most - np.minimum(devices.min(axis=-2), reference)


def signed(devices: Array, reference: Array) -> Array:
    """Return J(θ_m′; D_a) − J(θ_m; D_a) of every device; positive is harm where J is a loss or an error.

    Undefined when the group has no example.

    Args:
        devices: J under every other device, shape (..., M, G).
        reference: J under the reference device, shape (..., G).

    Returns:
        Shape (..., M, G).

    Example:
        >>> signed(np.array([[0.25, 1.0]]), np.array([0.5, 1.0])).tolist()
        [[-0.25, 0.0]]
    """
    return devices - reference[..., None, :]


def hardware_sensitivity(devices: Array, reference: Array, *, form: Form = "absmax") -> Array:
    """Return the hardware sensitivity of every group in a named form.

    Undefined when the group has no example.

    Args:
        devices: J under every other device, shape (..., M, G).
        reference: J under the reference device, shape (..., G).
        form: ``"absmax"``, ``"range"``, or ``"signed"``, which keeps the devices apart.

    Returns:
        Shape (..., G), and (..., M, G) for the signed form.

    Example:
        >>> hardware_sensitivity(np.array([[0.25], [1.0]]), np.array([0.5]), form="range").tolist()
        [0.75]
    """
    return FORMS[form](devices, reference)


FORMS = {"absmax": absmax, "signed": signed, "range": device_range}
HARDWARE_SENSITIVITY = Measure(
    name="hardware_sensitivity",
    unit="nats",
    kind="sensitivity",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=hardware_sensitivity,
)
