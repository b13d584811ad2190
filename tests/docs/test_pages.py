"""Links lead somewhere, words are those of the house, and nothing names a machine."""

import re
from pathlib import Path

import pytest

FORBIDDEN = ("debias", "unbiased model", "fair model", "guarantees fairness")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMING = {"docs/report.png"}
"""Files that are made by running the demo."""


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_links_lead_to_files_and_headings(page, root):
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path.replace("\\", "")).resolve() if path else page
        if str(target.relative_to(root)) in COMING:
            continue
        assert target.exists(), f"{page.name}: '{link}' leads nowhere"
        assert not anchor or anchor in anchors(target), f"{page.name}: '{link}' has no such heading"


def test_words_about_people(page):
    text = page.read_text(encoding="utf-8").lower()
    if page.name == "talking.md":
        text = re.sub(r"\*[a-z ]+\*", "", text)  # where the words are quoted that are not used
    for word in FORBIDDEN:
        assert word not in text, f"{page.name} says '{word}'"


def test_words_about_people_in_what_reports_and_messages_say(root):
    files = [path for path in (root / "src").rglob("*") if path.suffix in {".py", ".j2", ".js", ".toml"}]
    assert any(path.suffix == ".j2" for path in files)
    for path in files:
        text = path.read_text(encoding="utf-8").lower()
        assert [word for word in FORBIDDEN if word in text] == [], path.name


@pytest.mark.parametrize("pattern", [r"/work/", r"/home/\w", r"/root/", r"/tmp/\w"])
def test_no_path_of_a_machine(pattern, page):
    assert re.search(pattern, page.read_text(encoding="utf-8")) is None


def test_every_page_is_reached_from_the_readme(root):
    seen: set[Path] = set()
    todo = [root / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if not link.startswith("http")]
    assert set((root / "docs").rglob("*.md")) <= seen


def test_the_licence_is_whole_and_unmodified(root):
    text = (root / "LICENSE").read_text(encoding="utf-8")
    assert text.split() == text.replace("\r", "").split()
    for number, title in enumerate(["Definitions", "Grant of Copyright License", "Grant of Patent License"], start=1):
        assert f"   {number}. {title}." in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert re.findall(r"Copyright .*", text.split("APPENDIX")[1]) == ["Copyright [yyyy] [name of copyright owner]"]
    assert len(text) == 11358
