from dataclasses import replace
from pathlib import Path

import pytest

from disparate.findings import Finding, Findings, Null
from disparate.report.cautions import PAGES, TITLES, cautions

ROOT = Path(__file__).parents[2]
LEVEL = Finding(
    measure="accuracy",
    group="f",
    where={"by": "sex"},
    variant="reference",
    value=0.5,
    unit="share",
    n=100,
    seeds=5,
    null=Null(name="N1 repeat", value=0.0),
)
CHANGE = replace(LEVEL, variant="int8", reference="reference", value=-0.02, distinguishable=True)


def found(*items, **run):
    return {caution.code: caution for caution in cautions(Findings(items), run)}


def test_every_code_has_a_page_of_its_title():
    for code, title in TITLES.items():
        assert (ROOT / PAGES[code]).read_text(encoding="utf-8").startswith(f"# {code}: {title}\n")
    assert len(list((ROOT / "docs/cautions").glob("D*.md"))) == len(TITLES)


def test_nothing_to_say_about_a_sound_audit():
    assert found(LEVEL, CHANGE) == {}


def test_nothing_to_say_about_nothing():
    assert found() == {}


def test_single_seed():
    caution = found(replace(LEVEL, seeds=1))["D101"]
    assert caution.text.startswith("There is one training seed,")
    assert caution.text.endswith("set seeds in the recipe.")
    assert "D101" not in found(LEVEL)


def test_few_seeds():
    assert "a sign test over 3 seeds cannot give a p-value below 0.25." in found(replace(LEVEL, seeds=3))["D102"].text


def test_small_group_from_the_record_and_from_findings():
    recorded = found(LEVEL, groups={"sex": {"f": 3, "m": 50}})["D103"]
    assert recorded.text.startswith("Group 'f' of 'sex' has 3 test examples; an interval needs 30.")
    assert recorded.group == "f"
    assert found(replace(LEVEL, n=29))["D103"].group == "f"


def test_no_repeat_floor():
    bare = replace(LEVEL, null=None)
    assert "set repeats = 2 in the recipe." in found(bare)["D104"].text
    assert found(bare, audit={"audit": {"repeats": 2}}) == {}
    assert "D104" in found(bare, audit={"audit": {"repeats": 1}})
    assert found(replace(bare, method="nulls: N1 repeat 0 (deterministic)")) == {}


def test_what_to_do_fits_a_comparison_of_files():
    bare = replace(LEVEL, null=None, seeds=1)
    cautions = found(bare, tables=[]) | found(replace(bare, seeds=2), tables=[])
    assert "{seed} in the quoted path ('int8=runs/int8_seed{seed}.parquet')" in cautions["D101"].text
    assert "{seed} in the quoted path" in cautions["D102"].text
    assert "with --repeat or repeats=." in cautions["D104"].text
    assert not any("recipe" in caution.text for caution in cautions.values())


def undefined(measure, group=None, label=None):
    return Finding(
        measure=measure,
        group=group,
        label=label,
        where={"by": "race"},
        variant="reference",
        value=None,
        undefined="every group holds one class.",
        unit="rates",
        null=LEVEL.null,
    )


def test_label_is_the_group():
    caution = found(undefined("equalized_odds_sum", "f"), undefined("tpr", "f", "m"), data={"target": "race"})
    assert caution["D105"].text.startswith("Equalised odds by 'race' are undefined: every group holds one class. Where")
    assert "D106" not in caution
    assert "D105" in found(undefined("equalized_odds_sum"))


def test_class_absent_in_a_group():
    items = [undefined("tpr", "f", label) for label in "abcdefg"]
    caution = found(*items, undefined("equalized_odds_sum"), data={"target": "age"})
    assert "D105" not in caution
    assert "no test example of classes 'a', 'b', 'c', 'd', 'e' and 2 further classes;" in caution["D106"].text


def profile(name, same_as=None, **settings):
    return {"name": name, "fingerprint": "ab", "same_as": same_as, "threads": 1, "environment": {}, **settings}


def test_two_names_one_fingerprint_and_the_setting_that_did_nothing():
    profiles = [profile("native"), profile("mkl", "native", environment={"MKL_CBWR": "COMPATIBLE"})]
    caution = found(LEVEL, profiles=profiles)
    assert caution["D107"].text.startswith(
        "Profile 'mkl' gives the same weights, bit for bit, as native on this machine"
    )
    assert caution["D108"].text.startswith("Profile 'mkl' asks for MKL_CBWR=COMPATIBLE, which changed nothing on this")


def test_two_names_of_one_setting_are_no_idle_setting():
    caution = found(LEVEL, profiles=[profile("native"), profile("one_thread", "native")])
    assert set(caution) == {"D107"}


def levelling(worst):
    levels = [replace(LEVEL, group=name, value=value) for name, value in (("m", 0.9), ("f", 0.6))]
    changes = [replace(CHANGE, group=name, value=value) for name, value in (("m", -0.2), ("f", worst))]
    gap = replace(CHANGE, measure="accuracy_gap", group=None, value=-0.2)
    return found(*levels, *changes, gap)


def test_levelling_down():
    caution = levelling(worst=-0.01)["D109"]
    assert (caution.variant, caution.group) == ("int8", "m")
    assert "loses 20.0 points and no group gains." in caution.text
    assert "D109" not in levelling(worst=0.05)


