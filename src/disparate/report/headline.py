"""What the numbers say, in plain words: who pays for which choice, and what cannot be told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from disparate.findings import Finding, Findings, Result
from disparate.report.exemplars import lines as exemplar_lines
from disparate.report.exemplars import sentence as exemplar_sentence
from disparate.report.exemplars import without_right_answers
from disparate.report.glossary import term
from disparate.report.margin import held, is_below, margin_text, three_ways
from disparate.report.record import group_sizes, mapping, reference_group
from disparate.report.selection import (
    attributes,
    harm,
    is_change,
    is_level,
    main_axis,
    main_measure,
    of_attribute,
    place,
    references,
    variants,
)
from disparate.report.wording import counted, interval_text, joined, number, plain, times_text, unit_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one variant does to the groups of one attribute.

    Args:
        variant: The variant.
        by: The attribute.
        pays: Groups that lose, distinguishably, the largest loss first.
        gains: Groups that gain, distinguishably, the largest gain first.
        unclear: Groups whose change is not distinguishable, or of which that cannot be said.
        undefined: Groups without a number.
        harms: Harm of the groups held against a margin; none where that was not asked.
        identical: Whether no group changes at all and no answer does.
    """

    variant: str
    by: str
    pays: tuple[Finding, ...] = ()
    gains: tuple[Finding, ...] = ()
    unclear: tuple[Finding, ...] = ()
    undefined: tuple[Finding, ...] = ()
    harms: tuple[Finding, ...] = ()
    identical: bool = False

    @property
    def harmless(self) -> bool:
        """Whether for every group a harm as large as the margin is excluded."""
        groups = {item.group for item in (*self.pays, *self.gains, *self.unclear, *self.undefined)}
        return bool(groups) and groups <= {item.group for item in self.harms if is_below(item)}


def outcomes(result: Result, by: str) -> tuple[Outcome, ...]:
    """Return what every variant does to the groups of an attribute, in the order of the variants."""
    measure = main_measure(result.findings)
    found = main_axis(of_attribute(result.findings, by).where(is_change, measure=measure, label=None))
    split = found.where(lambda item: item.group is not None)
    return tuple(_outcome(result, by, name, split.where(variant=name)) for name in variants(split))


def _outcome(result: Result, by: str, variant: str, changes: Findings) -> Outcome:
    clear = changes.where(distinguishable=True).where(lambda item: harm(item) is not None)
    ordered = sorted(clear, key=lambda item: -abs(item.value or 0.0))
    return Outcome(
        variant=variant,
        by=by,
        pays=tuple(item for item in ordered if harm(item)),
        gains=tuple(item for item in ordered if not harm(item)),
        unclear=tuple(item for item in changes if item.value is not None and item not in clear.items),
        undefined=changes.where(value=None).items,
        harms=held(result.findings, by, of=main_measure(result.findings)).where(variant=variant).items,
        identical=all(item.value == 0 for item in changes) and _no_answer_differs(result, by, variant),
    )


def _no_answer_differs(result: Result, by: str, variant: str) -> bool:
    churn = of_attribute(result.findings, by).where(measure="churn", variant=variant)
    return len(churn) > 0 and all(item.value == 0 for item in churn)


def headline(result: Result) -> str:
    """Return the one sentence that the report opens with.

    Args:
        result: Findings and run record.

    Returns:
        Which choice costs which group most, or that nothing could be told.

    Example:
        >>> headline(Result(findings=Findings(), run={}))
        'Nothing was measured, so nothing can be said.'
    """
    found = [outcome for by in attributes(result) for outcome in outcomes(result, by)]
    if not len(result.findings):
        return "Nothing was measured, so nothing can be said."
    if exemplars := without_right_answers(result).items:
        return exemplar_sentence(Findings(exemplars))
    if not found:
        return "Nothing was compared with the reference, so nobody can be said to pay."
    losses = [item for outcome in found for item in outcome.pays]
    if not losses:
        return _nobody(found)
    worst = max(losses, key=lambda item: abs(item.value or 0.0))
    return f"{plain(worst.variant)} costs {_group(worst)} most: {_amount(worst)}."


def _nobody(found: list[Outcome]) -> str:
    names = dict.fromkeys(outcome.variant for outcome in found)
    if all(outcome.identical for outcome in found):
        return f"{_choices(names)} changed no answer at all."
    of_any = "the choice" if len(names) == 1 else f"any of the {counted(len(names), 'choice')}"
    if all(outcome.harmless or outcome.identical for outcome in found):
        return f"No group loses more than {_margin(found)} by {of_any}."
    return f"No group can be shown to pay for {of_any}. That is not a proof that none does."


def _margin(found: Iterable[Outcome]) -> str:
    harms = [item for outcome in found for item in outcome.harms]
    return f"{margin_text(harms)} of {term(str(place(harms[0], 'of'))).inline}"


def _choices(names: Mapping[str, Any]) -> str:
    return "The choice" if len(names) == 1 else f"The {counted(len(names), 'choice')}"


