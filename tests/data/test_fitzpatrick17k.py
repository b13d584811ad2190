import hashlib

import pytest

from disparate.data.fitzpatrick17k import fitzpatrick17k
from disparate.errors import BadInput

CONDITIONS = {
    "melanoma": ("malignant melanoma", "malignant"),
    "keloid": ("benign dermal", "benign"),
    "acne": ("inflammatory", "non-neoplastic"),
    "eczema": ("inflammatory", "non-neoplastic"),
}
TYPES = ("-1", "1", "2", "3", "4", "5", "6")
COUNT = 420


def row_of(row):
    label = tuple(CONDITIONS)[row % 4]
    nine, three = CONDITIONS[label]
    return {
        "md5hash": hashlib.md5(str(row).encode(), usedforsecurity=False).hexdigest(),
        "fitzpatrick_scale": TYPES[row // 4 % 7],
        "fitzpatrick_centaur": TYPES[(row // 4 + 1) % 7],
        "label": label,
        "nine_partition_label": nine,
        "three_partition_label": three,
        "qc": "",
        "url": "https://example.org/picture.jpg",
    }


ROWS = {row_of(row)["md5hash"]: row_of(row) for row in range(COUNT)}


def written(folder, rows, name="fitzpatrick17k.csv"):
    rows = list(rows)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def miniature(tmp_path, write_image):
    """420 images, every type by both annotators, with the table as published."""
    folder = tmp_path / "fitzpatrick17k"
    for row, name in enumerate(ROWS):
        write_image(folder / f"{name}.jpg", seed=row, side=9)
    written(folder, ROWS.values())
    return tmp_path


def tone_of(skin_type):
    return "(missing)" if skin_type == "-1" else "light" if int(skin_type) < 4 else "dark"


@pytest.mark.parametrize("annotator", ["scale", "centaur"])
def test_a_miniature_is_read_back_entire(miniature, annotator):
    data = fitzpatrick17k(miniature, size=8, annotator=annotator)
    assert (data.name, data.inputs.shape) == ("fitzpatrick17k", (COUNT, 8, 8, 3))
    assert (data.target_name, data.label_names) == (
        "three_partition_label",
        ("benign", "malignant", "non-neoplastic"),
    )
    assert data.attributes["tone"].names == ("light", "dark", "(missing)")
    assert data.attributes["skin_type"].names == ("1", "2", "3", "4", "5", "6", "(missing)")
    tones, types = (data.attributes[name].values() for name in ("tone", "skin_type"))
    for place, name in enumerate(data.example_id.tolist()):
        stated = ROWS[name]
        found = stated[f"fitzpatrick_{annotator}"]
        assert data.label_names[data.target[place]] == stated["three_partition_label"]
        assert (tones[place], types[place]) == (tone_of(found), found.replace("-1", "(missing)"))
    shares = [data.split.tolist().count(name) / COUNT for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.02)


@pytest.mark.parametrize(("target", "labels"), [("label", 4), ("nine_partition_label", 3)])
def test_finer_labels_may_be_the_target(miniature, target, labels):
    data = fitzpatrick17k(miniature, size=8, target=target)
    assert len(data.label_names) == labels
    found = [data.label_names[code] for code in data.target.tolist()]
    assert found == [ROWS[name][target] for name in data.example_id.tolist()]


def test_a_table_with_more_columns_gives_the_same(miniature):
    plain = fitzpatrick17k(miniature, size=8)
    more = [{**row, "near_dup_group": "1", "ajl2025_split": "test"} for row in ROWS.values()]
    written(miniature / "fitzpatrick17k", more, name="metadata.csv")
    assert fitzpatrick17k(miniature / "fitzpatrick17k", size=8).content == plain.content


def test_tones_may_be_balanced(miniature):
    data = fitzpatrick17k(miniature, size=8, balanced="tone")
    assert data.attributes["tone"].names == ("light", "dark")
    assert data.attributes["skin_type"].names == ("1", "2", "3", "4", "5", "6")
    for counts in data.sizes("tone").values():
        assert counts["light"] == counts["dark"] > 0


def test_what_is_not_there_is_named(miniature):
    with pytest.raises(BadInput, match=r"target 'lable' is unknown. Did you mean 'label'"):
        fitzpatrick17k(miniature, target="lable")
    with pytest.raises(BadInput, match=r"annotator 'scal' is unknown. Did you mean 'scale'"):
        fitzpatrick17k(miniature, annotator="scal")
    with pytest.raises(BadInput, match=r"data set 'fitzpatrick17k' has no attribute 'tones'. Did you mean 'tone'"):
        fitzpatrick17k(miniature, size=8, balanced="tones")
    rows = list(ROWS.values())
    written(miniature / "fitzpatrick17k", [{**rows[0], "fitzpatrick_scale": "7"}, *rows[1:]])
    with pytest.raises(BadInput, match=r"column 'fitzpatrick_scale' holds '7' in row 0; a skin type from 1 to 6"):
        fitzpatrick17k(miniature)
