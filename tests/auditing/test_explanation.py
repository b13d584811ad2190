"""Explanation: every network is looked at once, and the numbers fit what the audit found."""

import tomllib

import numpy as np
import pytest

from disparate.auditing.causes import causes_of
from disparate.auditing.evidence import Evidence
from disparate.auditing.explanation import Explained, explain, explained
from disparate.auditing.look import Look, networks
from disparate.auditing.recipe import parse_recipe
from disparate.auditing.run import answer
from disparate.data import data_named
from disparate.engine.events import Finished, Reused
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.explain.parameter_distance import parameter_distance
from disparate.predictions import REFERENCE
from disparate.store.numbers import read_numbers
from disparate.store.runs import Store

WANTED = ("another seed", "emulated", "half", "half, int8")
LOOK = Look(examples=200, curvature=48, eigenvalues=2, along=20, points=3)


@pytest.fixture(scope="module")
def asked(tmp_path_factory, recipe_text):
    tables = tomllib.loads(recipe_text)
    tables["variant"] = [item for item in tables["variant"] if item["name"] in WANTED]
    tables["training"] |= {"epochs": 3, "keep_epochs": [1, 2]}
    tables["audit"] |= {"groups": ["tone", "sex"], "repeats": 1}
    audit = parse_recipe(tables)
    store, data = Store.open(tmp_path_factory.mktemp("store")), data_named(audit.data)
    return audit, store, answer(audit, data, store=store, engine=InlineEngine())


@pytest.fixture(scope="module")
def told(asked) -> Explained:
    audit, store, answers = asked
    return explain(audit, answers, look=LOOK, store=store, engine=InlineEngine())


@pytest.fixture(scope="module")
def findings(told):
    return told.findings


@pytest.fixture(scope="module")
def evidence(asked, told) -> Evidence:
    audit, store, answers = asked
    looked = networks(audit, answers, LOOK, store)
    return Evidence.read(audit, answers, data_named(audit.data), looked, store, along=LOOK.along)


def table(asked, variant, seed=0):
    audit, store, answers = asked
    found = networks(audit, answers, LOOK, store)
    job = next(item.job for item in found if (item.planned.run.variant, item.planned.run.seed) == (variant, seed))
    return read_numbers(store.output(job.key, "examples"))


def test_every_number_is_there_by_variant_and_group(findings):
    means = findings.where(lambda item: "form" not in item.where, measure="closeness_gini", split="test", by="tone")
    assert {item.variant for item in means} == {REFERENCE, *WANTED}
    assert {item.group for item in means} >= {f"tone {k}" for k in range(1, 7)}
    assert all(item.seeds == 2 for item in means)


def test_difficulty_is_that_of_the_reference_on_both_splits(findings):
    learnt = findings.where(measure="vog", form="hardest_tenth", by="sex")
    assert {item.variant for item in learnt} == {REFERENCE}
    assert {item.where["split"] for item in learnt} == {"train", "test"}
    errors = findings.where(measure="error_by_difficulty")
    assert {item.where["decile"] for item in errors} == set(range(1, 11))
    assert {item.where["near"] for item in errors} == {"vog", "vog_in_class"}


def test_the_numbers_are_those_of_the_answers_that_were_stored(asked, told):
    audit, _, answers = asked
    stored = next(item for item in answers.predictions if item.run.variant == REFERENCE and item.run.seed == 0)
    own = table(asked, REFERENCE).of(audit.split)
    assert own.example_id.tolist() == stored.example_id.tolist()
    np.testing.assert_allclose(own.columns["distance_logit_signed"], stored.margin, rtol=1e-4, atol=1e-4)
    right = own.columns["distance_logit_signed"] > 0
    np.testing.assert_allclose(own.columns["distance_logit"][right], stored.margin[right], rtol=1e-4, atol=1e-4)
    assert np.isfinite(own.columns["stably_correct"][right]).all()


def test_two_classes_have_the_product_and_several_have_not(asked, told):
    classes = len(data_named(asked[0].data).label_names)
    assert ("closeness_product" in table(asked, REFERENCE).columns) == (classes == 2)


