"""agarwal2022, variance of gradients, with feldman2020, jiang2021 and the thread around them: what is hard, and when.

Hard examples lie near the boundary and are answered wrongly (claim 19), are memorised and inconsistent (21), and are
learnt late, so that stopping early and the learning rate decide who is learnt (24).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from disparate.auditing.audit import Audit
from disparate.auditing.look import Look
from disparate.choice import Choice
from disparate.choices.learning_rate import LearningRate
from disparate.choices.prune import Prune
from disparate.choices.stopping import Stopping
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding, Findings
from disparate.predictions import REFERENCE
from disparate.recipes.populations import apart, beside_null, one
from disparate.recipes.readings import Read, level_of, measures_by_group, shown, sizes, together, values
from disparate.recipes.reproduction import Answered, Array, Figure, Outcome, Statement, gap, outcome, points
from disparate.recipes.setting import Setting
from disparate.report.glossary import term
from disparate.report.selection import Grid, pivot
from disparate.training.config import TrainingConfig

PAPER = "agarwal2022_vog"
ON = ("utkface_ethnicity", "cifar10", "utkface_gender", "utkface_age", "ham10000", "celeba", "synthetic")
RATES = (0.5, 0.9)
FACTORS = (0.1, 3.0)
LOOK = Look(curvature=32, matrices=(), points=0, examples=2000)
SUBSETS = replace(LOOK, variants=("prune 50 %",), examples=4000, subsets=30)
LATE = replace(LOOK, variants=("rate × 1, epoch 1",))
"""Of variants one is enough here: looking at networks is what takes the time."""
SIGNIFICANT = 0.05
HARDEST = 10
VOGS = {
    "vog": "error rises from tenth to tenth",
    "vog_in_class": "error rises from tenth to tenth",
    "vog_early": "stages of the training differ",
    "vog_late": "stages of the training differ",
}
"""Forms of VoG, and what the paper says of their errors."""


def ask_hard(setting: Setting) -> Audit:
    """Ask for the trained network and two pruned ones, its epochs kept."""
    chains: dict[str, tuple[Choice, ...]] = {f"prune {round(100 * rate)} %": (Prune(rate=rate),) for rate in RATES}
    return setting.audit("agarwal2022-hard", chains, training=_kept(setting))


def _kept(setting: Setting) -> TrainingConfig:
    training = setting.training
    third = max(1, setting.epochs // 6)
    return replace(training, keep_epochs=training.keep_epochs or tuple(range(third, setting.epochs, third)))


def read_errors(answered: Answered) -> Read:
    """Read whether VoG tells errors and distances to the boundary, and who pays for pruning by VoG."""
    found = answered.result.findings
    errors, damage = found.where(measure="error_by_difficulty"), found.where(measure="accuracy_by_difficulty")
    tables = tuple(
        pivot(
            part,
            title=title,
            note="points",
            row=lambda item: f"{item.variant}, {term(str((item.where or {})['near'])).inline}",
            column=lambda item: f"tenth {(item.where or {})['decile']}",
        )
        for part, title in (
            (errors, "Error of every tenth by difficulty, the easiest first"),
            (damage, "Change of accuracy of every tenth by difficulty, beside another seed's"),
        )
    )
    return tuple(table for table in tables if table.cells), (
        *_errors(errors),
        *_distances(found),
        *_damage(answered, damage),
    )


def _errors(errors: Findings) -> Iterator[Statement]:
    for name, paper in VOGS.items():
        own = errors.where(near=name)
        last, first = one(own, decile=HARDEST), one(own, decile=1)
        yield Statement(
            claim=f"{term(name).inline}: the hardest tenth has more errors than the easiest",
            paper=paper,
            here=f"{beside_null(last)} against {beside_null(first)}",
            outcome=apart(last, first),
        )


def _distances(found: Findings) -> Iterator[Statement]:
    for item in found.where(measure="difficulty_and_distance"):
        where = item.where or {}
        yield Statement(
            claim=f"{term(str(where['near'])).inline} and {term(str(where['distance'])).inline} go opposite ways",
            paper="higher VoG, nearer to the boundary",
            here=f"Spearman {shown(item)} over {item.n} examples",
            outcome=_negative(item),
        )


def _negative(item: Finding) -> Outcome:
    if item.value is None or item.low is None or item.high is None:
        return "cannot be told"
    if item.high < 0:
        return "seen"
    return "contradicted" if item.low > 0 else "not seen"


def _damage(answered: Answered, damage: Findings) -> Iterator[Statement]:
    for variant in answered.audit.variants:
        item = one(damage, variant=variant.name, near="vog", decile=HARDEST)
        yield Statement(
            claim=f"{variant.name}: the hardest tenth by VoG loses more than everyone",
            paper="hard examples are forgotten first",
            here=beside_null(item) + (f", p = {item.p_value:.2g}" if item and item.p_value is not None else ""),
            outcome=_lost(item),
        )


def _lost(item: Finding | None) -> Outcome:
    """Return whether a tenth loses beyond a tenth dealt at random and beyond what another seed does to it."""
    if item is None or item.value is None or item.p_value is None or item.null is None:
        return "cannot be told"
    if item.p_value >= SIGNIFICANT or abs(item.value) <= item.null.value:
        return "not seen"
    return "seen" if item.value < 0 else "contradicted"


def read_memorised(answered: Answered) -> Read:
    """Read whether small groups are less consistent and more memorised."""
    size = sizes(answered, REFERENCE)
    scores = {
        "consistency_score": level_of(answered, "consistency_score", REFERENCE, split="train"),
        "memorisation": level_of(answered, "memorisation", REFERENCE, split="train"),
    }
    told = [
        together(
            values(size), values(found), claim=f"the smaller a group, the {words}", sign=1 if kind == "lower" else -1
        )
        for (found, words, kind) in (
            (scores["consistency_score"], "lower its C-score", "lower"),
            (scores["memorisation"], "more of it is memorised", "higher"),
        )
    ]
    shared = size + scores["consistency_score"] + scores["memorisation"]
    smallest = answered.groups[-1]
    above = answered.result.findings.where(by=answered.by, split="train", form="above_everyone", group=smallest)
    return (measures_by_group(shared, answered, title="Size, C-score and memorisation of the training split"),), (
        *told,
        *(
            _beside_everyone(above, name, smallest, sign)
            for name, sign in (("consistency_score", -1), ("memorisation", 1))
        ),
    )


def _beside_everyone(above: Findings, name: str, group: str, sign: int) -> Statement:
    item = one(above, measure=name)
    word = "below" if sign < 0 else "above"
    told: Outcome = "cannot be told"
    if item is not None and item.value is not None and item.p_value is not None:
        told = "not seen"
        if item.p_value < SIGNIFICANT:
            told = "seen" if item.value * sign > 0 else "contradicted"
    return Statement(
        claim=f"{term(name).inline} of the smallest group ({group}) is {word} everyone's",
        paper="lower C, higher memorisation in minorities",
        here=beside_null(item) + (f", p = {item.p_value:.2g}" if item and item.p_value is not None else ""),
        outcome=told,
    )


def stops(setting: Setting) -> tuple[int, ...]:
    """Return the epochs that are looked at: 1, 2, 4 … and the last.

    Example:
        >>> from disparate.recipes.setting import setting
        >>> stops(setting("laptop", "synthetic"))
        (1, 2, 4, 8)
    """
    doubled = [2**power for power in range(setting.epochs.bit_length())]
    return tuple(sorted({*(epoch for epoch in doubled if epoch < setting.epochs), setting.epochs}))


def arms(setting: Setting) -> Mapping[tuple[float, int], str]:
    """Return the name of the variant of every multiple of the learning rate and every stop."""
    found: dict[tuple[float, int], str] = {}
    for factor in (1.0, *FACTORS):
        for epoch in stops(setting):
            plain = factor == 1 and epoch == setting.epochs
            found[factor, epoch] = REFERENCE if plain else f"rate × {factor:g}, epoch {epoch}"
    return found


def ask_late(setting: Setting) -> Audit:
    """Ask for every stop at every learning rate; all stops of a rate are epochs of one training."""
    chains: dict[str, tuple[Choice, ...]] = {}
    for (factor, epoch), name in arms(setting).items():
        rate = () if factor == 1 else (LearningRate(factor=factor),)
        stop = () if epoch == setting.epochs else (Stopping(epoch=epoch),)
        if name != REFERENCE:
            chains[name] = (*rate, *stop)
    return setting.audit("agarwal2022-late", chains, training=_kept(setting))


def read_late(answered: Answered) -> Read:
    """Read the gap between groups by epoch and learning rate, on both splits, and when groups are learnt."""
    names = arms(answered.setting)
    gaps = {
        split: {key: gap(answered.accuracies(name, answers)) for key, name in names.items()}
        for split, answers in (("train", answered.seen), (answered.audit.split, None))
    }
    tables = [_gaps(own, split, answered) for split, own in gaps.items()]
    size = sizes(answered, REFERENCE)
    epochs = [level_of(answered, name, REFERENCE, split="train") for name in ("first_correct", "stably_correct")]
    late = measures_by_group(size + epochs[0] + epochs[1], answered, title="Epochs until an example is right")
    return (*tables, late), (
        *(statement for split, own in gaps.items() for statement in _early(own, split, answered.setting)),
        together(
            values(size), values(epochs[1]), claim="the smaller a group, the later it is learnt for good", sign=-1
        ),
        *_by_rate(gaps[answered.audit.split], answered.setting),
    )


def _gaps(gaps: Mapping[tuple[float, int], Array], split: str, answered: Answered) -> Grid:
    found = [
        mean_over_seeds(
            gaps[factor, epoch].tolist(),
            About(
                measure="accuracy_gap",
                variant=f"rate × {factor:g}",
                unit="share",
                where={"by": answered.by, "split": split, "epoch": epoch},
                least=0.0,
            ),
        )
        for factor, epoch in gaps
    ]
    return pivot(
        Findings(tuple(found)),
        title=f"Gap of accuracy between groups by epoch, {split} split",
        note="points",
        corner="learning rate",
        row=lambda item: item.variant,
        column=lambda item: f"epoch {(item.where or {})['epoch']}",
    )


def _early(gaps: Mapping[tuple[float, int], Array], split: str, setting: Setting) -> Iterator[Statement]:
    first, last = stops(setting)[0], stops(setting)[-1]
    for factor in (1.0, *FACTORS):
        wider = gaps[factor, first] - gaps[factor, last]
        yield Statement(
            claim=f"rate × {factor:g}: the gap is wider after epoch {first} than after {last}, {split} split",
            paper="early stopping hits certain examples; on unseen data the sign is open",
            here=f"{points(wider)} points, from {100 * float(np.mean(gaps[factor, last])):.1f}",
            outcome=outcome(wider, sign=1),
        )


def _by_rate(gaps: Mapping[tuple[float, int], Array], setting: Setting) -> Iterator[Statement]:
    last = stops(setting)[-1]
    for factor in FACTORS:
        moved = gaps[factor, last] - gaps[1.0, last]
        told = outcome(moved, sign=1)
        yield Statement(
            claim=f"a learning rate × {factor:g} changes the gap after the last epoch",
            paper="learning rates impact what is learnt; no sign is given",
            here=f"{points(moved)} points",
            outcome="seen" if told == "contradicted" else told,
        )


FIGURES = (
    Figure(
        name=f"{PAPER}/errors",
        title="Variance of gradients, errors, the boundary, and who pays for pruning",
        claims=(19,),
        on=ON,
        ask=ask_hard,
        read=read_errors,
        look=LOOK,
    ),
    Figure(
        name=f"{PAPER}/memorised",
        title="Consistency and memorisation of groups",
        claims=(21,),
        on=ON,
        ask=ask_hard,
        read=read_memorised,
        look=SUBSETS,
    ),
    Figure(
        name=f"{PAPER}/late",
        title="The gap between groups by epoch and learning rate, and when groups are learnt",
        claims=(24,),
        on=ON,
        ask=ask_late,
        read=read_late,
        look=LATE,
        training_split=True,
    ),
)
"""What can be made again of the paper, and of the claims around it."""
