"""Populations: the question that the papers on compression share, and how its findings are read.

A network is trained under many seeds; each is pruned while it is trained on for some epochs, put into eight-bit
integers, or trained on for as long without pruning, which is the control that the papers lack.
"""

from dataclasses import replace
from typing import Any

from disparate.auditing.audit import Audit
from disparate.choice import Choice
from disparate.choices.fine_tune import FineTune
from disparate.choices.quantize import Quantize
from disparate.findings import Finding, Findings
from disparate.measures.exemplars import BEYOND
from disparate.measures.table import OF_POPULATIONS
from disparate.recipes.readings import shown
from disparate.recipes.reproduction import Outcome
from disparate.recipes.setting import Setting
from disparate.report.selection import is_directed
from disparate.report.wording import number

TRAINED_ON, INT8 = "trained on", "int8"
RATES = (0.5, 0.9)
PAPER_RATES = (0.3, 0.5, 0.7, 0.9)
MEASURES = (
    "accuracy",
    "tpr",
    "fpr",
    "accuracy_gap",
    "worst_group_accuracy",
    "churn",
    "over_representation",
    "normalised_change",
    *OF_POPULATIONS,
)
"""What these figures are read from; losses and floors of single runs are left out, which thirty seeds make dear."""


def pruned(rate: float) -> str:
    """Return the name of the variant that is pruned to a rate while it is trained on.

    Example:
        >>> pruned(0.9)
        'prune 90 %'
    """
    return f"prune {round(100 * rate)} %"


def rates_of(setting: Setting) -> tuple[float, ...]:
    """Return the pruning rates of a scale."""
    return PAPER_RATES if setting.scale == "paper" else RATES


def ask_populations(name: str, setting: Setting) -> Audit:
    """Return the question: populations of the dense network, pruned ones, int8 and the control.

    A pruned network is trained on for half of the scale's fine-tuning epochs, while its smallest weights go. A network
    is trained once per seed: on a processor a repeat is the same bits, and would double the time.

    Args:
        name: Name of the audit; scale and data are added to it.
        setting: The scale and the data.

    Returns:
        The audit.

    Raises:
        BadInput: The setting has one network, which is no population.
    """
    epochs = max(1, setting.tuning // 2)
    chains: dict[str, tuple[Choice, ...]] = {TRAINED_ON: (FineTune(epochs=epochs),)}
    chains |= {pruned(rate): (FineTune(epochs=epochs, prune_to=rate),) for rate in rates_of(setting)}
    chains[INT8] = (Quantize(),)
    return setting.populated().audit(name, chains, repeats=1, measures=MEASURES)


def one(found: Findings, **equal: Any) -> Finding | None:
    """Return the first finding with these fields; None without any."""
    return next(iter(found.where(**equal)), None)


def below(item: Finding | None, level: float | None) -> Outcome:
    """Return whether a number with its interval lies below another.

    Args:
        item: The number.
        level: The other.

    Returns:
        *Seen* where the whole interval lies below, *contradicted* where it lies above.
    """
    if item is None or item.low is None or item.high is None or level is None:
        return "cannot be told"
    if item.high < level:
        return "seen"
    return "contradicted" if item.low > level else "not seen"


def apart(left: Finding | None, right: Finding | None) -> Outcome:
    """Return whether one number is larger than another: *seen* where their intervals do not overlap, a cautious rule.

    Args:
        left: The one that a paper says is larger.
        right: The other.

    Returns:
        The outcome; *cannot be told* where an interval is missing.
    """
    if left is None or right is None or None in {left.low, left.high, right.low, right.high}:
        return "cannot be told"
    return below(right, left.low) if below(right, left.low) == "seen" else _larger(right, left)


def _larger(left: Finding, right: Finding) -> Outcome:
    return "contradicted" if below(right, left.low) == "seen" else "not seen"


def beside_null(item: Finding | None) -> str:
    """Return a finding in words, with its interval and what it is held against."""
    if item is None or item.value is None:
        return "undefined" if item is None or item.undefined is None else item.undefined
    signed = is_directed(item) or (item.where or {}).get("form") == BEYOND
    text = shown(item if signed else replace(item, reference=None))
    return text if item.null is None else f"{text}, floor {number(item.null.value, item.unit)}"