def test_training_examples_are_a_fixed_part_of_the_training_split(asked, told):
    audit, _, _ = asked
    first, second = table(asked, REFERENCE).of("train"), table(asked, REFERENCE, seed=1).of("train")
    assert len(first.example_id) == 200
    assert first.example_id.tolist() == second.example_id.tolist()
    assert set(first.example_id.tolist()) <= set(data_named(audit.data).example_id.tolist())
    assert len(table(asked, "half").of("train").example_id) == 0


def test_scores_within_a_class_have_mean_zero_there(asked, told):
    audit, _, _ = asked
    own = table(asked, REFERENCE).of("train")
    data = data_named(audit.data)
    target = dict(zip(data.example_id.tolist(), data.target.tolist(), strict=True))
    classes = np.array([target[row] for row in own.example_id.tolist()])
    for label in np.unique(classes):
        assert own.columns["vog_in_class"][classes == label].mean() == pytest.approx(0, abs=1e-9)


def test_integer_arithmetic_has_answers_and_says_why_it_has_no_gradients(asked, findings):
    columns = table(asked, "half, int8").columns
    assert "closeness_gini" in columns
    assert "distance_parameters" not in columns
    for measure in ("gradient_norm", "hessian_eigenvalue", "taylor_bound", "loss_barrier"):
        own = findings.where(measure=measure, variant="half, int8", by="sex")
        assert {item.group for item in own} == {"f", "m"}
        assert all("number format that has no gradient" in item.undefined for item in own)
    assert "number format" in findings.only(measure="parameter_distance", variant="half, int8").undefined


def test_closeness_tells_which_answers_flip(findings):
    found = findings.where(measure="flip_separation", near="closeness_gini", group=None, by="tone")
    assert {item.variant for item in found} == set(WANTED)
    assert all(item.value > 0.5 for item in found if item.value is not None)


def test_gradients_are_of_both_splits_and_the_reference_has_chance_beside_them(findings):
    whole = findings.where(lambda item: not {"layer", "epoch"} & set(item.where), measure="gradient_norm", by="sex")
    assert {item.where["split"] for item in whole.where(variant=REFERENCE)} == {"train", "test"}
    assert {item.where["split"] for item in whole.where(variant="half")} == {"train"}
    own = whole.where(variant=REFERENCE, split="train")
    assert all(0 < item.p_value <= 1 and item.null.value > 0 for item in own)
    epochs = findings.where(lambda item: "epoch" in item.where, measure="gradient_norm", by="sex", group="f")
    assert [(item.variant, item.where["epoch"]) for item in epochs] == [(REFERENCE, epoch) for epoch in (1, 2, 3)]


def test_two_groups_have_the_ratio_that_their_sizes_force_within_its_slack(findings):
    ratio = findings.only(measure="gradient_ratio", variant=REFERENCE)
    assert ratio.where["by"] == "sex"
    assert abs(ratio.value - ratio.where["inverse_sizes"]) <= ratio.where["slack"]
    assert {item.where["by"] for item in findings.where(measure="size_order_violations")} == {"tone", "sex"}


def test_curvature_has_its_rank_its_ends_and_its_theorem(findings):
    own = findings.where(by="sex", group="f", variant=REFERENCE)
    top, second = own.where(measure="hessian_eigenvalue")
    assert (top.where.get("rank"), second.where["rank"]) == (None, 2)
    assert top.value >= second.value
    assert own.only(measure="hessian_lowest").value <= second.value
    assert own.only(measure="ggn_eigenvalue").value > 0
    quality = own.only(measure="ggn_diagonal", form="ranking_quality").value
    assert -1 <= quality <= 1
    terms = {item.where["term"]: item.value for item in own.where(measure="closeness_bound")}
    assert terms["eigenvalue"] == pytest.approx(top.value)
    assert terms["holds"] == pytest.approx(1)
    diagonal = own.only(measure="ggn_diagonal", form="trace").value
    assert diagonal == pytest.approx(terms["first"], rel=0.3)
    assert len(findings.where(measure="hessian_trace", variant="half")) == 0


