import pytest

from disparate.findings import Finding, Null
from disparate.measures.panel import Panel, cuts_of
from disparate.measures.series import MeanSeries, Place
from disparate.measures.statements import Case, corrected, differences, judged, levels
from disparate.measures.table import measure_named
from disparate.predictions import Run


@pytest.fixture
def case(world):
    place = world(0, sizes=(300, 100))
    panel = Panel.of([place.train(Run(variant=name, seed=s)) for s in range(4) for name in ("reference", "other")])
    return make_case(panel)


def make_case(panel, **settings):
    rules = {"level": 0.95, "min_count": 30, "acts_on_training": {"other": True}} | settings
    return Case(panel=panel, cut=cuts_of(panel, ["race"], {})[1], **rules)


def finding(**more):
    return Finding(measure="accuracy", variant="other", value=0.1, unit="share", **more)


def test_corrected_is_benjamini_hochberg_over_those_with_a_p_value():
    found = corrected([finding(p_value=0.02), finding(), finding(p_value=0.04), finding(p_value=0.9)], rate=0.05)
    assert [item.distinguishable for item in found] == [False, None, False, False]
    assert corrected([finding(p_value=0.02), finding(p_value=0.04)], rate=0.05)[1].distinguishable is True
    assert corrected([], rate=0.05) == []


def test_the_largest_null_is_kept_and_all_are_named(case):
    nulls = [Null(name="N1 repeat", value=0.0), Null(name="N2 seeds", value=0.05)]
    place = Place(group=None, n=400, weakest=400)
    found = judged(finding(method="t over seeds"), 0.01, "test: t", place, case, nulls=nulls)
    assert found.null == nulls[1]
    assert found.effect_over_null == pytest.approx(2.0)
    assert found.method == "t over seeds; test: t; nulls: N1 repeat 0 (deterministic), N2 seeds 0.05"


def test_a_null_of_zero_gives_no_ratio(case):
    place = Place(group=None, n=400, weakest=400)
    found = judged(finding(), 0.01, "test: t", place, case, nulls=[Null(name="N1 repeat", value=0.0)])
    assert found.effect_over_null is None
    assert found.null == Null(name="N1 repeat", value=0.0)


def test_levels_are_means_over_seeds(case):
    series = MeanSeries.of(measure_named("accuracy"), case.panel, case.cut)
    found = {(item.variant, item.group): item for item in levels(series, case)}
    rows = case.cut.rows(0)
    expected = sum(case.panel.runs[place].correct[rows].mean() for place in (0, 2, 4, 6)) / 4
    assert found["reference", "large"].value == pytest.approx(expected)
    assert found["reference", "large"].reference is None
    assert found["reference", "large"].where == {"by": "race"}
    assert found["reference", "large"].seeds == 4


def test_the_axis_of_judgement_depends_on_what_the_variant_acts_on(case):
    series = MeanSeries.of(measure_named("accuracy"), case.panel, case.cut)
    trained = next(differences(series, case))
    deployed = next(differences(series, make_case(case.panel, acts_on_training={"other": False})))
    estimate = series.estimate(case.panel.differences("other"), 0)
    assert trained.p_value == pytest.approx(estimate.p_value("seeds"))
    assert deployed.p_value == pytest.approx(estimate.p_value("both"))
    assert (trained.low, trained.high) == pytest.approx(estimate.interval("both"))
    assert "N2 seeds" in trained.method
    assert "N2 seeds" not in deployed.method


def test_a_perfect_share_has_wilsons_interval(answers):
    panel = Panel.of([answers([0, 1] * 50, [0, 1] * 50, ["a"] * 100)])
    case = Case(panel=panel, cut=cuts_of(panel, ["race"], {})[1], level=0.95, min_count=30, acts_on_training={})
    found = next(levels(MeanSeries.of(measure_named("accuracy"), panel, case.cut), case))
    assert found.value == pytest.approx(1.0)
    assert found.low == pytest.approx(0.963, abs=1e-3)
    assert found.method == "Wilson over examples: nothing varies"
