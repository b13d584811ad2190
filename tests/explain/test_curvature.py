"""Curvature to findings: residuals named, bounds beside what they bound, undefined with reasons."""

import pytest

from disparate.explain.curvature import closeness_findings, curvature_findings, taylor_findings
from disparate.explain.survey import Survey
from disparate.findings import Findings

CLOSELY = {
    "lowest": -1.0,
    "lowest_residual": 0.05,
    "lowest_converged": True,
    "lowest_products": 5,
    "trace": 10.0,
    "trace_error": 0.5,
    "diagonal": {
        "estimator": "signs",
        "draws": 2,
        "trace": 9.0,
        "zeros": 0.25,
        "relative_error": 0.1,
        "ranking_quality": 0.95,
    },
}
BOUND = {"first": 6.0, "first_se": 0.1, "second": 2.0, "second_converged": True, "products": 7}


def row(group: str, norm: float, **more: object) -> dict:
    settings = {
        "by": "race",
        "split": "train",
        "group": group,
        "n": 100,
        "loss": 0.5,
        "norm": norm,
        "chance": 0.1,
        "by_layer": {},
        "curvature_n": 50,
        "eigenvalue": 4.0,
        "residual": 0.02,
        "converged": True,
        "products": 9,
        "further": [],
    }
    return settings | more


def survey(seed: int, norm: float, **more: object) -> Survey:
    return Survey(seed=seed, rows=[row("a", norm, **more), row("b", 2 * norm, **more)])


def curvature(seeds):
    return Findings(tuple(curvature_findings(seeds, ("a", "b"), by="race", variant="reference")))


def test_an_eigenvalue_names_its_residual_and_what_did_not_converge():
    found = curvature([survey(0, 0.2), survey(1, 0.4, converged=False, residual=0.4)]).only(group="a")
    assert found.measure == "hessian_eigenvalue"
    assert found.value == pytest.approx(4)
    assert "residual at most 10.0%, 18 products" in found.method
    assert "1 of 2 did not converge and are lower bounds" in found.method
    assert found.n == 50


def test_further_eigenvalues_have_a_rank():
    more = [{"eigenvalue": 2.0, "residual": 0.01, "converged": True}]
    found = curvature([survey(0, 0.2, further=more)])
    ranks = {item.where.get("rank", 1): item.value for item in found.where(group="a")}
    assert ranks == {1: 4.0, 2: 2.0}


def test_what_is_only_known_of_the_reference_is_told_where_it_is_known():
    found = curvature([survey(0, 0.2, **CLOSELY), survey(1, 0.2, **CLOSELY | {"trace": 14.0})]).where(group="a")
    assert found.only(measure="hessian_trace").value == pytest.approx(12)
    assert "Monte Carlo error at most 0.5" in found.only(measure="hessian_trace").method
    lowest = found.only(measure="hessian_lowest")
    assert lowest.value == pytest.approx(-1)
    assert "residual at most 5.0%" in lowest.method
    diagonal = {item.where["form"]: item for item in found.where(measure="ggn_diagonal")}
    assert diagonal["ranking_quality"].value == pytest.approx(0.95)
    assert diagonal["zeros"].unit == "share"
    assert "2 draws of signs" in diagonal["trace"].method
    assert len(curvature([survey(0, 0.2)]).where(measure="hessian_trace")) == 0


def test_another_matrix_is_a_measure_of_its_own():
    ggn = {"eigenvalue": 3.0, "residual": 0.03, "converged": True, "products": 4}
    found = curvature([survey(0, 0.2, ggn=ggn)])
    assert found.only(measure="ggn_eigenvalue", group="b").value == pytest.approx(3)


def test_curvature_that_could_not_be_had_says_why():
    flat = Survey(seed=0, rows=[{**row("a", 0.2)}], undefined={"curvature": "no second derivative"})
    bare = {key: value for key, value in row("a", 0.2).items() if key not in {"eigenvalue", "curvature_n"}}
    found = curvature([Survey(seed=0, rows=[bare], undefined=flat.undefined)]).only(group="a")
    assert found.undefined == "no second derivative (1 of 1 seeds)"


def test_theorem_44_stands_beside_the_eigenvalue_that_it_bounds():
    ggn = {"eigenvalue": 3.0, "residual": 0.03, "converged": True, "products": 4}
    seeds = [survey(0, 0.2, closeness=BOUND, ggn=ggn), survey(1, 0.2, closeness=BOUND | {"second": -3.0}, ggn=ggn)]
    items = closeness_findings(seeds, ("a",), by="race", variant="reference")
    found = {item.where["term"]: item for item in items}
    assert found["sum"].value == pytest.approx((8 + 3) / 2)
    assert found["tightness"].value == pytest.approx((4 / 8 + 4 / 3) / 2)
    assert found["ggn_tightness"].value == pytest.approx(0.5)
    assert found["holds"].value == pytest.approx(0.5)
    assert found["holds"].low is None
    assert list(closeness_findings([survey(0, 0.2)], ("a",), by="race", variant="reference")) == []


def taylor(after, distances, **options):
    before = [survey(0, 0.2, **CLOSELY), survey(1, 0.4, **CLOSELY | {"lowest": -6.0})]
    items = taylor_findings(before, after, distances, ("a", "c"), by="race", variant="prune", classes=5, **options)
    return {(item.group, item.where["term"]): item for item in items}


def test_the_bound_stands_beside_the_change():
    found = taylor([survey(0, 0.2, loss=0.6), survey(1, 0.4, loss=0.7)], [1.0, 1.0])
    assert found["a", "first"].value == pytest.approx(0.3)
    assert found["a", "second"].value == pytest.approx(2.0)
    assert found["a", "change"].value == pytest.approx(0.15)
    assert found["a", "range"].value == pytest.approx(1.609, abs=1e-3)
    assert found["a", "holds"].value == pytest.approx(1)
    assert found["a", "vacuous"].value == pytest.approx(1)
    assert found["c", "sum"].value is None


def test_an_absolute_change_is_bounded_by_the_largest_absolute_eigenvalue():
    found = taylor([survey(0, 0.2, loss=0.4), survey(1, 0.4, loss=0.4)], [1.0, 1.0], form="absolute")
    assert found["a", "second"].value == pytest.approx((4 / 2 + 6 / 2) / 2)
    assert found["a", "change"].value == pytest.approx(0.1)


def test_without_a_distance_or_a_smallest_eigenvalue_there_is_no_bound():
    lost = [Survey(seed=seed, rows=[], undefined={"gradients": "integers"}) for seed in (0, 1)]
    assert taylor(lost, [None, None])["a", "sum"].undefined == "integers (2 of 2 seeds)"
    bare = [survey(0, 0.2), survey(1, 0.2)]
    items = list(taylor_findings(bare, bare, [1.0, 1.0], ("a",), by="race", variant="x", classes=2, form="absolute"))
    assert [item.value for item in items] == [None]
