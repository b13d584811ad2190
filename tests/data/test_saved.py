import json

import numpy as np
import pytest

from disparate.data.grouped import Problem
from disparate.data.saved import save_dataset, saved
from disparate.errors import BadInput

KEYS = ("name", "kind", "label_names", "target_name", "content", "attributes", "problems")


def test_a_data_set_comes_back_as_it_was(toy, tmp_path):
    clusters = np.array([f"c{row // 2}" for row in range(20)])
    data = toy(cluster_id=clusters, problems=(Problem(what="a", found="b", action="kept"),))
    back = saved(save_dataset(data, tmp_path))
    assert back.content == data.content
    assert np.array_equal(back.inputs, data.inputs)
    assert back.problems == data.problems
    assert back.sizes("sex") == data.sizes("sex")


def test_a_changed_or_absent_data_set_is_refused(toy, tmp_path):
    folder = save_dataset(toy(), tmp_path)
    np.save(folder / "target.npy", np.zeros(20, dtype=np.int64))
    with pytest.raises(BadInput, match=r"has content [0-9a-f]{12}; [0-9a-f]{12} was written. It was changed since"):
        saved(folder)
    with pytest.raises(BadInput, match="holds no saved data set"):
        saved(tmp_path / "nothing")


@pytest.mark.parametrize(
    "change",
    [
        lambda about: [],
        lambda about: 3,
        lambda about: "[" * 100_000,
        lambda about: "{",
        *(lambda about, key=key: {name: value for name, value in about.items() if name != key} for key in KEYS),
        *(
            lambda about, key=key, value=value: {**about, key: value}
            for key in KEYS
            for value in (None, 3, [3], {"a": 1})
        ),
        lambda about: {**about, "problems": [{"colour": "1"}]},
        lambda about: {**about, "problems": [{"what": 3, "found": "b", "action": "kept"}]},
        lambda about: {**about, "attributes": [{"name": "sex"}]},
        lambda about: {**about, "attributes": [{"name": "sex", "names": [1, 2]}]},
        lambda about: {**about, "attributes": [*about["attributes"], *about["attributes"]]},
    ],
)
def test_a_description_that_was_tampered_with_is_refused(toy, tmp_path, change):
    folder = save_dataset(toy(), tmp_path)
    about = json.loads((folder / "about.json").read_text())
    changed = change(about)
    (folder / "about.json").write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(BadInput):
        saved(folder)


def test_what_is_missing_from_a_description_is_named(toy, tmp_path):
    folder = save_dataset(toy(), tmp_path)
    (folder / "about.json").write_text("{}")
    with pytest.raises(BadInput) as error:
        saved(folder)
    assert str(error.value) == (
        f"folder '{folder}' holds no saved data set (KeyError: 'attributes'); remove the folder, so that it is written "
        "again."
    )
