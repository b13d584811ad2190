"""Profiles: what decides the floating-point result of the same program.

A profile is a value that knows nothing of torch. ``training.execution`` puts it into force inside a process;
the variables in ``environment`` are read when a process starts, so the engine starts a worker that has them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from disparate.errors import BadInput, NotApplicable, suggestion
from disparate.provenance import cpu_flags, cpu_name

Operands = Literal["float32", "tf32", "fp16", "bf16"]
MemoryFormat = Literal["contiguous", "channels_last"]

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "KMP_DETERMINISTIC_REDUCTION",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_DYNAMIC",
    "OMP_SCHEDULE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Variables that decide a floating-point result: a recipe may set these and no others, and a worker inherits them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One way of executing the same program.

    Args:
        name: How the profile is called; what it *is* is told by its fingerprint.
        device: ``"cpu"``, ``"cuda"``, or ``"cuda:<device name>"`` such as ``"cuda:NVIDIA A100"``.
        environment: Variables that are read at process start, as pairs.
        threads: Intra-operation threads.
        memory_format: Layout of images and convolution weights.
        operands: Number format to which the operands of products and convolutions are rounded, accumulated in
            float32. Anything but ``float32`` is *emulated*.
        onednn: Whether oneDNN kernels may be used on the CPU.
        tf32: Whether CUDA may use TensorFloat-32.
        deterministic: Whether only deterministic kernels may be used.
        requires: CPU flags without which the profile cannot run.
    """

    name: str = "native"
    device: str = "cpu"
    environment: tuple[tuple[str, str], ...] = ()
    threads: int = 1
    memory_format: MemoryFormat = "contiguous"
    operands: Operands = "float32"
    onednn: bool = True
    tf32: bool = False
    deterministic: bool = True
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise BadInput(f"profile '{self.name}': threads={self.threads}; at least 1 was expected.")

    def to_json(self) -> dict[str, Any]:
        """Return the profile as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> "Profile":
        """Read a profile back from plain values."""
        pairs = tuple((key, value) for key, value in item["environment"])
        settings: dict[str, Any] = {**item, "environment": pairs, "requires": tuple(item["requires"])}
        return cls(**settings)


def _cpu(name: str, aten: str, onednn: str, mkl: str, *requires: str) -> Profile:
    environment = (("ATEN_CPU_CAPABILITY", aten), ("MKL_CBWR", mkl), ("ONEDNN_MAX_CPU_ISA", onednn))
    return Profile(name=name, environment=environment, requires=requires)


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(),
        _cpu("avx512", "avx512", "AVX512_CORE", "AVX512", "avx512f"),
        _cpu("avx2", "avx2", "AVX2", "AVX2", "avx2"),
        _cpu("sse41", "default", "SSE41", "COMPATIBLE", "sse4_1"),
        Profile(name="onednn_off", onednn=False),
        Profile(name="mkl_compatible", environment=(("MKL_CBWR", "COMPATIBLE"),)),
        Profile(name="one_thread", threads=1),
        Profile(name="two_threads", threads=2),
        Profile(name="channels_last", memory_format="channels_last"),
        Profile(name="emulated_tf32", operands="tf32"),
        Profile(name="emulated_fp16", operands="fp16"),
        Profile(name="emulated_bf16", operands="bf16"),
        Profile(name="cuda", device="cuda"),
        Profile(name="cuda_tf32", device="cuda", tf32=True),
    )
}
"""Every profile that has a name. ``cuda:<device name>`` names a kind of GPU."""


def profile_named(name: str) -> Profile:
    """Return the profile of that name.

    Args:
        name: A name in ``PROFILES``, or ``"cuda:<device name>"``.

    Returns:
        The profile.

    Raises:
        BadInput: There is no such profile.

    Example:
        >>> profile_named("cuda:NVIDIA A100").device
        'cuda:NVIDIA A100'
    """
    if name.startswith("cuda:"):
        return Profile(name=name, device=name)
    if name not in PROFILES:
        raise BadInput(f"unknown profile '{name}'.{suggestion(name, PROFILES)}")
    return PROFILES[name]


def require_available(profile: Profile) -> None:
    """Refuse a profile that needs what this machine's processor lacks.

    Args:
        profile: The profile.

    Raises:
        NotApplicable: A CPU flag is missing.
    """
    if lacking := sorted(set(profile.requires) - cpu_flags()):
        raise NotApplicable(
            f"profile '{profile.name}' needs the instruction set {', '.join(lacking)}; this machine ({cpu_name()}) "
            "has not got it. Leave the profile out, or run the audit on a machine that has it."
        )
