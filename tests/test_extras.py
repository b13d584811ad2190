import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.errors import MissingExtra
from disparate.extras import EXTRAS, install_hint, require

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_what_is_there_is_imported():
    assert require("json.decoder", wanted_for="a test").JSONDecodeError


def test_what_is_absent_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(EXTRAS, "stars", ("no_such_module",))
    with pytest.raises(MissingExtra) as error:
        require("no_such_module.part", wanted_for="model 'stars:sun'")
    assert str(error.value) == (
        "model 'stars:sun': module 'no_such_module.part' could not be imported (No module named 'no_such_module'). "
        "Install it with: pip install 'disparate[stars]'"
    )


def test_a_module_that_fails_while_it_is_imported_is_no_crash(tmp_path, monkeypatch):
    (tmp_path / "broken_extra.py").write_text("from json import no_such_name\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingExtra, match=r"could not be imported \(cannot import name 'no_such_name'"):
        require("broken_extra", wanted_for="a test")


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_the_hint_names_an_extra_that_the_package_has(extra):
    assert extra in PROJECT["optional-dependencies"]
    for module in EXTRAS[extra]:
        assert install_hint(f"{module}.part") == f"Install it with: pip install 'disparate[{extra}]'"


def test_every_extra_for_users_has_its_modules():
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"]) - {"test"}


@settings(max_examples=30, deadline=None)
@given(module=st.from_regex(r"zz[a-z]{1,8}", fullmatch=True))
def test_a_module_of_no_extra_is_its_own_package(module):
    assert install_hint(module) == f"Install it with: pip install {module}"
