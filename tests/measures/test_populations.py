from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.measures.exemplars import BEYOND
from disparate.measures.gallery import shown_exemplars
from disparate.measures.patterns import Patterns
from disparate.predictions import Predictions, Run
from disparate.stats.flips import over_representation

MEASURES = ("modal_exemplars", "taxicab_distance", "modal_ties", "exemplar_accuracy", "over_representation")


def ask(runs, *, trains=True, by=("race",), measures=MEASURES, **more):
    variants = {item.run.variant for item in runs} - {"reference"}
    return assess(
        runs,
        by=by,
        measures=measures,
        acts_on_training=dict.fromkeys(variants, trains),
        generator=np.random.default_rng(0),
        **more,
    )


def population(place, variant, seeds, harm=()):
    return [place.train(Run(variant=variant, seed=seed), harm=harm) for seed in seeds]


@pytest.fixture
def place(world):
    return world(0, sizes=(300, 150, 80))


@pytest.fixture
def runs(place):
    return [*population(place, "reference", range(5)), *population(place, "other", range(5), harm=(0, 0, 0.5))]


def modal(models):
    """The modal labels by scipy, which takes the smallest of those that tie."""
    return stats.mode(np.stack([item.predicted for item in models]), axis=0).mode


def tied(models):
    counts = np.stack([(np.stack([item.predicted for item in models]) == label).sum(axis=0) for label in range(3)])
    return (counts == counts.max(axis=0)).sum(axis=0) > 1


def exact(own, other, rows):
    """Share of modal exemplars of populations whose modal labels do not tie."""
    return (modal(own) != modal(other))[rows].mean()


def of(found, measure, group, **more):
    return found.only(measure=measure, group=group, variant="other", axis="examples", **more)


def test_exemplars_are_those_of_scipys_mode(world):
    place = world(3, sizes=(300, 150, 80), classes=2)
    reference, other = population(place, "reference", range(5)), population(place, "other", range(7), harm=(0, 0, 0.5))
    found = ask([*reference, *other], measures=("modal_exemplars",))
    differ, groups = modal(reference) != modal(other), place.attributes["race"].values()
    assert of(found, "modal_exemplars", None).value == pytest.approx(differ.mean())
    for group in ("large", "middle", "small"):
        item = of(found, "modal_exemplars", group)
        assert item.value == pytest.approx(differ[groups == group].mean())
        mean, se = item.value, stats.sem(differ[groups == group].astype(float))
        reach = stats.t.ppf(0.975, (groups == group).sum() - 1) * se
        assert (item.low, item.high) == pytest.approx((max(0, mean - reach), mean + reach))


def test_a_planted_harm_is_found_where_it_was_planted_and_a_twin_is_not(place):
    runs = [*population(place, "reference", range(6)), *population(place, "other", range(6), harm=(0, 0, 0.6))]
    runs += population(place, "twin", range(6))
    found = ask(runs)
    assert of(found, "modal_exemplars", "small").distinguishable is True
    assert of(found, "modal_exemplars", "large").value < of(found, "modal_exemplars", "small").value / 3
    assert of(found, "taxicab_distance", "small").distinguishable is True
    assert not any(item.distinguishable for item in found.where(variant="twin"))
    small = found.only(measure="over_representation", variant="other", group="small", of="modal_exemplars")
    assert small.value > small.null.value > 1


def test_the_null_and_the_p_value_are_those_of_all_deals(world):
    place = world(4, sizes=(200, 100, 60), classes=2)
    reference, other = population(place, "reference", range(3)), population(place, "other", range(3), (0, 0, 0.5))
    found = of(ask([*reference, *other]), "modal_exemplars", "small")
    models, rows = [*reference, *other], place.attributes["race"].codes == 2
    dealt = [
        exact([models[k] for k in chosen], [models[k] for k in range(6) if k not in chosen], rows)
        for chosen in combinations(range(6), 3)
    ]
    alone = [exact([a], [b], rows) for a in reference for b in reference if a is not b]
    assert found.null.value == pytest.approx(min(np.mean(dealt), np.mean(alone)))
    assert np.mean(alone) < np.mean(dealt)
    assert found.p_value == pytest.approx(np.mean(np.array(dealt) >= dealt[0] - 1e-12))
    assert "20 deals of 3 and 3 models, which give no p below 0.1" in found.method


