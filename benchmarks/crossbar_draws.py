"""A hundred chips of one network: our draws against the plain loop (copy, disturb, forward), and how few are needed.

Run: python benchmarks/crossbar_draws.py [--runs 3]; about a quarter of an hour on two cores.

2,000 images of 32×32 in float32, the small network and torchvision's ResNet-18 and VGG-11 with their own stems, two
threads. The plain loop adds Gaussian noise and nothing else; ours draws chips under FairXbar's law, quantisation,
achieved rates and all; in bf16 it is ours under the choice ``precision`` as well, other numbers by name. Where aihwkit
is installed, its tiles in torch answer too: phase-change noise on the weights, an exact product, written anew for every
draw. Large networks and slow methods answer fewer draws, and times are scaled to a hundred. Answers are checked against
the plain forward pass of the same chips. *Useful work* counts the products of the plain network, whoever does fewer.

Then the variance of equalised odds over chips, of a trained small network: independent chips, mirrored pairs, and, of
the difference between two strengths of noise, chips in common and both. The number of draws that one half-width takes
is as the variance.
"""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Row, measured, play, ratio, summary
from surroundings import publish, surroundings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18, vgg11

from disparate.choice import DeployContext
from disparate.choices.precision import Precision
from disparate.crossbar import Chip, Device, Placement, chip_of, on_crossbars
from disparate.data.grouped import GroupedDataset
from disparate.data.synthetic import synthetic
from disparate.groups import Attribute
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import equalized_odds_sum
from disparate.models.small import SmallCNN
from disparate.objectives import build_objective
from disparate.profiles import Profile
from disparate.training.batches import Normalisation, Source
from disparate.training.config import TrainingConfig
from disparate.training.loop import train
from disparate.training.repeated import Repeated, repeated

IMAGES, SIDE, CLASSES, BATCH = 2000, 32, 10, 500
WANTED = 100
NOISE = 0.02
DEVICE = Device(bits=8, slices=4, programming=NOISE, variation="fairxbar")
LIMIT = {"times_as_fast": 1.5, "aim": 2.0, "variance_ratio": 2.0}
PEAK = 2048
PAIRS = 100
STRENGTHS = (0.003, 0.004)
LIGHT_TONES = 3
"""Of the six tones of the drawn pictures; the other ones are dark."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network, and how many chips of it are timed.

    Args:
        make: Makes the network.
        draws: Chips in a turn.
    """

    make: Callable[[], nn.Module]
    draws: int


NETWORKS = {
    "small CNN": Entry(make=lambda: SmallCNN(CLASSES), draws=60),
    "ResNet-18": Entry(make=lambda: resnet18(num_classes=CLASSES), draws=20),
    "VGG-11": Entry(make=lambda: vgg11(num_classes=CLASSES), draws=2),
}
TILES = "aihwkit, torch tiles"
METHODS = (
    "plain loop",
    "plain loop, channels last",
    "disparate",
    "disparate, two workers",
    "disparate, bf16, two workers",
    *([TILES] if find_spec("aihwkit") else []),
)
FEWER = 5
"""Times as few draws for tiles, which take several times as long."""


def network(name: str) -> nn.Module:
    """Return a network in evaluation mode; statistics of normalisation come from noise and are not the identity."""
    torch.manual_seed(0)
    model = NETWORKS[name].make().train()
    with torch.no_grad():
        model(torch.randn(32, 3, SIDE, SIDE))
    return model.eval()


def pictures() -> GroupedDataset:
    """Return the images as a data set; what is on them does not matter for time."""
    generator = np.random.default_rng(0)
    return GroupedDataset(
        name="noise",
        kind="image",
        inputs=generator.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8),
        target=np.arange(IMAGES) % CLASSES,
        label_names=tuple(map(str, range(CLASSES))),
        target_name="label",
        example_id=np.arange(IMAGES).astype(np.str_),
        attributes={"half": Attribute.of((np.arange(IMAGES) % 2).tolist())},
        split=np.full(IMAGES, "test"),
    )


def source_of(data: GroupedDataset) -> Source:
    """Return the inputs as a network sees them."""
    normalisation = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    return Source(data=data, normalisation=normalisation, device=torch.device("cpu"))


def plain(model: nn.Module, inputs: Tensor, draws: int) -> None:
    """Answer by the loop that everybody writes."""
    with torch.no_grad():
        for _ in range(draws):
            noisy = deepcopy(model)
            for parameter in noisy.parameters():
                if parameter.dim() > 1:
                    parameter.add_(torch.randn_like(parameter) * (NOISE * parameter.abs().max()))
            torch.cat([noisy(batch) for batch in inputs.split(BATCH)])


def ours(model: nn.Module, split: Repeated, draws: range, number_format: str = "float32") -> None:
    """Answer as an audit does."""
    for draw in draws:
        split.logits(answering(model, split.source, draw, number_format))


