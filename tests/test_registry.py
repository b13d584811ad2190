from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate import registry
from disparate.errors import BadInput, require
from disparate.registry import Registry, import_object

FAMILY = Registry(family="shapes", entries={"square": "collections:OrderedDict", "circle": "json:dumps"})


def test_names_are_sorted_and_nothing_is_imported_for_them():
    assert Registry(family="shapes", entries={"b": "no.such:thing", "a": "none:either"}).names() == ["a", "b"]


def test_a_name_gives_its_object():
    assert FAMILY.load("circle")([1]) == "[1]"


@settings(max_examples=40, deadline=None)
@given(name=st.text(max_size=12).filter(lambda text: text not in FAMILY.entries))
def test_an_unknown_name_is_refused_and_shown(name):
    with pytest.raises(BadInput) as error:
        FAMILY.load(name)
    assert f"unknown name '{name}' among the shapes." in str(error.value)


def test_the_nearest_name_is_suggested():
    with pytest.raises(BadInput, match=r"unknown name 'sqare' among the shapes\. Did you mean 'square'\?"):
        FAMILY.load("sqare")


def test_another_package_adds_a_name_but_takes_none(monkeypatch):
    family, asked = Registry(family="outlines", entries=FAMILY.entries), []

    def entry_points(*, group):
        asked.append(group)
        return [
            EntryPoint(name="star", value="json:loads", group=group),
            EntryPoint(name="circle", value="json:loads", group=group),
        ]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert family.names() == ["circle", "square", "star"]
    assert family.load("star")("[1]") == [1]
    assert family.load("circle").__name__ == "dumps"
    assert asked == ["disparate.outlines"]


@dataclass(frozen=True, kw_only=True)
class Box:
    width: float = 1.0
    kind: Literal["open", "closed"] = "open"

    def __post_init__(self) -> None:
        require(self.width > 0, f"Box(width={self.width})", "a positive number")


@pytest.fixture
def boxes(monkeypatch):
    monkeypatch.setattr(registry, "import_object", lambda target: Box)
    return Registry(family="shapes", entries={"box": "any:Box"})


def test_a_value_is_built_of_its_settings(boxes):
    assert boxes.build("box", {"width": 2, "kind": "closed"}) == Box(width=2.0, kind="closed")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"width": "2"}, "shape 'box': key 'width' is '2'; a valid number was expected."),
        ({"width": -1}, "shape 'box': Box(width=-1.0): a positive number was expected."),
        ({"kind": "opn"}, "key 'kind' is 'opn'; 'open' or 'closed' was expected. Did you mean 'open'?"),
        ({"widht": 2}, "shape 'box': unknown key 'widht' (found 2). Did you mean 'width'?"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_text(boxes, given, text):
    with pytest.raises(BadInput) as error:
        boxes.build("box", given)
    assert text in str(error.value)


def test_every_wrong_setting_is_named_at_once(boxes):
    with pytest.raises(BadInput) as error:
        boxes.build("box", {"width": "2", "kind": "opn", "depth": 1})
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("json", "'json' names no object: 'module:attribute' was expected."),
        ("json:dmups", "'json:dmups' cannot be loaded: module 'json' has no attribute 'dmups'."),
        ("no_such_module:thing", "'no_such_module:thing' cannot be loaded: No module named 'no_such_module'."),
    ],
)
def test_a_target_that_leads_nowhere_is_refused(target, message):
    with pytest.raises(BadInput) as error:
        import_object(target)
    assert str(error.value) == message


def test_an_attribute_of_an_attribute_is_found():
    assert import_object("collections:OrderedDict.fromkeys")("a") == {"a": None}
