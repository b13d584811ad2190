"""How numbers and names are written: points, real minus signs, marks, no control characters."""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal

from disparate.findings import Finding
from disparate.measures.exemplars import BEYOND
from disparate.report.glossary import term

MINUS = "−"
ABSENT = "—"
MARKS: dict[bool | None, str] = {True: "●", False: "○", None: "?"}
CONCLUDED = {
    "pays": ("●", "pays"),
    "changes": ("●", "changes"),
    "within margin": ("✓", "within the margin"),
    "cannot be told": ("?", "cannot be told"),
}
"""Mark and words of what is concluded about a margin."""
TESTED = frozenset({
    "net_flips",
    "over_representation",
    "normalised_change",
    "harm",
    "modal_exemplars",
    "taxicab_distance",
    "relative_change",
    "explanation_correlation",
    "group_beyond_closeness",
    "gradient_norm",
})
"""Measures whose p-value is shown beside the number."""
SIGNED_FORMS = frozenset({"signed", BEYOND})
"""Forms of a comparison that go either way."""
MARK_WORDS: dict[bool | None, str] = {
    True: "distinguishable from noise",
    False: "not distinguishable from noise",
    None: "cannot be said",
}
UNITS = {"share": "points", "nats": "nats", "ratio": "ratio", "count": "count", "target": "units of the target"} | {
    "percent": "per cent of what it was",
    "distance": "distance, 2 at most",
}
ROUNDED = frozenset({"share", "percent"})
"""Units that are written with one decimal."""
WHOLE = frozenset({"count", *(NEEDED := ("examples", "seeds"))})
"""Units that are counted; of those needed there may be no number that is enough."""
FINE = frozenset({"l2 norm", "logits per input unit"})
"""Units whose numbers may be of any size, and are written with three digits."""


def plain(text: object) -> str:
    r"""Return a text that cannot steer a terminal or break a line: control characters become U+FFFD, breaks a blank.

    Example:
        >>> plain("a\nb\x1b[31m")
        'a b�[31m'
    """
    joined = " ".join(str(text).split())
    return "".join("\ufffd" if unicodedata.category(mark) in {"Cc", "Cs"} else mark for mark in joined)


