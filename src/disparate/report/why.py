"""The parts of a report that say why: the explanation table, gradients, curvature, boundary, bounds, difficulty."""

from collections.abc import Mapping, Sequence

from disparate.findings import Finding, Findings, Result
from disparate.predictions import REFERENCE
from disparate.report.explanation_table import CORRELATION, explanation_table, matrix, why_words
from disparate.report.glossary import term
from disparate.report.part import Part
from disparate.report.selection import (
    Grid,
    Naming,
    by_group,
    by_of_section,
    filled,
    full_name,
    is_part,
    pivot,
    place,
    sections,
    units,
)
from disparate.report.wording import counted, plain

GRADIENTS = ("gradient_norm", "size_order_violations", "gradient_ratio")
CURVATURE = (
    "hessian_eigenvalue",
    "hessian_lowest",
    "hessian_trace",
    "ggn_eigenvalue",
    "empirical_fisher_eigenvalue",
    "ggn_diagonal",
)
BOUNDS = ("taylor_bound", "closeness_bound")
CLOSENESS = ("closeness_gini", "closeness_product")
DISTANCES = (
    "distance_probability",
    "distance_logit",
    "distance_logit_signed",
    "distance_input",
    "distance_parameters",
    "certified_radius",
)
FLIPPING = ("flip_separation", "group_beyond_closeness")
SUBSETS = ("consistency_score", "memorisation")
DAMAGE = ("accuracy_by_difficulty", "risk_by_difficulty", "difficulty_and_damage")
LEARNING = ("error_by_difficulty", "difficulty_and_distance", *DAMAGE)
DIFFICULTY = (
    "vog",
    "vog_in_class",
    "vog_early",
    "vog_middle",
    "vog_late",
    "first_correct",
    "stably_correct",
    "forgetting_events",
    "el2n",
    *SUBSETS,
    *LEARNING,
)
WEIGHTS = (
    "parameter_distance",
    "parameter_spread",
    "loss_barrier",
    "loss_along_line",
    "accuracy_along_line",
)
WHY = frozenset((
    "group_size",
    CORRELATION,
    *GRADIENTS,
    *CURVATURE,
    *BOUNDS,
    *CLOSENESS,
    *DISTANCES,
    *FLIPPING,
    *DIFFICULTY,
    *WEIGHTS,
))  # fmt: skip
"""Measures that are shown here, whatever holds them."""
WHY_LIMIT = 3000
"""Most cells of further tables of these parts, shared by the attributes."""


def why_parts(result: Result, by: str) -> tuple[Part, ...]:
    """Return the parts that say why, for one attribute; those without a number are empty.

    Args:
        result: Findings and run record.
        by: The attribute.

    Returns:
        The parts, in reading order.
    """
    own = by_of_section(result, by).where(lambda item: item.measure in WHY or _is_effect(item))
    return (
        _table(result, by, own),
        _gradients(result, by, own),
        _curvature(result, by, own),
        _bounds(result, by, own),
        _boundary(result, by, own),
        _difficulty(result, by, own),
        _weights(result, by, own),
    )


def _is_effect(finding: Finding) -> bool:
    return finding.measure in {"excessive_risk", "hardware_sensitivity"}


def _table(result: Result, by: str, own: Findings) -> Part:
    """Return the explanation table, and all correlations over groups."""
    correlated = own.where(measure=CORRELATION)
    table = explanation_table(result, by, own)
    every = matrix(correlated.where(of="harm"), f"Spearman over the groups, by {by}: what goes with what is paid")
    pairs = matrix(correlated.where(of="property"), f"Spearman over the groups, by {by}: properties of the reference")
    shown = len(own.where(measure="group_size")) > 0
    return Part(
        slug="why",
        title="Why? What tells who pays",
        short="Why",
        words=why_words(result, by, correlated),
        grids=filled(table) if shown else (),
        folded=(*filled(every), *filled(pairs)),
    )