def summary(result: Result) -> tuple[str, ...]:
    """Return what follows the headline: how many choices cost somebody something, how many cannot be told."""
    if exemplars := without_right_answers(result).items:
        return exemplar_lines(Findings(exemplars))
    found = [outcome for by in attributes(result) for outcome in outcomes(result, by)]
    names = list(dict.fromkeys(outcome.variant for outcome in found))
    paid = {outcome.variant for outcome in found if outcome.pays}
    told = paid | {outcome.variant for outcome in found if outcome.gains}
    same = {name for name in names if all(outcome.identical for outcome in found if outcome.variant == name)} - told
    safe = {name for name in names if all(one.harmless for one in found if one.variant == name)} - told - same
    silent = [plain(name) for name in names if name not in told | same | safe]
    verb = "costs" if len(paid) == 1 else "cost"
    lines = [f"{len(paid)} of {counted(len(names), 'choice')} {verb} at least one group."] if paid else []
    if safe:
        shown = joined([plain(name) for name in names if name in safe])
        lines.append(f"No harm above {_margin(found)}, for any group: {shown}.")
    if silent:
        lines.append(f"No change that can be told from noise, for any group: {joined(silent)}.")
    if same:
        lines.append(f"Not one answer differs from the reference: {joined([plain(n) for n in names if n in same])}.")
    return (*lines, *_labels(result))


def _labels(result: Result) -> list[str]:
    """Return which labels of sets change to the worse for somebody; nothing where an example has one label."""
    data = mapping(result.run.get("data"))
    if data.get("answers") != "sets":
        return []
    found = main_axis(result.findings.where(is_change, distinguishable=True)).where(lambda item: bool(harm(item)))
    harmed = [item for item in found if item.label is not None and item.group is not None]
    if not harmed:
        return ["No single label can be shown to change to the worse for any group."]
    worst = max((item for item in harmed), key=lambda item: abs(item.value or 0.0))
    known = counted(len(data.get("labels") or ()), "label")
    return [
        f"{len({item.label for item in harmed})} of {known} change to the worse for at least one group; most: "
        f"'{plain(worst.label)}' for {_group(worst)} under {plain(worst.variant)}, {_amount(worst)}."
    ]


def sentence(outcome: Outcome) -> str:
    """Return in one or two sentences what a variant does to the groups of an attribute."""
    if outcome.identical:
        return "Every answer is the same as under the reference."
    said: list[str] = []
    if outcome.pays:
        said.append(f"Paying: {joined([_loss(item) + _below(item, outcome) for item in outcome.pays])}.")
    if outcome.gains:
        said.append(f"Gaining: {joined([_loss(item) for item in outcome.gains])}.")
    if outcome.unclear and outcome.harms:
        said.extend(three_ways(outcome.harms, outcome.unclear))
    elif outcome.unclear:
        names = joined([_group(item) for item in outcome.unclear])
        said.append(f"Not distinguishable from noise: {names}." if said else "No group's change clears the noise.")
    if outcome.undefined:
        said.append(f"Undefined: {joined([_group(item) for item in outcome.undefined])}.")
    return " ".join(said)


def _below(finding: Finding, outcome: Outcome) -> str:
    below = [item for item in outcome.harms if item.group == finding.group and is_below(item)]
    return f", less than {margin_text(below)}" if below else ""


def _group(finding: Finding) -> str:
    return plain(finding.group)


def _loss(finding: Finding) -> str:
    amount = number(finding.value or 0.0, finding.unit, signed=True)
    times = times_text(finding)
    beside = "; ".join(word for word in (interval_text(finding), f"{times} × its floor" if times else "") if word)
    return f"{_group(finding)} {amount} ({beside})" if beside else f"{_group(finding)} {amount}"


def _amount(finding: Finding) -> str:
    size = number(abs(finding.value or 0.0), finding.unit)
    times = times_text(finding)
    floor = f", {times} × its floor" if times else ""
    return f"{size} {unit_words(finding.unit)} of {term(finding.measure).inline}{floor}"


def facts(result: Result) -> tuple[tuple[str, str], ...]:
    """Return what the audit consisted of, as (name, value): data, groups, variants, seeds, machine, time."""
    run = result.run
    compared = variants(result.findings.where(is_level), without=references(result.findings))
    seeds = [item.seeds for item in result.findings if item.seeds]
    found = [
        *((f"groups by {plain(by)}", group_facts(run, by)) for by in attributes(result)),
        ("positive label", plain(mapping(run.get("data")).get("positive", ""))),
        ("compared", counted(len(compared), "choice")),
        ("training seeds", str(max(seeds)) if seeds else ""),
        ("machine", _machine(run)),
        ("took", _duration(run)),
        ("version", plain(mapping(run.get("versions")).get("disparate", ""))),
    ]
    return tuple((name, value) for name, value in found if value)


def group_facts(run: Mapping[str, Any], by: str) -> str:
    """Return the groups of an attribute with their sizes, and which is the reference group."""
    sizes = group_sizes(run).get(by, {})
    reference = reference_group(run, by)
    named = [f"{plain(name)} ({n:,})" for name, n in sizes.items()]
    tail = [f"reference group: {plain(reference)}"] if reference is not None else []
    return "; ".join([", ".join(named), *tail] if named else tail)


def _machine(run: Mapping[str, Any]) -> str:
    machine = mapping(run.get("machine"))
    cores = run.get("cores") or machine.get("cores")
    words = [plain(machine.get("processor") or ""), counted(cores, "core") if isinstance(cores, int) else ""]
    return ", ".join(word for word in words if word)


def _duration(run: Mapping[str, Any]) -> str:
    seconds, peak = run.get("wall_s"), run.get("peak_mib")
    words = [_clock(seconds)] if isinstance(seconds, int | float) else []
    if isinstance(peak, int | float):
        words.append(f"{peak:,.0f} MiB at most")
    return ", ".join(words)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
