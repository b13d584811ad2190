import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from disparate.findings import Caution, Finding, Findings, Result, Verdict
from disparate.report import sight
from disparate.report.html import page
from disparate.report.record import group_sizes

HOSTILE = "</script><img src=x onerror=alert(1)>\"'|`${x}{{7*7}}%{y}"
FORBIDDEN = ("debias", "unbiased model", "fair model", "guarantees fairness")


class Reader(HTMLParser):
    """Collects what a page holds: tags with attributes, data values, and the texts of table cells outside of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.values: list[str] = []
        self.cells: list[str] = []
        self.columns: list[str] = []
        self.open: list[str] = []
        self.record = False

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "data":
            self.values.append(found["value"])
        if tag == "div" and "table" in (found.get("class") or "").split():
            self.record = "record" in found["class"]
        if tag not in {"meta", "br", "img", "wbr", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "td" in self.open and not self.record and "data" not in self.open and "sup" not in self.open:
            self.cells.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def without_library(text: str) -> str:
    return re.sub(r'<script type="application/octet-stream".*?</script>', "", text, flags=re.S)


@pytest.fixture(scope="module")
def text(result):
    return page(result)


def test_every_number_in_a_table_is_in_the_json_or_what_power_says(text, result):
    known = {
        str(number)
        for item in json.loads(json.dumps(result.to_json()))["findings"]
        for number in (
            item["value"],
            item["low"],
            item["high"],
            item["effect_over_null"],
            (item["null"] or {}).get("value"),
        )
        if number is not None
    }
    known |= {str(item.value) for found in sight.tables(result, "race") for item in found}
    reader = read(text)
    assert len(reader.values) > 500
    assert set(reader.values) <= known
    assert [cell for cell in reader.cells if re.search(r"\d", cell)] == []


def test_every_finding_of_the_main_axis_is_on_the_page(text, result):
    shown = set(read(text).values)
    missing = [item for item in result.findings if item.value is not None and str(item.value) not in shown]
    assert missing == []


def test_shares_are_points_with_one_decimal(make):
    change = Finding(
        measure="accuracy",
        group="f",
        where={"by": "sex"},
        variant="int8",
        reference="reference",
        value=-0.0614,
        unit="share",
    )
    assert '<data value="-0.0614">−6.1</data>' in page(Result(findings=Findings((change,)), run={}))


def test_page_loads_and_sends_nothing(text):
    reader = read(text)
    policy = next(
        found["content"] for tag, found in reader.tags if found.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "connect-src" not in policy
    addresses = [
        found[name] for _, found in reader.tags for name in ("src", "href", "action", "data") if found.get(name)
    ]
    assert [address for address in addresses if not address.startswith(("#", "data:image/png;base64,"))] == []
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", without_library(text)) == []


def test_policy_names_plotly_and_our_script(text):
    packed = re.search(r'id="library">([^<]*)<', text)
    library = gzip.decompress(base64.b64decode(packed[1]))
    assert library.decode() == get_plotlyjs()
    script = re.findall(r"<script>(.*?)</script>", text, flags=re.S)
    assert len(script) == 1
    for content in (library, script[0].encode()):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'" in text


def test_page_is_small(text):
    assert len(text.encode()) < 3_500_000


def test_page_with_many_groups_variants_and_classes_stays_under_6_mb(make):
    one = make(groups={"race": {"White": 2014, "Others": 338}})
    many = tuple(
        replace(
            item, group=f"group {place}" if item.group else None, label=label, where={**(item.where or {}), "by": by}
        )
        for by in ("race", "sex", "race*sex", "age")
        for place in range(10)
        for item in one.findings
        if item.where and "by" in item.where and item.group != "Others"
        for label in ([f"{item.label} {kind}" for kind in range(4)] if item.label else [None])
    )
    text = page(Result(findings=Findings(many), run=one.run))
    assert len(text.encode()) < 6_000_000
    assert "numbers had no room on this page; the JSON file holds them." in text


@pytest.mark.parametrize(
    ("groups", "variants"),
    [({}, ()), ({"sex": {"m": 5}}, ()), ({"race": {"White": 40, "Black": 30}}, ("int8",))],
)
def test_renders_with_few_groups_and_variants(make, groups, variants):
    if "sex" in groups:
        level = Finding(
            measure="accuracy", group="m", where={"by": "sex"}, variant="reference", value=0.5, unit="share"
        )
        found = Result(findings=Findings((level,)), run={"groups": groups})
    else:
        found = make(groups=groups, variants=variants)
    text = page(found)
    assert text.endswith("</html>\n") or text.endswith("</html>")
    for by, sizes in groups.items():
        assert f"By {by}" in text
        assert f"reference group: {max(sizes, key=lambda name: sizes[name])}" in text


def test_empty_result_says_so():
    text = page(Result(findings=Findings(), run={}))
    assert "Nothing was measured, so nothing can be said." in text
    assert "No findings" in text


def test_groups_and_reference_group_are_printed(text, result):
    for sizes in group_sizes(result.run).values():
        for name, n in sizes.items():
            assert f"{name} ({n:,})" in text
    assert "reference group: White" in text


def test_hostile_names_stay_texts(make):
    safe = make(groups={"race": {"White": 40, "Black": 30}}, variants=("int8",))
    rename = {"White": HOSTILE, "Black": "Black\x1b[31m\u202e\nnew"}
    findings = safe.findings.map(
        lambda item: replace(item, group=rename.get(item.group, item.group), variant=item.variant)
    )
    findings = findings.map(lambda item: replace(item, variant=HOSTILE) if item.variant == "int8" else item)
    run = {**safe.run, "groups": {"race": {HOSTILE: 40, rename["Black"]: 30}}, "reference_groups": {"race": HOSTILE}}
    run |= {
        "exemplars": [
            {
                "example_id": HOSTILE,
                "group": HOSTILE,
                "target": HOSTILE,
                "variant": HOSTILE,
                "reference_predicted": [HOSTILE],
                "variant_predicted": HOSTILE,
                "thumbnail": 'data:image/svg+xml;base64,PHN2Zz4="><script>',
            }
        ],
        "problems": [{"what": HOSTILE, "found": HOSTILE, "action": "set aside"}],
        "audit": {"audit": {"name": HOSTILE}},
    }
    cautions = (Caution(code=HOSTILE, title=HOSTILE, text=HOSTILE),)
    text = page(
        Result(findings=findings, cautions=cautions, verdict=Verdict(outcome=HOSTILE, reasons=(HOSTILE,)), run=run)
    )
    reader = read(text)
    assert [tag for tag, _ in reader.tags].count("script") == text.count("<script")
    assert not [found for _, found in reader.tags if any(name.startswith("on") for name in found)]
    assert [found for tag, found in reader.tags if tag == "img"] == []
    assert "\x1b" not in text
    assert "no picture" in text
    for figure in re.findall(r'<script type="application/json" id="[^"]*">(.*?)</script>', text, flags=re.S):
        assert "<" not in figure
        json.loads(figure)
    assert "&lt;/script&gt;" in text


def test_thumbnails_are_shown_with_a_text(text):
    pictures = [found for tag, found in read(text).tags if tag == "img"]
    assert len(pictures) == 15
    assert all(found["alt"].startswith("Example ") and "group" in found["alt"] for found in pictures)


def test_structure_serves_keyboard_and_screen_reader(text):
    reader = read(text)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("h1") == tags.count("main") == tags.count("nav") == 1
    figures = [found for _, found in reader.tags if "data-figure" in found]
    assert len(figures) == 26
    assert all(found["role"] == "img" and len(found["aria-label"]) > 40 for found in figures)
    assert all(found.get("scope") in {"row", "col"} for tag, found in reader.tags if tag == "th")
    ids = [found["id"] for _, found in reader.tags if "id" in found]
    assert len(ids) == len(set(ids))
    links = {found["href"][1:] for tag, found in reader.tags if tag == "a"}
    assert links <= set(ids)


def test_every_figure_has_its_table_on_the_page(text, result):
    for title in (
        "Change of accuracy by race",
        "Excessive risk by race",
        "Churn by race",
        "Hardware sensitivity by race",
    ):
        assert f"<b>{title}.</b>" in text


def test_undefined_is_said_with_its_reason(text):
    assert "undefined<sup>1</sup>" in text
    assert "group &#39;Others&#39; has no test example of class &#39;Indian&#39;." in text


def test_verdict_is_shown_where_one_was_asked_for(result, text):
    assert "Gate:" not in text
    asked = replace(
        result, verdict=Verdict(outcome="inconclusive", reasons=("max accuracy_gap=0.02: int8 is inconclusive.",))
    )
    assert "max accuracy_gap=0.02: int8 is inconclusive." in page(asked)


def test_cautions_stand_with_code_and_page(text, result):
    for caution in result.cautions:
        assert f"{caution.code}</span>" in text
        assert f"docs/cautions/{caution.code}.md" in text


def test_words_that_promise_too_much_are_absent(text):
    assert [word for word in FORBIDDEN if word in text.lower()] == []


def test_dark_theme_has_every_colour_token(text):
    tokens = json.loads(re.search(r'id="tokens">(.*?)</script>', text)[1])
    dark = text.partition("prefers-color-scheme: dark")[2].partition("}")[0]
    assert len(tokens) == 12
    assert [name for name in tokens.values() if f"{name}: #" not in dark] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PARTS = (
    "audit",
    "groups",
    "reference_groups",
    "problems",
    "profiles",
    "training",
    "effective",
    "exemplars",
    "versions",
    "machine",
    "cores",
    "wall_s",
    "peak_mib",
    "data",
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=st.dictionaries(st.sampled_from(PARTS), JSON))
def test_any_run_record_renders(run):
    level = Finding(measure="accuracy", group="f", where={"by": "sex"}, variant="reference", value=0.5, unit="share")
    assert "<h1>" in page(Result(findings=Findings((level,)), run=run))


def test_the_page_says_what_a_correction_covers_and_how_examples_are_ordered(result):
    text = " ".join(page(result).split())
    assert "the number of comparisons within its table (one measure of one partition), and it is larger than" in text
    assert "ordered by under how many training seeds it differs" in text
    assert "under most training seeds" not in text
