"""Question: the search as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from disparate.auditing.audit import Audit
from disparate.choice import Choice, InputChoice
from disparate.errors import BadInput
from disparate.search.aims import Aim
from disparate.search.space import Template

Method = Literal["grid", "tpe", "nsga2"]
GUIDED: Mapping[str, str] = {"tpe": "TPE", "nsga2": "NSGA-II"}
TRIALS = 24
"""How many trials a guided method makes where a recipe does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Audit × templates × aims × method: which variants to try, what to judge them by, and on which split.

    Args:
        audit: The audit of which every trial is a variant; its own variants are empty, its split is what is reported.
        templates: Variants with places to be searched; those without one are judged as they are.
        aims: What is to become larger or smaller; two or more.
        method: ``"grid"``, or one that learns from the trials before: ``"tpe"`` (a density of good and of other
            settings, bergstra2011), ``"nsga2"`` (generations of crossed and mutated settings, deb2002).
        trials: Most trials beside those without a place; None for all points of a grid, 24 for the other methods.
        batch: How many trials a guided method asks for before it learns from them; the size of a generation.
        seed: Seed of a guided method.
        select_on: The split that trials are chosen on.
        beside: Choices of what a network is asked, under which the front is judged as well, such as an attack.

    Raises:
        BadInput: There is nothing to search, fewer than two aims, one split for both, or a number is out of range.
    """

    audit: Audit
    templates: tuple[Template, ...]
    aims: tuple[Aim, ...]
    method: Method = "grid"
    trials: int | None = None
    batch: int = 8
    seed: int = 0
    select_on: str = "validation"
    beside: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        texts = [aim.text for aim in self.aims]
        _require(len(texts) >= 2, f"aims are {texts}; two or more were expected, as a trade-off is between two numbers")
        _require(len(set(texts)) == len(texts), f"aims {texts} hold one twice")
        names = [template.name for template in self.templates]
        _require(len(set(names)) == len(names), f"variant names {names} hold a name twice; names have to differ")
        _require(bool(self.templates), "there is no [[variant]]; one with a place to be searched was expected")
        searched = any(template.dimensions for template in self.templates)
        _require(
            searched or self.method == "grid",
            f"method is '{self.method}' and no variant holds a place to be searched, such as {{ search = [0.3, 0.5] }}",
        )
        _require(
            self.select_on != self.audit.split,
            f"select_on and [audit] split are both '{self.audit.split}'; numbers on what was chosen by are too good",
        )
        _require(self.trials is None or self.trials >= 1, f"trials is {self.trials}; 1 or more was expected")
        _require(self.batch >= 2, f"batch is {self.batch}; 2 or more was expected")
        _require(0 <= self.seed < 2**32, f"seed is {self.seed}; a whole number from 0 to 4294967295 was expected")
        strangers = [choice for choice in self.beside if not isinstance(choice, InputChoice)]
        _require(not strangers, f"beside holds {strangers}; only choices that alter inputs, such as attack, go there")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise BadInput(f"search: {message}.")
