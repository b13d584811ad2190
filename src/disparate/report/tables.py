"""The tables of a report, one attribute at a time. Every cell is a finding."""

from collections.abc import Callable
from dataclasses import replace

from disparate.findings import Finding, Findings, Result
from disparate.measures.statements import INTERACTION
from disparate.report import sight
from disparate.report.draws import OVER_DRAWS, draw_grids, draw_words
from disparate.report.exemplars import EXEMPLARS, exemplar_grids, exemplar_words, folded_grids
from disparate.report.glossary import term
from disparate.report.margin import EQUIVALENT, HARM, NO_HARM, held, margin_text
from disparate.report.movement import MOVEMENT, movement_grids, movement_words
from disparate.report.part import Part
from disparate.report.power import POWER, smallest_group, usual_change
from disparate.report.record import mapping
from disparate.report.selection import (
    UNSPLIT,
    Grid,
    by_group,
    by_of,
    by_of_section,
    filled,
    full_name,
    is_change,
    is_comparison,
    is_level,
    main_axis,
    main_measure,
    of_attribute,
    pivot,
    place,
    references,
    sections,
    units,
)
from disparate.report.why import WHY, why_parts
from disparate.report.wording import amount, counted, percent

DETAIL_LIMIT = 8000
"""Most cells of the tables of further measures, shared by the attributes, so that a page stays under 6 MB."""
RISK = ("excessive_risk", "fairness_violation")
CHURN = ("churn",)
FLIPS = ("over_representation", "harmful_flips", "beneficial_flips", "net_flips")
HARDWARE = ("hardware_sensitivity",)
RELATIVE = "relative_change"
COMPARISONS = frozenset((*RISK, *CHURN, *FLIPS, HARM, *HARDWARE, *MOVEMENT, *EXEMPLARS, RELATIVE, OVER_DRAWS))
"""Comparisons that have a part of their own."""
SIGHT_LIMIT = 1000
"""Most comparisons of which the page says what they could have seen, shared by the attributes."""
NO_ROOM = "There is room for the smallest group alone; disparate power lists all."
HOW_POWER = (
    f"A change counts as seen where it passes the corrected test and exceeds its noise floor in {percent(POWER)} of "
    "repetitions, with the noise that was there. That noise is known from these seeds and examples alone: read the "
    "numbers as sizes, not to the digit."
)
WHO_FLIPS = (
    "Which groups hold more of the answers that turn to the worse than of the examples, where 1 is their share; and "
    "whether more answers turn to the worse than to the better."
)
OF_LABELS = ("tpr", "fpr")
"""Rates that say how a label fares, however rare it is."""
MOST_LABELS = 20
"""Most rows of a table of labels."""


def parts(result: Result, by: str) -> tuple[Part, ...]:
    """Return the parts of the report about one attribute, in reading order, those without a number left out.

    Args:
        result: Findings and run record.
        by: The attribute.

    Returns:
        The parts.
    """
    measure = main_measure(result.findings) or "accuracy"
    found = (
        who_pays(result, by, measure),
        _labels(result, by),
        _inequality(result, by),
        _comparison(result, by, "risk", "Loss", "Whose loss rises?", *RISK),
        _comparison(result, by, "churn", "Churn", "Whose answers change?", *CHURN),
        replace(_comparison(result, by, "flips", "Who flips", "Who flips?", *FLIPS), words=WHO_FLIPS),
        _exemplars(result, by),
        _relative(result, by),
        _comparison(result, by, "hardware", "Hardware", "How far does the hardware move each group?", *HARDWARE),
        _movement(result, by, measure),
        _levels(result, by, measure),
        _draws(result, by),
        *why_parts(result, by),
        _sight(result, by, measure),
        _further(result, by, measure),
    )
    return tuple(part for part in found if part.grids or part.folded)


def who_pays(result: Result, by: str, measure: str) -> Part:
    """Return the part that says which group loses under which variant."""
    found = of_attribute(result.findings, by).where(is_change, measure=measure, label=None)
    name = term(measure).inline
    losing = {
        "higher": " Variant minus reference: a minus is a loss.",
        "lower": " Variant minus reference: a plus is harm.",
    }
    note = units(found) + losing.get(term(measure).better or "", "")
    grid = by_group(result, by, main_axis(found), title=f"Change of {name}{_by(by)}", note=note)
    return Part(
        slug="who-pays",
        title="Who pays?",
        short="Who pays",
        words=f"Change of {name} of every group under every variant, against the reference.",
        grids=(*filled(grid), *filled(_harm(result, by, measure))),
        folded=(*filled(_axes(result, by, found, name)), *_further_harm(result, by, measure)),
    )


