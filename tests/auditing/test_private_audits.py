"""Private steps, thinning and group normalisation within an audit: what is refused early, what the record tells."""

from importlib.metadata import version

import numpy as np
import pytest

from disparate.auditing.plan import plan
from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.auditing.run import check, perform
from disparate.data import data_named
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput, NotApplicable
from disparate.report.record import sheets
from disparate.store.runs import Store

GROUPED = {"choice": "normalisation", "groups": 4}
NEITHER = {"choice": "privacy", "noise_multiplier": 0.0, "clip": False}
THIN = {"choice": "thin", "by": "tone", "group": "tone 1", "keep": 0.1}


def asked(tables, *, reference=(), objective=None, **variants):
    tables = {**tables, "reference": {"choices": list(reference)}, "objective": objective or {"name": "erm"}}
    tables["variant"] = [{"name": name, "choices": chain} for name, chain in variants.items()]
    tables["audit"] = {**tables["audit"], "groups": ["tone"]}
    return parse_recipe(tables)


@pytest.fixture
def data(audit):
    return data_named(audit.data)


def test_the_record_and_the_report_tell_epsilon_and_norms_by_group(tables, tmp_path):
    tables["audit"] = {**tables["audit"], "seeds": [0], "repeats": 1}
    tables["training"] = {**tables["training"], "epochs": 1}
    audit = asked(
        tables,
        reference=[GROUPED, NEITHER],
        private=[{"choice": "privacy", "epsilon": 5.0, "gradients": "ghost"}],
        thinned=[THIN],
    )
    assert parse_recipe(recipe_tables(audit)) == audit
    store = Store.open(tmp_path)
    result = perform(audit, store=store, engine=InlineEngine())
    rows = {row["job"]: row for row in result.run["privacy"]}
    assert rows["train reference seed 0"]["epsilon"] is None
    assert rows["train reference seed 0"]["why"] == "gradients are not clipped, so nobody's part is bounded"
    own = rows["train private seed 0"]
    assert 4.9 < own["epsilon"] <= 5.0
    assert (own["exact"], own["accountant"], own["delta"]) == (True, f"rdp of opacus {version('opacus')}", 1e-5)
    assert set(own["norm"]) == {f"tone {number}" for number in range(1, 7)}
    assert "private" not in str(result.run["training"][0].get("told"))
    sheet = next(sheet for sheet in sheets(result.run) if sheet.title == "privacy")
    assert "epsilon" in sheet.columns
    page = (tmp_path / audit.name / "report.html").read_text()
    assert own["accountant"] in page


def test_what_cannot_be_private_is_refused_before_anything_is_trained(tables, data):
    audit = asked(tables, private=[{"choice": "privacy", "epsilon": 3.0}], objective={"name": "equal_loss"})
    with pytest.raises(NotApplicable) as caught:
        check(audit, data)
    text = str(caught.value)
    assert text.startswith(
        "variant 'private': privacy cannot be had here, for 5 reason(s):\n- the loss of objective Eq"
    )
    assert "- layer 'features.block1.normalisation' (BatchNorm2d)" in text
    check(asked(tables, private=[GROUPED, {"choice": "privacy", "epsilon": 3.0}]), data)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"epsilon": 0.01}, "variant 'private': privacy: epsilon is 0.01 with delta 1e-05; the accountant"),
        ({"epsilon": 3.0, "delta": 0.01}, "variant 'private': privacy: delta is 0.01 with 721 training examples"),
    ],
)
def test_an_epsilon_that_cannot_be_is_refused_before_anything_is_trained(tables, data, settings, text):
    with pytest.raises(BadInput) as caught:
        check(asked(tables, private=[GROUPED, {"choice": "privacy", **settings}]), data)
    assert text in str(caught.value)


def test_a_group_that_is_not_there_cannot_be_thinned(tables, data):
    with pytest.raises(BadInput, match="'tone 9' is no group of 'tone'"):
        check(asked(tables, thinned=[{**THIN, "group": "tone 9"}]), data)


def test_the_same_network_otherwise_built_is_another_training(tables, audit):
    fingerprints = dict.fromkeys([audit.profile], "f")
    laid_out = plan(
        asked(tables, grouped=[GROUPED], half=[{"choice": "prune", "rate": 0.5}]),
        content="c",
        fingerprints=fingerprints,
    )
    models = {job.name: job.arguments["model"] for job in laid_out.jobs if job.name.startswith(("train", "predict"))}
    assert models["train grouped seed 0"] == models["predict grouped seed 0"]
    assert models["train grouped seed 0"]["group_norm"] == 4
    assert "group_norm" not in models["train reference seed 0"]
    keys = {variant: laid_out.weights(variant, 0).key for variant in ("reference", "grouped", "half")}
    assert keys["reference"] == keys["half"] != keys["grouped"]


def test_another_opacus_is_another_private_training(tables, audit, monkeypatch):
    private = asked(tables, reference=[GROUPED], private=[{"choice": "privacy", "epsilon": 3.0}])
    keys = []
    for found in ("1.6.0", "1.7.0"):
        monkeypatch.setattr("disparate.auditing.plan.version_of", {"opacus": found}.get)
        laid_out = plan(private, content="c", fingerprints=dict.fromkeys([audit.profile], "f"))
        keys.append([laid_out.weights(variant, 0).key for variant in ("reference", "private")])
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]


def test_weights_trained_elsewhere_cannot_be_built_otherwise(tables, data, tmp_path):
    from safetensors.torch import save_file

    from disparate.models import SmallCNN

    save_file(SmallCNN(3, width=4).state_dict(), tmp_path / "w.safetensors")
    tables["model"] = {**tables["model"], "trained": str(tmp_path / "w.safetensors")}
    tables["audit"] = {**tables["audit"], "seeds": [0]}
    with pytest.raises(
        NotApplicable, match="variant 'grouped' changes training, but the weights were trained elsewhere"
    ):
        check(asked(tables, grouped=[GROUPED]), data)


def test_thinning_leaves_who_is_judged(tables, data):
    audit = asked(tables, thinned=[THIN])
    config = audit.variants[0].training(audit.training)
    left = config.training_rows(data)
    assert np.isin(left, data.rows("train")).all()
    assert (data.groups("tone").codes[left] == 0).sum() == round(
        0.1 * (data.groups("tone").codes[data.rows("train")] == 0).sum()
    )