def _gradients(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in GRADIENTS)
    norms = found.where(measure="gradient_norm")
    whole = norms.where(lambda item: not is_part(item))
    sizes = _train_sizes(own)
    where = f"by {by}"
    grids = (
        _grid(result, by, whole.where(split="train"), f"Gradient norm {where}, training split", sizes=sizes),
        _grid(
            result,
            by,
            norms.where(lambda item: place(item, "epoch") is not None, variant=REFERENCE),
            f"Gradient norm {where}, epoch by epoch",
            row=lambda item: f"epoch {place(item, 'epoch')}",
            corner="reference",
            sizes=sizes,
        ),
        _grid(
            result,
            by,
            found.where(lambda item: item.measure != "gradient_norm"),
            f"Group size and gradient norm {where}",
            row=_of_sizes,
            sizes=sizes,
        ),
    )
    words = (
        "The length of the gradient of every group's mean loss, over all its examples at once. The floor is what as "
        "many examples dealt at random have: a small group has a long gradient by that alone."
    )
    return _part(result, "gradients", "How long are the groups' gradients?", "Gradients", words, grids, found)


def _of_sizes(item: Finding) -> str:
    """Return what a finding says of sizes, and for two groups the ratio that the sizes force."""
    forced, slack = place(item, "inverse_sizes"), place(item, "slack")
    said = f" (sizes force {forced:.3f} ± {slack:.3f})" if isinstance(forced, float) and slack is not None else ""
    return f"{plain(item.variant)} · {term(item.measure).title}{said}"


def _curvature(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in CURVATURE)
    sizes = _train_sizes(own)
    top = found.where(measure="hessian_eigenvalue").where(lambda item: place(item, "rank") is None)
    others = found.where(variant=REFERENCE).where(
        lambda item: item.measure not in {"hessian_eigenvalue", "ggn_diagonal"} or place(item, "rank") is not None
    )
    diagonal = found.where(measure="ggn_diagonal", variant=REFERENCE)
    where = f"by {by}, training split"
    grids = (
        _grid(result, by, top, f"Largest eigenvalue of the Hessian {where}", sizes=sizes),
        _grid(
            result,
            by,
            others,
            f"Further curvature of the reference {where}",
            row=lambda item: term(item.measure).title + (f", rank {rank}" if (rank := place(item, "rank")) else ""),
            corner="reference",
            sizes=sizes,
        ),
        _grid(
            result,
            by,
            diagonal,
            f"Diagonal of the Gauss–Newton matrix {where}",
            row=lambda item: str(place(item, "form")).replace("_", " "),
            corner="reference",
            sizes=sizes,
        ),
    )
    words = (
        "How sharply every group's loss bends around the trained weights, over some of its training examples. "
        "Every eigenvalue has a residual in the file, which bounds its error; what did not converge says so there. "
        "Of the diagonal, ranking quality says how well two halves of the draws agree on the order of the weights."
    )
    return _part(result, "curvature", "How sharply does the loss bend?", "Curvature", words, grids, found)


def _bounds(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in BOUNDS)
    taylor = found.where(measure="taylor_bound")
    sizes = _train_sizes(own)

    def row(item: Finding) -> str:
        return f"{plain(item.variant)} · {place(item, 'term')}"

    grids = tuple(
        _grid(result, by, taylor.where(form=form), f"{title} by {by}", row=row, sizes=sizes)
        for form, title in (
            ("signed", "Bound of theorem 4.1 / theorem 1 and the change it bounds"),
            ("absolute", "The same for the absolute change, over machines"),
        )
    )
    closeness = _grid(
        result,
        by,
        found.where(measure="closeness_bound"),
        f"Bound of theorem 4.4 / theorem 2 and the curvature it bounds, by {by}",
        row=row,
        sizes=sizes,
    )
    return _part(
        result, "bounds", "Do the theorems' bounds say anything?", "Bounds", _bound_words(taylor), (*grids, closeness),
        found,
    )  # fmt: skip


