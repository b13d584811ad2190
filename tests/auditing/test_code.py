import sys

import pytest
from torch import nn

from disparate.auditing.code import code_of, code_of_network, code_of_trusted
from disparate.errors import BadInput


def test_editing_a_trusted_module_changes_its_hash(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for body in ("return 1", "return 2 "):
        (tmp_path / "my_net.py").write_text(f"def build():\n    {body}\n")
        sys.modules.pop("my_net", None)
        sys.path_importer_cache.clear()
        found.append(code_of_trusted({"name": "my_net:build"}, ["my_net:build"]))
    assert found[0] != found[1]


def test_only_what_is_trusted_is_imported():
    assert code_of_trusted({"name": "nowhere:build"}, []) is None
    assert code_of_trusted({"name": "small_cnn"}, ["small_cnn"]) is None
    with pytest.raises(BadInput, match="'nowhere:build' cannot be loaded"):
        code_of_trusted({"name": "nowhere:build"}, ["nowhere:build"])


def doubling():
    class Inner(nn.Module):
        def forward(self, inputs):
            return inputs * 2

    return nn.Sequential(Inner())


def halving():
    class Inner(nn.Module):
        def forward(self, inputs):
            return inputs / 2

    return nn.Sequential(Inner())


def test_every_part_of_a_network_counts():
    assert repr(doubling()) == repr(halving())
    assert code_of_network(doubling()) == code_of_network(doubling())
    assert code_of_network(doubling()) != code_of_network(halving())


def test_what_has_no_source_counts_by_its_text():
    assert code_of(len, "a") != code_of(len, "b")
