"""The shape of the house: how long functions and files are, and what they are called."""

import ast
import io
import tokenize
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "src" / "disparate"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FUNCTION = 60
LONGEST_FILE = 600
MEDIAN_FUNCTION = 8
NO_NAMES = {"utils", "helpers", "helper", "common", "core", "misc", "manager", "handler"}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(text: str) -> set[int]:
    """Return the lines that hold code: no blank, no comment."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {line for token in tokens if token.type not in NO_CODE for line in range(token.start[0], token.end[0] + 1)}


def docstring_lines(function: Function) -> set[int]:
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None or not first.end_lineno:
        return set()
    return set(range(first.lineno, first.end_lineno + 1))


def lengths(path: Path) -> dict[str, int]:
    """Return the code lines of every function of a file, its signature included and its docstring not."""
    text = path.read_text(encoding="utf-8")
    code = code_lines(text)
    return {
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}": len(
            code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)) - docstring_lines(node)
        )
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function)
    }


@pytest.fixture(scope="module")
def functions() -> dict[str, int]:
    return {name: length for path in FILES for name, length in lengths(path).items()}


@pytest.fixture(scope="module")
def files() -> dict[str, int]:
    return {str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}


def percentiles(sizes: dict[str, int]) -> str:
    values = list(sizes.values())
    half, most, top = (int(np.percentile(values, share)) for share in (50, 95, 100))
    return (
        f"{len(values)}, median {half}, 95 % within {most}, longest {top} ({max(sizes, key=lambda name: sizes[name])})"
    )


def test_functions_are_short(functions, capsys):
    with capsys.disabled():
        print(f"\nfunctions: {percentiles(functions)}")
    assert {name: length for name, length in functions.items() if length > LONGEST_FUNCTION} == {}
    assert np.median(list(functions.values())) <= MEDIAN_FUNCTION


def test_files_are_short(files, capsys):
    with capsys.disabled():
        print(f"\nfiles: {percentiles(files)}")
    assert {name: length for name, length in files.items() if length > LONGEST_FILE} == {}


def test_names_say_what_is_inside():
    named = {part for path in FILES for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert named & NO_NAMES == set()


def test_the_count_leaves_out_docstring_comment_and_blank_lines():
    text = (
        'def f(a,\n      b):\n    """Say.\n\n    More.\n    """\n\n    # why\n    c = """x\n\n    y"""\n    return a\n'
    )
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert sorted(code_lines(text) - docstring_lines(tree)) == [1, 2, 9, 10, 11, 12]
