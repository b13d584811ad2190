"""What a deployment choice is: three protocols, by where it acts. No torch is needed to handle choices as values."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from disparate.profiles import Profile

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from disparate.training.config import TrainingConfig

At = Literal["train", "deploy", "both"]
"""Where a choice holds: while the network is trained, while the trained network is run, or both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployContext:
    """What a model choice may use beside the model.

    Args:
        calibration: Gives n training inputs as the model sees them, shape (n, ...), the same n for every seed.
        generator: The only source of randomness; seeded by training seed and draw.
    """

    calibration: "Callable[[int], Tensor]"
    generator: "torch.Generator"


@runtime_checkable
class TrainingChoice(Protocol):
    """A choice that alters how a network is trained."""

    def configure(self, config: "TrainingConfig") -> "TrainingConfig":
        """Return the altered training configuration."""
        ...


@runtime_checkable
class ModelChoice(Protocol):
    """A choice that turns a trained network into another one."""

    def apply(self, model: "nn.Module", context: DeployContext) -> "nn.Module":
        """Return another model; the given one keeps its weights."""
        ...

    def effective(self, deployed: "nn.Module") -> Mapping[str, Any]:
        """Return what was really done (achieved rates, layers left out), as plain values."""
        ...


@runtime_checkable
class ExecutionChoice(Protocol):
    """A choice of where and how the program runs."""

    at: At

    def execute(self, profile: Profile) -> Profile:
        """Return the altered profile."""
        ...


Choice = TrainingChoice | ModelChoice | ExecutionChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A named chain of choices, compared with the reference.

    Args:
        name: How the variant is called in tables and files.
        choices: The choices, applied in this order; prune-then-quantize is two of them.
    """

    name: str
    choices: tuple[Choice, ...] = ()

    def training(self, config: "TrainingConfig") -> "TrainingConfig":
        """Return the training configuration of this variant."""
        for choice in self.choices:
            if isinstance(choice, TrainingChoice):
                config = choice.configure(config)
        return config

    def profile(self, profile: Profile, *, at: Literal["train", "deploy"]) -> Profile:
        """Return the profile under which this variant trains, or runs."""
        for choice in self.choices:
            if isinstance(choice, ExecutionChoice) and choice.at in {at, "both"}:
                profile = choice.execute(profile)
        return profile

    def model_choices(self) -> tuple[ModelChoice, ...]:
        """Return the choices that act on the trained model, in order."""
        return tuple(choice for choice in self.choices if isinstance(choice, ModelChoice))


def is_stochastic(choice: Choice) -> bool:
    """Return whether a choice draws at random when it is applied, so that an audit repeats it for every draw.

    A choice says so with an attribute or property ``stochastic``; without one it does not.
    """
    return bool(getattr(choice, "stochastic", False))


def describe(choice: Choice, name: str) -> dict[str, Any]:
    """Return a choice as the plain table a recipe would hold, settings sorted.

    Args:
        choice: A frozen dataclass that is a choice.
        name: The name recipes call it by.

    Returns:
        ``{"choice": name, setting: value, ...}``.
    """
    return {"choice": name, **dict(sorted(asdict(choice).items()))}  # type: ignore[call-overload]