def test_reference_trained_elsewhere():
    choices = [{"choice": "hardware", "at": "both", "profile": "avx2"}, {"choice": "prune", "rate": 0.5}]
    audit = {"reference": {"profile": "native"}, "variant": [{"name": "both", "choices": choices}]}
    caution = found(LEVEL, audit=audit)["D110"]
    assert caution.text.startswith(
        "Variant 'both' was trained under another execution (hardware) than the reference (profile native)"
    )
    assert "D110" not in found(LEVEL, audit={**audit, "variant": [{"name": "one", "choices": choices[:1]}]})


@pytest.mark.parametrize(("at", "moved"), [("train", True), ("deploy", True), ("both", False)])
def test_reference_that_runs_where_it_was_not_trained(at, moved):
    choices = [{"choice": "hardware", "at": at, "profile": "avx2"}]
    cautions = found(LEVEL, audit={"reference": {"profile": "native", "choices": choices}})
    assert ("D110" in cautions) == moved
    if moved:
        assert f"was trained under (hardware at={at} profile=avx2)." in cautions["D110"].text


def test_reference_whose_weights_came_along():
    caution = found(LEVEL, audit={"model": {"name": "resnet18", "trained": "w.safetensors"}})["D110"]
    assert caution.text.startswith("The weights of the reference ('w.safetensors') were trained under a profile that")


def judged(measure, p_values, by="sex", limit=0.05):
    return [
        replace(
            CHANGE,
            measure=measure,
            group=f"g{place}",
            where={"by": by},
            p_value=p,
            level=0.95,
            distinguishable=p < limit,
        )
        for place, p in enumerate(p_values)
    ]


def test_what_only_its_own_table_marks_is_named():
    items = [*judged("accuracy", [0.03]), *judged("tpr", [0.5] * 19 + [1e-9], limit=0.01)]
    text = found(LEVEL, *items)["D113"].text
    assert text.startswith("21 tests stand in 2 tables")
    assert "Of 2 numbers marked as distinguishable up to about 0.1 are to be expected by chance" in text
    assert "over the whole report, 1 would not be marked: accuracy of 'g0' under 'int8'." in text


def test_no_word_on_correction_where_it_changes_nothing():
    assert "D113" not in found(LEVEL, *judged("accuracy", [0.03]))
    assert "D113" not in found(LEVEL, *judged("accuracy", [0.001]), *judged("loss", [0.002, 0.9]))
    assert "D113" not in found(LEVEL, *judged("accuracy", [0.3]), *judged("loss", [0.9]))


def test_many_findings_that_only_their_table_marks_are_counted():
    items = [*judged("accuracy", [0.04] * 8), *judged("tpr", [0.9] * 100)]
    assert "8 would not be marked:" in found(LEVEL, *items)["D113"].text
    assert "; 3 further ones. Repeat" in found(LEVEL, *items)["D113"].text


def test_examples_set_aside():
    problems = [{"what": f"{place}.jpg", "found": "cannot be decoded", "action": "set aside"} for place in range(5)]
    problems.append({"what": "9.jpg", "found": "same pixels as 8.jpg", "action": "kept"})
    text = found(LEVEL, problems=problems)["D111"].text
    assert text.startswith("5 files or rows set aside and 1 kept with a remark while loading: 0.jpg, 1.jpg, 2.jpg …")


def test_nothing_distinguishable_says_what_would_have_been():
    change = replace(
        CHANGE, n=400, seeds=1, level=0.95, low=-0.05, high=0.01, p_value=0.2, distinguishable=False, method="t; test:"
    )
    text = found(LEVEL, change)["D112"].text
    assert (
        "With 1 seed and 400 examples the smallest change of accuracy of 'f' that would have been seen (80 %) is"
        in text
    )
    assert "; for 2.0 points 1,830 examples are needed, and one seed does not tell how many more would do." in text


def test_nothing_distinguishable():
    assert "is not a proof that no group pays" in found(LEVEL, replace(CHANGE, distinguishable=False))["D112"].text
    assert "D112" not in found(LEVEL, replace(CHANGE, distinguishable=None))
    still = replace(CHANGE, value=0.0, distinguishable=False)
    assert "D112" not in found(LEVEL, still, replace(still, measure="churn"))


@pytest.mark.parametrize("run", [{"profiles": [3, {"name": None}]}, {"problems": "x"}, {"audit": 7, "groups": []}])
def test_a_strange_record_is_no_error(run):
    assert found(LEVEL, **run) == {}


def target(selected, **more):
    return {"rule": "fr_and_ar", "share": 0.05, "beta": 1.0, "weights": 900, "selected": selected, **more}


def test_a_target_that_is_empty_under_a_seed():
    caution = found(LEVEL, targets={"F+A": {"0": target(0), "1": target(7)}, "FR": {"0": target(45)}})["D114"]
    assert caution.variant == "F+A"
    assert caution.text.startswith("Under 'F+A' no weight was left to be disturbed (seed 0, of 2): rule fr_and_ar with")
    assert "names none of 900 weights" in caution.text
    assert "D114" not in found(LEVEL, targets={"FR": {"0": target(45)}})


def test_a_target_that_was_empty_while_a_network_trained():
    rules = [{"refreshed": 3, "selected": [4, 0, 0], "target": target(0)}]
    caution = found(LEVEL, training=[{"job": "tune VA seed 0", "rules": rules}])["D114"]
    assert caution.text.startswith("In 'tune VA seed 0' no weight was left to be disturbed in 2 of 3 targets:")
    full = [{"refreshed": 1, "selected": [4], "target": target(4)}]
    assert "D114" not in found(LEVEL, training=[{"job": "tune VA seed 0", "rules": full}])
