"""Draws: which numbers they take, how many there are, and what they answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.auditing.audit import Audit, DrawsUntil
from disparate.auditing.drawing import Precision, draws_needed
from disparate.auditing.plan import drawn_as, is_antithetic, plan, profiles_of
from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.auditing.run import perform
from disparate.choice import Variant
from disparate.choices.attack import Attack
from disparate.choices.crossbar import Crossbar
from disparate.choices.hardware import Hardware
from disparate.engine.events import Finished
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.store.runs import Store

NOISY = Variant(name="noisy", choices=(Crossbar(bits=8, programming=0.3, variation="swim"),))
STUCK = Variant(name="stuck", choices=(Crossbar(bits=8, stuck_off=0.05),))
UNTIL = DrawsUntil(measure="equalized_odds_sum", half_width=0.05, at_most=12)


@pytest.fixture
def question(audit) -> Audit:
    data = {"source": "synthetic", "examples": 300}
    training = replace(audit.training, epochs=1)
    return replace(
        audit,
        name="draws",
        data=data,
        training=training,
        groups=("sex",),
        seeds=(0,),
        repeats=1,
        replicates=20,
        measures=("accuracy", "over_draws"),
        variants=(NOISY, STUCK),
        draws=4,
    )


def keys(audit, variant="noisy"):
    planned = plan(audit, content="content", fingerprints={p: p.name for p in profiles_of(audit)})
    return {run.run.draw: run.key for run in planned.runs if run.run.variant == variant}


def test_more_draws_keep_those_there_are(question):
    few, many = keys(question), keys(replace(question, draws=9))
    assert len(set(many.values())) == 9
    assert all(many[draw] == key for draw, key in few.items())


def test_pairs_take_the_draws_there_are_and_their_mirror_images(question):
    plain, pairs = keys(question), keys(replace(question, antithetic=True))
    assert [pairs[0], pairs[2]] == [plain[0], plain[1]]
    assert {pairs[1], pairs[3]}.isdisjoint(plain.values())
    assert drawn_as(replace(question, antithetic=True), NOISY, 5) == (2, True)


def test_what_knows_no_mirror_image_draws_anew(question):
    attacked = Variant(name="attacked", choices=(*NOISY.choices, Attack(epsilon=0.01, method="pgd", random_start=True)))
    pairs = replace(question, antithetic=True)
    assert is_antithetic(pairs, NOISY)
    assert not is_antithetic(pairs, attacked)
    assert drawn_as(pairs, attacked, 5) == (5, False)


def test_a_profile_that_asks_for_kernels_gets_them(question):
    def fused(audit, variant):
        jobs = plan(audit, content="content", fingerprints={p: p.name for p in profiles_of(audit)}).jobs
        return {job.arguments["fused"] for job in jobs if job.name.startswith(f"predict {variant}")}

    rounded = Variant(name="rounded", choices=(Hardware(profile="emulated_bf16", at="deploy"), *NOISY.choices))
    asked = replace(question, variants=(NOISY, rounded))
    assert fused(asked, "noisy") == {True}
    assert fused(asked, "reference") == fused(asked, "rounded") == {False}
    assert fused(replace(asked, fused_draws=False), "noisy") == {False}
    assert set(keys(asked).values()).isdisjoint(keys(replace(asked, fused_draws=False)).values())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store.open(tmp_path_factory.mktemp("store"))


def answered(audit, store, variant="noisy"):
    events = []
    result = perform(audit, store=store, engine=InlineEngine(), progress=events.append)
    found = {i["draw"]: store.predictions(i["key"]) for i in result.run["predictions"] if i["variant"] == variant}
    done = [event.job.name for event in events if isinstance(event, Finished)]
    return result, found, done


def test_fused_answers_are_the_plain_ones_up_to_rounding_and_hang_on_their_draw_alone(question, store, tmp_path):
    _, fused, _ = answered(replace(question, keep_logits=True), store)
    _, plain, _ = answered(replace(question, keep_logits=True, fused_draws=False), store)
    _, again, _ = answered(replace(question, keep_logits=True, draws=1), Store.open(tmp_path / "another"))
    for draw, found in fused.items():
        np.testing.assert_allclose(found.logits, plain[draw].logits, rtol=1e-4, atol=1e-5)
    assert np.array_equal(fused[0].logits, again[0].logits)
    assert not np.allclose(fused[0].logits, fused[1].logits, rtol=1e-4, atol=1e-5)


def test_a_second_audit_with_more_draws_answers_only_those(question, tmp_path):
    store = Store.open(tmp_path)
    answered(question, store)
    _, found, done = answered(replace(question, draws=6), store)
    assert sorted(found) == list(range(6))
    assert sorted(done) == sorted(f"predict {v} seed 0 draw {d}" for v in ("noisy", "stuck") for d in (4, 5))


def test_draws_go_on_until_the_mean_is_known_or_no_more_are_allowed(question, store):
    result, found, _ = answered(replace(question, draws=8, antithetic=True, draws_until=UNTIL), store)
    told = result.run["draws"]
    assert told["made"] == len(found) <= 12
    assert told["mirrored"] == ["noisy", "stuck"]
    assert told["enough"] == (max(told["half_widths"].values()) <= 0.05)
    assert told["enough"] or told["made"] == 12
    wide = replace(UNTIL, half_width=9.0)
    easy, few, done = answered(replace(question, draws=8, antithetic=True, draws_until=wide), store)
    assert (len(few), done, easy.run["draws"]["enough"]) == (8, [], True)
    assert "Drawn until the mean" in (store.root / "draws" / "report.md").read_text()


@given(st.integers(8, 60), st.floats(1e-3, 3.0), st.integers(0, 200))
def test_more_draws_are_asked_for_only_where_they_are_needed(draws, width, room):
    until = DrawsUntil(measure="accuracy", half_width=0.1, at_most=draws + room)
    needed = draws_needed(Precision(draws=draws, half_widths={"noisy": width}), until)
    assert draws <= needed <= min(2 * draws + 1, until.at_most)
    assert (needed > draws) == (width > 0.1 and room > 0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"draws": 0}, "draws is 0; 1 or more was expected"),
        ({"draws": 3, "antithetic": True}, "draws is 3; with antithetic pairs an even number"),
        ({"draws": 4, "draws_until": UNTIL}, "draws is 4, from which draws_until goes on; 8 or more were expected"),
        ({"draws": 20, "draws_until": UNTIL}, "at_most is 12 and draws is 20"),
    ],
)
def test_draws_that_make_no_sense_are_refused(question, changed, message):
    with pytest.raises(BadInput, match=message):
        replace(question, **changed)


def test_a_width_of_nothing_and_a_measure_that_compares_are_refused(question, store):
    with pytest.raises(BadInput, match="half_width is 0; a number above 0 was expected"):
        DrawsUntil(measure="accuracy", half_width=0)
    asked = replace(question, draws=8, draws_until=replace(UNTIL, measure="churn"))
    with pytest.raises(BadInput, match="draws_until: measure 'churn' compares runs"):
        perform(asked, store=store, engine=InlineEngine())


def test_draws_survive_a_recipe(question, tables):
    asked = replace(question, draws=8, antithetic=True, draws_until=UNTIL)
    again = parse_recipe(recipe_tables(asked))
    assert (again.draws_until, again.antithetic, again.draws) == (UNTIL, True, 8)
    assert "draws_until" not in recipe_tables(question)["audit"]
    tables["audit"] |= {"draws": 8, "draws_until": {"measure": "accuracy", "half_with": 1}}
    with pytest.raises(BadInput, match=r"unknown key 'half_with'. Did you mean 'half_width'"):
        parse_recipe(tables)
