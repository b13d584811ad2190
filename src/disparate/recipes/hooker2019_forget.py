"""hooker2019, "What do compressed deep neural networks forget?": which classes and which images pay for compression."""

from collections.abc import Iterator
from functools import partial

from disparate.findings import Finding, Findings
from disparate.measures.exemplars import BEYOND
from disparate.predictions import REFERENCE
from disparate.recipes.populations import (
    INT8,
    TRAINED_ON,
    ask_populations,
    below,
    beside_null,
    one,
    pruned,
    rates_of,
)
from disparate.recipes.readings import Read, judged
from disparate.recipes.reproduction import Answered, Figure, Outcome, Statement
from disparate.report.selection import EVERYONE, Grid, group_name, pivot

PAPER = "hooker2019_forget"
ON = (
    "utkface_ethnicity",
    "cifar10",
    "utkface_gender",
    "utkface_age",
    "svhn",
    "ham10000",
    "celeba",
    "adult",
    "synthetic",
)
SAID = {
    pruned(0.5): "170 of 1,000 (ImageNet)",
    pruned(0.9): "637 of 1,000 (ImageNet)",
    INT8: "119 of 1,000 (ImageNet)",
}
"""Classes that the paper finds significant, without a correction for their number."""
LEVEL = 0.05


def read_classes(answered: Answered) -> Read:
    """Read the test by class: how many classes move beyond the overall accuracy, corrected and as the paper counts."""
    moved = answered.result.findings.where(
        lambda item: item.group is None and item.label is not None, measure="normalised_change"
    )
    table = pivot(
        moved,
        title="Change of each class's recall beyond the change of the overall accuracy",
        note="points; Welch between populations, corrected",
        row=lambda item: item.variant,
        column=lambda item: str(item.label),
    )
    return (table,), tuple(_of_classes(answered, moved))


def _of_classes(answered: Answered, moved: Findings) -> Iterator[Statement]:
    counts = {name: _count(moved, name) for name in (variant.name for variant in answered.audit.variants)}
    for name in (*map(pruned, rates_of(answered.setting)), INT8):
        yield Statement(
            claim=f"{name}: some classes move more than everyone",
            paper=SAID.get(name, "some"),
            here=_told(moved, name),
            outcome="seen" if counts[name] else "not seen",
        )
    strongest = pruned(max(rates_of(answered.setting)))
    for name, claim, paper in (
        (INT8, "int8 moves fewer classes than pruning", "119 against 637"),
        (TRAINED_ON, "training on without pruning moves fewer classes than pruning", "not compared"),
    ):
        yield Statement(
            claim=claim,
            paper=paper,
            here=f"{counts[name]} against {counts[strongest]} at {strongest}",
            outcome=_fewer(counts[name], counts[strongest]),
        )


def _count(moved: Findings, variant: str) -> int:
    return sum(bool(item.distinguishable) for item in moved.where(variant=variant))


def _told(moved: Findings, variant: str) -> str:
    own = list(moved.where(variant=variant))
    bare = sum(item.p_value is not None and item.p_value <= LEVEL for item in own)
    worse = sum(bool(item.distinguishable) and (item.value or 0) < 0 for item in own)
    return (
        f"{_count(moved, variant)} of {len(own)} ({worse} of them down); p at most {LEVEL:g} of {bare}, "
        f"by chance alone {LEVEL * len(own):.2g}"
    )


def _fewer(own: int, other: int) -> Outcome:
    if own == other:
        return "not seen"
    return "seen" if own < other else "contradicted"


def read_exemplars(answered: Answered) -> Read:
    """Read the exemplars: how many there are beside two populations of the reference, and how hard they are."""
    found = answered.result.findings
    modal = found.where(measure="modal_exemplars", axis="examples", reference=REFERENCE)
    right = found.where(measure="exemplar_accuracy", axis="examples", reference=REFERENCE)
    statements = (_statements(found, variant.name) for variant in answered.audit.variants)
    return (
        _table(answered, modal, "Share of exemplars (PIE) in every group"),
        _table(answered, right, "Accuracy of the dense networks on exemplars"),
    ), tuple(statement for told in statements for statement in told)


def _table(answered: Answered, found: Findings, title: str) -> Grid:
    own = found.where(lambda item: (item.where or {}).get("by") in {None, answered.by})
    return pivot(
        own,
        title=title,
        note="points",
        row=lambda item: item.variant,
        column=group_name,
        columns=(EVERYONE, *answered.groups),
        sizes=answered.result.run["groups"][answered.by],
    )


def _statements(found: Findings, variant: str) -> Iterator[Statement]:
    everyone = found.where(lambda item: item.group is None and (item.where or {}).get("by") is None)
    modal = one(everyone, measure="modal_exemplars", variant=variant, axis="examples")
    accuracy = one(everyone, measure="exemplar_accuracy", variant=variant, axis="examples")
    usual = one(everyone, measure="exemplar_accuracy", variant=REFERENCE, of="everyone")
    beyond = one(everyone, measure="exemplar_accuracy", variant=variant, form=BEYOND)
    yield Statement(
        claim=f"{variant}: more exemplars than between two populations of dense networks",
        paper="10.27 % at 90 % (ImageNet), without a floor",
        here=beside_null(modal),
        outcome="cannot be told" if modal is None else judged(modal, sign=1),
    )
    yield Statement(
        claim=f"{variant}: dense networks err more on exemplars than on all images",
        paper="accuracy 39.81 against 76.75 %",
        here=f"{beside_null(accuracy)} against {beside_null(usual)}; true of any images on which models disagree",
        outcome=below(accuracy, None if usual is None else usual.value),
    )
    yield Statement(
        claim=f"{variant}: and more than on the exemplars of two populations of dense networks",
        paper="not compared",
        here=f"{beside_null(beyond)} at equal sizes of the populations",
        outcome=_harder(beyond, accuracy),
    )


def _harder(beyond: Finding | None, accuracy: Finding | None) -> Outcome:
    """Return whether exemplars are harder than the floor's: the difference beside the interval of the accuracy."""
    if beyond is None or beyond.value is None or accuracy is None or accuracy.value is None:
        return "cannot be told"
    if accuracy.low is None or accuracy.high is None:
        return "cannot be told"
    if beyond.value + accuracy.high - accuracy.value < 0:
        return "seen"
    return "contradicted" if beyond.value + accuracy.low - accuracy.value > 0 else "not seen"


ask = partial(ask_populations, "hooker2019-forget")

FIGURES = (
    Figure(
        name=f"{PAPER}/classes",
        title="Which classes move more than everyone: pruning against int8",
        claims=(16,),
        on=ON,
        ask=ask,
        read=read_classes,
    ),
    Figure(
        name=f"{PAPER}/pie",
        title="Images that compressed populations answer otherwise, and how hard they are",
        claims=(17,),
        on=ON,
        ask=ask,
        read=read_exemplars,
    ),
)
"""Every figure of the paper that populations on a small data set can show."""
