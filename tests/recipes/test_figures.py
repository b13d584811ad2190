"""Every figure asks a question that can be asked, and can be read at the smallest scale."""

import json
import tomllib
from dataclasses import replace

import pytest
import tomli_w

from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.cli.main import invoke
from disparate.engine.local import LocalEngine
from disparate.recipes.figures import FIGURES, figure_named
from disparate.recipes.reproduction import reproduce
from disparate.recipes.setting import MATERIALS, SCALES, setting
from disparate.recipes.telling import written
from disparate.store.runs import Store

OUTCOMES = {"seen", "not seen", "contradicted", "cannot be told"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store.open(tmp_path_factory.mktemp("store"))


def smallest():
    """The smallest setting that can be read: two seeds, one epoch, 900 pictures made by code."""
    at = setting("smoke", "synthetic")
    return replace(
        at, models=2, epochs=2, rates=(0.5,), model={"name": "small_cnn", "width": 4}, data={**at.data, "examples": 900}
    )


@pytest.mark.parametrize("name", sorted(FIGURES))
@pytest.mark.parametrize("scale", SCALES)
def test_every_question_survives_its_recipe(name, scale):
    figure = FIGURES[name]
    for on in figure.on:
        audit = figure.ask(setting(scale, on))
        assert parse_recipe(tomllib.loads(tomli_w.dumps(recipe_tables(audit)))) == audit
        assert scale in audit.name
        assert on in audit.name


QUICK = {"fairxbar/fig7"}
"""FairXbar's figures hold up to fourteen variants on several chips each: one of them stands for all in a quick run."""
READ = [
    pytest.param(name, marks=pytest.mark.slow) if name.startswith("fairxbar/") and name not in QUICK else name
    for name in sorted(FIGURES)
]


@pytest.mark.parametrize("name", READ)
def test_every_figure_is_read_at_the_smallest_scale(name, store):
    figure = FIGURES[name]
    if figure.look is not None:
        subsets = min(figure.look.subsets, 4)
        figure = replace(figure, look=replace(figure.look, curvature=20, examples=60, subsets=subsets))
    made = reproduce(figure, smallest(), store=store, engine=LocalEngine(slots=2))
    assert made.statements
    assert {item.outcome for item in made.statements} <= OUTCOMES
    assert made.grids
    assert all(grid.cells for grid in made.grids)
    path = written(made, store.root)
    told = json.loads(path.read_text())
    assert told["figure"] == name
    assert [item["claim"] for item in told["statements"]] == [item.claim for item in made.statements]
    assert "NaN" not in path.read_text()
    text = path.with_suffix(".md").read_text()
    assert all(item.outcome in text for item in made.statements)
    assert (store.root / made.report).is_file()


def test_arms_have_as_many_epochs_and_differ_by_their_objectives():
    audit = figure_named("tran2022_pruning/fig8").ask(setting("laptop", "utkface_ethnicity"))
    assert len(audit.variants) == 4 * 3
    assert {variant.tunings()[0].choice.tuning(audit.training).epochs for variant in audit.variants} == {4}
    own = {
        variant.name: (variant.objective({"name": "erm"})["name"], variant.tunings()[0].choice.objective["name"])
        for variant in audit.variants
        if "70 %" in variant.name
    }
    assert own == {
        "no mitigation, prune 70 %": ("erm", "erm"),
        "fair before pruning, prune 70 %": ("equal_loss", "erm"),
        "fair after pruning, prune 70 %": ("erm", "equal_loss"),
        "fair both, prune 70 %": ("equal_loss", "equal_loss"),
    }


def test_every_material_is_asked_for_by_a_figure():
    assert set(MATERIALS) == {on for figure in FIGURES.values() for on in figure.on}


def test_figures_are_listed_and_a_recipe_is_printed(capsys):
    assert invoke(["reproduce", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in FIGURES)
    assert invoke(["reproduce", "tran2022_pruning/fig8", "--scale", "smoke", "--on", "synthetic", "--recipe"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["audit"]["name"] == "tran2022-arms-synthetic-smoke"


def test_seeds_and_epochs_that_are_asked_for_hold_where_a_paper_has_its_own(capsys):
    words = ["reproduce", "fairxbar/fig6", "--scale", "paper", "--on", "fitzpatrick17k", "--recipe"]
    assert invoke([*words, "--seeds", "2", "--epochs", "7"]) == 0
    asked = tomllib.loads(capsys.readouterr().out)
    assert (asked["audit"]["seeds"], asked["training"]["epochs"]) == ([0, 1], 7)
    assert asked["audit"]["name"].endswith("-fitzpatrick17k-paper-2seeds-7epochs")  # a folder of its own
    assert asked["training"]["learning_rate"] == pytest.approx(1e-4)  # VGG-11, whose last layers have no normalisation


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tran2022_pruning/fig88"], "Did you mean 'tran2022_pruning/fig8'?"),
        (["tran2022_pruning/fig8", "--scale", "tiny"], "--scale 'tiny' is unknown."),
        (["tran2022_pruning/fig8", "--on", "utkfac_age"], "Did you mean 'utkface_age'?"),
        (["fairxbar/fig8", "--on", "digits"], "fairxbar/fig8 is made on ham10000, fitzpatrick17k, synthetic."),
        (["fairxbar/width", "--network", "torchvision:vgg11", "--recipe"], "makes small CNNs, each of another width"),
    ],
)
def test_what_is_not_known_is_said(words, said, capsys):
    assert invoke(["reproduce", *words]) == 3
    assert said in capsys.readouterr().err