def test_what_shares_weights_is_swapped_within_pairs(world):
    place = world(5, sizes=(200, 100, 60), classes=2)
    reference = population(place, "reference", range(5))
    other = [place.flip(item, Run(variant="other", seed=item.run.seed), 0.2) for item in reference]
    found = of(ask([*reference, *other], trains=False), "modal_exemplars", None)
    ways = []
    for code in range(32):
        own = [(other if code >> k & 1 else reference)[k] for k in range(5)]
        rest = [(reference if code >> k & 1 else other)[k] for k in range(5)]
        ways.append(exact(own, rest, slice(None)))
    swapped = np.mean(np.array(ways) >= ways[0] - 1e-12)
    assert f"32 swaps within 5 pairs: p {swapped:.2g}, shown and not judged" in found.method
    beyond = []
    for first in combinations(range(5), 2):
        for second in combinations([k for k in range(5) if k not in first], 2):
            own, floor = ([reference[k] for k in chosen] for chosen in (first, second))
            beyond.append(jaccard(own, [other[k] for k in second]) - jaccard(own, floor))
    values = np.mean(beyond, axis=0)
    assert found.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert found.distinguishable is (found.value > found.null.value)


def jaccard(own, other):
    """Disagreement of the sets of labels given most often, for two labels."""
    sets = []
    for models in (own, other):
        share = np.mean([item.predicted for item in models], axis=0)
        sets.append(np.stack([share <= 0.5, share >= 0.5]))
    return 1 - (sets[0] & sets[1]).sum(axis=0) / (sets[0] | sets[1]).sum(axis=0)


def test_over_representation_of_shared_weights_is_held_against_the_floors_ratio(world):
    place = world(12, sizes=(400, 200, 120), classes=2)
    reference = population(place, "reference", range(4))
    other = [place.flip(item, Run(variant="other", seed=item.run.seed), 0.25) for item in reference]
    found = ask([*reference, *other], trains=False)
    item = found.only(measure="over_representation", variant="other", group="small", of="modal_exemplars")
    floors = [
        found.only(measure="modal_exemplars", variant="reference", group=g, floor="N2 seeds", models=2).value
        for g in ("small", None)
    ]
    assert item.null.value == pytest.approx(floors[0] / floors[1])
    w, small = jaccard(reference, other), place.attributes["race"].codes == 2
    expected = stats.ttest_1samp(w * (small / small.mean() - item.null.value), 0)
    assert item.p_value == pytest.approx(expected.pvalue)


def test_floors_are_disjoint_populations_of_the_reference_alone(world):
    place = world(6, sizes=(200, 100, 60), classes=2)
    reference = population(place, "reference", range(7))
    found = ask([*reference, *population(place, "other", range(3))])
    floors = found.where(measure="modal_exemplars", variant="reference", group="small", floor="N2 seeds")
    assert [item.where["models"] for item in floors] == [1, 3]
    rows = place.attributes["race"].codes == 2
    pairs = [
        (first, second)
        for first in combinations(range(7), 3)
        for second in combinations(range(7), 3)
        if not set(first) & set(second)
    ]
    expected = np.mean([exact([reference[k] for k in a], [reference[k] for k in b], rows) for a, b in pairs])
    assert floors.items[1].value == pytest.approx(expected)
    assert "140 pairs of disjoint populations, 1 of 7 models left out of each pair" in floors.items[1].method
    churn = np.mean([exact([a], [b], rows) for a in reference for b in reference if a is not b])
    assert floors.items[0].value == pytest.approx(churn)


def test_the_floor_falls_as_populations_grow(world):
    place = world(7, sizes=(600, 300, 200), classes=2)
    found = ask([*population(place, "reference", range(14)), *population(place, "other", range(14))])
    floors = found.where(measure="modal_exemplars", variant="reference", group=None, floor="N2 seeds")
    assert [item.where["models"] for item in floors] == [1, 3, 7]
    assert sorted((item.value for item in floors), reverse=True) == [item.value for item in floors]


def test_beyond_the_floor_is_a_population_in_the_place_of_one_of_the_reference(world):
    place = world(8, sizes=(200, 100, 60), classes=2)
    reference = population(place, "reference", range(6))
    other = population(place, "other", range(6), harm=(0.1, 0.1, 0.6))
    found = ask([*reference, *other], trains=False)
    rows, excess = place.attributes["race"].codes == 2, []
    for first in combinations(range(6), 3):
        second = [k for k in range(6) if k not in first]
        own = [reference[k] for k in first]
        excess.append(exact(own, [other[k] for k in second], rows) - exact(own, [reference[k] for k in second], rows))
    item = found.only(measure="modal_exemplars", group="small", form=BEYOND)
    assert item.value == pytest.approx(np.mean(excess))
    assert item.low < item.value < item.high
    assert item.distinguishable is True
    trained = ask([*reference, *other]).only(measure="modal_exemplars", group="small", form=BEYOND)
    assert (trained.value, trained.low, trained.p_value) == (pytest.approx(item.value), None, None)


