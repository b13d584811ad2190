import numpy as np
import pytest

from disparate.data.ham10000 import ham10000
from disparate.errors import BadInput

DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SITES = ("face", "back", "hand", "foot", "genital", "unknown")
SEXES = ("female", "male", "unknown")
COUNT = 420


def row_of(row):
    """Return what the table says of an image: two images a lesion, whose diagnosis, sex and site they share."""
    lesion = row // 2
    age = "" if lesion % 11 == 0 else f"{5 * (lesion % 18)}.0"
    return {
        "lesion_id": f"HAM_{lesion:07d}",
        "image_id": f"ISIC_{row:07d}",
        "dx": DIAGNOSES[lesion % 7],
        "dx_type": "histo",
        "age": age,
        "sex": SEXES[lesion % 3],
        "localization": SITES[lesion % 6],
    }


def written(folder, rows, name="HAM10000_metadata.csv"):
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def miniature(tmp_path, write_image):
    """420 images of 210 lesions in the layout of the public download: a table and two folders of parts."""
    folder = tmp_path / "HAM10000"
    for row in range(COUNT):
        write_image(folder / f"HAM10000_images_part_{1 + row % 2}" / f"ISIC_{row:07d}.jpg", seed=row, side=9)
    written(folder, [row_of(row) for row in range(COUNT)])
    return tmp_path


def test_a_miniature_is_read_back_entire(miniature):
    data = ham10000(miniature, size=8)
    assert (data.name, data.inputs.shape) == ("ham10000", (COUNT, 8, 8, 3))
    assert (data.target_name, data.label_names) == ("dx", DIAGNOSES)
    assert data.attributes["sex"].names == ("female", "male", "(missing)")
    assert data.attributes["age"].names == ("0-29", "30-44", "45-59", "60-74", "75+", "(missing)")
    regions = dict(
        zip(SITES, ("head and neck", "trunk", "upper extremity", "lower extremity", "acral or genital"), strict=False)
    )
    sexes, sites, ages = (data.attributes[name].values() for name in ("sex", "site", "age"))
    for place, name in enumerate(data.example_id.tolist()):
        stated = row_of(int(name.removeprefix("ISIC_")))
        assert data.label_names[data.target[place]] == stated["dx"]
        assert sexes[place] == stated["sex"].replace("unknown", "(missing)")
        assert sites[place] == regions.get(stated["localization"], "(missing)")
        assert (ages[place] == "(missing)") == (stated["age"] == "")
    assert data.problems == ()


def test_lesions_stay_together_in_splits_of_sixty_twenty_twenty(miniature):
    data = ham10000(miniature, size=8)
    splits = dict.fromkeys(data.cluster_id.tolist(), "")
    for cluster, split in zip(data.cluster_id.tolist(), data.split.tolist(), strict=True):
        assert splits[cluster] in {"", split}
        splits[cluster] = split
    assert len(splits) == COUNT // 2
    shares = [data.split.tolist().count(name) / COUNT for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.05)


def test_malignant_is_three_of_the_seven_diagnoses(miniature):
    data = ham10000(miniature, target="malignant", size=8)
    assert data.label_names == ("benign", "malignant")
    found = {row_of(int(name[-7:]))["dx"] for name in data.example_id[data.target == 1].tolist()}
    assert found == {"mel", "bcc", "akiec"}
    assert data.target.mean() == pytest.approx(3 / 7)


def test_a_table_with_more_columns_and_other_names_gives_the_same(miniature, write_image):
    plain = ham10000(miniature, size=8)
    rows = [
        {**row_of(row), "age_approx": row_of(row)["age"], "malignant": "9", "image_manipulation": ""}
        for row in range(COUNT)
    ]
    for row in rows:
        del row["age"]
    written(miniature / "HAM10000", rows, name="metadata.csv")
    again = ham10000(miniature / "HAM10000", size=8)
    assert again.content == plain.content


def test_groups_may_be_balanced_and_the_unknown_left_out(miniature):
    data = ham10000(miniature, size=8, balanced="sex")
    assert data.attributes["sex"].names == ("female", "male")
    for counts in data.sizes("sex").values():
        assert counts["female"] == counts["male"] > 0
    assert {problem.action for problem in data.problems} == {"left out"}
    known = ham10000(miniature, size=8, known=["sex"])
    assert len(known) == COUNT * 2 // 3


def test_what_is_not_there_is_named(miniature):
    with pytest.raises(BadInput, match=r"ham10000: target 'dxx' is unknown. Did you mean 'dx'"):
        ham10000(miniature, target="dxx")
    folder = miniature / "HAM10000"
    rows = [row_of(row) for row in range(COUNT)]
    written(folder, [{name: row[name] for name in row if name != "lesion_id"} for row in rows])
    with pytest.raises(BadInput, match=r"column 'lesion_id' is absent"):
        ham10000(miniature)
    (folder / "HAM10000_metadata.csv").unlink()
    with pytest.raises(BadInput, match=r"holds none of metadata.csv, HAM10000_metadata.csv, .* Expected layout: HAM"):
        ham10000(miniature)


def test_images_that_are_absent_are_set_aside(miniature):
    (miniature / "HAM10000" / "HAM10000_images_part_1" / "ISIC_0000004.jpg").unlink()
    data = ham10000(miniature, size=8)
    assert [str(problem) for problem in data.problems] == ["ISIC_0000004.jpg: file does not exist (set aside)"]
    assert not np.isin("ISIC_0000004", data.example_id)
