"""Telling: from evidence to findings, one kind of number after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.distances import seed_floors
from disparate.auditing.evidence import Evidence, Walk
from disparate.auditing.run import hardware_variants
from disparate.auditing.walking import along
from disparate.explain.barrier import barrier_findings
from disparate.explain.boundary import group_quantiles
from disparate.explain.bounds import Form
from disparate.explain.curvature import closeness_findings, curvature_findings, taylor_findings
from disparate.explain.examples import Numbers, group_numbers
from disparate.explain.flips import Flips, flip_findings
from disparate.explain.learning import Learnt, learning_findings
from disparate.explain.parameter_distance import FORMS, apart_findings, spread_finding
from disparate.explain.survey import gradient_findings, size_findings
from disparate.findings import Finding, Null
from disparate.geometry.line import Line
from disparate.groups import Groups
from disparate.predictions import REFERENCE, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A number per example that explanations hold.

    Args:
        unit: Its unit.
        hard: Which end is hard, ``"high"`` or ``"low"``; None where it is not about difficulty.
        undefined_when: When an example has none.
        needs: Key of the reason where a network has no such column; None where it is no loss.
    """

    unit: str
    hard: str | None = None
    undefined_when: str = "the network has no such number"
    needs: str | None = None


NO_WAY = "no gradient leads to another class"
NEVER = "never right in the epochs that were kept"
COLUMNS: Mapping[str, Column] = {
    "closeness_gini": Column(unit="closeness"),
    "closeness_product": Column(unit="closeness"),
    "distance_probability": Column(unit="share"),
    "distance_logit": Column(unit="logits"),
    "distance_logit_signed": Column(unit="logits"),
    "distance_input": Column(unit="input units", undefined_when=NO_WAY, needs="distances"),
    "distance_parameters": Column(unit="l2 norm", undefined_when=NO_WAY, needs="distances"),
    "certified_radius": Column(unit="input units", undefined_when="nothing is certified for any example"),
    "vog": Column(unit="logits per input unit", hard="high", needs="difficulty"),
    "vog_in_class": Column(unit="standard scores", hard="high"),
    "vog_early": Column(unit="logits per input unit", hard="high"),
    "vog_middle": Column(unit="logits per input unit", hard="high"),
    "vog_late": Column(unit="logits per input unit", hard="high"),
    "first_correct": Column(unit="epochs", undefined_when=NEVER, needs="difficulty"),
    "stably_correct": Column(unit="epochs", undefined_when="wrong in the last epoch"),
    "forgetting_events": Column(unit="count", hard="high", undefined_when=NEVER),
    "el2n": Column(unit="length", hard="high"),
}
"""Every column of the files that explanations leave, in the order of the report."""

MISSING = {
    "difficulty": "the weights of fewer than two epochs were kept; [training] keep_epochs = [1, 2, …] keeps them",
    "distances": "the network was not differentiated",
}
"""Why a network has no such column, where its job gives no reason of its own."""

SPREAD = ("distance_input", "distance_parameters", "closeness_gini")
"""Columns whose quantiles and histograms are told."""
NEAR: Mapping[str, float] = {"closeness_gini": 1.0, "distance_input": -1.0, "distance_parameters": -1.0}
"""Columns that say how near the boundary an example lies, with the sign that makes large near."""
FAR = ("distance_logit", "distance_input", "distance_parameters")
"""Distances that difficulty is held against."""
ONE_CLASS = "every group holds one class here, so that nothing is left between groups within a class"


