from dataclasses import replace

import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.panel import Cut, Panel, cuts_of, units_of
from disparate.predictions import Run


@pytest.fixture
def place(world):
    return world(0, sizes=(30, 20))


@pytest.fixture
def panel(place):
    runs = [place.train(Run(seed=seed, repeat=repeat)) for seed in (1, 2) for repeat in (0, 1)]
    runs += [place.train(Run(variant="noisy", seed=seed, draw=draw)) for seed in (2, 3) for draw in range(2)]
    return Panel.of(runs)


def test_runs_are_arranged_by_variant_seed_and_draw(panel):
    assert panel.variants == ("reference", "noisy")
    assert panel.seeds("noisy") == (2, 3)
    assert panel.paired_seeds("noisy") == (2,)
    assert panel.draws("noisy") == 2
    assert len(panel.repeats) == 2


def test_levels_average_draws_and_differences_take_common_seeds(panel):
    values = np.arange(len(panel.runs), dtype=float)
    rows = panel.rows("noisy", 2)
    assert (panel.levels("noisy") @ values)[0] == pytest.approx(np.mean(rows))
    reference = panel.rows("reference", 2)[0]
    assert panel.differences("noisy") @ values == pytest.approx([np.mean(rows) - reference])


def test_repeats_find_the_run_they_repeat(panel):
    for again, first in panel.repeated():
        assert panel.repeats[again].run.seed == panel.runs[first].run.seed


def test_the_reference_has_to_be_there(place):
    with pytest.raises(BadInput, match="1 runs and none of variant 'reference'; its first repeat was expected"):
        Panel.of([place.train(Run(variant="int8"))])


def test_a_run_may_not_occur_twice(place):
    with pytest.raises(BadInput, match=r"Run\(variant='reference', seed=0, draw=0, repeat=0\) occurs twice"):
        Panel.of([place.train(Run()), place.train(Run())])


def test_a_variant_has_to_share_a_seed(place):
    with pytest.raises(BadInput, match=r"variant 'int8' has seeds \[4\] and the reference \[0\]; at least one common"):
        Panel.of([place.train(Run()), place.train(Run(variant="int8", seed=4))])


def test_a_repeat_needs_what_it_repeats(place):
    with pytest.raises(BadInput, match="repeats a run that is not there; repeat 0 of its seed was expected"):
        Panel.of([place.train(Run()), place.train(Run(seed=5, repeat=1))])


def test_examples_have_to_be_the_same(place):
    first, other = place.train(Run()), place.train(Run(variant="int8"))
    with pytest.raises(BadInput, match="the same examples in the same order"):
        Panel.of([first, other.take(np.arange(50)[::-1])])


def test_groups_have_to_agree(place):
    first, other = place.train(Run()), place.train(Run(variant="int8"))
    race = first.attributes["race"]
    moved = replace(other, attributes={**first.attributes, "race": Attribute(names=race.names, codes=1 - race.codes)})
    panel = Panel.of([first, moved])
    with pytest.raises(BadInput, match="place examples in different groups of 'race'"):
        cuts_of(panel, ["race"], {})


def test_a_reference_group_of_nothing_asked_for(panel):
    with pytest.raises(
        BadInput, match=r"reference group given for 'rase', which is not asked for\. Did you mean 'race'"
    ):
        cuts_of(panel, ["race"], {"rase": "large"})


def test_everyone_comes_first_and_has_no_name(panel):
    everyone, race = cuts_of(panel, ["race"], {"race": "middle"})
    assert everyone.name(0) is None
    assert everyone.where() is None
    assert race.where(axis="both") == {"by": "race", "axis": "both"}
    assert race.groups.names[race.reference] == "middle"
    assert race.weakest == 20


def test_units_are_cells_examples_or_clusters(place):
    answers = place.train(Run())
    panel = Panel.of([answers])
    assert len(units_of(panel, [answers.target])) == 3
    assert len(units_of(panel, None)) == 50
    clustered = Panel.of([replace(answers, cluster_id=np.array([f"p{row // 2}" for row in range(50)]))])
    assert len(units_of(clustered, [answers.target])) == 25


def test_whole_is_one_group():
    assert Cut.whole(7).groups.sizes.tolist() == [7]
