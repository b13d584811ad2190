"""Recipes: an audit as a TOML file, read strictly and written back filled in."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from disparate.auditing.audit import MEASURES, Audit, DrawsUntil
from disparate.auditing.code import code_of_trusted
from disparate.choice import Choice, Variant
from disparate.choices import build_choice, choice_table
from disparate.errors import BadInput, suggestion
from disparate.measures.harm import MARGIN
from disparate.predictions import REFERENCE
from disparate.profiles import profile_named
from disparate.training.config import TrainingConfig


class Strict(BaseModel):
    """A table of a recipe: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AuditTable(Strict):
    """The table ``[audit]``."""

    name: str
    groups: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    repeats: int = 2
    draws: int = 1
    draws_until: DrawsUntil | None = None
    antithetic: bool = False
    fused_draws: bool = True
    reference_groups: dict[str, str] = Field(default_factory=dict)
    measures: tuple[str, ...] = MEASURES
    split: str = "test"
    level: float = 0.95
    margin: float = MARGIN
    replicates: int = 1000
    keep_logits: bool = False


class ReferenceTable(Strict):
    """The table ``[reference]``."""

    profile: str = "native"
    choices: tuple[dict[str, Any], ...] = ()


class VariantTable(Strict):
    """One ``[[variant]]``."""

    name: str
    choices: tuple[dict[str, Any], ...] = Field(min_length=1)


class GateTable(Strict):
    """The table ``[gate]``."""

    max: dict[str, float] = Field(default_factory=dict)
    min: dict[str, float] = Field(default_factory=dict)


class Recipe(Strict):
    """A whole recipe file."""

    audit: AuditTable
    data: dict[str, Any]
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "small_cnn"})
    training: dict[str, Any] = Field(default_factory=dict)
    objective: dict[str, Any] = Field(default_factory=lambda: {"name": "erm"})
    reference: ReferenceTable = ReferenceTable()
    variant: tuple[VariantTable, ...] = ()
    gate: GateTable = GateTable()


def read_recipe(path: Path, *, changes: Sequence[str] = (), trust: Sequence[str] = ()) -> Audit:
    """Read a recipe file.

    Args:
        path: The TOML file.
        changes: ``table.key=value`` texts that change single settings; the value is read as TOML.
        trust: Models named ``module:function`` that may be imported and run.

    Returns:
        The audit.

    Raises:
        BadInput: The file is absent or not TOML; a table, key, choice or value is wrong. The message says which.
    """
    return parse_recipe(read_tables(path, changes=changes), source=str(path), trust=trust)


