from dataclasses import replace

from disparate.findings import Finding, Findings, Result
from disparate.report.headline import facts, headline, outcomes, sentence, summary

CHANGE = Finding(
    measure="accuracy",
    group="f",
    where={"by": "sex", "axis": "both"},
    variant="int8",
    reference="reference",
    value=-0.06,
    low=-0.08,
    high=-0.04,
    unit="share",
    distinguishable=True,
)


def of(*items, **run):
    return Result(findings=Findings(items), run=run)


def test_the_largest_distinguishable_loss_opens_the_report():
    louder = replace(CHANGE, variant="prune", group="m", value=-0.5, distinguishable=False)
    assert headline(of(louder, CHANGE)) == "int8 costs f most: 6.0 points of accuracy."
    assert summary(of(louder, CHANGE)) == (
        "1 of 2 choices costs at least one group.",
        "No change that can be told from noise, for any group: prune.",
    )


def test_no_evidence_is_not_called_no_harm():
    quiet = replace(CHANGE, distinguishable=False)
    assert headline(of(quiet)) == "No group can be shown to pay for the choice. That is not a proof that none does."
    both = of(quiet, replace(quiet, variant="prune"))
    assert (
        headline(both) == "No group can be shown to pay for any of the 2 choices. That is not a proof that none does."
    )


def test_bit_identical_answers_are_told_from_equal_accuracy():
    still = replace(CHANGE, value=0.0, low=None, high=None, distinguishable=None)
    assert "can be shown" in headline(of(still))
    churn = replace(still, measure="churn")
    assert headline(of(still, churn)) == "The choice changed no answer at all."
    assert sentence(outcomes(of(still, churn), "sex")[0]) == "Every answer is the same as under the reference."


def test_levels_alone_compare_nothing():
    level = replace(CHANGE, reference=None, distinguishable=None)
    assert headline(of(level)) == "Nothing was compared with the reference, so nobody can be said to pay."


def test_a_sentence_names_who_pays_who_gains_and_who_cannot_be_told():
    gain = replace(CHANGE, group="m", value=0.02, low=0.01, high=0.03)
    open_ = replace(CHANGE, group="x", distinguishable=False)
    lost = Finding(
        measure="accuracy",
        group="y",
        where=CHANGE.where,
        variant="int8",
        reference="reference",
        value=None,
        unit="share",
        undefined="no example of this group",
    )
    assert sentence(outcomes(of(CHANGE, gain, open_, lost), "sex")[0]) == (
        "Paying: f −6.0 (−8.0 to −4.0). Gaining: m +2.0 (+1.0 to +3.0). "
        "Not distinguishable from noise: x. Undefined: y."
    )


def held(group, *, below, conclusion=None, variant="int8"):
    return Finding(
        measure="harm",
        group=group,
        where={"by": "sex", "of": "accuracy", "form": "no_harm", "margin": 0.02, "conclusion": conclusion or "x"},
        variant=variant,
        reference="reference",
        value=0.0,
        unit="share",
        distinguishable=below,
    )


def test_what_is_not_distinguishable_is_below_the_margin_or_cannot_be_told():
    quiet = [replace(CHANGE, group=group, distinguishable=False) for group in "abc"]
    harms = [held("a", below=True), held("b", below=True), held("c", below=False)]
    assert sentence(outcomes(of(*quiet, *harms), "sex")[0]) == "No harm above 2 points: a and b. Cannot be told: c."
    assert "can be shown" in headline(of(*quiet, *harms))
    paying = sentence(outcomes(of(CHANGE, held("f", below=True)), "sex")[0])
    assert paying == "Paying: f −6.0 (−8.0 to −4.0), less than 2 points."


def test_no_meaningful_harm_opens_the_report_only_where_it_holds_for_all():
    quiet = [replace(CHANGE, group=group, distinguishable=False) for group in "ab"]
    safe = of(*quiet, held("a", below=True), held("b", below=True))
    assert headline(safe) == "No group loses more than 2 points of accuracy by the choice."
    assert summary(safe) == ("No harm above 2 points of accuracy, for any group: int8.",)
    open_ = of(*quiet, held("a", below=True), held("b", below=None))
    assert "can be shown" in headline(open_)
    assert summary(open_) == ("No change that can be told from noise, for any group: int8.",)


def test_a_rising_loss_is_harm_where_accuracy_was_not_measured():
    risk = replace(CHANGE, measure="loss", unit="nats", value=0.3)
    assert headline(of(risk)) == "int8 costs f most: 0.300 nats of loss."


def test_facts_name_groups_and_reference_group(result):
    found = dict(facts(result))
    assert found["groups by race"] == (
        "White (2,014), Black (905), Indian (795), Asian (687), Others (338); reference group: White"
    )
    assert found["compared"] == "10 choices"
    assert found["took"] == "25 min 12 s, 1,313 MiB at most"
