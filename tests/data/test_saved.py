import numpy as np
import pytest

from disparate.data.grouped import Problem
from disparate.data.saved import save_dataset, saved
from disparate.errors import BadInput


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
