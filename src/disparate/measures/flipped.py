"""Whose answers turn more often than their number would have it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, NotEnoughData
from disparate.findings import Finding, Null
from disparate.measures.churn import BENEFICIAL_FLIPS, CHURN, HARMFUL_FLIPS
from disparate.measures.frame import group_means
from disparate.measures.measure import POSITIVE, Measure
from disparate.measures.pairings import Pairing, above_seeds
from disparate.measures.series import Place
from disparate.measures.statements import ONE_SEED, Case, judged
from disparate.predictions import Predictions, require_same_examples
from disparate.stats.flips import OverRepresentation, over_representation
from disparate.stats.nulls import REPEAT, SEEDS

Array = NDArray[np.float64]
FLIPS = (CHURN, HARMFUL_FLIPS, BENEFICIAL_FLIPS)
"""What may be over-represented in."""
NOTHING_FLIPPED = {
    CHURN.name: "no answer changed",
    HARMFUL_FLIPS.name: "no right answer became wrong",
    BENEFICIAL_FLIPS.name: "no wrong answer became right",
}
WEIGHTED = "the examples have weights, and a flip counts once, for one example; leave the weights out"
DEALT = 4000
"""How often group labels are dealt: the smallest p-value is one in as many."""


def ratio_to_everyone(groups: Array, everyone: Array) -> Array:
    """Return how much more often groups flip than everyone: their share among the flips over that among the examples.

    (flips of a / flips) / (|a| / n) = (flips of a / |a|) / (flips / n). Undefined when nothing flips.

    Args:
        groups: Share of every group that flips, shape (..., groups).
        everyone: Share of all examples that flip, shape (..., 1).

    Returns:
        Ratios from 0 to n / |a|, shape (..., groups); NaN where undefined.

    Example:
        >>> ratio_to_everyone(np.array([0.1, 0.4]), np.array([0.2])).tolist()
        [0.5, 2.0]
    """
    everyone = np.broadcast_to(everyone, groups.shape)
    return np.divide(groups, everyone, out=np.full(groups.shape, np.nan), where=everyone > 0)


OVER_REPRESENTATION = Measure(
    name="over_representation",
    unit="ratio",
    kind="among_flips",
    higher_is_better=None,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=ratio_to_everyone,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AmongFlips:
    """Which groups one kind of flip falls on, over a panel.

    Args:
        flips: Churn, harmful or beneficial flips over the panel.
        generator: Source of the dealt labels.
    """

    flips: Pairing
    generator: np.random.Generator

    def findings(self) -> Iterator[Finding]:
        """Yield the over-representation of every group under every variant, not yet corrected for their number.

        What acts on training is held against another seed in the place of the variant, by a paired t test over seeds of
        the ratios: groups that are hard flip more whatever is done. What acts on the trained model is held against
        group labels dealt at random, and its floor is the ratio among the flips of repeats, where these flip at least
        as often as a group has to have examples. Weighted examples have none.

        Yields:
            Findings; ``of`` in ``where`` says which flips. None for everyone, whose ratio is 1.
        """
        case = self.flips.case
        for variant in case.panel.variants[1:] if case.cut.by is not None else ():
            values = self.flips.values(variant)
            turned = values.mean(axis=0)
            for index, n in enumerate(case.cut.groups.sizes.tolist()):
                place = Place(group=case.cut.name(index), n=n, weakest=n)
                base = case.blank_difference(OVER_REPRESENTATION, place, variant)
                base = replace(base, where=case.cut.where(axis="examples", of=self.flips.measure.name))
                if reason := self._why_undefined(turned, n):
                    yield replace(base, undefined=reason)
                else:
                    yield self._finding(base, values, turned, index, place)

    def _why_undefined(self, turned: Array, n: int) -> str | None:
        case = self.flips.case
        if n == 0:
            return OVER_REPRESENTATION.undefined_when
        if case.panel.first.weight is not None:
            return WEIGHTED
        if n == case.panel.first.examples:
            return "every example is of this group"
        return None if turned.any() else NOTHING_FLIPPED[self.flips.measure.name]

    def _finding(self, base: Finding, values: Array, turned: Array, index: int, place: Place) -> Finding:
        case, first = self.flips.case, self.flips.case.panel.first
        found = over_representation(
            turned,
            case.cut.groups.codes == index,
            clusters=clusters_of(first),
            multiplicity=first.multiplicity,
            level=case.level,
            tested=not case.trains(base.variant),
            times=DEALT,
            generator=self.generator,
        )
        enough = place.n >= case.min_count
        finding = replace(
            base,
            value=found.value,
            undefined=None,
            low=found.interval.low if enough else None,
            high=found.interval.high if enough else None,
            level=case.level if enough else None,
            method=(
                f"Wilson over {found.flips} flips"
                if enough
                else f"no interval: {place.n} examples, fewer than {case.min_count}"
            ),
        )
        if case.trains(base.variant):
            p_value, text = self._beyond_another_seed(values, base.variant, index)
        else:
            p_value, text = (
                found.p_value,
                "test: group labels dealt at random" + ("" if first.cluster_id is None else ", clusters whole"),
            )
        return judged(finding, p_value, text, place, case, nulls=self._floor(base.variant, index))

    def _floor(self, variant: str, index: int) -> list[Null]:
        case = self.flips.case
        if not case.trains(variant):
            means, name = self.flips.repeat_means, REPEAT
            flipped = self._everyone(means).sum() * case.panel.first.examples
            known = flipped >= case.min_count
        else:
            means, name = self.flips.seed_means, SEEDS
            known = len(means) > 1 and bool(np.nansum(self._everyone(means)))
        if not known:
            return []
        value = np.nanmean(means[..., index]) / np.nanmean(self._everyone(means))
        return [Null(name=name, value=float(value))]

    def _beyond_another_seed(self, values: Array, variant: str, index: int) -> tuple[float | None, str]:
        case = self.flips.case
        seeds, paired = case.panel.seeds(), case.panel.paired_seeds(variant)
        if len(paired) < 2:
            return None, ONE_SEED
        means = np.stack([_group_means(row, case) for row in values])
        own = ratio_to_everyone(means, self._everyone(means)[:, None])[:, index]
        pairs = ratio_to_everyone(self.flips.seed_means, self._everyone(self.flips.seed_means)[..., None])[..., index]
        off_diagonal = ~np.eye(len(seeds), dtype=bool)
        if not (np.isfinite(own).all() and np.isfinite(pairs[off_diagonal]).all()):
            return None, "no test: under a seed nothing flipped"
        # A seed stands in the pairs as the reference and in the place of the variant, which differ for harmful flips.
        floor = (np.nanmean(pairs, axis=0) + np.nanmean(pairs, axis=1)) / 2
        estimate = above_seeds(own, floor[[seeds.index(seed) for seed in paired]])
        return estimate.p_value("seeds"), "test: paired t over seeds against another seed in the place of the variant"

    def _everyone(self, means: Array) -> Array:
        sizes = self.flips.case.cut.groups.sizes
        seen = sizes > 0
        return means[..., seen] @ (sizes[seen] / sizes.sum())


def _group_means(values: Array, case: Case) -> Array:
    return group_means(values, case.cut.groups, weight=case.panel.first.mass)


def clusters_of(predictions: Predictions) -> NDArray[np.int64] | None:
    """Return the cluster of every row as an index; None where every row is its own."""
    labels = predictions.cluster_id
    return None if labels is None else np.unique(labels, return_inverse=True)[1]


def over_represented(
    variants: Sequence[Predictions],
    references: Sequence[Predictions],
    *,
    by: str,
    flips: Measure = CHURN,
    level: float = 0.95,
    generator: np.random.Generator,
) -> Mapping[str, OverRepresentation | None]:
    """Return how over-represented every group is among the answers that turned.

    Undefined when nothing turned, and when the group holds no example or all of them.

    Args:
        variants: Answers under the choice being judged, one per seed.
        references: Answers of the reference, of the same seeds in the same order.
        by: An attribute, ``"race"``, or an intersection, ``"race*sex"``.
        flips: ``CHURN``, ``HARMFUL_FLIPS`` or ``BENEFICIAL_FLIPS``.
        level: Level of the intervals.
        generator: Source of randomness, used with several seeds.

    Returns:
        Group name to ratio, interval and p-value, which is not corrected for the number of groups; None where
        undefined.

    Raises:
        BadInput: The numbers of runs differ, the examples do, or examples are weighted.

    Example:
        >>> from disparate.groups import Attribute
        >>> def answers(*predicted):
        ...     return Predictions(example_id=np.array(list("abcd")), target=np.zeros(4, dtype=np.int64),
        ...                        predicted=np.array(predicted), label_names=("no", "yes"),
        ...                        attributes={"sex": Attribute.of(["f", "f", "m", "m"])})
        >>> found = over_represented([answers(1, 1, 0, 0)], [answers(0, 0, 0, 0)], by="sex",
        ...                          generator=np.random.default_rng(0))
        >>> found["f"].value, found["m"].value
        (2.0, 0.0)
    """
    if len(variants) != len(references) or not variants:
        raise BadInput(
            f"over-representation: {len(variants)} runs of the variant and {len(references)} of the reference; one of "
            "each per seed was expected."
        )
    first = references[0]
    for item in (*variants, *references[1:]):
        require_same_examples(item, first)
    if first.weight is not None:
        raise BadInput(
            "over-representation: the examples have weights; a flip counts once, for one example, so leave them out."
        )
    turned = np.mean([flips.function(own, other) for own, other in zip(variants, references, strict=True)], axis=0)
    groups = first.groups(by)
    found: dict[str, OverRepresentation | None] = {}
    for name in groups:
        try:
            found[name] = over_representation(
                turned,
                groups.mask(name),
                clusters=clusters_of(first),
                multiplicity=first.multiplicity,
                level=level,
                generator=generator,
            )
        except NotEnoughData:
            found[name] = None
    return found
