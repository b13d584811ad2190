"""hooker2020, "Characterising bias in compressed models": exemplars as an audit tool, and error rates by subgroup."""

from collections.abc import Iterator
from functools import partial

from disparate.findings import Finding, Findings
from disparate.predictions import REFERENCE
from disparate.recipes.populations import apart, ask_populations, beside_null, one, pruned, rates_of
from disparate.recipes.readings import Read, by_group, judged, shown, together, values
from disparate.recipes.reproduction import Answered, Figure, Outcome, Statement
from disparate.report.selection import EVERYONE, group_name, pivot

PAPER = "hooker2020_bias"
ON = ("utkface_gender", "celeba", "utkface_ethnicity", "cifar10", "ham10000", "adult", "synthetic")


def read_exemplars(answered: Answered) -> Read:
    """Read the exemplars without labels: how far label distributions move, and of which groups the exemplars are."""
    found = answered.result.findings
    taxicab = found.where(
        lambda item: (item.where or {}).get("by") in {None, answered.by},
        measure="taxicab_distance",
        axis="examples",
        reference=REFERENCE,
    )
    ratios = found.where(
        lambda item: item.group is not None, measure="over_representation", of="modal_exemplars", by=answered.by
    )
    table = pivot(
        taxicab,
        title="Taxicab distance of the label distributions",
        note="0 alike, 2 no label in common",
        row=lambda item: item.variant,
        column=group_name,
        columns=(EVERYONE, *answered.groups),
    )
    return (
        table,
        by_group(ratios, answered, title="Share among exemplars over share among all", note="1 is parity"),
    ), (
        *_of_ratios(answered, ratios),
        *_of_distances(taxicab, answered),
    )


def _of_ratios(answered: Answered, ratios: Findings) -> Iterator[Statement]:
    smallest = answered.groups[-1]
    for name in map(pruned, rates_of(answered.setting)):
        item = one(ratios, variant=name, group=smallest)
        yield Statement(
            claim=f"{name}: the smallest group ({smallest}) is over-represented among exemplars",
            paper="under-represented subgroups are",
            here=f"{beside_null(item)} (the floor: among exemplars of two populations of dense networks)",
            outcome=_above_floor(item),
        )


def _above_floor(item: Finding | None) -> Outcome:
    if item is None or item.value is None or item.distinguishable is None or item.null is None:
        return "cannot be told"
    if not item.distinguishable:
        return "not seen"
    return "seen" if item.value > item.null.value else "contradicted"


def _of_distances(taxicab: Findings, answered: Answered) -> Iterator[Statement]:
    for variant in answered.audit.variants:
        item = one(taxicab.where(lambda item: item.group is None), variant=variant.name)
        yield Statement(
            claim=f"{variant.name}: label distributions lie farther apart than those of two dense populations",
            paper="a ranking, without a floor",
            here=beside_null(item),
            outcome="cannot be told" if item is None else judged(item, sign=1),
        )


def read_subgroups(answered: Answered) -> Read:
    """Read the subgroups: by how many per cent error rates rise, of the smallest group beside the largest."""
    of = rate_of(answered)
    tables = tuple(
        pivot(
            _changes(answered, by, of),
            title=f"Change of {NAMES[of]} by {by}",
            note="per cent of what it was",
            row=lambda item: item.variant,
            column=group_name,
        )
        for by in answered.audit.groups
    )
    return tuple(table for table in tables if table.cells), tuple(_of_subgroups(answered, of))


NAMES = {"fpr": "the false positive rate", "error": "the error rate"}


def rate_of(answered: Answered) -> str:
    """Return the rate that is compared: false positives where there are two labels, else errors."""
    return "fpr" if len(answered.result.run["data"]["labels"]) == 2 else "error"


def _changes(answered: Answered, by: str, of: str) -> Findings:
    return answered.result.findings.where(
        lambda item: item.group is not None, measure="relative_change", by=by, of=of, axis="seeds"
    )


def _of_subgroups(answered: Answered, of: str) -> Iterator[Statement]:
    found = _changes(answered, answered.by, of)
    largest, smallest = answered.groups[0], answered.groups[-1]
    counts = {name: float(n) for name, n in answered.result.run["groups"][answered.by].items()}
    for name in map(pruned, rates_of(answered.setting)):
        own = found.where(variant=name)
        small, large = one(own, group=smallest), one(own, group=largest)
        yield Statement(
            claim=f"{name}: {NAMES[of]} rises more for the smallest group ({smallest}) than the largest ({largest})",
            paper="49.54 against 6.32 % (CelebA, Male, 95 % pruned), without intervals",
            here=f"{shown(small)} against {shown(large)}",
            outcome=apart(small, large),
        )
        if len(counts) > 2:
            yield together(counts, values(own), claim=f"{name}: the smaller a group, the more its rate rises", sign=-1)


ask = partial(ask_populations, "hooker2020-bias")

FIGURES = (
    Figure(
        name=f"{PAPER}/cie",
        title="Exemplars without labels: how far answers move, and of which groups they are",
        claims=(17,),
        on=ON,
        ask=ask,
        read=read_exemplars,
    ),
    Figure(
        name=f"{PAPER}/subgroups",
        title="By how many per cent error rates of subgroups rise",
        claims=(18,),
        on=ON,
        ask=ask,
        read=read_subgroups,
    ),
)
"""Every figure of the paper that populations on a small data set can show."""
