"""Protection: what is tried, priced and chosen; maps against masks; through a small audit to files and page."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from disparate.auditing.protecting import arrays_told, map_of
from disparate.auditing.recipe import parse_recipe
from disparate.cli.main import invoke
from disparate.crossbar.device import Device
from disparate.crossbar.layers import as_blocks
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.search.protection import Protection, protect, settings_of
from disparate.search.protection_page import cells, page, written
from disparate.store.runs import Store

NOISE = {"preset": "fairxbar_noise", "programming": 0.2, "rows": 16, "columns": 8}
RECIPE = """
[audit]
name = "guarded"
groups = ["tone"]
seeds = [0, 1]
repeats = 1
replicates = 20

[data]
source = "synthetic"
examples = 700

[model]
name = "small_cnn"
width = 4

[training]
epochs = 2
"""


def test_ends_are_tried_whatever_is_asked_and_once():
    tried = Protection(device=NOISE, rules=("fr",), shares=(0.0, 0.1, 0.3, 1.0)).targets()
    assert [(target.rule, target.share) for target in tried] == [
        ("random", 0.0),
        ("fr", 0.1),
        ("fr", 0.3),
        ("random", 1.0),
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": {}}, "the device has no faults and no deviations, so there is nothing to protect"),
        ({"device": {"programing": 0.1}}, "Did you mean 'programming'"),
        ({"device": NOISE, "chips": 0}, "chips is 0; 1 or more were expected"),
        ({"device": NOISE, "most_lost": 1.5}, "most_lost is 1.5"),
        ({"device": NOISE, "shares": (2.0,)}, "share is 2.0; a share in"),
        ({"device": NOISE, "target": {"betta": 0.1}}, "Did you mean 'beta'"),
        (
            {"device": NOISE, "target": {"share": 0.9}},
            "share is 0.9; every rule is tried at every share. Name them with",
        ),
        ({"device": NOISE | {"verify": "none"}}, "verify is 'none'; what is protected is what is verified here"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(BadInput, match=said):
        Protection(**settings)


def test_settings_are_read_as_toml():
    assert settings_of(["preset='swim'", "rows=8"]) == {"preset": "swim", "rows": 8}
    with pytest.raises(BadInput, match="texts in quotes"):
        settings_of(["preset=swim"])


@pytest.mark.parametrize(("shape", "blocks"), [((6, 10), 1), ((4, 3, 3, 3), 1), ((4, 1, 3, 3), 2)])
def test_a_map_is_the_mask_laid_out_in_arrays(shape, blocks):
    exposed = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.3
    device = Device(rows=4, columns=3)
    table = map_of("layer", exposed, blocks, device).to_pandas()
    assert len(table) == exposed.numel()
    whole = as_blocks(exposed, blocks)
    rows, columns = table.array_row * 4 + table.row, table.array_column * 3 + table.column
    found = whole[torch.tensor(table.block.to_numpy()), torch.tensor(rows.to_numpy()), torch.tensor(columns.to_numpy())]
    assert (found.numpy() == ~table.verify.to_numpy()).all()
    assert table.row.max() < 4
    assert table.column.max() < 3
    told = arrays_told(map_of("layer", exposed, blocks, device))
    assert sum(one["verify"] for one in told) == int((~exposed).sum())
    assert sum(one["weights"] for one in told) == exposed.numel()
    assert len(told) == len(table.groupby(["block", "array_row", "array_column"]))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    store = Store.open(tmp_path_factory.mktemp("store"))
    asked = Protection(device=NOISE, rules=("fr", "fr_and_ar"), shares=(0.3,), chips=2, target={"examples": 40})
    return store, protect(parse_recipe(tomllib.loads(RECIPE)), asked, store=store, engine=InlineEngine())


def test_the_ends_cost_what_they_must(found):
    _, result = found
    first, last = result.priced[0], result.priced[-1]
    assert (first.name, first.verified) == ("every cell verified", 1.0)
    assert (last.name, last.verified) == ("no cell verified", 0.0)
    assert last.writes == pytest.approx(1.0)
    assert first.writes > 2.0
    writes = [way.writes for way in sorted(result.priced, key=lambda way: way.verified)]
    assert writes == sorted(writes)


def test_what_is_chosen_is_on_the_front_and_loses_no_more_than_allowed(found):
    _, result = found
    best, everything = result.chosen, result.priced[0]
    assert sum(way.chosen for way in result.priced) == 1
    assert best.on_front or best is everything
    f1 = [way.scores[result.chosen_on]["f1"]["mean"] for way in (best, everything)]
    assert f1[0] >= f1[1] - 0.01


def test_files_hold_the_map_of_what_was_chosen(found):
    store, result = found
    folder = written(result, store)
    summary = json.loads((folder / "summary.json").read_text())
    assert [way["chosen"] for way in summary["ways"]] == [way.chosen for way in result.priced]
    assert "NaN" not in (folder / "summary.json").read_text()
    shares = []
    for seed in (0, 1):
        table = pq.read_table(folder / f"map_seed{seed}.parquet").to_pandas()
        assert set(table.columns) == {"layer", "block", "array_row", "array_column", "row", "column", "verify"}
        assert sum(one["verify"] for one in summary["arrays"][str(seed)]) == table.verify.sum()
        shares.append(table.verify.mean())
    assert np.mean(shares) == pytest.approx(result.chosen.verified, abs=1e-9)


def test_the_page_needs_nothing_else_and_escapes(found):
    _, result = found
    html = page(result)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert all(way.name in html for way in result.priced)
    assert f"front: on the split {result.chosen_on}" in html


def test_rows_are_as_long_as_heads_and_intervals_can_be_left_out(found):
    _, result = found
    heads, rows = cells(result)
    short = cells(result, intervals=False)[1]
    assert {len(row) for row in (*rows, *short)} == {len(heads)}
    assert [row[0] for row in rows] == [str(place) for place in range(1, len(result.priced) + 1)]
    assert heads[4:6] == ["F1", "EOdds"]
    assert heads[3] == "writes per weight"
    assert any("[" in cell for row in rows for cell in row)
    assert not any("[" in cell for row in short for cell in row)


def test_of_many_groups_the_lowest_is_shown_by_name(found):
    _, result = found
    heads, rows = cells(result, intervals=False, groups=2)
    whole, every = cells(result, intervals=False)
    assert heads == [*whole[:6], "F1 of the lowest group", "front"]
    for short, row in zip(rows, every, strict=True):
        by_group = {name.removeprefix("F1 "): float(cell) for name, cell in zip(whole[6:-1], row[6:-1], strict=True)}
        value, name = short[6].split(" ", 1)
        assert (float(value), by_group[name]) == (min(by_group.values()), min(by_group.values()))


def test_notes_tell_what_the_numbers_leave_out(found):
    _, result = found
    assert "split test, where another order may hold" in replace(result, chosen_on="validation").notes()[1]
    faulty = replace(result, protection=Protection(device={"preset": "fairxbar_flips"}))
    told = " ".join(faulty.notes())
    assert "There is no validation split: the way is chosen on the split" in told
    assert "A verified cell has no fault here" in told
    assert faulty.unit == "cell"
    assert all(text in page(faulty) for text in faulty.notes())
    assert faulty.to_json()["notes"] == list(faulty.notes())


def test_from_the_command_line(tmp_path, capsys):
    (tmp_path / "a.toml").write_text(RECIPE.replace("[0, 1]", "[0]").replace("epochs = 2", "epochs = 1"))
    words = ["protect", str(tmp_path / "a.toml"), "--store", str(tmp_path / "runs"), "--quiet", "--slots", "1"]
    words += ["--device", "preset='fairxbar_noise'", "--rule", "fr", "--share", "0.2", "--chips", "1"]
    assert invoke(words) == 0
    told = capsys.readouterr().out
    assert "of the cells verified" in told
    assert "every cell verified" in told
    assert Path(tmp_path / "runs" / "guarded" / "protection" / "map_seed0.parquet").is_file()
