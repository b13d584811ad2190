"""Kernels: single settings of how the program is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from disparate.choice import At
from disparate.errors import BadInput, suggestion
from disparate.profiles import VARIABLES, MemoryFormat, Operands, Profile

SETTINGS = ("threads", "onednn", "memory_format", "operands", "deterministic", "tf32")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernels:
    """Change single settings of the profile in force; what is not named stays.

    Args:
        threads: Intra-operation threads, 1 or more.
        onednn: Whether oneDNN kernels may be used on the CPU.
        memory_format: ``"contiguous"`` or ``"channels_last"``, the layout of images and convolution weights.
        operands: Number format to which operands are rounded: ``"float32"``, ``"tf32"``, ``"fp16"`` or ``"bf16"``;
            anything but float32 is *emulated*.
        deterministic: Whether only deterministic kernels may be used.
        tf32: Whether CUDA may use TensorFloat-32.
        environment: Variables read at process start, added to those of the profile or in their place; their names
            stand in ``VARIABLES``.
        at: ``"train"``, ``"deploy"`` or ``"both"``.

    Raises:
        BadInput: No setting is named, ``threads`` is below 1, or a variable may not be set.

    Example:
        >>> Kernels(threads=2, onednn=False).execute(Profile()).name
        'native+threads=2+onednn=false'
        >>> Kernels(threads=1).execute(Profile()) == Profile()  # nothing changes, so the profile keeps its name
        True
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    threads: int | None = None
    onednn: bool | None = None
    memory_format: MemoryFormat | None = None
    operands: Operands | None = None
    deterministic: bool | None = None
    tf32: bool | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    at: At = "both"

    def __post_init__(self) -> None:
        if not self.environment and not self._named():
            raise BadInput(f"Kernels(): nothing is changed; name at least one of {', '.join(SETTINGS)}, environment.")
        if self.threads is not None and self.threads < 1:
            raise BadInput(f"Kernels(threads={self.threads}): at least 1 was expected.")
        for name in self.environment:
            if name not in VARIABLES:
                raise BadInput(f"Kernels(environment=...): '{name}' may not be set.{suggestion(name, VARIABLES)}")

    def execute(self, profile: Profile) -> Profile:
        """Return the profile with the named settings changed and the changes added to its name."""
        changed = {name: value for name, value in self._named().items() if getattr(profile, name) != value}
        before = dict(profile.environment)
        variables = {key: value for key, value in sorted(self.environment.items()) if before.get(key) != value}
        suffixes = [f"+{name}={_word(value)}" for name, value in (changed | variables).items()]
        environment = tuple(sorted((before | variables).items()))
        return replace(profile, **changed, environment=environment, name=profile.name + "".join(suffixes))

    def _named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