def shortened(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of a text, the last one an ellipsis where something was cut.

    Example:
        >>> shortened("channels_last", 8)
        'channel…'
    """
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def scaled(value: float, unit: str) -> float:
    """Return the value as it is shown on screen: shares in points, everything else as it is."""
    return value * 100 if unit == "share" else value


def number(value: float, unit: str, *, signed: bool = False) -> str:
    """Return a number as it is written: shares in points with one decimal, nats with three.

    Exactly nothing is written ``0``; a rounded nothing keeps its decimals and its sign.

    Args:
        value: The number, in the unit of the file.
        unit: Unit of the finding; an unknown unit is written as nats are.
        signed: Whether a gain carries a plus.

    Returns:
        The digits, without the unit.

    Example:
        >>> number(-0.0614, "share"), number(0.25, "nats", signed=True), number(0.0, "share"), number(1234, "count")
        ('−6.1', '+0.250', '0', '1,234')
        >>> number(0.0042371, "l2 norm")
        '0.00424'
    """
    digits = _digits(abs(scaled(value, unit)), unit)
    if value == 0:
        return "0"
    if value < 0:
        return MINUS + digits
    return "+" + digits if signed else digits


def _digits(size: float, unit: str) -> str:
    if unit in WHOLE:
        return f"{size:,.0f}" if float(size).is_integer() else f"{size:,.1f}"
    if unit in FINE:
        return f"{Decimal(f'{size:.3g}'):,f}"
    decimals = 1 if unit in ROUNDED else 3 if size < 10 else 1
    is_tiny = 0 < size < 0.0005 and unit not in ROUNDED
    return f"{Decimal(f'{size:.1g}'):f}" if is_tiny else f"{size:,.{decimals}f}"


def is_signed(finding: Finding) -> bool:
    """Return whether the number is a difference that can go either way, to be written with its sign."""
    if term(finding.measure).kind == "comparison":
        return term(finding.measure).signed or (finding.where or {}).get("form") in SIGNED_FORMS
    return finding.reference is not None


def value_text(finding: Finding) -> str:
    """Return the value, or the word ``undefined``; of examples or seeds that are needed, ``none``."""
    if finding.value is None:
        return "none" if finding.unit in NEEDED else "undefined"
    return number(finding.value, finding.unit, signed=is_signed(finding))


def interval_text(finding: Finding) -> str:
    """Return ``low to high``; empty where there is no interval.

    Example:
        >>> change = Finding(measure="accuracy", variant="int8", reference="reference", value=-0.01,
        ...                  low=-0.02, high=0.001, unit="share")
        >>> value_text(change), interval_text(change)
        ('−1.0', '−2.0 to +0.1')
    """
    if finding.low is None or finding.high is None:
        return ""
    signed = is_signed(finding)
    low, high = (number(end, finding.unit, signed=signed) for end in (finding.low, finding.high))
    return f"{low} to {high}"


def floor_text(finding: Finding) -> str:
    """Return the size of the noise floor; empty where there is none."""
    return number(finding.null.value, finding.unit) if finding.null else ""


LEAST_TIMES = 0.001
"""Smaller ratios are rounding, not findings, and are not written out."""


def times_text(finding: Finding) -> str:
    """Return how many times its noise floor a number is; empty where there is no floor, or a floor of nothing.

    Example:
        >>> times_text(Finding(measure="accuracy", variant="int8", value=-0.064, unit="share", effect_over_null=3.2))
        '3.2'
        >>> times_text(Finding(measure="accuracy", variant="int8", value=1e-18, unit="share", effect_over_null=1e-17))
        '< 0.001'
    """
    times = finding.effect_over_null
    if times is None:
        return ""
    if times == 0:
        return "0"
    if times < LEAST_TIMES:
        return f"< {LEAST_TIMES}"
    return f"{times:,.1f}" if times >= 0.05 else f"{Decimal(f'{times:.1g}'):f}"


def floor_words(finding: Finding) -> str:
    """Return the noise floor and how many times it the number is; empty where there is none.

    Example:
        >>> from dataclasses import replace
        >>> from disparate.findings import Null
        >>> floor = Null(name="N2 seeds", value=0.02)
        >>> change = Finding(measure="accuracy", variant="int8", value=-0.064, unit="share", null=floor)
        >>> floor_words(change), floor_words(replace(change, effect_over_null=3.2))
        ('floor 2.0', '3.2 × its floor of 2.0')
    """
    if finding.null is None:
        return ""
    times = times_text(finding)
    return f"{times} × its floor of {floor_text(finding)}" if times else f"floor {floor_text(finding)}"


def mark(finding: Finding) -> str:
    """Return ● for a distinguishable number, ○ for one that is not, ✓ for one within a margin, ? for unknown."""
    return _concluded(finding)[0]


def mark_words(finding: Finding) -> str:
    """Return in words what the mark says."""
    return _concluded(finding)[1]


def _concluded(finding: Finding) -> tuple[str, str]:
    conclusion = (finding.where or {}).get("conclusion")
    told = CONCLUDED.get(conclusion) if isinstance(conclusion, str) else None
    if told and conclusion == "pays" and finding.distinguishable:
        return "●✓", "pays, less than the margin"
    return told or (MARKS[finding.distinguishable], MARK_WORDS[finding.distinguishable])


def p_text(finding: Finding) -> str:
    """Return the p-value of a test that is shown beside its number, before correction; empty for others.

    Example:
        >>> flips = Finding(measure="net_flips", variant="int8", reference="reference", value=0.1, p_value=0.0312,
        ...                 unit="share")
        >>> p_text(flips)
        'p 0.031'
    """
    if finding.measure not in TESTED or finding.p_value is None:
        return ""
    return "p < 0.001" if finding.p_value < 0.001 else f"p {finding.p_value:.2g}"


def unit_words(unit: str) -> str:
    """Return the unit as it is shown: shares become points."""
    return UNITS.get(unit, unit)


def amount(value: float, unit: str) -> str:
    """Return a size with its unit.

    Example:
        >>> amount(0.061, "share")
        '6.1 points'
    """
    return f"{number(value, unit)} {unit_words(unit)}"


def percent(share: float) -> str:
    """Return a share in per cent.

    Example:
        >>> percent(0.8), percent(0.975)
        ('80 %', '97.5 %')
    """
    return f"{100 * share:g} %"


def joined(words: Sequence[str]) -> str:
    """Return an English enumeration.

    Example:
        >>> joined(["a", "b", "c"]), joined(["a"]), joined([])
        ('a, b and c', 'a', '')
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, in the right number.

    Example:
        >>> counted(1, "seed"), counted(1200, "example")
        ('1 seed', '1,200 examples')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
