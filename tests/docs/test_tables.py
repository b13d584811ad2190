"""Tables of the pages hold what there is: every choice, every measure, every setting with its default."""

import inspect
import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from disparate.auditing.audit import MEASURES as DEFAULT_MEASURES
from disparate.auditing.look import Look
from disparate.auditing.recipe import (
    AuditTable,
    GateTable,
    Recipe,
    ReferenceTable,
    VariantTable,
    read_recipe,
    recipe_tables,
)
from disparate.choices import CHOICES
from disparate.data import DATA
from disparate.measures.table import MEASURES, measure_named
from disparate.objectives import OBJECTIVES
from disparate.recipes import find_recipe
from disparate.report.glossary import TERMS
from disparate.report.why import WHY
from disparate.search.recipe import SearchTable
from disparate.training.config import TrainingConfig

ROW = re.compile(r"^\| (.*?) \|", flags=re.MULTILINE)
EVERYWHERE = {"split_seed", "shares"}
NOT_FROM_A_RECIPE = {"root", "progress"}


def part_of(page: Path, heading: str) -> str:
    """Return what stands below a heading, up to the next of its level."""
    mark = heading.split()[0]
    text = page.read_text(encoding="utf-8")
    assert f"\n{heading}\n" in text, f"{page.name} has no heading '{heading}'"
    return re.split(rf"\n#{{2,{len(mark)}}} ", text.split(f"\n{heading}\n", 1)[1])[0]


def settings_of(text: str) -> dict[str, str]:
    """Return key and default of every row of a table of settings."""
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", text, flags=re.MULTILINE)
    return {key: default for keys, default in rows for key in re.findall(r"`([^`]+)`", keys)}


def as_toml(value: object) -> str:
    return f"`{json.dumps(value)}`" if value != {} else "`{}`"


def plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_every_choice_is_in_the_readme_with_its_card(root):
    table = part_of(root / "README.md", "## Choices")
    linked = dict(re.findall(r"^\| \[`(\w+)`\]\((.*?)\)", table, flags=re.MULTILINE))
    assert linked == {name: f"docs/choices/{name}.md" for name in CHOICES.entries}


def test_every_measure_is_in_the_readme_and_in_the_page_it_links_to(root):
    table = part_of(root / "README.md", "## Measures")
    linked = dict(re.findall(r"\[`(\w+)`\]\((.*?)\)", table))
    assert set(linked) == set(MEASURES.entries)
    for name, page in linked.items():
        assert f"`{name}`" in (root / page).read_text(encoding="utf-8")


def test_units_of_the_readme_are_those_of_the_measures(root):
    said = {"rates": "sum of rates"}
    for line in part_of(root / "README.md", "## Measures").splitlines():
        for name in re.findall(r"\[`(\w+)`\]", line):
            unit = measure_named(name).unit
            assert said.get(unit, unit) in line.rsplit("|", 2)[1].strip().split(", "), name


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("## `[audit]`", AuditTable),
        ("## `[reference]`", ReferenceTable),
        ("## `[[variant]]`", VariantTable),
        ("## `[gate]`", GateTable),
        ("### `[search]`", SearchTable),
    ],
)
def test_keys_and_defaults_of_the_strict_tables(heading, kind, root):
    real = {}
    for name, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=True)
        real[name] = "needed" if field.is_required() else "none" if default is None else as_toml(plain(default))
    page = "search.md" if kind is SearchTable else "recipes.md"
    said = settings_of(part_of(root / "docs" / page, heading))
    if kind is AuditTable:
        assert real.pop("measures") == as_toml(list(DEFAULT_MEASURES))
        assert said.pop("measures") == "the thirty-eight of the demo"
        assert len(DEFAULT_MEASURES) == 38
    assert said == real


def test_keys_and_defaults_of_training(root):
    real = {f.name: "none" if f.default is None else as_toml(plain(f.default)) for f in fields(TrainingConfig)}
    assert settings_of(part_of(root / "docs" / "recipes.md", "## `[training]`")) == real
    assert all(f.default is not MISSING for f in fields(TrainingConfig))


def test_settings_and_defaults_of_a_look(root):
    real = {item.name: as_toml(plain(item.default)) for item in fields(Look)}
    assert settings_of(part_of(root / "docs" / "explain.md", "## How closely")) == real


def test_every_measure_that_says_why_stands_on_its_page_and_has_words(root):
    text = (root / "docs" / "explain.md").read_text(encoding="utf-8")
    shown = {"vog_early", "vog_middle", "vog_late"}  # the stages of `vog`
    assert {name for name in WHY - shown if f"`{name}`" not in text} == set()
    assert WHY - set(TERMS) == set()


def test_the_page_names_every_table_and_every_key_of_a_filled_recipe(root):
    page = root / "docs" / "recipes.md"
    said = set(re.findall(r"^## `\[+(\w+)\]+`", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert said == set(Recipe.model_fields)
    for table, content in recipe_tables(read_recipe(find_recipe("demo"))).items():
        heading = "## `[[variant]]`" if table == "variant" else f"## `[{table}]`"
        keys = set(content[0] if isinstance(content, list) else content)
        assert keys <= set(settings_of(part_of(page, heading))), table


@pytest.mark.parametrize("source", sorted(DATA.entries))
def test_every_source_of_data_with_its_settings_and_defaults(source, root):
    parameters = inspect.signature(DATA.load(source)).parameters
    real = {
        name: "needed" if parameter.default is parameter.empty else as_toml(defaulted(parameter.default))
        for name, parameter in parameters.items()
        if name not in EVERYWHERE | NOT_FROM_A_RECIPE
    }
    assert settings_of(part_of(root / "docs" / "data.md", f"### `{source}`")) == real
    assert source == "saved" or set(parameters) >= EVERYWHERE


def defaulted(value: object) -> object:
    return dict(value) if hasattr(value, "keys") else plain(value)


@pytest.mark.parametrize("name", sorted(OBJECTIVES.entries))
def test_every_objective_with_its_settings_and_defaults(name, root):
    page = root / "docs" / "objectives.md"
    assert f"| [`{name}`](#{name}) |" in page.read_text(encoding="utf-8")
    real = {f.name: objective_default(f.default) for f in fields(OBJECTIVES.load(name))}
    said = settings_of(part_of(page, f"## `{name}`"))
    assert {key: said.get(key) for key in real} == real


def objective_default(value: object) -> str:
    return "needed" if value is MISSING else "none" if value is None else as_toml(value)


def test_every_caution_is_listed(root):
    pages = {path.name for path in (root / "docs" / "cautions").glob("D*.md")}
    assert set(re.findall(r"\]\((D\d+\.md)\)", (root / "docs" / "cautions" / "README.md").read_text("utf-8"))) == pages


def test_no_page_of_measures_is_left_out(root):
    linked = set(re.findall(r"docs/measures/(\w+\.md)", (root / "README.md").read_text(encoding="utf-8")))
    assert linked == {path.name for path in (root / "docs" / "measures").glob("*.md")}