def _bound_words(taylor: Findings) -> str:
    vacuous = [item.value for item in taylor.where(term="vacuous", form="signed") if item.value is not None]
    holds = [item.value for item in taylor.where(term="holds", form="signed") if item.value is not None]
    told = (
        "What gradient, curvature and distance of the weights allow the loss of a group to change, beside what it did "
        "on the training split. A bound is vacuous where it allows more than the loss of answers at random: it then "
        "says nothing, and cannot rank groups. It leaves the third order out, so a change may exceed it."
    )
    if not vacuous:
        return told
    empty, kept = sum(value > 0 for value in vacuous), sum(value == 1 for value in holds)
    return (
        f"{told} Here {empty} of {len(vacuous)} bounds are vacuous under some seed, and {kept} of {len(holds)} hold "
        "under every seed."
    )


def _boundary(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in {*CLOSENESS, *DISTANCES, *FLIPPING})
    levels = found.where(lambda item: item.measure not in FLIPPING)
    judged = levels.where(lambda item: place(item, "split") != "train" or _only_train(levels))
    means = judged.where(lambda item: not is_part(item))
    where = f"by {by}"
    grids = (
        _grid(
            result,
            by,
            means.where(variant=REFERENCE),
            f"Closeness and distance to the boundary {where}, reference",
            row=_titled,
            corner="mean",
        ),
        _grid(
            result,
            by,
            judged.where(form="quantile", variant=REFERENCE),
            f"Quantiles {where}, reference",
            row=lambda item: f"{_titled(item)}, {100 * float(place(item, 'share')):g} % lie below",
            corner="quantile",
        ),
        _grid(
            result, by, means.where(measure="closeness_gini"), f"Closeness to the boundary {where}, under every variant"
        ),
        _grid(
            result,
            by,
            found.where(measure="flip_separation"),
            f"Does closeness before tell which answers flip, {where}?",
            row=lambda item: f"{plain(item.variant)} · {_near(item)}",
        ),
        _grid(
            result,
            by,
            found.where(measure="group_beyond_closeness"),
            f"And does the group tell more, {where}?",
            row=lambda item: f"{plain(item.variant)} · {_near(item)}",
        ),
    )
    words = (
        "Closeness is large near the boundary, distance is large far from it. Distances in inputs and in weights are "
        "to first order; one in weights compares with the distance of the weights: below it nothing flips. The tables "
        "of flips say how often an answer that flips lay nearer the boundary than one that stays (chance: 50 points), "
        "and by how much the odds of a flip differ between groups at equal distance."
    )
    return _part(result, "boundary", "How far is the boundary?", "Boundary", words, grids, found)


def _only_train(levels: Findings) -> bool:
    return {place(item, "split") for item in levels} == {"train"}


def _titled(item: Finding) -> str:
    return term(item.measure).title


def _near(item: Finding) -> str:
    return term(str(place(item, "near"))).inline


def _difficulty(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in DIFFICULTY)
    levels = found.where(lambda item: item.measure not in LEARNING)
    where = f"by {by}"
    grids = (
        _grid(
            result,
            by,
            levels.where(lambda item: not is_part(item)),
            f"How hard the examples are {where}",
            row=lambda item: f"{_titled(item)}, {place(item, 'split')}",
            corner="mean",
        ),
        _grid(
            result,
            by,
            levels.where(form="hardest_tenth"),
            f"Share of every group among the hardest tenth {where}",
            row=lambda item: f"{_titled(item)}, {place(item, 'split')}",
            corner="share",
        ),
        _grid(
            result,
            by,
            found.where(measure="error_by_difficulty"),
            "Error of every tenth by difficulty, the easiest first",
            row=lambda item: f"{_near(item)}, tenth {place(item, 'decile')}",
            corner="error",
        ),
        _grid(
            result,
            by,
            found.where(measure="difficulty_and_distance"),
            "Spearman of difficulty with the distance to the boundary, over examples",
            row=lambda item: f"{_near(item)} and {term(str(place(item, 'distance'))).inline}",
            corner="of",
        ),
        *(_damaged(found.where(measure=measure), title) for measure, title in DAMAGED.items()),
        pivot(
            found.where(measure="difficulty_and_damage"),
            title="Spearman of difficulty with what a choice changes, over examples",
            row=lambda item: plain(item.variant),
            column=lambda item: f"{_near(item)}, {place(item, 'of')}",
        ),
    )
    words = (
        "How hard the examples of every group were to learn under the reference, from the epochs whose weights were "
        "kept. Ten points of a group belong to the hardest tenth where it is as hard as everybody."
    )
    return _part(result, "difficulty", "Who is hard to learn?", "Difficulty", words, grids, found)


