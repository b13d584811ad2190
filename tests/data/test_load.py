import subprocess
import sys
from pathlib import Path

import pytest

from disparate.data import DATA, data_named, load
from disparate.data.layout import resolve_root
from disparate.errors import BadInput


def test_every_source_has_a_loader_that_names_its_problems():
    assert set(DATA.entries) == {
        "celeba",
        "cifar10",
        "digits",
        "fitzpatrick17k",
        "ham10000",
        "image_folder",
        "saved",
        "svhn",
        "synthetic",
        "tabular",
        "utkface",
    }
    for name in set(DATA.entries) - {"saved"}:
        assert "Known problems" in DATA.load(name).__doc__


def test_an_unknown_source_or_setting_gets_a_suggestion(tmp_path):
    with pytest.raises(BadInput, match=r"unknown name 'utkfaces' among the data. Did you mean 'utkface'"):
        load("utkfaces", root=tmp_path)
    with pytest.raises(BadInput, match=r"data source 'utkface' has no setting 'targt'. Did you mean 'target'\?"):
        load("utkface", root=tmp_path, targt="race")


def test_absent_required_settings_are_all_named(tmp_path):
    with pytest.raises(BadInput, match="'tabular' needs the settings table, target, groups; absent: target, groups"):
        load("tabular", root=tmp_path, table="t.csv")


def test_the_root_comes_from_the_variable_where_none_is_given(faces, monkeypatch):
    monkeypatch.delenv("DISPARATE_DATA", raising=False)
    with pytest.raises(BadInput, match=r"no data folder is given. Name it with --data or set DISPARATE_DATA"):
        load("utkface")
    monkeypatch.setenv("DISPARATE_DATA", str(faces.root))
    assert len(load("utkface", size=8)) == 240


def test_a_relative_root_is_looked_for_below_the_variable_and_then_here(tmp_path, monkeypatch):
    for name in ("named/both", "here/both", "here/one"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("DISPARATE_DATA", str(tmp_path / "named"))
    assert resolve_root(Path("both")) == tmp_path / "named" / "both"
    assert resolve_root(Path("one")) == Path("one")
    assert resolve_root(tmp_path / "here" / "both") == tmp_path / "here" / "both"
    assert resolve_root(None) == tmp_path / "named"
    with pytest.raises(BadInput) as error:
        resolve_root(Path("none"))
    assert str(error.value) == (
        f"data folder 'none' does not exist, neither in '{tmp_path}/named' nor here. Name another with --data or set "
        "DISPARATE_DATA."
    )
    monkeypatch.delenv("DISPARATE_DATA")
    assert resolve_root(Path("one")) == Path("one")
    with pytest.raises(BadInput, match=r"data folder 'none' does not exist. Name another with --data"):
        resolve_root(Path("none"))


def test_a_data_set_is_found_below_a_relative_root(faces, monkeypatch):
    monkeypatch.setenv("DISPARATE_DATA", str(faces.root.parent))
    assert len(load("utkface", root=Path(faces.root.name), size=8)) == 240


def test_loading_needs_no_torch():
    code = "import sys; from disparate.data import load; load('synthetic'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "settings", [{"examples": "x"}, {"examples": 300.5}, {"shares": 3}, {"seed": -1}, {"size": None}, {"classes": [2]}]
)
def test_a_setting_of_another_type_is_refused_with_source_and_settings(settings):
    with pytest.raises(BadInput) as error:
        load("synthetic", **settings)
    (name, value), *_ = settings.items()
    assert str(error.value).startswith(f"data source 'synthetic' cannot be loaded with {name}={value!r}: ")
    assert str(error.value).endswith(" Is each setting of the type that its documentation names?")
    assert error.value.__cause__ is not None


def test_a_source_or_root_of_another_type_is_refused(tmp_path):
    with pytest.raises(
        BadInput, match="data source is 3; a text was expected, one of celeba, cifar10, digits, fitzpatrick17k, "
    ):
        data_named({"source": 3})
    with pytest.raises(BadInput, match="data root is 5; the path of a folder, a text, was expected"):
        data_named({"source": "utkface", "root": 5})
    with pytest.raises(BadInput, match="data source 'utkface' cannot be loaded with root=5: "):
        load("utkface", root=5)


def test_an_error_of_disparate_is_not_hidden():
    with pytest.raises(BadInput, match=r"^synthetic: classes=5; 2 or 3 was expected"):
        load("synthetic", classes=5)
