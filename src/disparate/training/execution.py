"""Execution: putting a profile into force inside a process, and telling what really ran."""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import deterministic
from torch.utils._python_dispatch import TorchDispatchMode

from disparate.errors import NotApplicable
from disparate.profiles import Profile, require_available

aten = torch.ops.aten
MANTISSA_BITS = {"tf32": 10, "bf16": 7, "fp16": 10}
OPERANDS: dict[Any, tuple[int, ...]] = {
    aten.mm.default: (0, 1),
    aten.bmm.default: (0, 1),
    aten.addmm.default: (1, 2),
    aten.baddbmm.default: (1, 2),
    aten.convolution.default: (0, 1),
    aten.convolution_backward.default: (0, 1, 2),
}
"""Which arguments of which kernels are operands; everything else, bias and accumulator included, stays float32."""


def round_mantissa(values: Tensor, bits: int) -> Tensor:
    """Round float32 numbers to a shorter mantissa, to nearest, ties to even.

    Args:
        values: float32.
        bits: Mantissa bits that are kept, 1 to 22.

    Returns:
        float32 of the same shape; infinities stay.

    Example:
        >>> round_mantissa(torch.tensor([1.0 + 2**-11, 1.0 + 3 * 2**-11]), 10).tolist()  # ties: to 1, to 1 + 2/1024
        [1.0, 1.001953125]
    """
    shift = 23 - bits
    raw = values.view(torch.int32)
    half = ((1 << (shift - 1)) - 1) + ((raw >> shift) & 1)
    return ((raw + half) & ~((1 << shift) - 1)).view(torch.float32)


def round_operand(values: Tensor, operands: str) -> Tensor:
    """Round float32 operands as the number format would hold them.

    Args:
        values: float32.
        operands: ``"tf32"`` (8 exponent bits, 10 mantissa bits), ``"bf16"`` (8, 7) or ``"fp16"`` (5, 10: values
            beyond 65,504 become infinite, small ones sink to subnormal steps of 2^-24).

    Returns:
        float32 of the same shape.
    """
    if operands == "fp16":
        return values.half().float()
    return round_mantissa(values, MANTISSA_BITS[operands])


class RoundedOperands(TorchDispatchMode):
    """Rounds the operands of matrix products and convolutions, forward and backward; sums stay float32.

    Kernels that do several products at once (fused attention, LSTM cells) and matrix times vector are not rounded.

    This *emulates* a tensor core that multiplies in a short format and accumulates in float32.

    Args:
        operands: The number format.
    """

    def __init__(self, operands: str) -> None:
        super().__init__()
        self.operands = operands

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one kernel, its operands rounded."""
        places = OPERANDS.get(func, ())
        rounded = [
            round_operand(value, self.operands) if place in places and value.dtype == torch.float32 else value
            for place, value in enumerate(args)
        ]
        return func(*rounded, **(kwargs or {}))


@contextmanager
def in_force(profile: Profile) -> Generator[torch.device]:
    """Run the block under a profile and restore what was before.

    Args:
        profile: The profile.

    Yields:
        The device to compute on.

    Raises:
        NotApplicable: This machine or this process cannot run the profile.
    """
    require_available(profile)
    require_environment(profile)
    device = device_of(profile)
    with ExitStack() as stack:
        stack.enter_context(_threads(profile.threads))
        stack.enter_context(_deterministic(profile.deterministic))
        stack.enter_context(_onednn(profile.onednn))
        stack.enter_context(_tf32(profile.tf32))
        if profile.operands != "float32":
            stack.enter_context(RoundedOperands(profile.operands))
        yield device


def require_environment(profile: Profile) -> None:
    """Refuse to run in a process that was started without the profile's variables.

    Args:
        profile: The profile.

    Raises:
        NotApplicable: A variable is missing or has another value.
    """
    for name, value in profile.environment:
        found = os.environ.get(name)
        if found != value:
            raise NotApplicable(
                f"profile '{profile.name}' needs {name}={value} from process start; this process has {found!r}. "
                "Let the engine start a worker for it: name model and data so that a worker can import them."
            )


def device_of(profile: Profile) -> torch.device:
    """Return the device of a profile.

    Args:
        profile: The profile.

    Returns:
        The device.

    Raises:
        NotApplicable: There is no such device here.
    """
    kind, _, wanted = profile.device.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if kind == "cuda" else []
    for index, name in enumerate(names):
        if not wanted or wanted.lower() in name.lower():
            return torch.device("cuda", index)
    raise NotApplicable(
        f"profile '{profile.name}' needs device '{profile.device}'; this machine has {names or 'no CUDA device'}. "
        "Leave the profile out, or run the audit where the device is."
    )


def effective(profile: Profile) -> dict[str, Any]:
    """Return what is really in force in this process, as plain values; call inside :func:`in_force`."""
    return {
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "onednn": torch.backends.mkldnn.is_available() and profile.onednn,
        "mkl": torch.backends.mkl.is_available(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "device": _device_name(profile),
        "memory_format": profile.memory_format,
        "operands": profile.operands if profile.operands == "float32" else f"{profile.operands} (emulated)",
        "environment": dict(profile.environment),
        "torch": torch.__version__,
    }


def memory_format(profile: Profile) -> torch.memory_format:
    """Return torch's name for the profile's layout of images."""
    return torch.channels_last if profile.memory_format == "channels_last" else torch.contiguous_format


def place(model: nn.Module, profile: Profile) -> nn.Module:
    """Move a network to a profile's device and layout, in place.

    Args:
        model: The network, before any choice is applied: quantised weights cannot be moved.
        profile: The profile.

    Returns:
        The network.
    """
    model.to(device_of(profile))
    return model.to(memory_format=memory_format(profile))  # pyright: ignore[reportCallIssue]  a keyword torch documents


def _device_name(profile: Profile) -> str:
    device = device_of(profile)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


@contextmanager
def _threads(threads: int) -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _onednn(wanted: bool) -> Generator[None]:
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = wanted  # pyright: ignore[reportAttributeAccessIssue]  a property of the module
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def _deterministic(wanted: bool) -> Generator[None]:
    """Force deterministic kernels, without filling fresh memory with NaN: that finds bugs and changes no result."""
    before = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue]
    torch.use_deterministic_algorithms(wanted)
    deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]  a property
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        deterministic.fill_uninitialized_memory = before[1]  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def _tf32(wanted: bool) -> Generator[None]:
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
