"""Differentially private training: its settings, and the ε that it comes to."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from disparate.errors import BadInput, require
from disparate.extras import require as require_extra
from disparate.provenance import version_of

Sampling = Literal["poisson", "shuffle"]
Gradients = Literal["hooks", "ghost"]
ACCOUNTANT = "rdp"
"""Opacus' accountant by Rényi divergence; its orders go up to 63, so that there is a smallest ε it can certify."""
MOST_NOISE = 1e6
"""The noise multiplier at which an accountant's smallest ε is taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateSteps:
    r"""Steps of DP-SGD (abadi2016): every example's gradient is clipped to a norm S, and noise is added to their sum.

    $$ \tilde g = \frac{1}{b} \Bigl( \sum_{i \in B} g_i \min\bigl(1, S / \lVert g_i \rVert\bigr)
       + \mathcal{N}(0, z^2 S^2 I) \Bigr) $$

    b is the expected size of a batch. Either the noise multiplier z is given, or the ε it has to come to.

    Args:
        noise_multiplier: z, 0 or more; 0 adds no noise.
        epsilon: The largest ε that all epochs may spend; z is then the smallest that keeps to it.
        delta: δ, the chance with which the bound may fail; below one in the number of training examples.
        max_norm: S, positive.
        clip: Whether gradients are clipped; without it the noise is that of S all the same, and no ε holds.
        sampling: ``"poisson"``: each example is in a batch by its own coin, which the accountant presumes;
            ``"shuffle"``: batches of an epoch part the examples, and the ε that is told is not exact.
        gradients: ``"hooks"`` holds the gradient of every example; ``"ghost"`` only its norm, by two backward passes.

    Raises:
        BadInput: A setting is out of range, or contradicts another.

    Example:
        >>> PrivateSteps(noise_multiplier=0.0).is_private, PrivateSteps(epsilon=3.0).is_private
        (False, True)
        >>> PrivateSteps(epsilon=3.0, delta=2.0)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: PrivateSteps(delta=2.0): a number between 0 and 1 was expected.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    noise_multiplier: float | None = None
    epsilon: float | None = None
    delta: float = 1e-5
    max_norm: float = 1.0
    clip: bool = True
    sampling: Sampling = "poisson"
    gradients: Gradients = "hooks"

    def __post_init__(self) -> None:
        kind = type(self).__name__
        given = f"{kind}(noise_multiplier={self.noise_multiplier}, epsilon={self.epsilon})"
        require((self.noise_multiplier is None) != (self.epsilon is None), given, "exactly one of the two")
        noise = self.noise_multiplier
        require(noise is None or 0 <= noise < math.inf, f"{kind}(noise_multiplier={noise})", "0 or more")
        epsilon = self.epsilon
        require(epsilon is None or 0 < epsilon < math.inf, f"{kind}(epsilon={epsilon})", "a positive finite number")
        require(0 < self.delta < 1, f"{kind}(delta={self.delta})", "a number between 0 and 1")
        norm = self.max_norm
        require(0 < norm < math.inf, f"{kind}(max_norm={norm})", "a positive finite number (no bound is clip=False)")
        if epsilon is not None and not self.clip:
            raise BadInput(
                f"{kind}(epsilon={epsilon}, clip=False): without clipping no noise gives an ε; give noise_multiplier, "
                "or leave clip=True."
            )

    @property
    def is_private(self) -> bool:
        """Whether some ε holds: gradients are clipped, and noise is added."""
        return self.clip and self.noise_multiplier != 0

    @property
    def why_no_epsilon(self) -> str | None:
        """Why no ε holds; None where one does."""
        if self.is_private:
            return None
        return "gradients are not clipped, so nobody's part is bounded" if not self.clip else "no noise is added"

    def to_json(self) -> dict[str, Any]:
        """Return the settings that are given, as plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The noise of a private training, and the ε that its steps spend.

    Args:
        settings: Of the steps.
        noise_multiplier: z, as given or as the ε asks for.
        rate: Chance of an example to be in a batch.
        examples: Training examples.
    """

    settings: PrivateSteps
    noise_multiplier: float
    rate: float
    examples: int

    @classmethod
    def of(cls, settings: PrivateSteps, *, batch_size: int, examples: int, steps: int) -> "Budget":
        """Return the budget of a training.

        Args:
            settings: Of the steps.
            batch_size: Expected examples per step.
            examples: Training examples.
            steps: Steps that the ε is meant for.

        Returns:
            The budget.

        Raises:
            BadInput: δ is not below one in the number of examples, or no noise keeps to the ε.
            MissingExtra: Opacus is not installed.
        """
        rate = min(1.0, batch_size / examples)
        if settings.is_private and settings.delta * examples >= 1:
            raise BadInput(
                f"privacy: delta is {settings.delta:g} with {examples} training examples; below 1 / {examples} = "
                f"{1 / examples:.2g} was expected. A δ as large lets the whole record of one person out."
            )
        noise = settings.noise_multiplier
        if noise is None:
            noise = noise_for(settings.epsilon or 0.0, delta=settings.delta, rate=rate, steps=steps)
        return cls(settings=settings, noise_multiplier=noise, rate=rate, examples=examples)

    @property
    def expected_batch(self) -> float:
        """Expected examples of a batch."""
        return self.rate * self.examples

    def told(self, steps: int) -> dict[str, Any]:
        """Return what is known after so many steps, as plain values; ``epsilon`` is None where none holds."""
        own = self.settings
        epsilon = epsilon_of(self.noise_multiplier, delta=own.delta, rate=self.rate, steps=steps)
        known: dict[str, Any] = {"epsilon": epsilon if own.is_private else None}
        known |= {"why": own.why_no_epsilon} if not own.is_private else {"exact": own.sampling == "poisson"}
        return known | {
            "delta": own.delta,
            "accountant": f"{ACCOUNTANT} of opacus {version_of('opacus')}",
            "noise_multiplier": self.noise_multiplier,
            "max_norm": own.max_norm,
            "clip": own.clip,
            "sampling": own.sampling,
            "gradients": own.gradients,
            "rate": self.rate,
            "steps": steps,
        }


