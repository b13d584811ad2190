"""Recipes of searches: an audit's recipe with a table ``[search]`` and places to be searched in its variants."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from disparate.auditing.recipe import Strict, choices_of, parse_recipe, read_tables, validated
from disparate.errors import BadInput
from disparate.search.aims import Aim, Better
from disparate.search.question import Method, Search
from disparate.search.space import SEARCH, Template, template_of


class SearchTable(Strict):
    """The table ``[search]``."""

    method: Method = "grid"
    trials: int | None = None
    maximize: tuple[str, ...] = ("accuracy",)
    minimize: tuple[str, ...] = ("accuracy_gap",)
    select_on: str = "validation"
    batch: int = 8
    seed: int = 0
    beside: tuple[dict[str, Any], ...] = Field(default=())


def read_search(path: Path, *, changes: Sequence[str] = (), trust: Sequence[str] = ()) -> Search:
    """Read the recipe of a search.

    Args:
        path: The TOML file.
        changes: ``table.key=value`` texts that change single settings, ``search.trials=40`` among them.
        trust: Models named ``module:function`` that may be imported and run.

    Returns:
        The search.

    Raises:
        BadInput: The file is absent or not TOML; a table, key, choice, place or value is wrong. The message says which.
    """
    return parse_search(read_tables(path, changes=changes), source=str(path), trust=trust)


def parse_search(tables: Mapping[str, Any], *, source: str = "recipe", trust: Sequence[str] = ()) -> Search:
    """Turn the tables of a recipe into a search.

    Args:
        tables: What a TOML reader gives.
        source: What messages call the recipe.
        trust: Models named ``module:function`` that may be imported and run.

    Returns:
        The search.

    Raises:
        BadInput: A table, key, choice, place or value is wrong.
    """
    rest = {name: table for name, table in tables.items() if name != SEARCH}
    asked: SearchTable = validated(SearchTable, tables.get(SEARCH, {}), source, SEARCH)
    templates = _templates(rest.get("variant", ()), source)
    audit = parse_recipe({**rest, "variant": ()}, source=source, trust=trust)
    replace(audit, variants=tuple(one.at(one.first()) for one in templates))  # refuses names that are taken
    if any("stopping" in one.kinds for one in templates):
        audit = replace(audit, training=replace(audit.training, keep_epochs=_every(audit.training.epochs)))
    return Search(
        audit=audit,
        templates=templates,
        aims=(
            *_aims(asked.maximize, "higher", audit.groups, source),
            *_aims(asked.minimize, "lower", audit.groups, source),
        ),
        method=asked.method,
        trials=asked.trials,
        batch=asked.batch,
        seed=asked.seed,
        select_on=asked.select_on,
        beside=choices_of(asked.beside, f"{source}, table [search], beside"),
    )


def _every(epochs: int) -> tuple[int, ...]:
    """Return all epochs: which are kept is part of a training's key, and it must not hang on what is tried."""
    return tuple(range(1, epochs + 1))


def _templates(tables: Any, source: str) -> tuple[Template, ...]:
    if not isinstance(tables, Sequence) or not all(isinstance(table, Mapping) for table in tables):
        raise BadInput(f"{source}: variant is {tables!r}; tables [[variant]] were expected.")
    found: list[Template] = []
    for table in tables:
        name, choices = table.get("name"), table.get("choices")
        if not isinstance(name, str) or not isinstance(choices, Sequence) or set(table) != {"name", "choices"}:
            raise BadInput(f"{source}, [[variant]] {dict(table)}: the keys 'name' and 'choices' were expected.")
        found.append(template_of(name, choices, source=source))
    return tuple(found)


def _aims(texts: Sequence[str], better: Better, groups: Sequence[str], source: str) -> list[Aim]:
    try:
        return [Aim.parse(text, better=better, groups=groups) for text in texts]
    except BadInput as error:
        raise BadInput(f"{source}, table [search]: {error}") from error
