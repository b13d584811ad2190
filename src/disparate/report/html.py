"""The report as one HTML page that needs nothing else: no network, no second file, and no script for its tables."""

import base64
import gzip
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from disparate.findings import Finding, Result
from disparate.report import figures, headline, record, wording
from disparate.report.cautions import PAGES
from disparate.report.glossary import NOISE_FLOORS, TERMS
from disparate.report.panels import ON_ONE_SCALE, Panel, embedded, panels
from disparate.report.part import Part
from disparate.report.selection import is_comparison, place, sections
from disparate.report.tables import parts
from disparate.report.term import Term
from disparate.report.why_panels import WHY_DRAWN

BREAKS = re.compile(r"(?<=[_/-])(?=\w)")
"""Where a long name may be broken."""
NOT_JUDGED = "not judged"
"""What the method of a finding says that is shown beside the one that is judged."""
MOST_PROBLEMS = 200
"""Most data problems listed on the page; the JSON file has all."""
MOST_EXEMPLARS = 120
"""Most exemplars shown on the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Everything about one attribute.

    Args:
        slug: Unique id on the page.
        by: Name of the attribute.
        groups: The groups with sizes and reference group, as a sentence.
        outcomes: (variant, sentence) for every variant.
        parts: (part, panels) in reading order.
    """

    slug: str
    by: str
    groups: str
    outcomes: tuple[tuple[str, str], ...]
    parts: tuple[tuple[Part, tuple[Panel, ...]], ...]


def page(result: Result) -> str:
    """Return the whole report as one HTML page.

    Args:
        result: Findings, cautions, verdict and run record; every part of the record may be absent.

    Returns:
        The page, under 6 MB. Its content security policy allows no connection at all, and no script but its own two.
    """
    library, script = _library(), _asset("page.js")
    shown = record.exemplars(result.run)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            title=title(result),
            headline=headline.headline(result),
            summary=headline.summary(result),
            titles=list(dict.fromkeys(wording.plain(caution.title) for caution in result.cautions)),
            facts=headline.facts(result),
            version=wording.plain(record.mapping(result.run.get("versions")).get("disparate", "")),
            sections=[_section(result, by, position) for position, by in enumerate(sections(result))],
            exemplars=_by_variant(shown[:MOST_EXEMPLARS]),
            of_populations=any(one.distance is not None for one in shown),
            exemplars_left_out=len(shown[MOST_EXEMPLARS:]),
            problems=record.problems(result.run),
            most_problems=MOST_PROBLEMS,
            sheets=record.sheets(result.run),
            glossary=_glossary(result),
            floors=NOISE_FLOORS,
            why_slugs=frozenset(WHY_DRAWN),
            nested_slugs={"inequality", *WHY_DRAWN} - {"why"},
            scaled=ON_ONE_SCALE,
            library=library.packed,
            script=Markup(script),
            style=Markup(_asset("page.css")),
            tokens=embedded({colour: f"--{role}" for role, colour in figures.TOKENS.items()}),
            script_hashes=Markup(f"{library.digest} {_digest(script)}"),
        )
    )


def title(result: Result) -> str:
    """Return the name of the audit; ``Audit`` where the record names none."""
    return wording.plain(record.recipe(result.run, "audit").get("name") or "Audit")


def _glossary(result: Result) -> list[Term]:
    used = {item.measure for item in result.findings}
    return [entry for name, entry in TERMS.items() if name in used]


def _by_variant(exemplars: list[record.Exemplar]) -> dict[str, list[record.Exemplar]]:
    found: dict[str, list[record.Exemplar]] = {}
    for exemplar in exemplars:
        found.setdefault(exemplar.variant, []).append(exemplar)
    return found


def _section(result: Result, by: str, position: int) -> Section:
    slug = f"by-{position}"
    told = [(wording.plain(one.variant), headline.sentence(one)) for one in headline.outcomes(result, by)]
    return Section(
        slug=slug,
        by=wording.plain(by),
        groups=headline.group_facts(result.run, by),
        outcomes=tuple(told),
        parts=tuple((part, panels(part, result, by, f"{slug}-{part.slug}")) for part in parts(result, by)),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("disparate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


def _tone(finding: Finding) -> str:
    """Return how a cell is coloured: pays, gains, unclear, plain or none."""
    colour, symbol = figures.look(finding)
    if finding.value is None:
        return "none"
    if symbol == figures.HOLLOW:
        return "unclear"
    return {figures.PAYS: "pays", figures.GAINS: "gains"}.get(colour, "plain")


def _number(value: float, finding: Finding) -> str:
    return wording.number(value, finding.unit, signed=wording.is_signed(finding))


def _is_judged(finding: Finding) -> bool:
    if NOT_JUDGED in (finding.method or "") or place(finding, "floor") is not None:
        return False
    return finding.reference is not None or finding.distinguishable is not None or is_comparison(finding)


def _tally(answers: tuple[str, ...]) -> list[tuple[str, int]]:
    return Counter(answers).most_common()


def _breakable(name: str) -> Markup:
    return Markup("<wbr>").join(BREAKS.split(wording.plain(name)))


FILTERS: dict[str, Any] = {
    "plain": wording.plain,
    "value": wording.value_text,
    "number": _number,
    "floor": wording.floor_text,
    "times": wording.times_text,
    "mark": wording.mark,
    "p_text": wording.p_text,
    "mark_words": wording.mark_words,
    "counted": wording.counted,
    "page_of": PAGES.get,
    "tone": _tone,
    "is_judged": _is_judged,
    "tally": _tally,
    "breakable": _breakable,
}


def _asset(name: str) -> str:
    return (files("disparate.report") / "templates" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Library:
    packed: str
    digest: str


@cache
def _library() -> _Library:
    """Return plotly, packed: the page unpacks it, and runs it only if its hash is the one its policy names."""
    text = get_plotlyjs()
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    return _Library(packed=base64.b64encode(packed).decode(), digest=_digest(text))


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
