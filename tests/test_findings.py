import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.findings import Caution, Finding, Findings, Null, Result, Verdict, undefined

KEYS = [
    "measure", "group", "label", "where", "variant", "reference", "value", "low", "high", "level", "method", "n",
    "seeds", "draws", "p_value", "effect_over_null", "null", "distinguishable", "unit", "undefined",
]  # fmt: skip
HOSTILE = ["<img src=x onerror=alert(1)>", "</script>", "\u2028", '"', "\\", "\x00", "💥", "ñ", "𝕏", "../../etc"]
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=8) | st.sampled_from(HOSTILE)


@st.composite
def findings(draw):
    """Give findings of every shape that the rules allow."""
    value = draw(numbers)
    return Finding(
        measure=draw(texts),
        group=draw(st.none() | texts),
        label=draw(st.none() | texts),
        where=draw(st.none() | st.dictionaries(texts, texts | st.integers(), max_size=3)),
        variant=draw(texts),
        reference=draw(st.none() | texts),
        value=value,
        low=draw(numbers),
        high=draw(numbers),
        level=draw(st.none() | st.floats(0.5, 0.99)),
        n=draw(st.none() | st.integers(0, 10**9)),
        p_value=draw(st.none() | st.floats(0, 1)),
        null=draw(st.none() | st.builds(Null, name=texts, value=st.floats(0, 1))),
        distinguishable=draw(st.sampled_from([None, True, False])),
        unit=draw(texts),
        undefined=draw(texts) if value is None else None,
    )


def finding(**changes):
    return Finding(**{"measure": "accuracy", "variant": "int8", "value": 0.5, "unit": "share", **changes})


@settings(max_examples=60, deadline=None)
@given(item=findings())
def test_a_finding_survives_json(item):
    written = json.dumps(item.to_json(), allow_nan=False)
    assert Finding.from_json(json.loads(written)) == item


def test_the_keys_of_the_file_are_these_and_no_others():
    assert list(finding().to_json()) == KEYS


@pytest.mark.parametrize("name", ["value", "low", "high", "level", "p_value", "effect_over_null"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_becomes_a_finding(name, number):
    with pytest.raises(BadInput) as error:
        finding(**{name: number})
    assert str(error.value) == f"finding 'accuracy' of 'int8': {name} is {number}; a number or None."


def test_a_floor_that_is_no_number_and_a_number_that_no_float_holds_are_refused():
    with pytest.raises(BadInput, match=r"finding 'accuracy' of 'int8': null.value is nan; a number or None"):
        finding(null=Null(name="N1 repeat", value=math.nan))
    with pytest.raises(BadInput, match=r"finding 'accuracy' of 'int8': value is 10000.*0000; a number or None"):
        finding(value=10**400)


@pytest.mark.parametrize(("value", "reason"), [(None, None), (0.5, "no example")])
def test_a_value_or_the_reason_why_there_is_none(value, reason):
    with pytest.raises(BadInput) as error:
        finding(value=value, undefined=reason)
    assert str(error.value) == (
        f"finding 'accuracy' of 'int8' has value {value} and undefined {reason!r}; exactly one of them was expected."
    )


def test_undefined_takes_value_interval_and_judgement_away():
    whole = finding(low=0.4, high=0.6, p_value=0.01, effect_over_null=2.0, distinguishable=True, n=7)
    gone = undefined(whole, "no example of this group")
    kept = {f.name for f in fields(Finding) if getattr(gone, f.name) is not None}
    assert kept == {"measure", "variant", "unit", "n", "undefined"}


@pytest.mark.parametrize("change", [{"colour": 1}, None])
def test_keys_of_another_schema_are_refused(change):
    item = finding().to_json()
    item = {**item, **change} if change else {key: value for key, value in item.items() if key != "null"}
    with pytest.raises(BadInput, match=r"a finding has missing or unknown keys \['(colour|null)'\]; schema 1"):
        Finding.from_json(item)


def test_filters_by_field_by_place_and_by_test():
    a, b = finding(where={"by": "race"}), finding(value=0.2, where={"by": "sex"}, group="f")
    both = Findings((a, b))
    assert both.where(by="race").items == (a,)
    assert both.where(lambda item: (item.value or 0) < 0.3).items == (b,)
    assert both.where(measure="churn").items == ()
    assert both.only(group="f") == b
    assert len(both + Findings((a,))) == 3
    assert both.map(lambda item: replace(item, n=1)).only(group="f").n == 1


@pytest.mark.parametrize(("measure", "count"), [("accuracy", 2), ("churn", 0)])
def test_only_one_means_one(measure, count):
    with pytest.raises(BadInput) as error:
        Findings((finding(), finding())).only(measure=measure)
    assert str(error.value) == f"{count} findings match {{'measure': '{measure}'}}; exactly one was expected."


def test_a_frame_holds_a_row_per_finding_and_the_null_in_two_columns():
    frame = Findings((finding(null=Null(name="N1 repeat", value=0.1)), finding())).to_pandas()
    assert frame["null_name"].tolist()[0] == "N1 repeat"
    assert frame["null_value"].isna().tolist() == [False, True]
    assert set(frame.columns) == {*KEYS, "null_name", "null_value"} - {"null"}


@settings(max_examples=30, deadline=None)
@given(items=st.lists(findings(), max_size=3), text=texts)
def test_a_result_survives_its_file(items, text, tmp_path_factory):
    path = tmp_path_factory.mktemp("result") / "result.json"
    result = Result(
        findings=Findings(tuple(items)),
        cautions=(Caution(code="D101", title=text, text=text, group=text),),
        verdict=Verdict(outcome="fail", reasons=(text,)),
        run={"name": text, "numbers": [1, 2.5, None]},
    )
    result.write(path)
    assert path.read_text(encoding="utf-8") == result.to_text()
    assert Result.read(path) == result
    assert set(result.to_json()) == {"schema", "findings", "cautions", "verdict", "run"}


def test_no_nan_reaches_a_file(tmp_path):
    path = tmp_path / "result.json"
    with pytest.raises(ValueError, match="not JSON compliant"):
        Result(findings=Findings(), run={"wall_s": math.nan}).write(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "result file '{}' does not exist; 'disparate runs' lists what there is."),
        ("{", "result file '{}' is not JSON: "),
        ("\udcff", "result file '{}' is not JSON: "),
        ("[]", "result file '{}' is not of schema 1; write it again with this version."),
        ('{"schema": 2}', "result file '{}' is not of schema 1; write it again with this version."),
        ('{"schema": 1}', "result file '{}' lacks a part: 'findings'; write it again."),
    ],
)
def test_a_file_that_is_no_result_is_refused(content, message, tmp_path):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BadInput) as error:
        Result.read(path)
    assert str(error.value).startswith(message.format(path))


