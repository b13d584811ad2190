"""Cards: fixed headings, code that runs, recipes' names for settings."""

import re
from pathlib import Path

import pytest

from disparate.choices import CHOICES

CARDS = Path(__file__).parents[2] / "docs" / "choices"
HEADINGS = [
    "What it changes",
    "Whom it touched in the literature",
    "Settings",
    "How it composes",
    "Limits",
    "References",
]


def text_of(name: str) -> str:
    return (CARDS / f"{name}.md").read_text(encoding="utf-8")


def test_headings_are_the_fixed_ones(name):
    assert re.findall(r"^## (.*)$", text_of(name), flags=re.MULTILINE) == HEADINGS


def test_code_runs(name):
    blocks = re.findall(r"^```python\n(.*?)^```", text_of(name), flags=re.MULTILINE | re.DOTALL)
    assert blocks, f"docs/choices/{name}.md has no code block"
    for block in blocks:
        exec(compile(block, f"{name}.md", "exec"), {"__name__": "card"})


def test_no_card_without_a_choice():
    assert sorted(path.stem for path in CARDS.glob("*.md")) == sorted(CHOICES.entries)


@pytest.mark.parametrize("word", ["debias", "unbiased model", "fair model", "guarantees fairness"])
def test_words_about_people(name, word):
    assert word not in text_of(name).lower()
