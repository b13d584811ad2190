"""What harm held against a margin says of each group, in words and as a table."""

from collections.abc import Iterable

from disparate.findings import Finding, Findings
from disparate.report.selection import of_attribute, place
from disparate.report.wording import joined, plain, scaled, unit_words

HARM = "harm"
PAYS, WITHIN = "pays", "within margin"
NO_HARM, EQUIVALENT = "no_harm", "equivalent"


def held(findings: Findings, by: str, *, of: str | None, form: str = NO_HARM) -> Findings:
    """Return the harm of the groups of an attribute, and of everyone.

    Args:
        findings: All findings.
        by: The attribute.
        of: The measure whose harm is meant.
        form: ``"no_harm"`` or ``"equivalent"``.

    Returns:
        The findings; none where no margin was asked about.
    """
    return of_attribute(findings, by).where(measure=HARM, of=of, form=form)


def is_below(finding: Finding) -> bool:
    """Return whether a harm as large as the margin is excluded."""
    return finding.distinguishable is True


def margin_text(findings: Iterable[Finding]) -> str:
    """Return the margin of the first finding with its unit, ``"2 points"``; empty without one.

    Example:
        >>> held = Finding(measure="harm", variant="int8", reference="reference", value=0.0, unit="share",
        ...                where={"margin": 0.02})
        >>> margin_text([held])
        '2 points'
    """
    for item in findings:
        if isinstance(margin := place(item, "margin"), int | float):
            size = f"{scaled(float(margin), item.unit):g}"
            unit = unit_words(item.unit)
            return f"{size} {unit.removesuffix('s') if size == '1' else unit}"
    return ""


def three_ways(harms: Iterable[Finding], unclear: Iterable[Finding]) -> tuple[str, ...]:
    """Return the sentences about groups whose change cannot be told from noise: no harm above the margin, or unknown.

    Args:
        harms: Harm of the groups of one variant, held against the margin.
        unclear: Their changes, those that cannot be told from noise.

    Returns:
        ``"No harm above 2 points: a and b."`` and ``"Cannot be told: c."``, each where there are such groups.
    """
    known = {item.group: item for item in harms}
    names = [item.group for item in unclear]
    below = [plain(name) for name in names if name in known and is_below(known[name])]
    rest = [plain(name) for name in names if name not in known or not is_below(known[name])]
    said = [f"No harm above {margin_text(known.values())}: {joined(below)}."] if below else []
    return (*said, *([f"Cannot be told: {joined(rest)}."] if rest else []))