SOUND = {"outcome": "pass", "reasons": []}
CAUTION = {"code": "D101", "title": "t", "text": "t", "variant": None, "group": None}


def content(**changes):
    """Give the text of a result file, with parts of it replaced."""
    item = {"schema": 1, "findings": [finding().to_json()], "cautions": [], "verdict": SOUND, "run": {}}
    return json.dumps({**item, **changes})


def altered(**changes):
    return content(findings=[{**finding().to_json(), **changes}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (content(run=[1]), "run is [1]; a table was expected."),
        (content(run="text"), "run is 'text'; a table was expected."),
        (content(findings={}), "findings is {}; a list was expected."),
        (content(findings=[3]), "a finding is 3; a table was expected. Is the file damaged?"),
        (content(cautions=[3]), "a caution is 3; a table was expected. Is the file damaged?"),
        (content(cautions=[{"colour": 1}]), "a caution has missing or unknown keys ['code', 'colour', "),
        (content(cautions=[{**CAUTION, "code": ["D1"]}]), "a caution has code ['D1'], which is of the wrong type; "),
        (content(verdict={**SOUND, "outcome": ["pass"]}), "a verdict has outcome ['pass'], which is of the wrong type"),
        (content(verdict={**SOUND, "outcome": "maybe"}), "the verdict is 'maybe'; one of pass, fail, inconclusive, "),
        (content(verdict={**SOUND, "reasons": [3]}), "the verdict has the reason 3; a text was expected."),
        (content(verdict={**SOUND, "reasons": "abc"}), "a verdict has reasons 'abc', which is of the wrong type; "),
        (content(verdict={}), "a verdict has missing or unknown keys ['outcome', 'reasons']; schema 1"),
        (altered(value="1"), "a finding has value '1', which is of the wrong type; is the file damaged?"),
        (altered(value=True), "a finding has value True, which is of the wrong type; is the file damaged?"),
        (altered(null=[1]), "a finding has null [1], which is of the wrong type; is the file damaged?"),
        (altered(null={}), "a null has missing or unknown keys ['name', 'value']; schema 1 was expected."),
        (altered(null={"name": "N1", "value": "x"}), "a null has value 'x', which is of the wrong type; is the file "),
        (altered(null={"name": "N1", "value": math.nan}), "is not JSON: NaN is no number."),
        (altered(level=math.nan), "is not JSON: NaN is no number."),
        (altered(value=-math.inf), "is not JSON: -Infinity is no number."),
        (content(run={"wall_s": math.inf}), "is not JSON: Infinity is no number."),
        (content(run={}).replace("0.5", "1e400"), "is not JSON: '1e400' is no number."),
        (altered(value=10**400), "is not JSON: a whole number of 401 digits is too large."),
        (content(run={}).replace("0.5", "9" * 5000), "is not JSON: Exceeds the limit"),
        (content(run={"a": "\ud800"}), "is not JSON: 'utf-8' codec can't encode"),
        ("[" * 100_000, "is nested deeper than 64 levels; write it again."),
        (content(run={}).replace('"run": {}', '"run": ' + '{"a": ' * 70 + "1" + "}" * 70), "is nested deeper than 64 "),
    ],
)  # fmt: skip
def test_a_file_that_anybody_may_have_written_is_refused_with_its_name(text, message, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        Result.read(path)
    found = str(error.value)
    assert found.startswith(f"result file '{path}'")
    assert message in found


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"result file '.*' cannot be read: Is a directory\."):
        Result.read(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    part=st.sampled_from(["findings", "cautions", "verdict", "run"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=5,
    ),
)
def test_any_part_is_read_or_refused(part, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("result") / "result.json"
    path.write_text(content(**{part: value}), encoding="utf-8")
    try:
        found = Result.read(path)
    except BadInput:
        return
    assert json.loads(found.to_text())[part] == value
