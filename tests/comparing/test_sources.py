"""Names and patterns of files."""

from pathlib import Path

import pytest

from disparate.comparing.sources import files_of, name_of, named, numbered_alike, require_names
from disparate.errors import BadInput


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def touch(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")

    return touch


def test_a_name_is_the_stem_without_the_seed():
    names = ["runs/int8.parquet", "int8_seed{seed}.csv", "{seed}/int8-{seed}.csv", "a.b/int8.v2.csv", "int8/*.parquet"]
    assert [name_of(name) for name in names] == ["int8", "int8", "int8", "int8.v2", "*"]


def test_an_existing_file_with_an_equals_sign_is_no_name(here):
    here("seed=0/int8.csv", "a=b.csv")
    assert named("seed=0/int8.csv") == ("int8", "seed=0/int8.csv")
    assert named("a=b.csv") == ("a=b", "a=b.csv")
    assert named("runs/seed=0/x.csv") == ("x", "runs/seed=0/x.csv")
    assert named("mine=runs/seed=0/x.csv") == ("mine", "runs/seed=0/x.csv")


def test_seeds_and_parts(here):
    here("a_0.csv", "a_12.csv", "a_x.csv", "b_0/1.csv", "b_0/2.csv", "b_1/1.csv", "c[1]_3.csv")
    assert files_of("a_{seed}.csv") == {0: (Path("a_0.csv"),), 12: (Path("a_12.csv"),)}
    assert files_of("b_{seed}/*.csv") == {0: (Path("b_0/1.csv"), Path("b_0/2.csv")), 1: (Path("b_1/1.csv"),)}
    assert files_of("b_*/1.csv") == {0: (Path("b_0/1.csv"), Path("b_1/1.csv"))}
    assert files_of("c[1]_{seed}.csv") == {3: (Path("c[1]_3.csv"),)}
    assert files_of("absent.csv") == {0: (Path("absent.csv"),)}


def test_one_seed_in_two_spellings(here):
    here("a_1.csv", "a_01.csv")
    with pytest.raises(BadInput, match=r"finds seed 1 as 01 and 1; one was expected"):
        files_of("a_{seed}.csv")


def test_two_variants_of_one_name():
    with pytest.raises(BadInput, match=r"two variants are called 'v': a/v.csv and b/v.csv; name them NAME=PATH"):
        require_names(["v", "v"], ["a/v.csv", "b/v.csv"])


def test_numbers_that_are_no_seeds():
    assert numbered_alike(["resnet18", "resnet50", "int4", "int8"]) == []
    assert numbered_alike(["a_s1", "a_s2", "b-run-3", "b-run-4"]) == [("a_s1", "a_s2"), ("b-run-3", "b-run-4")]
