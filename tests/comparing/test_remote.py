"""Files in an object store are compared as files here are."""

import fsspec
import pytest

import disparate
from disparate.comparing.sources import files_of, name_of, named
from disparate.errors import BadInput
from disparate.store import joined

PATTERN = "memory://bucket/runs/" + "{seed}/*.parquet"
QUICK = {"replicates": 20, "groups": ["race"]}


@pytest.fixture
def far(file, tmp_path):
    """Write columns to a file of fsspec's file system in memory and return its address."""
    system = fsspec.filesystem("memory")
    system.store.clear()

    def write(name, columns):
        file(name, columns)
        system.pipe_file(f"/bucket/{name}", (tmp_path / name).read_bytes())
        return f"memory://bucket/{name}"

    yield write
    system.store.clear()


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **QUICK, **more)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("way", [False, True], ids=["loaded", "counted"])
def test_findings_are_those_of_files_here(dense, int8, far, file, mixed, ending, way):
    there = ask(far(f"a.{ending}", dense), {"v": far(f"b.{ending}", mixed(int8))}, counts_only=way)
    here = ask(file(f"a.{ending}", dense), {"v": file(f"b.{ending}", mixed(int8))}, counts_only=way)
    assert there.findings == here.findings
    assert there.run["tables"][0]["table"] == f"file 'memory://bucket/a.{ending}'"


def test_rising_ids_are_read_side_by_side(dense, int8, far, monkeypatch):
    monkeypatch.setattr(joined, "joined_counts", None)
    there = ask(far("a.parquet", dense), {"v": far("b.parquet", int8)}, counts_only=True)
    assert there.findings == ask(dense, {"v": int8}).findings


def test_parts_and_seeds(make, far):
    for seed in (0, 3):
        for part in range(2):
            rows = slice(part * 300, part * 300 + 300)
            far(f"runs/{seed}/{part}.parquet", {name: column[rows] for name, column in make(seed).items()})
    found = files_of(PATTERN)
    assert {seed: [str(one) for one in files] for seed, files in found.items()} == {
        seed: [f"memory://bucket/runs/{seed}/{part}.parquet" for part in range(2)] for seed in (0, 3)
    }
    there = ask(PATTERN, {"v": PATTERN})
    own = {seed: make(seed) for seed in (0, 3)}
    assert there.findings == ask(own, {"v": own}).findings


def test_names():
    assert name_of("s3://bucket/runs/int8_seed{seed}.parquet?region=eu-west-1") == "int8"
    assert named("int8=s3://b/x.parquet?a=b") == ("int8", "s3://b/x.parquet?a=b")
    assert named("s3://b/x.parquet?a=b") == ("x", "s3://b/x.parquet?a=b")


def test_what_is_wrong_is_said(dense, far, file):
    good = far("a.parquet", dense)

    def refused(text, address):
        with pytest.raises(BadInput, match=text):
            ask(good, {"v": address})

    refused(r"file 'memory://bucket/z.parquet' does not exist\.$", "memory://bucket/z.parquet")
    refused("'memory://bucket' is a folder; files were expected", "memory://bucket")
    refused(r"pattern 'memory://bucket/z_\{seed\}.parquet' matches no file", "memory://bucket/z_{seed}.parquet")
    fsspec.filesystem("memory").pipe_file("/bucket/torn.parquet", b"PAR1 and no more")
    refused("file 'memory://bucket/torn.parquet' cannot be read as Parquet", "memory://bucket/torn.parquet")


def test_a_stream_that_breaks_is_said(dense, int8, far, mixed, monkeypatch):
    def broken(_):
        raise OSError("connection reset")

    paths = far("a.parquet", dense), {"v": far("b.parquet", mixed(int8))}
    monkeypatch.setattr(joined, "_streamed", broken)
    with pytest.raises(BadInput, match=r"tables cannot be counted \(connection reset\); are the files complete"):
        ask(*paths, counts_only=True)