def test_the_floors_exemplars_are_hard_too(place, runs):
    found = ask(runs)
    everyone = found.only(measure="exemplar_accuracy", variant="reference", group=None, of="everyone").value
    floor = found.only(measure="exemplar_accuracy", variant="reference", group=None, floor="N2 seeds", models=2).value
    on = of(found, "exemplar_accuracy", None)
    reference = [item for item in runs if item.run.variant == "reference"]
    right = np.mean([item.correct for item in reference], axis=0)
    assert everyone == pytest.approx(right.mean())
    assert floor < everyone - 0.1
    assert on.value < everyone
    assert on.low < on.value < on.high


def test_accuracy_on_exemplars_is_the_mean_over_them(world):
    place = world(9, sizes=(300, 150, 80), classes=2)
    reference, other = population(place, "reference", range(5)), population(place, "other", range(5), (0.3, 0.3, 0.3))
    found = of(ask([*reference, *other]), "exemplar_accuracy", "large")
    chosen = (modal(reference) != modal(other)) & (place.attributes["race"].codes == 0)
    right = np.mean([item.correct for item in reference], axis=0)
    assert found.value == pytest.approx(right[chosen].mean())
    generator = np.random.default_rng(0)
    drawn = [generator.choice(right[chosen], chosen.sum()).mean() for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)


def test_over_representation_is_the_one_of_flips_on_exemplars(world):
    place = world(10, sizes=(300, 150, 80), classes=2)
    reference, other = population(place, "reference", range(5)), population(place, "other", range(5), (0, 0, 0.5))
    found = ask([*reference, *other]).only(
        measure="over_representation", variant="other", group="small", of="modal_exemplars"
    )
    codes = place.attributes["race"].codes
    differ = (modal(reference) != modal(other)).astype(float)
    expected = over_representation(differ, codes == 2, generator=np.random.default_rng(0))
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, *expected.interval))


def test_ties_are_counted_and_odd_populations_of_two_labels_have_none(world):
    place = world(11, sizes=(200, 100, 60), classes=2)
    for models, some in ((4, True), (5, False)):
        reference = population(place, "reference", range(models))
        found = ask([*reference, *population(place, "other", range(models))])
        item = found.only(measure="modal_ties", variant="reference", group=None)
        assert item.value == pytest.approx(tied(reference).mean())
        assert (item.value > 0) is some


def test_repeats_are_a_floor_of_their_own(place):
    reference = population(place, "reference", range(4))
    same = [replace(item, run=replace(item.run, repeat=1)) for item in reference]
    found = ask([*reference, *same, *population(place, "other", range(4))])
    assert found.only(measure="modal_exemplars", group=None, floor="N1 repeat").value == 0
    assert "N1 repeat 0 (deterministic)" in of(found, "modal_exemplars", None).method


def test_one_model_is_no_population_and_says_so(place):
    one = [*population(place, "reference", [0]), *population(place, "other", [0])]
    found = ask(one).where(lambda item: item.measure.startswith(("modal", "taxicab", "exemplar")))
    assert {item.undefined for item in found} == {
        "one training is no population: at least 2 models on each side are needed"
    }
    few = ask([*population(place, "reference", range(3)), *population(place, "other", [0])])
    assert of(few, "taxicab_distance", None).value is None
    assert few.only(measure="modal_ties", variant="reference", group=None).value is not None


def test_populations_need_no_pairs_and_no_equal_size(place):
    reference = population(place, "reference", range(8))
    other = population(place, "other", range(100, 105), harm=(0, 0, 0.6))
    with pytest.raises(BadInput, match="--population"):
        ask([*reference, *other])
    measures = (*MEASURES, "accuracy", "churn", "harm", "normalised_change", "relative_change")
    found = ask([*reference, *other], paired=False, measures=measures)
    item = of(found, "modal_exemplars", "small")
    assert item.distinguishable is True
    assert "1,287 deals of 8 and 5 models" in item.method
    assert {item.measure for item in found} == {*measures} - {"churn", "harm"}
    assert found.only(measure="modal_exemplars", group="small", form=BEYOND).where["models"] == 4


