"""Full-batch gradient norms of five groups, whole, by layer and beside chance, against one forward and backward pass.

Run: python benchmarks/group_gradients.py [--runs 5]; no opponent has to be installed. The network and the pictures of
top_eigenvalue.py, 5 × 512 examples. A pass is evaluation mode, summed loss, ``backward`` into ``.grad``, and nothing
else; of its batch sizes the fastest counts.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from contest import Row, measured, play, ratio, summary
from noisy_groups import Case, trained
from surroundings import publish, surroundings
from torch.nn.functional import cross_entropy

from disparate.geometry.gradients import group_gradients
from disparate.geometry.surface import evaluated

PER_GROUP = 512
BATCHES = (128, 512)
PASSES = 3
LIMIT = 1.2


def ours(case: Case) -> dict[str, float]:
    """Return the norm of every group."""
    found = group_gradients(case.surface, case.groups, generator=np.random.default_rng(0))
    return {name: round(item.norm, 4) for name, item in found.items()}


def one_pass(case: Case) -> dict[str, float]:
    """Go forward and backward over all examples once; return the norm over all of them."""
    model = case.surface.model
    model.zero_grad()
    with evaluated(model):
        for inputs, target in case.surface.batches():
            cross_entropy(model(inputs), target, reduction="sum").backward()
    squares = sum(float(value.grad.square().sum()) for value in model.parameters() if value.grad is not None)
    return {"all": round(squares**0.5 / len(case.surface.rows), 4)}


CONTESTANTS: dict[str, tuple[Callable[[Case], dict[str, float]], int]] = {
    "disparate": (ours, BATCHES[0]),
    **{f"one pass, batches of {size}": (one_pass, size) for size in BATCHES},
}


def turn(name: str, folder: Path) -> Row:
    """Return what one contestant found and what it costs once it is warm, as a mean over several times."""
    contestant, size = CONTESTANTS[name]
    case = trained(per_group=PER_GROUP, weights=folder / "weights.safetensors")
    case = replace(case, surface=replace(case.surface, batch_size=size))
    norms, first = measured(lambda: contestant(case))
    _, cost = measured(lambda: [contestant(case) for _ in range(PASSES)])
    return {
        "wall_s": cost["wall_s"] / PASSES,
        "cpu_s": cost["cpu_s"] / PASSES,
        "peak_mb": first["peak_mb"],
        "batch": size,
        "norms": norms,
    }


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings()

    def prepare(folder: Path) -> None:
        trained(per_group=PER_GROUP, weights=folder / "weights.safetensors")

    rows = play(list(CONTESTANTS), prepare, turn)
    if rows is None:
        return
    found = summary(rows, kept=["batch", "norms"])
    ratios = {name: ratio(found, "disparate", name) for name in found if name != "disparate"}
    result = {
        "groups": len(found["disparate"]["norms"]),
        "examples_per_group": PER_GROUP,
        "contestants": found,
        "times_as_long_as": ratios,
        "ratio_to_the_faster_pass": {key: max(row[key] for row in ratios.values()) for key in ("wall_s", "cpu_s")},
        "limit": {"ratio": LIMIT},
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