def _harm(result: Result, by: str, measure: str, form: str = NO_HARM) -> Grid:
    found = main_axis(held(result.findings, by, of=measure, form=form))
    margin, name = margin_text(found), term(measure).inline
    ways = (
        "● changes, distinguishably; ✓ neither harm nor gain is as large as the margin"
        if form == EQUIVALENT
        else "● pays, distinguishably; ✓ no harm is as large as the margin"
    )
    what = f"{'Harm or gain' if form == EQUIVALENT else 'Harm'} of {name} against a margin of {margin}"
    note = f"{units(found)} {ways}; ? cannot be told. Positive is harm; p is that of a harm of the margin or more."
    title = f"{what}{_by(by)}"
    return by_group(result, by, found, title=title, note=note, row=lambda item: item.variant)


def _further_harm(result: Result, by: str, measure: str) -> tuple[Grid, ...]:
    others = dict.fromkeys(str(place(item, "of")) for item in result.findings.where(measure=HARM))
    asked = [(measure, EQUIVALENT), *((other, NO_HARM) for other in others if other != measure)]
    return tuple(grid for of, form in asked for grid in filled(_harm(result, by, of, form)))


def _labels(result: Result, by: str) -> Part:
    """Return the part that says which labels of sets move; empty where an example has one label."""
    of_sets = mapping(result.run.get("data")).get("answers") == "sets"
    changes = main_axis(of_attribute(result.findings, by).where(is_change)).where(lambda item: item.label is not None)
    grids = [_moved(result, by, changes.where(measure=name)) for name in OF_LABELS] if of_sets else []
    return Part(
        slug="labels",
        title="Which labels?",
        short="Labels",
        words=(
            f"Labels, each judged one against the rest, that change distinguishably for somebody: {MOST_LABELS} rows "
            "at most, the largest change first. All labels are among the further measures, as far as there is room."
        ),
        grids=tuple(grid for found in grids for grid in filled(found)),
    )


def _moved(result: Result, by: str, changes: Findings) -> Grid:
    moved = sorted(changes.where(distinguishable=True), key=lambda item: -abs(item.value or 0.0))
    rows = list(dict.fromkeys(full_name(item) for item in moved))[:MOST_LABELS]
    kept = sorted((item for item in changes if full_name(item) in rows), key=lambda item: rows.index(full_name(item)))
    name = term(kept[0].measure).inline if kept else ""
    return by_group(result, by, Findings(tuple(kept)), title=f"Change of {name}{_by(by)}", note=units(kept))


def _axes(result: Result, by: str, found: Findings, name: str) -> Grid:
    named = found.where(lambda item: place(item, "axis") not in {None, INTERACTION})
    several = len({str(place(item, "axis")) for item in named}) > 1
    return by_group(
        result,
        by,
        named if several else Findings(),
        title=f"Change of {name}{_by(by)}, over each axis of chance",
        note=f"{units(named)} What the interval is taken over: training seeds, test examples, or both.",
        row=lambda item: f"{item.variant} · {place(item, 'axis')}",
    )


def _inequality(result: Result, by: str) -> Part:
    found = main_axis(of_attribute(result.findings, by).where(_is_disparity, group=None, label=None))
    ordered = _references_first(found, result)
    level = _by_measure(ordered.where(is_level), title=f"Disparities{_by(by)}", note="Of one variant.")
    change = _by_measure(
        ordered.where(is_change), title=f"Change of the disparities{_by(by)}", note="Variant minus reference."
    )
    return Part(
        slug="inequality",
        title="How unequal are the groups?",
        short="Inequality",
        words="Disparities between the groups of one variant, and how far the variant moves them.",
        grids=(*filled(level), *filled(change)),
        folded=_to_reference_group(result, by),
    )


def _to_reference_group(result: Result, by: str) -> tuple[Grid, ...]:
    split = of_attribute(result.findings, by).where(label=None).where(lambda item: item.group is not None)
    found = _references_first(main_axis(split.where(_is_disparity)), result)
    grids: list[Grid] = []
    for name, kind, title in _kinds(found):
        own = found.where(kind, measure=name)
        grids.extend(filled(by_group(result, by, own, title=f"{title}{_by(by)}", note=units(own))))
    return tuple(grids)


def _is_disparity(finding: Finding) -> bool:
    return term(finding.measure).kind == "disparity"


def _comparison(result: Result, by: str, slug: str, short: str, title: str, *measures: str) -> Part:
    grids: list[Grid] = []
    for measure in measures:
        found = main_axis(of_attribute(result.findings, by).where(is_comparison, measure=measure, label=None))
        found = found.where(lambda item: place(item, "of") not in EXEMPLARS)
        name = f"{term(measure).title}{_by(by)}"
        grids.extend(filled(by_group(result, by, found, title=name, note=units(found))))
    shown = dict.fromkeys(item.measure for grid in grids for item in grid.cells.values())
    words = " ".join(term(name).words for name in shown)
    return Part(slug=slug, title=title, short=short, words=words, grids=tuple(grids))


def _exemplars(result: Result, by: str) -> Part:
    return Part(
        slug="exemplars",
        title="Whose modal answer changes?",
        short="Exemplars",
        words=exemplar_words(result),
        grids=exemplar_grids(result, by),
        folded=folded_grids(result, by),
    )


