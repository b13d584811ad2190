"""Papers: cited where they are used, and everywhere under one key."""

import re
import tomllib
from pathlib import Path

import pytest

KEY_IN_CODE = re.compile(r"\b([a-z]+(?:19|20)\d\d)\b(?=[,)'’]|\s+(?:calls|eq))")


@pytest.fixture(scope="module")
def entries(root) -> dict[str, str]:
    text = (root / "docs" / "references.bib").read_text(encoding="utf-8")
    return dict(re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", text, flags=re.MULTILINE | re.DOTALL))


def arxiv_ids(text: str) -> set[str]:
    return set(re.findall(r"(?:arXiv:|\()(\d{4}\.\d{4,5})\b", text))


def test_every_key_in_the_code_has_an_entry(root, entries):
    used = {
        key for path in (root / "src").rglob("*.py") for key in KEY_IN_CODE.findall(path.read_text(encoding="utf-8"))
    }
    assert "tran2022" in used
    assert used <= set(entries)


def test_every_entry_says_who_what_and_when(entries):
    for key, body in entries.items():
        for field in ("title", "author", "year"):
            assert f"{field} = {{" in body, f"{key} has no {field}"
        year = re.search(r"year = \{(\d+)\}", body)
        assert year
        assert key.endswith(year[1])


def test_papers_named_by_number_are_in_the_references(root, entries):
    known = set(re.findall(r"eprint = \{([\d.]+)\}", "".join(entries.values())))
    pages = [root / "CITATION.cff", *(root / "docs").rglob("*.md")]
    named = {number: page.name for page in pages for number in arxiv_ids(page.read_text(encoding="utf-8"))}
    assert {number: page for number, page in named.items() if number not in known} == {}


def test_the_citation_file_is_of_this_version(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {project['version']}\n" in text
    assert f"\nlicense: {project['license']}\n" in text
    assert f"\n## {project['version']} - " in (root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_file_is_well_formed(root):
    yaml = pytest.importorskip("yaml")
    item = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert item["cff-version"] == "1.2.0"
    assert set(item) >= {"message", "title", "authors"}
    for paper in item["references"]:
        assert set(paper) >= {"type", "title", "authors", "year"}
        assert all(set(author) == {"given-names", "family-names"} for author in paper["authors"])


def test_titles_agree_between_the_two_files(root, entries):
    def plain(text: str) -> str:
        return re.sub(r"[^a-z]+", " ", text.lower()).strip()

    titles = {plain(title) for title in re.findall(r"title = \{(.*)\},$", "\n".join(entries.values()), re.MULTILINE)}
    text = Path(root / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.findall(r"^    title: \"?(.*?)\"?$", text, flags=re.MULTILINE)
    assert len(cited) == 6
    assert {plain(title) for title in cited} <= titles
