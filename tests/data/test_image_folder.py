import numpy as np
import pytest
from PIL import Image

from disparate.data import load
from disparate.data.image_folder import image_folder
from disparate.errors import BadInput

SETTINGS = {"table": "skin/metadata.csv", "path": "image", "target": "dx", "groups": ["sex", "age"], "suffix": ".png"}


@pytest.fixture
def skin(tmp_path, write_image):
    """200 images of 100 lesions, ids with leading zeros, in the layout of a folder with a table."""
    lines = ["image,lesion,dx,sex,age,fold"]
    for row in range(200):
        sex = ["f", "m", ""][row % 3]
        age = "" if row % 10 == 0 else str(20 + row % 60)
        lines.append(
            f"{row:05d},L{row // 2},{'nv' if row % 4 < 2 else 'mel'},{sex},{age},{'test' if row < 60 else 'train'}"
        )
        write_image(tmp_path / "skin" / f"{row:05d}.png", seed=row)
    (tmp_path / "skin" / "metadata.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def edit(root, row, column, value):
    path = root / "skin" / "metadata.csv"
    lines = path.read_text().splitlines()
    cells = lines[row + 1].split(",")
    cells[column] = value
    lines[row + 1] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def test_a_miniature_is_read_back_entire(skin):
    data = image_folder(skin, **SETTINGS, bins={"age": [40, 60]}, cluster="lesion", size=16)
    assert data.name == "skin"
    assert data.example_id[:2].tolist() == ["00000", "00001"]
    assert data.label_names == ("mel", "nv")
    assert data.target[:4].tolist() == [1, 1, 0, 0]
    assert data.attributes["sex"].names == ("f", "m", "(missing)")
    assert data.attributes["age"].names == ("0-39", "40-59", "60+", "(missing)")
    assert data.attributes["age"].values()[[0, 1, 19, 41]].tolist() == ["(missing)", "0-39", "0-39", "60+"]
    assert np.array_equal(data.inputs[7], np.asarray(Image.open(skin / "skin" / "00007.png")))
    for lesion in range(100):
        assert len(set(data.split[2 * lesion : 2 * lesion + 2].tolist())) == 1


def test_near_identical_images_join_the_clusters_of_two_lesions(skin, write_image):
    write_image(skin / "skin" / "00002.png", seed=1)
    data = image_folder(skin, **SETTINGS, cluster="lesion", bins={"age": [40]}, size=8)
    assert len(set(data.cluster_id[:4].tolist())) == 1
    assert [str(problem) for problem in data.problems] == [
        "00001.png: pixel-identical to 00002.png, but dx is 'nv' and 'mel' (kept)"
    ]


def test_a_published_split_is_kept_and_what_it_parts_is_noted(skin, write_image):
    write_image(skin / "skin" / "00120.png", seed=4)
    data = image_folder(skin, **SETTINGS, bins={"age": [40]}, split="fold", size=8)
    assert (data.split[:60] == "test").all()
    assert (data.split[60:] == "train").all()
    assert [str(problem) for problem in data.problems] == [
        "00004.png: near-identical images or one cluster, parted by the published split: "
        "00004.png (test), 00120.png (train) (kept)"
    ]


def test_rows_without_target_and_absent_files_are_set_aside_up_to_one_in_a_hundred(skin):
    edit(skin, 8, 2, "")
    (skin / "skin" / "00050.png").unlink()
    data = image_folder(skin, **SETTINGS, bins={"age": [40]}, size=8)
    assert len(data) == 198
    assert [str(problem) for problem in data.problems] == [
        "row 8 (id 00008): no value in target column 'dx' (set aside)",
        "00050.png: file does not exist (set aside)",
    ]
    (skin / "skin" / "00051.png").unlink()
    with pytest.raises(BadInput, match=r"3 of 200 were set aside \(1.5%\)"):
        image_folder(skin, **SETTINGS, bins={"age": [40]}, size=8)


def test_a_group_whose_only_file_is_broken_refuses_the_data_set(skin):
    edit(skin, 5, 3, "x")
    (skin / "skin" / "00005.png").write_bytes(b"broken")
    with pytest.raises(BadInput, match="group 'x' of 'sex' vanished, all its examples were set aside"):
        image_folder(skin, **SETTINGS, bins={"age": [40]}, size=8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": "dxx"}, "column 'dxx' is absent. Did you mean 'dx'"),
        ({"groups": ["gender"]}, "column 'gender' is absent. Known: age, dx"),
        ({"groups": []}, "groups: no group column is named"),
        ({"bins": {"agee": [40]}}, "bins: 'agee' is not a group column. Did you mean 'age'"),
        ({"bins": {"sex": [40]}}, "group column 'sex' holds 'f'; a number was expected, since bins are given"),
        ({"id": "lesion"}, "example id 'L0' occurs 2 times"),
        ({"id": "sex"}, r"column 'sex' has no value in row 2 \(66 such rows\)"),
        ({"split": "lesion"}, r"split column 'lesion' holds 'L0' in row 0 \(200 such rows\); one of train, validation"),
        ({"target": "image"}, "target 'image' has 200 different values in 200 rows; class labels were expected"),
        ({"table": "skin/nothing.csv"}, "image_folder table: file '.*/skin/nothing.csv' was looked for"),
        ({"table": "../skin.csv"}, "leads out of the data folder"),
    ],
)
def test_what_does_not_fit_the_table_is_refused_by_name(skin, changed, message):
    with pytest.raises(BadInput, match=message):
        load("image_folder", root=skin, **{**SETTINGS, "size": 8, **changed})


def test_a_path_that_leads_out_of_the_folder_is_refused(skin):
    edit(skin, 3, 0, "../../secret")
    with pytest.raises(BadInput, match=r"column 'image' holds '\.\./\.\./secret\.png', which leads out of"):
        image_folder(skin, **SETTINGS, size=8)


def test_one_group_column_may_be_given_as_a_text(skin):
    data = image_folder(skin, **{**SETTINGS, "groups": "sex"}, size=8)
    assert list(data.attributes) == ["sex"]
