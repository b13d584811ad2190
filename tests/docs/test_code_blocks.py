"""The code of the pages runs: Python as a user's own script, shell as far as the words of a command go."""

import re
import runpy
import shlex
import tomllib

import pytest
import typer

from disparate.cli.main import app, invoke

VARIABLE = re.compile(r"[A-Z][A-Z_]*=\S*")


def test_python_runs(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "page.py"
    file.write_text(script, encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")


def test_shell_is_made_of_words_that_exist(shell, root):
    words = shlex.split(shell, comments=True)
    while VARIABLE.fullmatch(words[0]):
        words = words[1:]
    check = {"disparate": parse_disparate, "make": parse_make, "pip": parse_pip, "python": parse_python}
    name = words[0].rpartition("/")[2]
    if name in check:
        check[name](words[1:], root)
    else:
        assert name in {"cd", "export", "git", "source", "ruff", "pyright", "lint-imports", "pytest"}, shell


def parse_disparate(words, _root):
    name, *rest = words
    group = typer.main.get_command(app)
    if name.startswith("--"):
        assert invoke(words) == 0
        return
    command = group.commands[name]
    command.make_context(name, rest)


def parse_make(words, root):
    text = (root / "Makefile").read_text(encoding="utf-8")
    for target in words:
        assert re.search(rf"^{target}:", text, flags=re.MULTILINE), f"Makefile has no target '{target}'"


def parse_pip(words, root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert words[0] == "install"
    extras = re.findall(r"\[([\w,]+)\]", " ".join(words))
    for extra in ",".join(extras).split(",") if extras else []:
        assert extra in project["optional-dependencies"]


def parse_python(words, root):
    assert (root / words[0]).exists()


def test_a_word_that_does_not_exist_is_found():
    with pytest.raises(Exception, match="--maximum"):
        parse_disparate(["gate", "runs/demo", "--maximum", "1"], None)
