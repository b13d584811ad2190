import os

import numpy as np
import pytest

from disparate.data import load
from disparate.data.utkface import utkface
from disparate.errors import BadInput


def test_a_miniature_is_read_back_entire(faces):
    data = utkface(faces.root)
    assert sorted(data.example_id.tolist()) == sorted(faces.names)
    assert (data.kind, data.inputs.shape, data.target_name) == ("image", (240, 32, 32, 3), "race")
    assert data.label_names == ("white", "black", "Asian", "Indian", "other")
    races, genders, ages = (data.attributes[name].values() for name in ("race", "gender", "age"))
    for row, name in enumerate(data.example_id.tolist()):
        age, gender, race, _ = name.split("_")
        assert races[row] == data.label_names[data.target[row]] == data.label_names[int(race)]
        assert genders[row] == ("male", "female")[int(gender)]
        low, _, high = ages[row].partition("-")
        assert (int(age) >= 70) if low == "70+" else (int(low) <= int(age) <= int(high))
    assert data.problems == ()
    assert set(data.split.tolist()) == {"train", "test"}


@pytest.mark.parametrize(("target", "labels"), [("gender", 2), ("age", 8)])
def test_any_attribute_may_be_the_target(faces, target, labels):
    data = utkface(faces.root, target=target)
    assert len(data.label_names) == labels
    assert np.array_equal(data.attributes[target].codes, data.target)


def test_age_bands_follow_their_edges(faces):
    data = utkface(faces.root, age_edges=(18, 65), size=8)
    assert data.attributes["age"].names == ("0-17", "18-64", "65+")
    with pytest.raises(BadInput, match=r"band edges \[65, 18\] were given; at least one number, rising, was expected"):
        utkface(faces.root, age_edges=(65, 18))


def test_ids_and_split_do_not_depend_on_the_order_of_the_directory(faces, monkeypatch):
    before = utkface(faces.root, size=8)
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path=".": listdir(path)[::-1])
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": _Reversed(scandir(path)))
    assert utkface(faces.root, size=8).content == before.content


class _Reversed:
    def __init__(self, entries):
        self.entries = list(entries)[::-1]

    def __iter__(self):
        return iter(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_a_malformed_name_is_set_aside_by_name(faces, write_image):
    write_image(faces.root / "UTKFace" / "39_1_20170116174525125.jpg.chip.jpg", seed=1000)
    (faces.root / "UTKFace" / "labels.csv").write_text("not,needed\n")
    data = utkface(faces.root)
    assert len(data) == 240
    assert [str(problem) for problem in data.problems] == [
        "39_1_20170116174525125.jpg.chip.jpg: the name is not AGE_GENDER_RACE_DATE.jpg.chip.jpg (set aside)"
    ]


def test_a_truncated_file_is_set_aside_and_three_are_too_many(faces):
    paths = [faces.root / "UTKFace" / name for name in sorted(faces.names)]
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    data = utkface(faces.root)
    assert len(data) == 239
    assert [problem.what for problem in data.problems] == [paths[0].name]
    for path in paths[1:3]:
        path.write_bytes(b"")
    with pytest.raises(BadInput, match=r"data set 'utkface': 3 of 240 were set aside \(1.2%\); at most 1% may be"):
        utkface(faces.root)


def test_copies_with_other_labels_stay_in_one_split_and_are_noted(faces, write_image):
    names = [f"50_{row % 2}_{row % 5}_2018{row:013d}.jpg.chip.jpg" for row in range(12)]
    for name in names:
        write_image(faces.root / "UTKFace" / name, seed=7000)
    data = utkface(faces.root)
    where = np.isin(data.example_id, names)
    assert len(set(data.split[where].tolist())) == 1
    assert len(set(data.cluster_id[where].tolist())) == 1
    assert [problem.found.split(", but ")[1] for problem in data.problems] == [
        "race is 'white' and 'black' and 'Asian' and 'Indian' and 'other'",
        "gender is 'male' and 'female'",
    ]
    assert {problem.action for problem in data.problems} == {"kept"}


def test_the_split_seed_is_the_only_thing_that_moves_the_split(faces):
    first, second = utkface(faces.root, split_seed=1), utkface(faces.root, split_seed=2)
    assert np.array_equal(first.inputs, second.inputs)
    assert not np.array_equal(first.split, second.split)
    shares = utkface(faces.root, shares={"test": 0.3, "validation": 0.2}).split.tolist()
    assert shares.count("test") == pytest.approx(72, abs=3)
    assert shares.count("validation") == pytest.approx(48, abs=3)


def test_the_folder_itself_may_be_the_root_and_an_absent_one_is_explained(faces, tmp_path):
    assert utkface(faces.root / "UTKFace").content == utkface(faces.root).content
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput) as refusal:
        load("utkface", root=tmp_path / "empty")
    assert str(refusal.value) == (
        f"data folder '{tmp_path}/empty/UTKFace' was looked for and does not exist. Name the folder above it with "
        "--data or set DISPARATE_DATA. Expected layout: UTKFace/AGE_GENDER_RACE_DATE.jpg.chip.jpg."
    )


def test_an_unknown_target_is_refused_with_a_suggestion(faces):
    with pytest.raises(BadInput, match=r"utkface: target 'rase' is unknown. Did you mean 'race'"):
        utkface(faces.root, target="rase")
