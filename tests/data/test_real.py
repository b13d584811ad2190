"""The published data themselves, where this machine has them."""

import csv
import time
from itertools import combinations

import numpy as np
import pytest

from disparate.data import load
from disparate.data.images import decode, near_identical

pytestmark = pytest.mark.data


def test_utkface_is_read_in_the_published_numbers_and_fast_from_the_cache(real_data):
    root = real_data("UTKFace")
    load("utkface", root=root)
    start = time.perf_counter()
    data = load("utkface", root=root)
    assert time.perf_counter() - start < 1.0
    counts = {"white": 10077, "black": 4524, "Asian": 3434, "Indian": 3975, "other": 1692}
    assert data.groups("race").counts() == counts
    assert data.groups("gender").counts() == {"male": 12388, "female": 11314}
    aside = [problem.what for problem in data.problems if problem.action == "set aside"]
    assert len(aside) == 5
    kept = [problem.found.split(", but ")[1].split()[0] for problem in data.problems if problem.action == "kept"]
    assert {name: kept.count(name) for name in ("age", "gender", "race")} == {"age": 205, "gender": 40, "race": 70}


def pairs(keys):
    rows = {}
    for row, key in enumerate(keys):
        if key:
            rows.setdefault(key, []).append(row)
    return {pair for found in rows.values() for pair in combinations(found, 2)}


def test_our_hash_finds_the_copies_that_others_found(real_data):
    root = real_data("UTKFace/labels.csv") / "UTKFace"
    with (root / "labels.csv").open(newline="") as file:
        rows = sorted((row for row in csv.DictReader(file) if row["well_formed"] == "1"), key=lambda row: row["file"])
    images = decode(root, [row["file"] for row in rows], size=32)
    ours = pairs(near_identical(images.difference_hash).tolist())
    exact = pairs([row["exact_dup_group"] for row in rows])
    near = pairs([row["near_dup_group"] for row in rows])
    assert exact <= ours
    assert exact == pairs(images.pixel_hash.tolist())
    assert len(ours & near) / len(near) > 0.9
    assert len(ours & near) / len(ours) > 0.9


def test_cifar10_has_its_published_means_and_counts(real_data):
    data = load("cifar10", root=real_data("cifar-10-batches-bin"))
    train = data.rows("train")
    assert data.sizes("class")["train"] == dict.fromkeys(data.label_names, 5000)
    assert data.sizes("class")["test"] == dict.fromkeys(data.label_names, 1000)
    mean = data.inputs[train].reshape(-1, 3).mean(axis=0, dtype=np.float64) / 255
    assert mean == pytest.approx([0.49139968, 0.48215841, 0.44653091], abs=1e-7)


def test_adult_keeps_its_published_split(real_data):
    data = load(
        "tabular",
        root=real_data("tabular/adult.csv"),
        table="tabular/adult.csv",
        target="income",
        groups=["sex", "race"],
        split="split",
    )
    assert (len(data.rows("train")), len(data.rows("test"))) == (32561, 16281)
    assert data.target.sum() == 11687


def test_ham10000_is_split_by_lesion(real_data):
    data = load(
        "image_folder",
        root=real_data("HAM10000"),
        table="HAM10000/metadata.csv",
        path="image_id",
        suffix=".jpg",
        target="dx",
        groups=["sex", "age_approx"],
        bins={"age_approx": [30, 45, 60, 75]},
        cluster="lesion_id",
        size=32,
    )
    assert data.groups("sex").counts() == {"female": 5198, "male": 6179, "unknown": 343}
    assert data.groups("age_approx").counts() == {
        "0-29": 732,
        "30-44": 2475,
        "45-59": 4006,
        "60-74": 2647,
        "75+": 1477,
        "(missing)": 383,
    }
    assert data.cluster_id is not None
    assert len(set(zip(data.cluster_id.tolist(), data.split.tolist(), strict=True))) == len(
        set(data.cluster_id.tolist())
    )


def test_ham10000_has_its_published_numbers_and_no_lesion_in_two_splits(real_data):
    data = load("ham10000", root=real_data("HAM10000"), size=32)
    assert data.groups("sex").counts() == {"female": 5198, "male": 6179, "(missing)": 343}
    counts = dict(zip(data.label_names, np.bincount(data.target).tolist(), strict=True))
    assert counts == {"akiec": 378, "bcc": 622, "bkl": 1338, "df": 160, "mel": 1305, "nv": 7737, "vasc": 180}
    assert data.cluster_id is not None
    parts = set(zip(data.cluster_id.tolist(), data.split.tolist(), strict=True))
    assert len(parts) == len(set(data.cluster_id.tolist()))


def test_fitzpatrick17k_has_its_published_numbers(real_data):
    data = load("fitzpatrick17k", root=real_data("fitzpatrick17k"), size=32)
    types = {"1": 766, "2": 1361, "3": 805, "4": 579, "5": 299, "6": 133, "(missing)": 144}
    assert data.groups("skin_type").counts() == types
    assert data.groups("tone").counts() == {"light": 2932, "dark": 1011, "(missing)": 144}
    other = load("fitzpatrick17k", root=real_data("fitzpatrick17k"), size=32, annotator="centaur")
    assert other.groups("tone").counts() == {"light": 3164, "dark": 697, "(missing)": 226}