DAMAGED = {
    "accuracy_by_difficulty": "Change of accuracy of every tenth by difficulty, the easiest first",
    "risk_by_difficulty": "Excessive risk of every tenth by difficulty, the easiest first",
}


def _damaged(found: Findings, title: str) -> Grid:
    return pivot(
        found,
        title=title,
        note="The floor is what another seed of the reference does to that tenth.",
        row=lambda item: f"{plain(item.variant)}, {_near(item)}",
        column=lambda item: f"tenth {place(item, 'decile')}",
    )


def _weights(result: Result, by: str, own: Findings) -> Part:
    found = own.where(lambda item: item.measure in WEIGHTS)
    apart = found.where(measure="parameter_distance").where(lambda item: place(item, "layer") is None)
    spread = found.where(measure="parameter_spread")
    grids = (
        pivot(
            apart + spread,
            title="How far the weights are from the reference's",
            note="As a norm, relative to the reference's norm, and as a cosine; the floor is another seed's distance.",
            row=lambda item: plain(item.variant),
            column=lambda item: "ρ(m)" if item.measure == "parameter_spread" else str(place(item, "form")),
        ),
        _grid(
            result,
            by,
            found.where(measure="loss_barrier"),
            f"Barrier on the straight line from the reference's weights, by {by}",
            row=lambda item: plain(item.variant),
        ),
    )
    words = (
        "How far every variant moved the weights, and how high the loss of every group rises between: a barrier says "
        "that the two solutions lie in different valleys, or are the same one with its units in another order."
    )
    return _part(result, "weights", "How far did the weights move?", "Weights", words, grids, found)


def _grid(
    result: Result,
    by: str,
    found: Findings,
    title: str,
    *,
    row: Naming = lambda item: plain(item.variant),
    corner: str = "variant",
    sizes: Mapping[str, int] | None = None,
) -> Grid:
    return by_group(result, by, found, title=title, note=units(found), row=row, corner=corner, sizes=sizes)


def _train_sizes(own: Findings) -> dict[str, int]:
    return {item.group: int(item.value or 0) for item in own.where(measure="group_size") if item.group is not None}


def _part(
    result: Result, slug: str, title: str, short: str, words: str, grids: Sequence[Grid], found: Findings
) -> Part:
    """Return a part whose folded tables hold what its own do not, as far as there is room."""
    kept = tuple(grid for grid in grids if grid.cells)
    shown = {id(item) for grid in kept for item in grid.cells.values()}
    rest = found.where(lambda item: id(item) not in shown)
    folded, left_out = _rest(result, rest, WHY_LIMIT // (6 * len(sections(result))))
    more = f" {counted(left_out, 'further number')} had no room on this page; the JSON file holds them."
    words = words + (more if left_out else "")
    return Part(slug=slug, title=title, short=short, words=words, grids=kept, folded=folded)


def _rest(result: Result, found: Findings, room: int) -> tuple[tuple[Grid, ...], int]:
    folded: list[Grid] = []
    left_out = 0
    for name in dict.fromkeys(item.measure for item in found):
        own = found.where(measure=name)
        if len(own) > room:
            left_out += len(own)
            continue
        room -= len(own)
        by = next((str(place(item, "by")) for item in own if place(item, "by") is not None), "")
        title = f"{term(name).title}, in detail{f' by {by}' if by else ''}"
        folded += filled(
            by_group(result, by, own, title=title, note=f"{units(own)} {term(name).words}".strip(), row=full_name)
        )
    return tuple(folded), left_out
