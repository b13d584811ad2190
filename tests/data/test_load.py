import subprocess
import sys
from pathlib import Path

import pytest

from disparate.data import DATA, load
from disparate.errors import BadInput


def test_every_source_has_a_loader_that_names_its_problems():
    assert set(DATA.entries) == {"cifar10", "image_folder", "saved", "synthetic", "tabular", "utkface"}
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


def test_a_relative_root_is_looked_for_here_and_then_below_the_variable(faces, monkeypatch, tmp_path):
    monkeypatch.setenv("DISPARATE_DATA", str(faces.root.parent))
    assert len(load("utkface", root=Path(faces.root.name), size=8)) == 240
    monkeypatch.chdir(faces.root.parent)
    monkeypatch.delenv("DISPARATE_DATA")
    assert len(load("utkface", root=Path(faces.root.name), size=8)) == 240
    with pytest.raises(BadInput, match=r"data folder 'nowhere' does not exist. Name another with --data"):
        load("utkface", root=Path("nowhere"))


def test_loading_needs_no_torch():
    code = "import sys; from disparate.data import load; load('synthetic'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
