import tomllib

import pytest
import tomli_w

from disparate.auditing.recipe import parse_recipe, read_recipe, recipe_tables
from disparate.choices.prune import Prune
from disparate.errors import BadInput
from disparate.recipes import find_recipe, shipped


@pytest.mark.parametrize("name", shipped())
def test_a_recipe_that_comes_along_survives_a_round_trip(name):
    audit = read_recipe(find_recipe(name))
    assert parse_recipe(tomllib.loads(tomli_w.dumps(recipe_tables(audit)))) == audit


def test_settings_are_read(audit):
    assert audit.training.epochs == 2
    assert audit.variants[4].choices == (Prune(rate=0.5),)
    assert [variant.name for variant in audit.variants][-1] == "half, int8"


def test_single_settings_can_be_changed(tmp_path, recipe_text):
    path = tmp_path / "r.toml"
    path.write_text(recipe_text)
    audit = read_recipe(
        path, changes=["training.epochs=7", "audit.seeds=[4]", "audit.name=other", "gate.max.churn=0.1"]
    )
    assert (audit.training.epochs, audit.seeds, audit.name, audit.maxima) == (7, (4,), "other", {"churn": 0.1})
    with pytest.raises(BadInput, match=r"--set audit\.groups\.x=1: 'groups' is no table"):
        read_recipe(path, changes=["audit.groups.x=1"])
    with pytest.raises(BadInput, match=r"--set epochs: 'table\.key=value' was expected"):
        read_recipe(path, changes=["epochs"])


def changed(tables, change):
    change(tables)
    return tables


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda t: t["variant"][4]["choices"][0].update(choice="prunne"),
            r"recipe, \[\[variant\]\] 'half', choice 1: .*unknown name 'prunne'|prunne.*Did you mean 'prune'\?",
        ),
        (
            lambda t: t["variant"][4]["choices"][0].update(rat=0.5),
            r"\[\[variant\]\] 'half', choice 1: choice 'prune': .*'rat'.*Did you mean 'rate'\?",
        ),
        (lambda t: t["variant"][4]["choices"][0].update(rate=50), r"\[\[variant\]\] 'half', choice 1: .*50"),
        (
            lambda t: t["training"].update(epoch=3),
            r"recipe, table \[training\]: unknown key 'epoch'\. Did you mean 'epochs'\?",
        ),
        (lambda t: t["training"].update(epochs=0), r"recipe, table \[training\]: training epochs is 0; at least 1"),
        (lambda t: t["training"].update(epochs="many"), r"table \[training\]: key 'epochs' is 'many'; it should be"),
        (lambda t: t["audit"].update(seed=3), r"table \[audit\]: unknown key 'seed'\. Did you mean 'seeds'\?"),
        (lambda t: t["audit"].pop("groups"), r"table \[audit\]: key 'groups' is missing"),
        (lambda t: t["data"].pop("source"), r"table \[data\]: key 'source' is missing; it names the data to use"),
        (lambda t: t["audit"].update(margin=2), r"margin is 2\.0; a share between 0 and 1 was expected, such as 0\.02"),
        (lambda t: t.update(modle={}), r"table \[top level\]: unknown key 'modle'\. Did you mean 'model'\?"),
        (lambda t: t["audit"].update(name="../x"), r"audit: name is '\.\./x'; letters, digits"),
        (lambda t: t["audit"].update(name="blobs"), "audit: name 'blobs' is a folder of the store's own"),
        (lambda t: t["audit"].update(groups=["tone", " tone"]), "hold a partition twice"),
        (
            lambda t: t["audit"].update(groups=["a*b*c*d*e"]),
            r"groups 'a\*b\*c\*d\*e' name 5 columns; one to 4 different",
        ),
        (lambda t: t["audit"].update(replicates=0), "audit: replicates is 0; 20 or more were expected"),
        (lambda t: t["audit"].update(reference_groups={"race": "x"}), r"reference_groups names \['race'\]"),
        (
            lambda t: t["training"].update(init_seed=7),
            r"training sets \{'init_seed': 7\}; training seeds are set by seeds",
        ),
        (lambda t: t["training"].update(crop=-1), "training crop is -1; 0 or more was expected"),
        (lambda t: t["model"].update(trained="w"), r"weights trained elsewhere have no seeds of ours; seeds = \[0\]"),
        (lambda t: t["model"].update(mean=[0.5]), r"\['mean'\] belong to weights trained elsewhere"),
        (lambda t: t["variant"][0].update(name="hardware"), "these names have a meaning of their own"),
        (lambda t: t["audit"].update(seeds=[1, 1]), r"audit: seeds are \[1, 1\]; different seeds are needed"),
        (lambda t: t["audit"].update(repeats=0), "audit: repeats is 0; 1 or more was expected"),
        (lambda t: t["variant"][0].update(name="half"), "hold a name twice"),
        (lambda t: t["variant"][0].update(name="reference"), "these names have a meaning of their own"),
        (lambda t: t.update(reference={"profile": "natve"}), "unknown profile 'natve'. Did you mean 'native'?"),
    ],
)
def test_what_is_wrong_is_named(tables, change, text):
    with pytest.raises(BadInput, match=text):
        parse_recipe(changed(tables, change))


def test_partitions_are_written_in_one_way(tables):
    tables["audit"]["groups"] = ["tone * sex"]
    assert parse_recipe(tables).groups == ("tone*sex",)


def test_a_file_that_is_absent_or_no_toml_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"recipe '.*absent\.toml' does not exist"):
        read_recipe(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[audit\n")
    with pytest.raises(BadInput, match=r"recipe '.*bad\.toml' is not TOML"):
        read_recipe(tmp_path / "bad.toml")
    with pytest.raises(BadInput, match=r"no recipe of that name\. Did you mean 'demo'\?"):
        find_recipe("dmo")
