"""The table [search] and what stands around it."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from disparate.auditing.recipe import parse_recipe
from disparate.choices.attack import Attack
from disparate.choices.objective import Objective
from disparate.errors import BadInput
from disparate.search.aims import Aim
from disparate.search.proposing import given, proposer
from disparate.search.recipe import parse_search, read_search


def test_reads_what_it_says(tables):
    beside = [{"choice": "attack", "epsilon": 0.01}]
    asked = {"method": "tpe", "trials": 9, "batch": 3, "seed": 5, "beside": beside}
    search = parse_search({
        **tables,
        "search": asked | {"maximize": ["accuracy"], "minimize": ["churn", "accuracy_gap"]},
    })
    assert (search.method, search.trials, search.batch, search.seed) == ("tpe", 9, 3, 5)
    assert [aim.text for aim in search.aims] == ["accuracy", "churn", "accuracy_gap"]
    assert search.beside == (Attack(epsilon=0.01),)
    assert (search.select_on, search.audit.split, search.audit.variants) == ("validation", "test", ())
    assert [template.name for template in search.templates] == ["pruned", "int8"]


def test_without_a_table_it_is_accuracy_against_its_gap(tables):
    search = parse_search({name: table for name, table in tables.items() if name != "search"})
    assert [(aim.text, aim.better) for aim in search.aims] == [("accuracy", "higher"), ("accuracy_gap", "lower")]


def test_changes_reach_the_table(recipe_text, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(recipe_text, encoding="utf-8")
    search = read_search(path, changes=["search.trials=7", "search.method=tpe", "training.epochs=3"])
    assert (search.trials, search.method, search.audit.training.epochs) == (7, "tpe", 3)


def test_which_epochs_are_kept_does_not_hang_on_what_is_tried(tables):
    """It is part of a training's key: a new epoch to stop at must not train the reference again."""
    tables["training"]["epochs"] = 3
    stopping = [{"choice": "stopping", "epoch": {"search": [1, 2]}}]
    search = parse_search({**tables, "variant": [{"name": "stopped", "choices": stopping}]})
    assert search.audit.training.keep_epochs == (1, 2, 3)
    assert parse_search(tables).audit.training.keep_epochs == ()


def test_an_audit_does_not_take_it(tables):
    with pytest.raises(BadInput, match=r"r\.toml holds a table \[search\].*run 'disparate search' with it"):
        parse_recipe(tables, source="r.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"search": {"metod": "grid"}}, "r.toml, table [search]: unknown key 'metod'. Did you mean 'method'?"),
        ({"search": {"method": "random"}}, "table [search]: key 'method' is 'random'"),
        ({"search": {"maximize": []}}, "aims are ['accuracy_gap']; two or more were expected"),
        ({"search": {"maximize": ["acuracy"]}}, "r.toml, table [search]: unknown"),
        ({"search": {"select_on": "test"}}, "select_on and [audit] split are both 'test'"),
        ({"search": {"trials": 0}}, "trials is 0; 1 or more was expected"),
        ({"search": {"batch": 1}}, "batch is 1; 2 or more was expected"),
        ({"search": {"seed": -1}}, "seed is -1"),
        ({"search": {"beside": [{"choice": "prune", "rate": 0.5}]}}, "only choices that alter inputs, such as attack"),
        ({"variant": ()}, "there is no [[variant]]"),
        ({"variant": 3}, "variant is 3; tables [[variant]] were expected."),
        ({"variant": [{"name": "v"}]}, "the keys 'name' and 'choices' were expected."),
        ({"variant": [{"name": "reference", "choices": [{"choice": "seed"}]}]}, "a variant is called ['reference']"),
        ({"variant": [{"name": "v", "choices": [{"choice": "sed"}]}]}, "Did you mean 'seed'?"),
        (
            {"search": {"method": "tpe"}, "variant": [{"name": "v", "choices": [{"choice": "seed"}]}]},
            "no variant holds",
        ),
        ({"audit": {"nme": "x"}}, "unknown key 'nme'"),
    ],
)
def test_what_is_refused(tables, change, said):
    with pytest.raises(BadInput) as caught:
        parse_search({**tables, **change}, source="r.toml")
    assert said in str(caught.value)


def test_two_variants_of_one_name(tables):
    twice = [{"name": "v", "choices": [{"choice": "seed"}]}] * 2
    with pytest.raises(BadInput, match="hold a name twice"):
        parse_search({**tables, "variant": twice})


def test_an_aim_twice(tables):
    search = parse_search(tables)
    aim = Aim.parse("accuracy", better="higher", groups=("tone",))
    with pytest.raises(BadInput, match="hold one twice"):
        replace(search, aims=(aim, aim))


def test_the_recipe_of_the_page_and_that_of_the_examples_can_be_read():
    root = Path(__file__).parents[2]
    page = (root / "docs" / "search.md").read_text(encoding="utf-8")
    block = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)[0]
    search = parse_search(tomllib.loads(block))
    grid = proposer(search).ask()
    assert len(grid) == 3 * 2 + 5
    assert [trial.variant.name for trial in given(search)] == ["int8"]
    assert grid[1].variant.name == "pruned, rate 0.3, then fine_tune epochs=2"
    assert grid[-1].variant.choices == (Objective(name="boundary_distance", settings={"strength": 3.0}),)
    assert len(proposer(read_search(root / "examples" / "search.toml")).ask()) == 6
    assert len(proposer(read_search(root / "examples" / "search_faces.toml")).ask()) == 7