def level_findings(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield every number per example by variant and group, of the judged split; of the reference, training too.

    A variant that alters what a network is asked is left out: networks are looked at on the inputs as they are.
    """
    audit = evidence.audit
    for variant, split in _levels(evidence):
        groups = evidence.groups(by, variant, split)
        if len(groups.codes):
            for name, column in COLUMNS.items():
                numbers = numbers_of(evidence, variant, split, name)
                if numbers is None:
                    yield from _absent(evidence, groups, variant, split, name)
                elif name == "vog_in_class" and split == "train" and _holds_one_class(evidence, groups, variant, split):
                    yield from _undefined(groups, variant, split, name, column.unit, ONE_CLASS)
                else:
                    yield from group_numbers(numbers, groups, level=audit.level)
                    if name in SPREAD and split == audit.split:
                        yield from group_quantiles(numbers, groups, level=audit.level)


def _levels(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the variants and splits that have levels."""
    altered = {variant.name for variant in evidence.audit.variants if variant.input_choices()}
    for variant in evidence.variants():
        if variant not in altered:
            splits = ("train", evidence.audit.split) if variant == REFERENCE else (evidence.audit.split,)
            yield from ((variant, split) for split in dict.fromkeys(splits))


def numbers_of(evidence: Evidence, variant: str, split: str, name: str) -> Numbers | None:
    """Return one column of a variant under every seed; None where a seed has none."""
    values, column = evidence.stacked(variant, split, name), COLUMNS[name]
    if values is None:
        return None
    return Numbers(
        measure=name,
        variant=variant,
        split=split,
        values=values,
        unit=column.unit,
        hard=column.hard,
        undefined_when=column.undefined_when,
    )


def _absent(evidence: Evidence, groups: Groups, variant: str, split: str, name: str) -> Iterator[Finding]:
    needs = COLUMNS[name].needs
    if variant == REFERENCE and needs is not None:
        reason = evidence.why(variant, needs) or MISSING[needs]
        yield from _undefined(groups, variant, split, name, COLUMNS[name].unit, reason)


def _undefined(
    groups: Groups, variant: str, split: str, measure: str, unit: str, reason: str, **where: object
) -> Iterator[Finding]:
    for name in groups:
        yield Finding(
            measure=measure,
            group=name,
            where={"by": groups.by, "split": split, **where},
            variant=variant,
            value=None,
            undefined=reason,
            unit=unit,
        )


def _holds_one_class(evidence: Evidence, groups: Groups, variant: str, split: str) -> bool:
    rows = evidence.positions(evidence.columns(variant, split)[0].example_id.tolist())
    target = evidence.data.target[rows]
    return all(len(np.unique(target[groups.mask(name)])) < 2 for name in groups)


def flips_told(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield whether closeness to the boundary under the reference tells which answers of a variant flip."""
    for variant in evidence.variants():
        pairs = list(evidence.seeds(variant))
        if variant == REFERENCE or not pairs:
            continue
        groups = evidence.groups(by, variant, evidence.audit.split)
        flipped = np.stack([
            evidence.predictions[run].predicted != evidence.predictions[reference].predicted for run, reference in pairs
        ])
        for name, sign in NEAR.items():
            own = [evidence.tables[reference].of(evidence.audit.split) for _, reference in pairs]
            if all(name in table.columns for table in own):
                near = sign * np.stack([table.columns[name] for table in own])
                near = np.where(np.isfinite(near), near, _farthest(near))
                flips = Flips(variant=variant, measure=name, near=near, flipped=flipped, split=evidence.audit.split)
                yield from flip_findings(flips, groups, level=evidence.audit.level)


def _farthest(near: NDArray[np.float64]) -> float:
    """Return a number beyond the farthest: an example that no gradient leads away from is farther than all others."""
    return float(np.nanmin(near)) - 1 if np.isfinite(near).any() else 0.0


def surface_findings(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield gradients and curvature of every variant, and for each what the theorems allow beside what happened."""
    audit, names = evidence.audit, evidence.names(by)
    hardware = hardware_variants(audit)
    classes = len(evidence.data.label_names)
    for variant in evidence.variants():
        pairs = [(run, reference) for run, reference in evidence.seeds(variant) if run in evidence.surveys]
        if not pairs:
            continue
        own = [evidence.surveys[run] for run, _ in pairs]
        told: dict[str, Any] = {"by": by, "variant": variant, "level": audit.level}
        yield from gradient_findings(own, names, **told)
        yield from curvature_findings(own, names, **told)
        yield from closeness_findings(own, names, **told)
        yield from size_findings(own, **told)
        if variant == REFERENCE:
            continue
        references = [evidence.surveys[reference] for _, reference in pairs]
        walked = [evidence.walks[run].apart if run in evidence.walks else None for run, _ in pairs]
        distances = [None if apart is None else apart.whole.l2 for apart in walked]
        forms: tuple[Form, ...] = ("signed", "absolute") if variant in hardware else ("signed",)
        for form in forms:
            yield from taylor_findings(references, own, distances, names, classes=classes, form=form, **told)


def weight_findings(evidence: Evidence, acting: Mapping[str, bool]) -> Iterator[Finding]:
    """Yield how far every variant's weights are from the reference's, whole and per layer, and ρ(m) over machines.

    Of variants that act on training the audit itself tells ``l2`` and ``relative`` of the whole.

    Args:
        evidence: What is known.
        acting: Variant to whether it acts on training.

    Yields:
        ``parameter_distance`` and ``parameter_spread``.
    """
    audit = evidence.audit
    floors = seed_floors([_checkpoint(evidence, REFERENCE, run.seed) for run in evidence.runs(REFERENCE)])
    for variant in evidence.variants():
        walks = [evidence.walks[run] for run in evidence.runs(variant) if run in evidence.walks]
        if not walks:
            continue
        forms = ("cosine",) if acting.get(variant) else tuple(FORMS)
        why = next((walk.undefined["weights"] for walk in walks if "weights" in walk.undefined), "")
        found = apart_findings([walk.apart for walk in walks], variant=variant, forms=forms, level=audit.level, why=why)
        yield from (_against(item, floors) for item in found)
    machines = [name for name in hardware_variants(audit) if name in evidence.variants() and acting.get(name)]
    if machines:
        yield from spread_finding(
            [
                (
                    _checkpoint(evidence, REFERENCE, run.seed),
                    {variant: _checkpoint(evidence, variant, run.seed) for variant in machines},
                )
                for run in evidence.runs(REFERENCE)
            ],
            level=audit.level,
        )


def _against(finding: Finding, floors: Mapping[str, Null]) -> Finding:
    where = finding.where or {}
    floor = None if "layer" in where else floors.get(str(where.get("form")))
    if floor is None or finding.value is None:
        return finding
    return replace(finding, null=floor, effect_over_null=finding.value / floor.value if floor.value else None)


def line_findings(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield loss and accuracy of every group along the line from the reference's weights to every variant's."""
    audit = evidence.audit
    partition = Groups.of(evidence.data.attributes, by=by)
    for variant in evidence.variants():
        walks = [evidence.walks[run] for run in evidence.runs(variant) if run in evidence.walks]
        known = [walk for walk in walks if walk.line is not None]
        reasons = [walk.undefined.get("line") or walk.undefined.get("weights") for walk in walks]
        why = next((reason for reason in reasons if reason), None)
        if why is not None:
            for finding in _undefined(partition, variant, audit.split, "loss_barrier", "nats", why):
                yield replace(finding, reference=REFERENCE)
        elif known:
            yield from _along(evidence, partition, variant, known)


def _along(evidence: Evidence, partition: Groups, variant: str, walks: Sequence[Walk]) -> Iterator[Finding]:
    """Yield the lines of one variant; a cap per group leaves no fair sample of everybody, who is therefore left out."""
    data, split = evidence.data, evidence.audit.split
    wanted = along(partition, data.rows(split), most=evidence.along)
    rows = evidence.positions(walks[0].example_id.tolist())
    own = np.isin(rows, wanted)
    groups = replace(partition, codes=partition.codes[rows[own]])
    lines = [_of_rows(walk.line, own) for walk in walks if walk.line is not None]
    settled = walks[0].settled
    how = f"statistics of normalisation estimated anew from {settled} training examples" if settled else ""
    for finding in barrier_findings(lines, groups, variant=variant, split=split, level=evidence.audit.level):
        if finding.group is not None:
            yield replace(finding, method="; ".join(part for part in (finding.method, how) if part) or None)


def _of_rows(line: Line, own: NDArray[np.bool_]) -> Line:
    return Line(at=line.at, loss=line.loss[:, own], correct=line.correct[:, own])


def _checkpoint(evidence: Evidence, variant: str, seed: int) -> Path:
    weights = evidence.answers.plan.weights(variant, seed)
    return evidence.store.output(weights.key, weights.output)


def learnt_findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield whether VoG tells errors and distances to the boundary; of the reference.

    Plain, within the class, and of the first and the last epochs alone: examples that are learnt late move late.
    """
    audit = evidence.audit
    for name in ("vog", "vog_in_class", "vog_early", "vog_late"):
        seeds = [_learnt(evidence, run, name) for run in evidence.runs(REFERENCE)]
        known = [seed for seed in seeds if seed is not None]
        if known and len(known) == len(seeds):
            told = {"difficulty": name, "split": audit.split, "variant": REFERENCE}
            yield from learning_findings(known, **told, level=audit.level)


def _learnt(evidence: Evidence, run: Run, name: str) -> Learnt | None:
    columns = evidence.tables[run].of(evidence.audit.split).columns
    if name not in columns:
        return None
    predictions = evidence.predictions[run]
    distances = {far: columns[far] for far in FAR if far in columns}
    return Learnt(hardness=columns[name], distances=distances, wrong=predictions.predicted != predictions.target)
