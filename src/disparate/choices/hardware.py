"""Hardware: another profile as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from disparate.choice import At
from disparate.profiles import Profile, profile_named


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """Train, run, or both, under a named profile; it replaces the profile in force as a whole.

    Args:
        profile: Name of a profile, such as ``"avx2"`` or ``"cuda:NVIDIA A100"``; see ``disparate.profiles.PROFILES``.
        at: ``"train"`` (train there, deploy as before), ``"deploy"`` (train as before, deploy there) or ``"both"``.

    Raises:
        BadInput: There is no profile of that name.

    Example:
        >>> Hardware(profile="two_threads").execute(Profile()).threads
        2
        >>> Hardware(profile="avx3")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: unknown profile 'avx3'. Did you mean 'avx2'?
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    profile: str = "avx2"
    at: At = "both"

    def __post_init__(self) -> None:
        profile_named(self.profile)

    def execute(self, profile: Profile) -> Profile:
        """Return the named profile."""
        return profile_named(self.profile)
