"""Attack: ask the network about the worst inputs within a bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from disparate.choice import InputContext
from disparate.errors import BadInput, NotApplicable
from disparate.geometry.adversarial import Answer, fgsm, pgd

Method = Literal["fgsm", "pgd"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """Move every input, as far as ε allows, to where the deployed network errs most.

    The attacker knows the network and the right answer, and may change each number of an input by at most ε. Accuracy
    under it is 1 minus the adversarial error.

    | method | how                                                                                      |
    | ------ | ---------------------------------------------------------------------------------------- |
    | `fgsm` | one step of length ε by the sign of the gradient (goodfellow2015)                        |
    | `pgd`  | several steps that stay within ε, from a random start, the worst one kept (madry2018)     |

    Args:
        epsilon: Most that a number may move, 0 or more: of images a share of the range of pixels, so that 8 of 255
            levels is 0.0314; of tables standard deviations.
        method: How the worst is looked for.
        steps: Steps of ``pgd``.
        step: Length of a step of ``pgd``, in the unit of ``epsilon``; 2.5 ε / steps where not given.
        random_start: Whether ``pgd`` starts from a random place within ε.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> Attack(epsilon=0.0314), Attack(epsilon=0.0314, method="fgsm").stochastic
        (Attack(epsilon=0.0314, method='pgd', steps=10, step=None, random_start=True), False)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    epsilon: float
    method: Method = "pgd"
    steps: int = 10
    step: float | None = None
    random_start: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < float("inf"):
            raise BadInput(f"Attack(epsilon={self.epsilon}): a finite number, 0 or more, was expected.")
        if self.steps < 1:
            raise BadInput(f"Attack(steps={self.steps}): at least 1 was expected.")
        if self.step is not None and not 0 < self.step < float("inf"):
            raise BadInput(f"Attack(step={self.step}): a positive finite number was expected.")

    @property
    def stochastic(self) -> bool:
        """Whether another draw starts from another place."""
        return self.method == "pgd" and self.random_start and self.epsilon > 0

    def alter(self, inputs: Tensor, context: InputContext) -> Tensor:
        """Return the worst inputs that were found.

        Args:
            inputs: Before normalisation.
            context: The network, the right answers, the range of inputs and the generator.

        Returns:
            The same shape.

        Raises:
            NotApplicable: ε is larger than the range of inputs, or the network hides its gradient.
        """
        if context.span is not None and self.epsilon > context.span[1] - context.span[0]:
            raise NotApplicable(
                f"Attack(epsilon={self.epsilon:g}): pixels lie in [0, 1]; {self.epsilon:g} of 255 levels is "
                f"epsilon={self.epsilon / 255:.3g}."
            )
        answer = _answer(context)
        if self.method == "fgsm":
            return fgsm(answer, inputs, context.target, epsilon=self.epsilon, span=context.span)
        return pgd(
            answer,
            inputs,
            context.target,
            epsilon=self.epsilon,
            steps=self.steps,
            step=self.step,
            generator=context.generator if self.random_start else None,
            span=context.span,
        )


def _answer(context: InputContext) -> Answer:
    return lambda inputs: context.model(context.normalised(inputs))