def epsilon_of(noise_multiplier: float, *, delta: float, rate: float, steps: int) -> float | None:
    """Return the ε that steps with Poisson sampling spend, by opacus' accountant; None without noise.

    Args:
        noise_multiplier: z.
        delta: δ.
        rate: Chance of an example to be in a batch.
        steps: Steps that were taken.

    Returns:
        ε, an upper bound; 0 before the first step.

    Raises:
        MissingExtra: Opacus is not installed.

    Example:
        >>> epsilon_of(0.0, delta=1e-5, rate=0.01, steps=10) is None, epsilon_of(1.0, delta=1e-5, rate=0.01, steps=0)
        (True, 0.0)
    """
    if not noise_multiplier:
        return None
    accountants = _accountants()
    accountant = accountants.create_accountant(mechanism=ACCOUNTANT)
    accountant.history = [(noise_multiplier, rate, steps)] if steps else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a wider range of orders might give a smaller bound
        return float(accountant.get_epsilon(delta=delta))


def noise_for(epsilon: float, *, delta: float, rate: float, steps: int) -> float:
    """Return the smallest noise multiplier (to 0.1 % of ε) whose steps spend at most ε.

    Args:
        epsilon: The largest ε.
        delta: δ.
        rate: Chance of an example to be in a batch.
        steps: Steps that will be taken.

    Returns:
        z.

    Raises:
        BadInput: No noise gets that low.
        MissingExtra: Opacus is not installed.
    """
    least = epsilon_of(MOST_NOISE, delta=delta, rate=rate, steps=steps) or 0.0
    if epsilon <= least:
        raise BadInput(
            f"privacy: epsilon is {epsilon:g} with delta {delta:g}; the accountant ({ACCOUNTANT}) certifies no less "
            f"than {least:.3g}, however much noise there is. Raise epsilon or delta."
        )
    accounting = _accountants().utils
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(
            accounting.get_noise_multiplier(
                target_epsilon=epsilon,
                target_delta=delta,
                sample_rate=rate,
                steps=steps,
                accountant=ACCOUNTANT,
                epsilon_tolerance=epsilon / 1000,
            )
        )


def _accountants() -> Any:
    accountants: Any = require_extra("opacus.accountants", wanted_for="choice 'privacy'")
    require_extra("opacus.accountants.utils", wanted_for="choice 'privacy'")
    return accountants
