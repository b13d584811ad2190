"""Chips whose products run through arrays, between converters: how many times as long they take as the plain loop.

Run: python benchmarks/crossbar_products.py [--runs 3]; a quarter of an hour on two cores.

Images, networks and plain loop are those of crossbar_draws.py: two threads, one process. Beside weights with errors
(fidelity ``weights``) stand networks on products (``mvm``): with exact converters, which is what CrossSim's ideal ADC
and 2 % of programming error come to; with 8 bits on either side; in four slices on arrays of 128 × 128 with both.
CrossSim is not on the package index, so that it takes no part.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from contest import Row, measured, play, ratio, summary
from crossbar_draws import DEVICE, IMAGES, NETWORKS, WANTED, network, pictures, plain, source_of
from surroundings import publish, surroundings
from torch import nn

from disparate.crossbar import Device, Placement, chip_of, on_crossbars
from disparate.profiles import Profile
from disparate.training.batches import Source
from disparate.training.repeated import repeated

SIZES = ("small CNN", "ResNet-18")
PLAIN = "plain loop"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to answer on chips.

    Args:
        device: The device; the plain loop has none.
        fewer: Times as few draws as the plain loop gets.
    """

    device: Device | None = None
    fewer: int = 1


EXACT = replace(DEVICE, slices=1, fidelity="mvm")
CONVERTED = replace(EXACT, dac_bits=8, adc_bits=8)
WAYS = {
    PLAIN: Way(),
    "weights": Way(device=DEVICE),
    "products, exact converters": Way(device=EXACT, fewer=4),
    "products, 8 bits": Way(device=CONVERTED, fewer=4),
    "products, 8 bits, 4 slices, arrays of 128": Way(
        device=replace(CONVERTED, slices=4, rows=128, columns=128), fewer=10
    ),
}


def turn(contestant: str, folder: Path) -> Row:
    """Return what one way costs on one network."""
    del folder
    name, _, way = contestant.partition(": ")
    entry, asked, model, source = NETWORKS[name], WAYS[way], network(name), source_of(pictures())
    draws = entry.draws // asked.fewer
    if asked.device is None:
        inputs = source.inputs(np.arange(IMAGES))
        plain(model, inputs, 1)
        _, cost = measured(lambda: plain(model, inputs, draws))
    else:
        device = asked.device
        answer(model, source, device, range(1))
        _, cost = measured(lambda: answer(model, source, device, range(draws)))
    return {**cost, **{key: cost[key] * WANTED / draws for key in ("wall_s", "cpu_s")}, "draws_timed": draws}


def answer(model: nn.Module, source: Source, device: Device, draws: range) -> None:
    """Answer as an audit does."""
    split = repeated(model, source, split="test", profile=Profile(threads=2))
    placement = Placement(device=device, calibration=lambda count: source.inputs(np.arange(count)))
    for draw in draws:
        split.logits(on_crossbars(model, placement, chip_of(0, draw), cycle_seed=draw))


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings()
    rows = play([f"{name}: {way}" for name in SIZES for way in WAYS], lambda folder: None, turn)
    if rows is None:
        return
    found = summary(rows, kept=["draws_timed"])
    slower = {
        name: {way: ratio(found, f"{name}: {way}", f"{name}: {PLAIN}") for way in WAYS if way != PLAIN}
        for name in SIZES
    }
    result = {
        "images": IMAGES,
        "seconds_per_draws": WANTED,
        "contestants": found,
        "times_the_plain_loop": slower,
        **around,
    }
    publish(json.loads(json.dumps(result)), Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
