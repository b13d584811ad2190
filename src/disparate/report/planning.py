"""What an experiment could see, before any run: from an expected error, or an expected share of flips."""

from collections.abc import Mapping
from dataclasses import replace

from disparate.errors import BadInput
from disparate.report.power import Bench, Reach, need_of
from disparate.stats.power import Floor, Noise, Plan, require_change

TRAINING, TRAINED = "training", "trained model"
"""What a choice acts on."""
ASSUMED: Mapping[str, str] = {
    TRAINING: (
        "What acts on training is judged over seeds. Two trainings are taken to differ by √(err / n) in a group of n "
        "examples, err being the share of wrong answers (Jordan 2024): the least there is. Devices or seeds that move "
        "whole groups come on top of it, and a variant with more errors is noisier than its reference."
    ),
    TRAINED: (
        "What acts on a trained model is judged over examples. It is taken to turn the same answers under every seed, "
        "so that a change of a group moves by √(flips / n); where other answers turn under other seeds, several seeds "
        "see more than this."
    ),
}
"""What is assumed of each, in words."""


def expected(
    sizes: Mapping[str, int],
    *,
    change: float,
    seeds: int,
    plan: Plan,
    error: float | None = None,
    flips: float | None = None,
) -> tuple[Reach, ...]:
    """Return what an experiment could see, per group and what a choice acts on.

    Args:
        sizes: Number of test examples by group.
        change: The change to ask about, as a share.
        seeds: Number of training seeds.
        plan: Wanted power, level and number of comparisons; axis and floor are set here.
        error: Share of wrong answers expected of the reference, for what acts on training.
        flips: Share of answers expected to become right or wrong, for what acts on the trained model.

    Returns:
        One per group with ``error``, then one per group with ``flips``.

    Raises:
        BadInput: A size, a share, the change or the number of seeds is impossible, or neither share is given.

    Example:
        >>> reach, = expected({"other": 340}, change=0.05, seeds=5, plan=Plan(), error=0.2)
        >>> round(reach.need.smallest, 3), reach.need.examples
        (0.042, 235)
    """
    _require(sizes, change, seeds, error=error, flips=flips)
    found: list[Reach] = []
    if error is not None:
        own = replace(plan, axis="seeds", floor=Floor.of_test_set(error))
        found += [_reach(TRAINING, name, n, Noise.of_training(error), own, seeds, change) for name, n in sizes.items()]
    if flips is not None:
        own = replace(plan, axis="both", floor=Floor.of_test_set(flips))
        found += [_reach(TRAINED, name, n, Noise.of_flips(flips), own, seeds, change) for name, n in sizes.items()]
    return tuple(found)


def _reach(acts_on: str, group: str, n: int, noise: Noise, plan: Plan, seeds: int, change: float) -> Reach:
    bench = Bench(noise=noise, plan=plan, seeds=seeds, examples=n)
    need = need_of(bench, change)
    return Reach(variant=acts_on, by="", group=group, unit="share", seeds=seeds, examples=n, bench=bench, need=need)


def _require(sizes: Mapping[str, int], change: float, seeds: int, *, error: float | None, flips: float | None) -> None:
    require_change(change)
    if abs(change) > 1:
        raise BadInput(f"change is {change}; a share was expected, such as 0.02 for 2 points.")
    if seeds < 1:
        raise BadInput(f"seeds is {seeds}; at least 1 was expected, 5 are usual.")
    for group, n in sizes.items():
        if n < 1:
            raise BadInput(f"group '{group}' has {n} examples; at least 1 was expected.")
    if error is None and flips is None:
        raise BadInput(
            "neither an error nor flips is given; the share of wrong answers of the reference was expected for what "
            "acts on training, that of answers that turn for what acts on a trained model. Give --error 0.2 or "
            "--flips 0.05."
        )
    for name, share, least in (("error", error, 0.0), ("flips", flips, abs(change))):
        if share is not None and not (0 < share <= 1 and share >= least):
            least_words = f"above {least:g}" if not least else f"of at least {least:g}, as a change needs flips,"
            raise BadInput(f"{name} is {share:g}; a share {least_words} and at most 1 was expected, such as 0.1.")
