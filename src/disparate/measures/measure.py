"""What a measure is: a pure function with a name, a unit, a range and a direction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "mean",
    "root_mean",
    "mean_disparity",
    "rate",
    "class_rate",
    "disparity",
    "against_reference",
    "pairwise",
    "among_flips",
    "beyond_everyone",
    "harm",
    "violation",
    "sensitivity",
    "movement",
    "floor",
    "populations",
    "relative",
    "drawn",
]
"""What the function of a measure takes and gives.

| kind | function | one value per |
| --- | --- | --- |
| ``mean`` | predictions → value per example, averaged | group |
| ``root_mean`` | predictions → value per example, averaged, and the root of that | group |
| ``mean_disparity`` | means per group (..., G) of the measure ``base`` → (...) | partition |
| ``rate`` | counts (..., K, K) → (...) | group |
| ``class_rate`` | counts (..., K, K) → (..., K) | group and class |
| ``disparity`` | counts (..., G, K, K) → (...) | partition |
| ``against_reference`` | counts (..., G, K, K), place of the reference group → (..., G) | group, and the largest |
| ``pairwise`` | variant, reference → value per example, averaged | group |
| ``among_flips`` | shares of a group that flip (..., G), of everyone (..., 1) → (..., G) | group and flip |
| ``beyond_everyone`` | rates of places (models, places), of everyone (models) → (models, places) | group, or class |
| ``harm`` | change of a measure, whether more of it is better → harm | group and measure |
| ``violation`` | values per group (..., G) of excessive risk → (...) | partition |
| ``sensitivity`` | values of devices (..., M, G), of the reference (G) → (..., G) | group |
| ``movement`` | a ``Movement``: the runs of a group over devices and seeds → its parts | group and part |
| ``floor`` | values of single runs or differences → a floor | group and floor |
| ``populations`` | label shares of two populations (..., K) → value per example, averaged | group |
| ``drawn`` | a case: runs over draws of devices → their distribution | group, measure and statistic |
| ``relative`` | rates of the variant, of the reference → per cent of the reference's | group and rate, or class |

Counts are target × predicted. NaN marks what is undefined inside arrays and never leaves the package as a number.
"""

Bounds = tuple[float | None, float | None]
SHARE: Bounds = (0.0, 1.0)
POSITIVE: Bounds = (0.0, None)
ANY: Bounds = (None, None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One measure.

    Args:
        name: Its name in recipes, tables and files.
        unit: ``"share"``, ``"nats"``, ``"target"`` (that of the target), ``"rates"`` (a sum of differences of rates,
            0 to twice the number of classes), ``"distance"`` (of two distributions, 0 to 2) or ``"percent"`` (of what
            it was).
        kind: What the function takes and gives.
        higher_is_better: Whether more of it is good for the people concerned; None where neither is.
        bounds: Smallest and largest value there can be.
        undefined_when: Why there is no value, in the words of a report.
        function: The function; its arguments depend on the kind.
        support: For ``class_rate``: counts (..., K, K) → how many examples a rate stands on, (..., K); the whole group
            where not given.
        base: For ``mean_disparity``: the measure of kind ``mean`` whose group means are compared.
        signed: For ``pairwise``: whether it is tested against zero; otherwise against its noise floor.
        inherits_unit: For ``movement`` and ``floor``: whether the number is in the unit of the measure it is about.
        exact: For ``pairwise``: whether its values are −1, 0 and 1, and their signs are tested exactly over examples.
    """

    name: str
    unit: str
    kind: Kind
    higher_is_better: bool | None
    bounds: Bounds
    undefined_when: str
    function: Callable[..., Any]
    support: Callable[..., Any] | None = None
    base: "Measure | None" = None
    signed: bool = True
    inherits_unit: bool = False
    exact: bool = False

    def clip(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends of an interval, inside the range of the measure.

        Example:
            >>> Measure(name="churn", unit="share", kind="pairwise", higher_is_better=False, bounds=(0.0, 1.0),
            ...         undefined_when="", function=max).clip(-0.1, 0.2)
            (0.0, 0.2)
        """
        least, most = self.bounds
        return (low if least is None else max(least, low)), (high if most is None else min(most, high))