def answering(model: nn.Module, source: Source, draw: int, number_format: str) -> nn.Module:
    """Return the network on a chip, its answers computed in a number format."""
    placed = chip(model, DEVICE, chip_of(0, draw))
    if number_format == "float32":
        return placed
    context = DeployContext(
        calibration=lambda count: source.inputs(np.arange(count)), generator=torch.Generator().manual_seed(draw)
    )
    return Precision(format="bf16").apply(placed, context)


def on_tiles(model: nn.Module) -> nn.Module:
    """Return the network on aihwkit's tiles in torch: phase-change noise, an exact product."""
    from aihwkit.inference import PCMLikeNoiseModel
    from aihwkit.nn.conversion import convert_to_analog
    from aihwkit.simulator.configs import TorchInferenceRPUConfig

    config = TorchInferenceRPUConfig()
    config.forward.is_perfect = True
    config.noise_model = PCMLikeNoiseModel(g_max=25.0)
    return convert_to_analog(model, config).eval()


def tiled(tiles: Any, inputs: Tensor, draws: int) -> None:
    """Answer on tiles, written anew for every draw."""
    with torch.no_grad():
        for _ in range(draws):
            tiles.program_analog_weights()
            torch.cat([tiles(batch) for batch in inputs.split(BATCH)])


def chip(model: nn.Module, device: Device, defects: Chip) -> nn.Module:
    """Return the network on a chip."""
    return on_crossbars(model, Placement(device=device), defects, cycle_seed=0)


def in_two_workers(model: nn.Module, split: Repeated, draws: int, number_format: str) -> float:
    """Answer half of the draws in each of two processes with a thread each; return what they cost of the processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = [_child(lambda part=part: ours(model, split, range(part, draws, 2), number_format)) for part in range(2)]
    for child in children:
        if os.waitpid(child, 0)[1]:
            raise SystemExit("a worker failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _child(work: Callable[[], None]) -> int:
    """Begin work in a copy of this process, which has started no threads of its own yet."""
    if (child := os.fork()) == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def peak() -> float:
    """Return how many billion products and sums a second a large matrix product reaches in this process."""
    left, right = torch.randn(PEAK, PEAK), torch.randn(PEAK, PEAK)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2 * PEAK**3 / min(times) / 1e9


def work_of(model: nn.Module) -> float:
    """Return how many billion products and sums the plain network takes for all images."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, SIDE, SIDE))
    return counter.get_total_flops() * IMAGES / 1e9


def turn(contestant: str, folder: Path) -> Row:
    """Return what one method costs on one network, or the variances."""
    del folder
    if contestant == "variances":
        found, cost = measured(variances)
        return {**cost, "found": found}
    name, _, method = contestant.partition(": ")
    entry, model, source = NETWORKS[name], network(name), source_of(pictures())
    if contestant.endswith(TILES):
        return _of_tiles(entry, model, source)
    if method.startswith("plain"):
        inputs, reached = source.inputs(np.arange(IMAGES)), peak()
        if method.endswith("last"):
            layout: Any = torch.channels_last
            model, inputs = model.to(memory_format=layout), inputs.contiguous(memory_format=layout)
        plain(model, inputs, 1)
        _, cost = measured(lambda: plain(model, inputs, entry.draws))
        return _scaled(cost, entry, model, reached)
    threads = 1 if method.endswith("workers") else torch.get_num_threads()
    torch.set_num_threads(threads)
    split = repeated(model, source, split="test", profile=Profile(threads=threads))
    if threads == 1:
        number_format = "bf16" if "bf16" in method else "float32"
        found, cost = measured(lambda: in_two_workers(model, split, entry.draws, number_format))
        row = _scaled({**cost, "cpu_s": found}, entry, model, None)
        return row if number_format == "float32" else {**row, "farthest": farthest(model, split, source, number_format)}
    reached = peak()
    ours(model, split, range(1))
    _, cost = measured(lambda: ours(model, split, range(entry.draws)))
    return {**_scaled(cost, entry, model, reached), "farthest": farthest(model, split, source)}


