"""What a deployment choice is: seven protocols, by where it acts. No torch is needed to handle choices as values."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from disparate.errors import NotApplicable
from disparate.groups import Groups
from disparate.profiles import Profile

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from disparate.training.config import TrainingConfig
    from disparate.training.rules import WeightRule

At = Literal["train", "deploy", "both"]
"""Where a choice holds: while the network is trained, while the trained network is run, or both."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labelled:
    """Training examples with everything that is known of them.

    Args:
        inputs: As the model sees them, shape (n, ...).
        target: Label index, shape (n,), int64.
        groups: Their groups, by the audit's first partition.
    """

    inputs: "Tensor"
    target: "Tensor"
    groups: Groups


def unlabelled(most: int) -> Labelled:
    """Refuse: what a context answers that knows inputs only.

    Raises:
        NotApplicable: Always.
    """
    raise NotApplicable(
        f"labelled examples were asked for ({most} of each group), and none are at hand here. A choice that looks at "
        "groups acts within an audit."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployContext:
    """What a model choice may use beside the model.

    Args:
        calibration: Gives n training inputs as the model sees them, shape (n, ...), the same n for every seed.
        generator: The only source of randomness; seeded by training seed and draw.
        labelled: Gives at most n training examples of every group, the same for every seed; for choices that say
            ``by_group``.
        mirrored: Whether this draw is the mirror image of the draw with the same generator: noise that is symmetric
            takes the other sign, everything else is drawn anew. Only choices that say ``mirrors`` are asked for it.
        seed: Training seed, for what has to stay the same from draw to draw.
    """

    calibration: "Callable[[int], Tensor]"
    generator: "torch.Generator"
    labelled: Callable[[int], Labelled] = unlabelled
    mirrored: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class InputContext:
    """What an input choice may use beside the inputs of a batch.

    Args:
        target: Right class of every input, shape (n,), int64.
        model: The network as it is deployed, in evaluation mode; it is left as it is.
        normalised: From inputs as they are given to inputs as the network sees them; can be differentiated.
        span: Smallest and largest value an input can have, (0, 1) for images; None where any number is one.
        generator: The only source of randomness, on the CPU. Seeded by draw, place in the chain and place of the batch
            and by nothing else, so that reference, variants and training seeds meet the same noise.
    """

    target: "Tensor"
    model: "nn.Module"
    normalised: "Callable[[Tensor], Tensor]"
    span: tuple[float, float] | None
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

    @property
    def at(self) -> At:
        """Where it holds."""
        ...

    def execute(self, profile: Profile) -> Profile:
        """Return the altered profile."""
        ...


@runtime_checkable
class ObjectiveChoice(Protocol):
    """A choice of what training minimises."""

    def aim(self, objective: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the altered objective, as a recipe's table."""
        ...


@runtime_checkable
class NetworkChoice(Protocol):
    """A choice of which network is trained, and how it is built."""

    def network(self, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the altered model table, as a recipe holds it."""
        ...


@runtime_checkable
class TuningChoice(Protocol):
    """A choice that trains on from where the chain has come to."""

    @property
    def objective(self) -> Mapping[str, Any]:
        """What is minimised meanwhile, as a recipe's table."""
        ...

    def tuning(self, config: "TrainingConfig") -> "TrainingConfig":
        """Return how to train on, given how the network was trained."""
        ...

    def rules(self, model: "nn.Module", context: DeployContext) -> "tuple[WeightRule, ...]":
        """Return what holds for the weights meanwhile, given the network as it comes."""
        ...


@runtime_checkable
class InputChoice(Protocol):
    """A choice of what the deployed network is asked: it alters the inputs when they are predicted, never in training.

    Inputs come before normalisation, in a unit of their own. Images are float32 in [0, 1], shape (n, channels, height,
    width); a stored byte b is b / 255, and ``(255 * inputs).round()`` gives the bytes back exactly. Tables are
    standardised features, shape (n, features).
    """

    def alter(self, inputs: "Tensor", context: InputContext) -> "Tensor":
        """Return other inputs of the same shape; at zero strength the same numbers, bit for bit."""
        ...


Choice = TrainingChoice | NetworkChoice | ModelChoice | ExecutionChoice | ObjectiveChoice | TuningChoice | InputChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """One stage of a chain that trains on.

    Args:
        before: What is done to the network first.
        choice: How it is trained on.
    """

    before: tuple[ModelChoice, ...]
    choice: TuningChoice


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

    def objective(self, objective: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the training of this variant minimises, as a recipe's table."""
        for choice in self.choices:
            if isinstance(choice, ObjectiveChoice):
                objective = choice.aim(objective)
        return objective

    def network(self, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the table of the network that this variant trains."""
        for choice in self.choices:
            if isinstance(choice, NetworkChoice):
                model = choice.network(model)
        return model

    def tunings(self) -> tuple[Tuning, ...]:
        """Return the stages that train on, in order; each holds the model choices since the one before."""
        found: list[Tuning] = []
        before: list[ModelChoice] = []
        for choice in self.choices:
            if isinstance(choice, TuningChoice):
                found.append(Tuning(before=tuple(before), choice=choice))
                before = []
            elif isinstance(choice, ModelChoice):
                before.append(choice)
        return tuple(found)

    def model_choices(self) -> tuple[ModelChoice, ...]:
        """Return the choices that act on the network once nothing is trained any more, in order."""
        last = max((place for place, choice in enumerate(self.choices) if isinstance(choice, TuningChoice)), default=-1)
        return tuple(choice for choice in self.choices[last + 1 :] if isinstance(choice, ModelChoice))

    def input_choices(self) -> tuple[InputChoice, ...]:
        """Return the choices that alter what the network is asked, in order, wherever they stand in the chain."""
        return tuple(choice for choice in self.choices if isinstance(choice, InputChoice))


def is_choice(value: object) -> bool:
    """Return whether a value acts somewhere as one of the seven kinds of choices does."""
    return isinstance(value, Choice)


def is_stochastic(choice: Choice) -> bool:
    """Return whether a choice draws at random when it is applied, so that an audit repeats it for every draw.

    A choice says so with an attribute or property ``stochastic``; without one it does not.
    """
    return bool(getattr(choice, "stochastic", False))


def can_mirror(choice: Choice) -> bool:
    """Return whether a choice knows the mirror image of a draw (:attr:`DeployContext.mirrored`).

    A choice says so with an attribute or property ``mirrors``; without one it does not.
    """
    return bool(getattr(choice, "mirrors", False))


def is_in_memory(choice: Choice) -> bool:
    """Return whether a choice puts weights into the cells of a chip, behind which nothing is trained on.

    A choice says so with an attribute or property ``in_memory``; without one it does not.
    """
    return bool(getattr(choice, "in_memory", False))


def is_by_group(choice: Choice) -> bool:
    """Return whether what a choice does depends on who belongs to which group.

    A choice says so with an attribute or property ``by_group``; without one it does not.
    """
    return bool(getattr(choice, "by_group", False))


def is_balanced(choice: TuningChoice) -> bool:
    """Return whether a choice that trains on asks for as many examples of each group in every batch.

    A choice says so with an attribute or property ``balanced``; without one it does not.
    """
    return bool(getattr(choice, "balanced", False))


def describe(choice: Choice, name: str) -> dict[str, Any]:
    """Return a choice as the plain table a recipe would hold, settings sorted.

    Args:
        choice: A frozen dataclass that is a choice.
        name: The name recipes call it by.

    Returns:
        ``{"choice": name, setting: value, ...}``.
    """
    return {"choice": name, **dict(sorted(asdict(choice).items()))}  # type: ignore[call-overload]