def test_a_change_between_populations_is_scipys_welch(place):
    reference, other = (
        population(place, "reference", range(8)),
        population(place, "other", range(100, 105), (0, 0, 0.2)),
    )
    found = ask([*reference, *other], paired=False, measures=("accuracy", "f1"))
    codes = place.attributes["race"].codes
    own, theirs = ([item.correct[codes == 2].mean() for item in models] for models in (reference, other))
    item = found.only(measure="accuracy", variant="other", reference="reference", group="small")
    assert item.value == pytest.approx(np.mean(theirs) - np.mean(own))
    expected = stats.ttest_ind(theirs, own, equal_var=False)
    assert item.p_value == pytest.approx(expected.pvalue)
    assert (item.low, item.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    corrected = [i for i in found.where(measure="accuracy", by="race") if i.p_value is not None]
    adjusted = stats.false_discovery_control([i.p_value for i in corrected])
    for one, p in zip(corrected, adjusted, strict=True):
        assert one.distinguishable is bool(p <= 0.05 and abs(one.value) > one.null.value)


def test_draws_of_a_model_are_one_model(place):
    reference = population(place, "reference", range(4))
    noisy = [place.train(Run(variant="other", seed=seed, draw=draw)) for seed in range(4) for draw in range(3)]
    found = ask([*reference, *noisy])
    assert "deals of 4 and 4 models" in of(found, "modal_exemplars", None).method
    counts = np.stack([[item.predicted == label for item in noisy] for label in range(3)], axis=-1).mean(axis=0)
    own = np.stack([[item.predicted == label for item in reference] for label in range(3)], axis=-1).mean(axis=0)
    distance = np.abs(counts - own).sum(axis=-1).mean()
    assert of(found, "taxicab_distance", None).value == pytest.approx(distance)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(5)))
def test_order_of_models_does_not_matter(first, second):
    generator = np.random.default_rng(1)
    runs = [_answers(generator, "reference", seed) for seed in range(5)]
    runs += [_answers(generator, "other", seed) for seed in range(5)]
    moved = [runs[k] for k in first] + [runs[5 + k] for k in second]
    found, again = ask(runs, measures=MEASURES[:2]), ask(moved, measures=MEASURES[:2])
    assert [item.value for item in found] == pytest.approx([item.value for item in again])
    assert [item.p_value for item in found] == [item.p_value for item in again]


def _answers(generator, variant, seed):
    return Predictions(
        example_id=np.array([f"x{place}" for place in range(60)]),
        target=np.zeros(60, dtype=np.int64),
        predicted=generator.integers(0, 3, 60),
        label_names=("a", "b", "c"),
        attributes={"race": Attribute.of(["u", "v"] * 30)},
        run=Run(variant=variant, seed=seed),
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(2, 9), st.integers(0, 2**32))
def test_patterns_give_the_shares_of_the_examples(models, labels, seed):
    generator = np.random.default_rng(seed)
    answers = generator.integers(0, labels, (models, 40))
    target = generator.integers(0, labels, 40)
    base = _answers(generator, "reference", 0).take(np.arange(40))
    names = tuple(map(str, range(labels)))
    runs = [[replace(base, predicted=row, target=target, label_names=names)] for row in answers]
    patterns = Patterns.of(runs)
    shares = patterns.shares(np.arange(models))
    for example in range(40):
        own = np.bincount(answers[:, example], minlength=labels) / models
        found = np.zeros(labels)
        np.add.at(found, patterns.labels[patterns.pattern[example]], shares[patterns.pattern[example]])
        assert found == pytest.approx(own)
        assert patterns.accuracy(shares)[patterns.pattern[example]] == pytest.approx(own[target[example]])


def test_shown_are_the_most_disputed_of_every_group(runs):
    shown = list(shown_exemplars(runs, by="race", per_group=4))
    assert [item.group for item in shown] == ["large"] * 4 + ["middle"] * 4 + ["small"] * 4
    for group in ("large", "small"):
        own = [item for item in shown if item.group == group]
        assert [item.modal for item in own] == sorted((item.modal for item in own), reverse=True)
        assert all(before.distance >= after.distance - 1e-9 for before, after in pairwise(own))
    for item in shown:
        given = [run.label_names[run.predicted[item.row]] for run in runs]
        assert [*item.reference_predicted, *item.variant_predicted] == given
        assert item.modal is (item.reference_modal != item.variant_modal)
        assert item.reference_predicted.count(item.reference_modal) == max(map(given[:5].count, given[:5]))
    assert list(shown_exemplars([*runs[:2], *runs[5:7]], by="race")) == []


def test_without_right_answers_exemplars_are_the_same_and_rates_are_refused(runs):
    nothing = np.zeros(len(runs[0]), dtype=np.int64)
    blind = [replace(item, target=nothing, labelled=False, loss=None, margin=None) for item in runs]
    measures = ("modal_exemplars", "taxicab_distance", "over_representation")
    found, seen = (ask(items, measures=measures, paired=False) for items in (blind, runs))
    assert [item.value for item in found] == pytest.approx([item.value for item in seen])
    with pytest.raises(BadInput, match="has no right answers"):
        ask(blind, measures=("accuracy",), paired=False)
    with pytest.raises(BadInput, match="has no right answers, and so no rates"):
        ask(blind, measures=("tpr",), paired=False)
    assert {item.target for item in shown_exemplars(blind, by="race")} == {None}