def read_tables(path: Path, *, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Read the tables of a recipe file, whatever they hold.

    Args:
        path: The TOML file.
        changes: ``table.key=value`` texts that change single settings; the value is read as TOML.

    Returns:
        What stands in the file, changed.

    Raises:
        BadInput: The file is absent or not TOML, or a change cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"recipe '{path}' does not exist; 'disparate recipe' lists those that come along.") from error
    except OSError as error:
        raise BadInput(f"recipe '{path}' cannot be read: {error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"recipe '{path}' is not TOML: {error}.") from error
    for change in changes:
        _change(tables, change)
    return tables


def parse_recipe(tables: Mapping[str, Any], *, source: str = "recipe", trust: Sequence[str] = ()) -> Audit:
    """Turn the tables of a recipe into an audit.

    Args:
        tables: What a TOML reader gives.
        source: What messages call the recipe.
        trust: Models named ``module:function`` that may be imported and run.

    Returns:
        The audit.

    Raises:
        BadInput: A table, key, choice or value is wrong.
    """
    if "search" in tables:
        raise BadInput(
            f"{source} holds a table [search] and is the recipe of a search; run 'disparate search' with it."
        )
    recipe = validated(Recipe, tables, source, "")
    for table, content in (("data", recipe.data), ("model", recipe.model)):
        wanted = "source" if table == "data" else "name"
        if wanted not in content:
            raise BadInput(f"{source}, table [{table}]: key '{wanted}' is missing; it names the {table} to use.")
    about = recipe.audit
    return Audit(
        **{f.name: getattr(about, f.name) for f in fields(Audit) if f.name in AuditTable.model_fields},
        data=recipe.data,
        model=recipe.model,
        training=validated(TrainingConfig, recipe.training, source, "training"),
        objective=recipe.objective,
        reference=Variant(name=REFERENCE, choices=choices_of(recipe.reference.choices, f"{source}, table [reference]")),
        variants=tuple(
            Variant(name=table.name, choices=choices_of(table.choices, f"{source}, [[variant]] '{table.name}'"))
            for table in recipe.variant
        ),
        profile=profile_named(recipe.reference.profile),
        maxima=recipe.gate.max,
        minima=recipe.gate.min,
        trust=tuple(trust),
        code=code_of_trusted(recipe.model, trust),
    )


def recipe_tables(audit: Audit) -> dict[str, Any]:
    """Return an audit as the tables of a recipe, every setting filled in; the inverse of :func:`parse_recipe`."""
    about = {name: getattr(audit, name) for name in AuditTable.model_fields if getattr(audit, name) is not None}
    given = audit.training.to_json().items()
    training = {key: value for key, value in given if value is not None and not key.endswith("_seed")}
    return {
        "audit": {key: _plain(value) for key, value in about.items()},
        "data": dict(audit.data),
        "model": dict(audit.model),
        "training": {key: _plain(value) for key, value in training.items()},
        "objective": dict(audit.objective),
        "reference": {
            "profile": audit.profile.name,
            "choices": [choice_table(choice) for choice in audit.reference.choices],
        },
        "variant": [
            {"name": variant.name, "choices": [choice_table(choice) for choice in variant.choices]}
            for variant in audit.variants
        ],
        "gate": {"max": dict(audit.maxima), "min": dict(audit.minima)},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else value


def choices_of(tables: Sequence[Mapping[str, Any]], place: str) -> tuple[Choice, ...]:
    """Return a chain of choices from its tables.

    Args:
        tables: One per choice.
        place: Where in the recipe they stand, for messages.

    Returns:
        The choices.

    Raises:
        BadInput: One of them cannot be made.
    """
    built: list[Choice] = []
    for number, table in enumerate(tables, start=1):
        try:
            built.append(build_choice(table))
        except BadInput as error:
            raise BadInput(f"{place}, choice {number}: {error}") from error
    return tuple(built)


def validated(kind: Any, content: Any, source: str, table: str) -> Any:
    """Return a table of a recipe as the value it stands for.

    Args:
        kind: A model or a dataclass.
        content: The table.
        source: What messages call the recipe.
        table: Name of the table; empty for the whole recipe.

    Returns:
        A value of that kind.

    Raises:
        BadInput: A key is unknown or missing, or a value is wrong; all are said, one per line.
    """
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise BadInput("\n".join(_sentence(item, kind, source, table) for item in error.errors())) from error
    except BadInput as error:
        raise BadInput(f"{source}, table [{table}]: {error}") from error


def _sentence(item: Any, kind: Any, source: str, table: str) -> str:
    place = [table, *map(str, item["loc"])] if table else [str(part) for part in item["loc"]]
    where, key = ".".join(place[:-1]) or "top level", place[-1]
    if item["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{source}, table [{where}]: unknown key '{key}'.{suggestion(key, _known(kind, item['loc'][:-1]))}"
    if item["type"] in {"missing", "missing_argument"}:
        return f"{source}, table [{where}]: key '{key}' is missing."
    return f"{source}, table [{where}]: key '{key}' is {item['input']!r}; {_lower(item['msg'])}."


def _known(kind: Any, path: Sequence[Any]) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue
        annotation = kind.model_fields[part].annotation
        kind = annotation.__args__[0] if hasattr(annotation, "__args__") else annotation
    if hasattr(kind, "model_fields"):
        return list(kind.model_fields)
    return [f.name for f in fields(kind)]


def _lower(message: str) -> str:
    return re.sub(r"^Input should", "it should", message)


def _change(tables: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    if not equals or "." not in path:
        raise BadInput(f"--set {change}: 'table.key=value' was expected, such as training.epochs=3.")
    *outer, key = path.split(".")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    place = tables
    for part in outer:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise BadInput(f"--set {change}: '{part}' is no table; 'table.key=value' was expected.")
    place[key] = value