def _of_tiles(entry: Entry, model: nn.Module, source: Source) -> Row:
    fewer = replace(entry, draws=max(1, entry.draws // FEWER))
    tiles, inputs = on_tiles(model), source.inputs(np.arange(IMAGES))
    tiled(tiles, inputs, 1)
    _, cost = measured(lambda: tiled(tiles, inputs, fewer.draws))
    return _scaled(cost, fewer, model, None)


def _scaled(cost: Row, entry: Entry, model: nn.Module, reached: float | None) -> Row:
    speed = work_of(model) * entry.draws / cost["wall_s"]
    share = (
        {} if reached is None else {"peak_gflops": round(reached), "useful_share_of_peak": round(speed / reached, 2)}
    )
    seconds = {key: cost[key] * WANTED / entry.draws for key in ("wall_s", "cpu_s")}
    return {**cost, **seconds, "draws_timed": entry.draws, **share}


def farthest(model: nn.Module, split: Repeated, source: Source, number_format: str = "float32") -> Row:
    """Return how far our answers are from the plain forward pass of the same chips."""
    inputs, apart, flips, largest = source.inputs(np.arange(IMAGES)), 0.0, 0, 0.0
    for draw in range(2):
        with torch.no_grad():
            noisy = chip(model, DEVICE, chip_of(0, draw))
            expected = torch.cat([noisy(batch) for batch in inputs.split(BATCH)]).numpy()
        found = split.logits(answering(model, source, draw, number_format))
        apart = max(apart, float(np.abs(found - expected).max()))
        largest = max(largest, float(np.abs(expected).max()))
        flips += int((found.argmax(1) != expected.argmax(1)).sum())
    return {"logits_apart": apart, "largest_logit": largest, "answers_that_differ": flips, "answers": 2 * IMAGES}


def variances() -> Row:
    """Return variances of equalised odds over chips, and how many times as few draws are needed for one half-width."""
    data = synthetic(examples=6000)
    model = SmallCNN(len(data.label_names), width=16)
    config = TrainingConfig(epochs=6)
    profile = Profile(threads=torch.get_num_threads())
    trained = train(model, data, config=config, profile=profile, objective=build_objective({"name": "erm"}))
    source = Source(data=data, normalisation=trained.normalisation, device=torch.device("cpu"))
    split = repeated(model.eval(), source, split="test", profile=profile)
    values = {strength: np.array(list(_pairs(model, split, data, strength))) for strength in STRENGTHS}
    low, high = (values[strength] for strength in STRENGTHS)
    other = np.roll(high, 1, axis=0)
    return {
        "strengths": STRENGTHS,
        "chips": 2 * PAIRS,
        "mean": [round(float(own.mean()), 4) for own in (low, high)],
        "mean_over_draws": _judged(low.reshape(-1).var(ddof=1), {"mirrored pairs": _of_pairs(low)}),
        "difference_of_two_strengths": _judged(
            (low - other).reshape(-1).var(ddof=1),
            {"chips in common": (low - high).reshape(-1).var(ddof=1), "and mirrored pairs": _of_pairs(low - high)},
        ),
    }


def _of_pairs(values: np.ndarray) -> float:
    """Return the variance per draw of a mean over pairs: twice that of a pair's mean."""
    return float(2 * values.mean(axis=1).var(ddof=1))


def _judged(independent: float, others: dict[str, float]) -> Row:
    return {
        "variance_of_independent_chips": float(independent),
        **{
            name: {"variance": float(value), "draws_saved_by_a_factor_of": round(float(independent / value), 2)}
            for name, value in others.items()
        },
    }


def _pairs(model: nn.Module, split: Repeated, data: GroupedDataset, strength: float) -> Iterator[tuple[float, ...]]:
    device = Device(bits=8, slices=4, programming=strength, variation="fairxbar")
    for pair in range(PAIRS):
        seed = chip_of(0, pair).seed
        yield tuple(
            _equalized_odds(split.logits(chip(model, device, Chip(seed=seed, mirrored=mirrored))), data, split)
            for mirrored in (False, True)
        )


def _equalized_odds(logits: np.ndarray, data: GroupedDataset, split: Repeated) -> float:
    dark = (data.groups("tone").codes[split.rows] >= LIGHT_TONES).astype(np.int32)
    answers, classes = logits.argmax(axis=1).astype(np.int64), len(data.label_names)
    counts = confusion_counts(data.target[split.rows], answers, dark, groups=2, classes=classes)
    return float(equalized_odds_sum(counts, 0)[1])


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings()
    names = [f"{name}: {method}" for name in NETWORKS for method in METHODS]
    rows = play(names, lambda folder: None, turn, once=["variances"])
    if rows is None:
        return
    spread = next(row["found"] for row in rows if row["contestant"] == "variances")
    timed = [row for row in rows if row["contestant"] != "variances"]
    found = summary(timed, kept=["draws_timed", "peak_gflops", "useful_share_of_peak", "farthest"])
    faster = {
        name: {
            method: ratio(found, f"{name}: plain loop", f"{name}: {method}")
            for method in METHODS
            if method != "plain loop"
        }
        for name in NETWORKS
    }
    tiles = {
        name: {
            method: ratio(found, f"{name}: {TILES}", f"{name}: {method}")
            for method in METHODS
            if method.startswith("disparate")
        }
        for name in NETWORKS
        if TILES in METHODS
    }
    result = {
        "images": IMAGES,
        "seconds_per_draws": WANTED,
        "contestants": found,
        "plain_loop_takes_times_as_long_as": faster,
        "tiles_take_times_as_long_as": tiles,
        "equalised_odds_over_chips": spread,
        "limit": LIMIT,
        **around,
    }
    publish(json.loads(json.dumps(result)), Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
