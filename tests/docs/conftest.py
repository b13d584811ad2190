"""Pages, their blocks and where they lie."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "design").glob("*.md"))]
PAGES += sorted((ROOT / "examples").rglob("*.md"))
HOME_OF_CODE = ROOT / "docs" / "choices"
"""Cards of choices; their code is run by the tests of choices."""


def blocks_of(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give ``page`` every page, ``script`` the Python of each page as one program, ``shell`` each shell line."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=name_of)
    if "script" in metafunc.fixturenames:
        pages = [page for page in PAGES if page.parent != HOME_OF_CODE and blocks_of(page, "python")]
        metafunc.parametrize(
            "script", ["\n".join(blocks_of(page, "python")) for page in pages], ids=map(name_of, pages)
        )
    if "shell" in metafunc.fixturenames:
        lines = [(page, line) for page in PAGES for block in blocks_of(page, "bash") for line in block.splitlines()]
        commands = [(page, line.strip()) for page, line in lines if line.strip() and not line.lstrip().startswith("#")]
        metafunc.parametrize("shell", [line for _, line in commands], ids=[f"{name_of(p)}: {x}" for p, x in commands])


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
