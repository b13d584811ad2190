"""Aims: which number, which way, and what has no difference between two trials."""

import pytest

from disparate.errors import BadInput
from disparate.findings import Finding, Findings
from disparate.search.aims import Aim


@pytest.mark.parametrize(
    ("text", "better", "by", "group", "label"),
    [
        ("accuracy", "higher", None, None, None),
        ("accuracy_gap", "lower", "race", None, None),
        ("change:accuracy_gap[by=race]", "lower", "race", None, None),
        ("accuracy[group=f]", "higher", "race", "f", None),
        ("tpr[group=f,label=cat]", "higher", "race", "f", "cat"),
        ("churn", "lower", None, None, None),
    ],
)
def test_is_written_as_thresholds_are(text, better, by, group, label):
    aim = Aim.parse(text, better=better, groups=("race",))
    assert (aim.by, aim.group, aim.label) == (by, group, label)


def test_several_partitions_have_to_be_named():
    with pytest.raises(BadInput, match=r"say by which of \['race', 'sex'\], as in accuracy_gap\[by=race\]"):
        Aim.parse("accuracy_gap", better="lower", groups=("race", "sex"))
    assert Aim.parse("accuracy_gap[by=sex]", better="lower", groups=("race", "sex")).by == "sex"
    assert Aim.parse("accuracy", better="higher", groups=("race", "sex")).by is None


@pytest.mark.parametrize(
    ("text", "better", "said"),
    [
        ("accuracy_gap", "higher", "aim 'accuracy_gap': maximize it and people fare worse; minimize was expected."),
        ("accuracy", "lower", "minimize it and people fare worse; maximize was expected."),
        ("fairness_violation", "lower", "two trials have no paired difference of fairness_violation"),
        ("hardware_sensitivity", "lower", "two trials have no paired difference"),
        ("accuracy[axis=seeds]", "higher", "aim 'accuracy[axis=seeds]': unknown key 'axis'."),
        ("accuracy_gap[by=sex]", "lower", "the audit has no partition 'sex'."),
        ("acuracy", "higher", "Did you mean 'accuracy'?"),
        ("accuracy[", "higher", "cannot be read"),
    ],
)
def test_what_is_refused(text, better, said):
    with pytest.raises(BadInput) as caught:
        Aim.parse(text, better=better, groups=("race",))
    assert said in str(caught.value)


def test_its_findings_are_changes_and_comparisons():
    def of(measure, **more):
        return Finding(measure=measure, variant="v", value=0.1, unit="share", **more)

    findings = Findings((
        of("accuracy"),
        of("accuracy", reference="reference", where={"axis": "seeds"}),
        of("accuracy", reference="reference", where={"axis": "both"}),
        of("accuracy", reference="reference", group="f", where={"by": "race", "axis": "both"}),
        of("churn", reference="reference", where={"axis": "both"}),
    ))
    aim = Aim.parse("accuracy", better="higher", groups=("race",))
    assert aim.finding(findings, "v") == findings.items[2]
    assert aim.finding(findings, "w") is None
    of_group = Aim.parse("accuracy[group=f]", better="higher", groups=("race",))
    assert of_group.finding(findings, "v") == findings.items[3]
    churn = Aim.parse("churn", better="lower", groups=("race",))
    assert churn.finding(findings, "v") == findings.items[4]