def _relative(result: Result, by: str) -> Part:
    """Return the part about relative changes of error rates; of more than two labels those of all errors alone."""
    found = of_attribute(result.findings, by).where(measure=RELATIVE)
    if len({item.label for item in found if item.label is not None}) > 1:
        found = found.where(label=None)
    grid = by_group(result, by, found, title=f"{term(RELATIVE).title}{_by(by)}", note=units(found))
    return Part(
        slug="relative",
        title="By how many per cent do errors rise?",
        short="Relative",
        words=term(RELATIVE).words,
        grids=filled(grid) if any(item.value is not None for item in found) else (),
    )


def _movement(result: Result, by: str, measure: str) -> Part:
    return Part(
        slug="movement",
        title=f"What moves a group's {term(measure).inline}?",
        short="Movement",
        words=movement_words(result, by),
        grids=movement_grids(result, by),
    )


def _levels(result: Result, by: str, measure: str) -> Part:
    found = of_attribute(result.findings, by).where(is_level, measure=measure, label=None)
    name, inline = term(measure).title, term(measure).inline
    ordered = _references_first(main_axis(found), result)
    grid = by_group(result, by, ordered, title=f"{name}{_by(by)}", note=units(found))
    return Part(
        slug="levels",
        title=f"What {inline} does each group get?",
        short=name,
        words=f"{name} of every group under every variant, the reference included.",
        grids=filled(grid),
    )


def _draws(result: Result, by: str) -> Part:
    return Part(
        slug="draws",
        title="What does one piece of hardware do?",
        short="Draws",
        words=draw_words(result),
        grids=draw_grids(result, by),
    )


def _sight(result: Result, by: str, measure: str) -> Part:
    changes = main_axis(result.findings.where(is_change, by=by, measure=measure, label=None))
    too_many = len(changes) > SIGHT_LIMIT // len(sections(result))
    smallest, examples, seeds = sight.tables(result, by, group=smallest_group(result, by) if too_many else None)
    change = amount(usual_change(result), next((item.unit for item in smallest), "share"))
    titles = (
        (smallest, f"Smallest change of {term(measure).inline} that would have been seen{_by(by)}", units(smallest)),
        (examples, f"Examples of a group that are needed to see {change}{_by(by)}", "With the seeds there are."),
        (seeds, f"Seeds that are needed to see {change}{_by(by)}", "With the examples there are."),
    )
    grids = (by_group(result, by, found, title=title, note=note) for found, title, note in titles)
    return Part(
        slug="power",
        title="What could have been seen?",
        short="Power",
        words=" ".join([sight.sentence(result, by), HOW_POWER, *([NO_ROOM] if too_many else [])]).strip(),
        grids=tuple(grid for made in grids for grid in filled(made)),
    )


def _further(result: Result, by: str, measure: str) -> Part:
    own = by_of_section(result, by).where(lambda item: not _has_own_part(item, measure))
    grids: list[Grid] = []
    room, left_out = DETAIL_LIMIT // len(sections(result)), 0
    for name, kind, title in _kinds(own):
        found = _references_first(main_axis(own.where(kind, measure=name)), result)
        split = by if any(by_of(item) is not None for item in found) else UNSPLIT
        if len(found) > room:
            left_out += len(found)
            continue
        room -= len(found)
        note = f"{units(found)} {term(name).words}".strip()
        grids.extend(filled(by_group(result, by, found, title=f"{title}{_by(split)}", note=note)))
    words = "Every further measure, class by class where it is about one class."
    if left_out:
        words += f" {counted(left_out, 'number')} had no room on this page; the JSON file holds them."
    return Part(slug="further", title="Further measures", short="Further", words=words, grids=(), folded=tuple(grids))


def _has_own_part(finding: Finding, measure: str) -> bool:
    if finding.measure in WHY:
        return True
    if finding.label is not None:
        return False
    if is_comparison(finding):
        return finding.measure in COMPARISONS
    return finding.measure == measure or _is_disparity(finding)


def _kinds(findings: Findings) -> list[tuple[str, Callable[[Finding], bool], str]]:
    names = dict.fromkeys(item.measure for item in findings)
    return [
        kind
        for name in names
        for kind in (
            (name, is_level, term(name).title),
            (name, is_change, f"Change of {term(name).inline}"),
            (name, is_comparison, term(name).title),
        )
    ]


def _by_measure(findings: Findings, *, title: str, note: str) -> Grid:
    note = f"{units(findings)} {note}"
    return pivot(findings, title=title, note=note, row=full_name, column=lambda item: term(item.measure).title)


def _references_first(findings: Findings, result: Result) -> Findings:
    names = references(result.findings)
    return Findings(tuple(sorted(findings, key=lambda item: item.variant not in names)))


def _by(by: str) -> str:
    return f" by {by}" if by else ""
