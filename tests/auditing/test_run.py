from dataclasses import replace

import numpy as np
import pytest

from disparate.auditing.export import export_predictions
from disparate.auditing.run import hardware_variants, perform
from disparate.choice import Variant
from disparate.choices.stopping import Stopping
from disparate.data import data_named
from disparate.engine.events import Finished, Reused
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput, NotApplicable
from disparate.findings import Result
from disparate.predictions import REFERENCE
from disparate.profiles import Profile
from disparate.store.parquet import read_predictions
from disparate.store.runs import Store


@pytest.fixture(scope="module")
def finished(tmp_path_factory, recipe_text):
    import tomllib

    from disparate.auditing.recipe import parse_recipe

    store = Store.open(tmp_path_factory.mktemp("store"))
    audit = parse_recipe(tomllib.loads(recipe_text))
    events = []
    return audit, store, perform(audit, store=store, engine=InlineEngine(), progress=events.append), events


def test_every_variant_and_group_has_a_change_of_accuracy(finished):
    audit, _, result, _ = finished
    changes = result.findings.where(measure="accuracy", reference=REFERENCE, by="tone", axis="both")
    assert {item.variant for item in changes} == {variant.name for variant in audit.variants}
    assert {item.group for item in changes} >= {f"tone {k}" for k in range(1, 7)}
    assert {item.unit for item in changes} == {"share"}


def test_the_repeat_is_bit_identical_and_says_so(finished):
    _, store, result, _ = finished
    runs = {(i["variant"], i["seed"], i["repeat"]): i["key"] for i in result.run["predictions"]}
    first, again = (store.predictions(runs[REFERENCE, 0, repeat]) for repeat in (0, 1))
    assert np.array_equal(first.loss, again.loss)
    assert runs[REFERENCE, 0, 0] != runs[REFERENCE, 0, 1]


def test_the_distance_of_weights_is_told_for_what_trains(finished):
    _, _, result, _ = finished
    distances = result.findings.where(measure="parameter_distance", form="l2")
    assert {item.variant for item in distances} == {"another seed", "stopped", "emulated"}
    assert all(item.value > 0 for item in distances)


def test_a_second_audit_repeats_nothing_and_finds_the_same(finished):
    audit, store, result, _ = finished
    events = []
    again = perform(audit, store=store, engine=InlineEngine(), progress=events.append)
    assert not [event for event in events if isinstance(event, Finished)]
    assert [event for event in events if isinstance(event, Reused)]
    assert again.findings == result.findings


def test_result_and_reports_are_written(finished):
    audit, store, result, _ = finished
    folder = store.root / audit.name
    assert Result.read(folder / "result.json").findings == result.findings
    assert "half, int8" in (folder / "report.md").read_text()
    assert "half, int8" in (folder / "report.html").read_text()
    assert store.audits()[0].state == "finished"


def test_the_record_says_what_ran(finished):
    _, _, result, _ = finished
    assert [profile["name"] for profile in result.run["profiles"]] == ["native", "emulated_bf16"]
    assert "emulated" in result.run["profiles"][1]["operands"]
    assert result.run["effective"]["half"][0]["choice"] == "Prune"
    assert result.run["reference_groups"]["tone"] == "tone 1"
    assert len(result.run["training"]) == 2 * 4  # reference, its repeat, another seed and emulated; the stop is shared


def test_exemplars_are_examples_whose_answer_differs(finished):
    _, _, result, _ = finished
    first = result.run["exemplars"][0]
    assert first["reference_predicted"] != first["variant_predicted"]
    assert first["thumbnail"].startswith("data:image/png;base64,")


def test_predictions_are_exported_under_their_own_names(finished, tmp_path):
    _, store, result, _ = finished
    paths = export_predictions(store, store.audits()[0].id, tmp_path)
    assert len(paths) == len(result.run["predictions"])
    found = read_predictions(tmp_path / "half-int8_seed1.parquet")
    assert (found.run.variant, found.run.seed) == ("half, int8", 1)
    with pytest.raises(BadInput, match="no audit 'x'"):
        export_predictions(store, "x", tmp_path)


def test_hardware_variants_change_nothing_but_the_profile(audit):
    assert hardware_variants(audit) == ("emulated",)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"groups": ("tune",)}, "group column 'tune' is absent. Did you mean 'tone'?"),
        ({"reference_groups": {"tone": "tone 9"}}, "reference group 'tone 9' of 'tone' does not exist"),
        ({"split": "validation"}, "'validation'"),
        ({"measures": ("acuracy",)}, "Did you mean 'accuracy'?"),
        ({"maxima": {"churn[": 0.1}}, "threshold 'churn[=0.1' cannot be read"),
        ({"minima": {"acuracy": 0.1}}, "Did you mean 'accuracy'?"),
        ({"objective": {"name": "emr"}}, "Did you mean 'erm'?"),
        ({"objective": {"name": "bounded_accuracy_gap"}}, "Use it as the objective of a fine_tune behind prune"),
        (
            {"objective": {"name": "fairness_gap", "privileged": "tone 9", "unprivileged": "tone 0"}},
            "objective 'fairness_gap': 'tone 9' is no group here.",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_before_training(audit, tmp_path, change, text):
    store = Store.open(tmp_path)
    with pytest.raises(BadInput) as caught:
        perform(replace(audit, **change), store=store, engine=InlineEngine())
    assert text in str(caught.value)
    assert not store.jobs()
    assert store.audits()[0].state == "failed"


def test_a_profile_this_machine_cannot_run_is_refused_before_training(audit, tmp_path):
    audit = replace(audit, profile=Profile(name="mars", requires=("mars512",)))
    with pytest.raises(NotApplicable, match="profile 'mars' needs the instruction set mars512"):
        perform(audit, store=Store.open(tmp_path), engine=InlineEngine())


def test_weights_trained_elsewhere_cannot_be_stopped_early(audit, tmp_path):
    audit = replace(
        audit,
        seeds=(0,),
        model={"name": "small_cnn", "trained": "w.safetensors"},
        variants=(Variant(name="stopped", choices=(Stopping(epoch=1),)),),
    )
    with pytest.raises(
        NotApplicable, match="variant 'stopped' changes training, but the weights were trained elsewhere"
    ):
        perform(audit, store=Store.open(tmp_path), engine=InlineEngine(), data=data_named(audit.data))
