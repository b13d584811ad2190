"""Exemplars on the page: both populations' answers beside the picture, and nothing in them is code."""

from dataclasses import replace

import numpy as np
import pytest

from disparate.findings import Findings, Result
from disparate.measures.assess import assess
from disparate.measures.exemplars import BEYOND
from disparate.report.exemplars import exemplar_grids, folded_grids
from disparate.report.gate import gate
from disparate.report.html import page
from disparate.report.record import exemplars
from disparate.report.wording import value_text

HOSTILE = "</script><img src=x onerror=alert(1)>\"'"


def shown(**more):
    return {
        "example_id": "17",
        "group": "f",
        "target": "cat",
        "variant": "int8",
        "modal": True,
        "tied": False,
        "distance": 1.5,
        "reference_predicted": ["cat"] * 4 + ["dog"],
        "variant_predicted": ["dog"] * 4,
        "thumbnail": "data:image/png;base64,AAAA",
        **more,
    }


def only(item):
    return exemplars({"exemplars": [item]})[0]


def test_the_histogram_holds_every_answer_of_both_populations():
    cat, dog = only(shown()).histogram
    assert (cat.label, cat.right, cat.reference, cat.variant) == ("cat", True, 0.8, 0.0)
    assert (dog.label, dog.right, dog.reference, dog.variant) == ("dog", False, 0.2, 1.0)
    assert (dog.reference_models, dog.variant_models) == (1, 4)
    assert {one.right for one in only(shown(target=None)).histogram} == {None}


@pytest.mark.parametrize("distance", [None, "1", True, -1, 10**400, []])
def test_what_is_no_distance_is_none(distance):
    assert only(shown(distance=distance)).distance is None


@pytest.fixture
def render(make):
    base = make(groups={"race": {"White": 40, "Black": 30}}, variants=("int8",))

    def rendered(*items):
        return page(replace(base, run={**base.run, "exemplars": list(items)}))

    return rendered


def test_pictures_stand_beside_what_the_models_say(render):
    text = render(shown(), shown(example_id="18", modal=False, tied=True))
    assert text.count('<img src="data:image/png') == 2
    assert 'class="of-reference" style="width: 80.0%"' in text
    assert 'class="of-variant" style="width: 100.0%"' in text
    assert "most frequent answer unchanged · a tie, decided by chance" in " ".join(text.split())
    assert 'href="#exemplars">Gallery' in text


def test_without_pictures_it_is_a_table_of_ids(render):
    text = render(shown(thumbnail=None))
    assert "no picture" not in text
    assert 'aria-label="Exemplars of int8"' in text
    assert ">17</th>" in text


def test_hostile_labels_stay_texts(render):
    hostile = dict.fromkeys(("example_id", "group", "target", "variant"), HOSTILE)
    answers = {"reference_predicted": [HOSTILE], "variant_predicted": [HOSTILE, HOSTILE]}
    for thumbnail in (None, "data:image/png;base64,AAAA"):
        text = render(shown(**hostile, **answers, thumbnail=thumbnail))
        assert "<img src=x" not in text
        assert "onerror=alert(1)&gt;" in text


@pytest.fixture(scope="module")
def result():
    from disparate.groups import Attribute
    from disparate.predictions import Predictions, Run

    generator = np.random.default_rng(0)
    race = Attribute.of(["a"] * 150 + ["b"] * 60)
    target = generator.integers(0, 2, 210)

    def train(variant, seed, error):
        wrong = generator.random(210) < np.where(race.codes == 1, error, 0.15)
        return Predictions(
            example_id=np.arange(210).astype(np.str_),
            target=target,
            predicted=np.where(wrong, 1 - target, target),
            label_names=("no", "yes"),
            attributes={"race": race},
            run=Run(variant=variant, seed=seed),
        )

    runs = [train("reference", seed, 0.2) for seed in range(6)] + [train("int8", seed, 0.9) for seed in range(6)]
    found = assess(
        runs,
        by=("race",),
        measures=("modal_exemplars", "taxicab_distance", "modal_ties", "exemplar_accuracy", "over_representation"),
        acts_on_training={"int8": True},
        generator=generator,
    )
    return Result(findings=found, run={"groups": {"race": {"a": 150, "b": 60}}})


def test_tables_hold_the_number_its_floors_and_what_is_beyond_them(result):
    titles = [grid.title for grid in exemplar_grids(result, "race")]
    assert titles == [
        "Modal exemplars by race",
        "Modal exemplars beyond the floor by race",
        "Over-representation among modal exemplars by race",
        "Accuracy of the reference on exemplars by race",
    ]
    modal, beyond, *_, accuracy = exemplar_grids(result, "race")
    assert modal.rows == ("int8", "floor of 1 model", "floor of 3 models")
    assert accuracy.rows == ("all examples", "int8", "floor of 1 model", "floor of 3 models")
    assert next(grid.title for grid in folded_grids(result, "race")) == "Taxicab distance by race"
    item = beyond.cell("int8", "b")
    assert item.where["form"] == BEYOND
    assert value_text(item).startswith("+")


def test_a_limit_is_on_the_share_and_not_on_its_floors(result):
    share = result.findings.only(measure="modal_exemplars", group="b", variant="int8", axis="examples")
    for limit, outcome in ((share.high + 0.01, "pass"), (share.low - 0.01, "fail")):
        verdict = gate(result.findings, maxima={"modal_exemplars[group=b]": limit}, minima={})
        assert verdict.outcome == outcome


def test_a_page_without_a_population_has_no_part_about_one(result):
    alone = result.findings.map(
        lambda item: replace(
            item, value=None, low=None, high=None, p_value=None, effect_over_null=None, undefined="one"
        )
    )
    text = page(Result(findings=Findings(alone.items), run=result.run))
    assert "Whose modal answer changes?" not in text
