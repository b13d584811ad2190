"""The root: the table of lazy names, ``__all__`` and what type checkers see are one."""

import ast
from pathlib import Path

import pytest

import disparate

ROOT = Path(disparate.__file__)


def seen_by_type_checkers() -> dict[str, str]:
    blocks = [
        node
        for node in ast.parse(ROOT.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [node for node in blocks[0].body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def test_the_three_lists_agree():
    assert seen_by_type_checkers() == disparate._HOMES
    assert sorted(disparate._HOMES) == sorted(disparate.__all__) == dir(disparate)


@pytest.mark.parametrize("name", disparate.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    found = getattr(disparate, name)
    assert found.__doc__
    assert found.__module__ == disparate._HOMES[name]


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="module 'disparate' has no attribute 'debias'"):
        _ = disparate.debias