def test_machines_have_the_bound_of_the_absolute_change_too(findings):
    forms = {
        name: {item.where["form"] for item in findings.where(measure="taylor_bound", variant=name)}
        for name in ("emulated", "half", "another seed")
    }
    assert forms == {"emulated": {"signed", "absolute"}, "half": {"signed"}, "another seed": {"signed"}}
    assert len(findings.where(measure="taylor_bound", variant=REFERENCE)) == 0


def test_distances_of_the_weights_are_those_of_the_files(asked, findings):
    audit, store, answers = asked

    def file(variant, seed):
        weights = answers.plan.weights(variant, seed)
        return store.output(weights.key, weights.output)

    apart = [parameter_distance(file("another seed", seed), file(REFERENCE, seed)) for seed in audit.seeds]
    own = findings.where(measure="parameter_distance", variant="another seed")
    whole = own.where(lambda item: "layer" not in item.where)
    assert [item.where["form"] for item in whole] == ["cosine"]  # the audit itself tells the others
    assert whole.items[0].value == pytest.approx(np.mean([item.whole.cosine for item in apart]), abs=1e-9)
    for layer in apart[0].layers:
        norm = own.only(layer=layer, form="l2").value
        assert norm == pytest.approx(np.mean([item.layers[layer].l2 for item in apart]), rel=1e-6)
    pruned = findings.only(measure="parameter_distance", variant="half", form="relative", layer=None)
    assert 0 < pruned.value < 1
    assert pruned.null.name == "N2 between seeds"
    spread = findings.only(measure="parameter_spread")
    assert spread.where["profiles"] == ["emulated"]


def test_the_line_begins_at_the_reference_and_ends_at_the_variant(asked, evidence, findings):
    _, _, answers = asked
    stored = {
        (item.run.variant, item.run.seed): dict(zip(item.example_id.tolist(), item.loss.tolist(), strict=True))
        for item in answers.predictions
    }
    for run, walk in evidence.walks.items():
        if run.variant == "half":
            assert walk.settled == 0
            for place, variant in ((0, REFERENCE), (-1, "half")):
                losses = [stored[variant, run.seed][row] for row in walk.example_id.tolist()]
                np.testing.assert_allclose(walk.line.loss[place], losses, rtol=1e-3, atol=1e-4)
    assert {item.where["t"] for item in findings.where(measure="loss_along_line")} == {0.0, 0.5, 1.0}
    assert all(item.group is not None for item in findings.where(measure="loss_barrier"))
    assert all(item.n <= 20 for item in findings.where(measure="loss_barrier", variant="half"))
    assert "estimated anew from" in findings.where(measure="loss_barrier", variant="another seed").items[0].method


def test_the_explanation_table_is_made_of_the_same_numbers_as_the_findings(evidence, findings):
    columns = {column.name: column.values for column in causes_of(evidence, "tone")}
    assert list(columns)[:3] == ["group_size", "gradient_norm", "hessian_eigenvalue"]
    for name, split in (("gradient_norm", "train"), ("closeness_gini", "test"), ("vog", "test")):
        own = findings.where(
            lambda item: not {"layer", "epoch", "form"} & set(item.where),
            measure=name,
            by="tone",
            variant=REFERENCE,
            split=split,
        )
        assert columns[name] == pytest.approx({item.group: item.value for item in own})
    sizes = {item.group: item.value for item in findings.where(measure="group_size", by="tone")}
    assert columns["group_size"] == sizes


def test_correlations_are_of_every_cause_with_every_harm_and_of_what_the_papers_name(findings):
    own = findings.where(measure="explanation_correlation", by="tone")
    harms = own.where(variant="half", of="harm")
    assert {item.where["effect"] for item in harms} == {"excessive_risk", "accuracy", "churn"}
    assert {item.where["cause"] for item in harms} >= {"group_size", "gradient_norm", "hessian_eigenvalue", "vog"}
    assert {item.where["effect"] for item in own.where(variant="hardware")} == {"hardware_sensitivity"}
    pairs = {(item.where["cause"], item.where["effect"]) for item in own.where(of="property")}
    assert ("closeness_gini", "hessian_eigenvalue") in pairs
    assert len(findings.where(measure="explanation_correlation", by="sex")) == 0  # two groups prove no order


