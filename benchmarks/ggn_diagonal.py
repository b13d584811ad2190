"""The GGN diagonal of 512 examples: time, error, order of the weights and memory, against BackPACK's DiagGGNMC.

Run: python benchmarks/ggn_diagonal.py [--runs 3]; BackPACK is installed into an environment of its own:
python -m venv --system-site-packages opponents && opponents/bin/pip install --no-deps backpack-for-pytorch

The network and the pictures of top_eigenvalue.py; the 512 examples are those of the middle group. Error is the
length of the difference from the exact diagonal over its length (ours, held against BackPACK's on 16 examples).
Errors of means over draws fall as one over the square root of their number, and time grows with it, so that methods at
equal error compare by error² × time. Everything is taken in batches of the same size.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Row, measured, play, ratio, require, summary
from noisy_groups import trained
from scipy.stats import spearmanr
from surroundings import publish, surroundings
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.geometry.diagonal import Estimator, diagonal
from disparate.geometry.surface import Surface, evaluated

PER_GROUP, GROUP = 512, 2
BATCH = 64
CHECKED = 16
TOP = 0.05
LIMIT_RATIO, LIMIT_MEMORY = 1.5, 1.5


def ours(on: Surface, estimator: Estimator, draws: int = 2, seed: int = 0) -> Tensor:
    """Return the diagonal by an estimator of ours."""
    return diagonal(on, estimator, draws=draws, generator=np.random.default_rng(seed)).value


def backpack(on: Surface, *, exact: bool = False) -> Tensor:
    """Return the diagonal by BackPACK, of one draw per example or exact."""
    from backpack import backpack as active
    from backpack import extend
    from backpack.extensions import DiagGGNExact, DiagGGNMC

    extension: Any = DiagGGNExact() if exact else DiagGGNMC(mc_samples=1)
    torch.manual_seed(0)
    model = extend(on.model.eval(), use_converter=True).eval()
    loss = extend(torch.nn.CrossEntropyLoss(reduction="sum"))
    weights = list(model.parameters())
    total = torch.zeros(on.size)
    for inputs, target in on.batches():
        model.zero_grad()
        with active(extension):
            loss(model(inputs), target).backward()
        place = 0
        for value in weights:
            found = getattr(value, extension.savefield)
            total[place : place + value.numel()].add_(found.reshape(-1))
            place += value.numel()
            delattr(value, extension.savefield)
    return total.div_(len(on.rows))


def steps(on: Surface) -> None:
    """Train over the examples: forward, backward, and a step with momentum, batch by batch."""
    model = on.model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    for inputs, target in on.batches():
        optimiser.zero_grad()
        cross_entropy(model(inputs), target).backward()
        optimiser.step()


MAIN: dict[str, Callable[[Surface], Tensor | None]] = {
    "signs": partial(ours, estimator="signs"),
    "BackPACK DiagGGNMC, 1 draw": backpack,
    "training steps": steps,
}
BESIDE: dict[str, Callable[[Surface], Tensor | None]] = {
    "exact": partial(ours, estimator="exact"),
    "labels": partial(ours, estimator="labels"),
    "empirical_fisher": partial(ours, estimator="empirical_fisher"),
    "hutchinson": partial(ours, estimator="hutchinson", draws=10),
}
CONTESTANTS = {**MAIN, **BESIDE}


def surface(folder: Path) -> Surface:
    """Return the network over the middle group."""
    case = trained(per_group=PER_GROUP, batch_size=BATCH, weights=folder / "weights.safetensors")
    return list(case.surface.by_group(case.groups).values())[GROUP]


def prepare(folder: Path) -> None:
    """Train the network, and write the exact diagonal of the examples."""
    on = surface(folder)
    torch.save(ours(on, "exact"), folder / "exact.pt")


def turn(name: str, folder: Path) -> Row:
    """Return what one contestant costs, and how near it comes."""
    on = surface(folder)
    with evaluated(on.model), torch.no_grad():  # the kernels of a first batch are made before the clock runs
        on.model(next(on.batches())[0])
    found, cost = measured(lambda: CONTESTANTS[name](on))
    return cost if found is None else {**cost, **quality(found, torch.load(folder / "exact.pt"))}


def quality(found: Tensor, exact: Tensor) -> Row:
    """Return the error of a diagonal and how well it ranks the weights."""
    seen = torch.nonzero(exact).flatten()
    kept = int(TOP * len(exact))
    best = [set(values.topk(kept).indices.tolist()) for values in (found, exact)]
    ranks: Any = spearmanr(found[seen].numpy(), exact[seen].numpy())
    return {
        "relative_error": round(float((found - exact).norm() / exact.norm()), 4),
        "spearman_of_nonzero": round(float(ranks.statistic), 4),
        "overlap_of_top_5_percent": round(len(best[0] & best[1]) / kept, 4),
        "sum_over_exact_sum": round(float(found.double().sum() / exact.double().sum()), 4),
        "share_negative": round(float((found < 0).float().mean()), 4),
        "share_zero": round(float((found == 0).float().mean()), 4),
    }


def agreement(folder: Path) -> float:
    """Return how far our exact diagonal is from BackPACK's on a few examples, relative to its length."""
    on = surface(folder)
    few = replace(on, rows=on.rows[:CHECKED], batch_size=CHECKED)
    own = ours(few, "exact")
    return float((own - backpack(few, exact=True)).norm() / own.norm())


def main() -> None:
    """Measure, write the result beside this file and print it."""
    require("backpack")
    around = surroundings("backpack-for-pytorch")
    checked: Row = {}

    def prepare_and_check(folder: Path) -> None:
        prepare(folder)
        checked["exact_against_backpacks"] = float(f"{agreement(folder):.1e}")

    rows = play(list(MAIN), prepare_and_check, turn, once=list(BESIDE))
    if rows is None:
        return
    found = summary(
        rows, kept=[key for row in rows for key in row if key.startswith(("rel", "spe", "ove", "sum", "sha"))]
    )
    plain, opponent = found["signs"], found["BackPACK DiagGGNMC, 1 draw"]
    shorter = ratio(found, "BackPACK DiagGGNMC, 1 draw", "signs")
    errors = (opponent["relative_error"] / plain["relative_error"]) ** 2
    result = {
        "examples": PER_GROUP,
        "batch": BATCH,
        "draws": {"signs": 2, "labels": 2, "hutchinson": 10, "BackPACK DiagGGNMC": 1},
        **checked,
        "contestants": found,
        "ratio_as_they_run": shorter,
        "ratio_at_equal_error": {key: round(value * errors, 1) for key, value in shorter.items()},
        "memory_over_that_of_training": round(
            plain["peak_mb_above_loaded"] / found["training steps"]["peak_mb_above_loaded"], 2
        ),
        "limit": {"ratio_at_equal_error": LIMIT_RATIO, "memory": LIMIT_MEMORY},
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
