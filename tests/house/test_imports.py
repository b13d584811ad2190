"""What is imported before anything runs: nothing heavy."""

import json
import subprocess
import sys

import pytest

from disparate.cli.main import app
from disparate.registry import Registry, import_object

HEAVY = ["torch", "torchvision", "torchao", "pandas", "plotly", "pyarrow", "pydantic", "matplotlib", "scipy", "duckdb"]
OURS = [
    "disparate.auditing",
    "disparate.choices",
    "disparate.data",
    "disparate.report",
    "disparate.search",
    "disparate.training",
]
COMMANDS = [
    "audit",
    "compare",
    "doctor",
    "explain",
    "gate",
    "power",
    "protect",
    "recipe",
    "report",
    "reproduce",
    "runs",
    "search",
]
FAMILIES = {
    "choices": "disparate.choices:CHOICES",
    "data": "disparate.data:DATA",
    "measures": "disparate.measures.table:MEASURES",
    "models": "disparate.models:MODELS",
    "objectives": "disparate.objectives:OBJECTIVES",
}


def loaded_after(program: str) -> list[str]:
    """Run a program in a fresh process and return which heavy modules it loaded."""
    report = (
        f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program + report], capture_output=True, text=True, check=True)
    return json.loads(done.stderr.splitlines()[-1])


def test_importing_disparate_loads_nothing_heavy():
    assert loaded_after("import disparate") == []


def test_the_check_sees_what_is_loaded():
    assert loaded_after("import pydantic") == ["pydantic"]


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)], ids=" ".join
)
def test_help_loads_nothing_heavy(words):
    program = f"from disparate.cli.main import invoke\nassert invoke({words}) == 0"
    by_typer = [] if words == ["--help"] else ["pydantic"]  # newer typer reads the words of a command with pydantic
    assert loaded_after(program) in ([], by_typer)


def test_no_command_is_forgotten_here():
    assert sorted(command.callback.__name__ for command in app.registered_commands if command.callback) == COMMANDS


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_entry_of_a_family_is_there(family):
    registry = import_object(FAMILIES[family])
    assert isinstance(registry, Registry)
    assert registry.family == family
    assert list(registry.entries) != []
    for name in registry.entries:
        assert registry.load(name) is not None