def test_figures_get_spectra_that_sum_to_one_and_histograms_of_every_example(told, asked):
    audit, _, answers = asked
    own = told.curves["sex"]
    for spectrum in own["spectra"].values():
        assert sum(spectrum["weights"]) == pytest.approx(1, abs=1e-4)
        assert spectrum["nodes"] == sorted(spectrum["nodes"])
    histogram = own["histograms"]["distance_parameters"]
    counted = sum(map(sum, histogram["counts"].values())) + sum(histogram["left_out"].values())
    assert counted == len(audit.seeds) * len(answers.predictions[0].example_id)


def test_a_second_look_computes_nothing_and_another_one_does(asked, told):
    audit, store, answers = asked
    events: list[object] = []
    again = explain(audit, answers, look=LOOK, store=store, engine=InlineEngine(), progress=events.append)
    assert again == told
    assert not [event for event in events if isinstance(event, Finished)]
    assert [event for event in events if isinstance(event, Reused)]
    other = Look(examples=100, curvature=48, eigenvalues=2, along=20, points=3)
    before, after = ({item.job.key for item in networks(audit, answers, look, store)} for look in (LOOK, other))
    assert not {key for key in after if key in before and key not in _of_variants(audit, answers, store)} - before


def _of_variants(audit, answers, store):
    return {item.job.key for item in networks(audit, answers, LOOK, store) if item.planned.run.variant != REFERENCE}


def test_only_what_is_asked_for_is_looked_at(asked):
    audit, store, answers = asked
    found = networks(audit, answers, Look(variants=("half",), seeds=(1,)), store)
    assert {(item.planned.run.variant, item.planned.run.seed) for item in found} == {(REFERENCE, 1), ("half", 1)}


def test_the_whole_result_holds_both_and_its_correlations_are_of_what_is_paid(asked, told):
    audit, store, _ = asked
    result = explained(audit, look=LOOK, store=store, engine=InlineEngine())
    assert set(result.run["curves"]) == {"tone", "sex"}
    assert result.run["explanation"]["curvature"] == 48
    assert len(result.findings) > len(told.findings)
    paid = result.findings.where(measure="excessive_risk", variant="half", by="tone", axis="both")
    rank = {item.group: item.value for item in paid if item.group is not None}
    sizes = {item.group: item.value for item in told.findings.where(measure="group_size", by="tone")}
    from scipy.stats import spearmanr

    expected = spearmanr([sizes[name] for name in rank], list(rank.values())).statistic
    own = result.findings.only(
        measure="explanation_correlation", variant="half", cause="group_size", effect="excessive_risk"
    )
    assert own.value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("look", "message"),
    [(Look(variants=("halb",)), "Did you mean 'half'"), (Look(seeds=(7,)), "seed 7 is not in the audit")],
)
def test_what_is_not_there_is_refused(asked, look, message):
    audit, store, answers = asked
    with pytest.raises(BadInput, match=message):
        networks(audit, answers, look, store)


def test_weights_of_the_reference_are_not_surveyed_twice(asked):
    audit, store, answers = asked
    looked = {item.planned.run.variant: item for item in networks(audit, answers, LOOK, store)}
    assert looked[REFERENCE].survey is not None
    assert looked[REFERENCE].walk is None
    assert looked["half"].survey is not None
    assert looked["half"].walk is not None
    assert looked["half"].walk.needs == looked["half"].job.needs


def test_a_thorough_look_sees_of_variants_what_it_sees_of_the_reference(asked):
    audit, store, answers = asked
    thorough = networks(audit, answers, Look(thorough=True), store)
    epochs = {item.planned.run.variant: item.job.arguments["epochs"] for item in thorough}
    assert set(epochs["another seed"]) == {"1", "2", "3"}
    assert epochs["half"] == {}
    assert all(item.job.arguments["closely"] for item in thorough)
