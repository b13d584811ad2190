"""mugdho2025, FairXbar: figures 1 and 3 to 8 made again, with the controls it lacks; and guo2024's width sweep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import torch

from disparate.auditing.audit import Audit
from disparate.choice import Choice
from disparate.choices.crossbar import Crossbar
from disparate.choices.crossbar_training import CrossbarTraining
from disparate.crossbar.chips import chip_of
from disparate.crossbar.deploying import Placement, on_crossbars
from disparate.crossbar.presets import device_of
from disparate.errors import BadInput
from disparate.findings import Finding, Findings
from disparate.predictions import REFERENCE
from disparate.recipes.over_chips import (
    F1,
    ODDS,
    WORST,
    Array,
    compared,
    interval_words,
    judged_by_seed,
    scores_of,
    tables,
)
from disparate.recipes.reproduction import Answered, Figure, Statement, outcome
from disparate.recipes.setting import Scale, Setting
from disparate.report.selection import Grid, pivot
from disparate.training.config import TrainingConfig
from disparate.training.targeting import Dose, Rule, Target

PAPER = "fairxbar"
ON = ("ham10000", "fitzpatrick17k", "synthetic")
NOISE, FAULTS = "noise", "stuck-at"
ERRORS = (NOISE, FAULTS)
RATES: Mapping[str, tuple[float, ...]] = {NOISE: (0.05, 0.1, 0.2, 0.3), FAULTS: (0.01, 0.05, 0.1, 0.2)}
"""σ'_G, and the share of inverted bits; the paper shows the first up to 30 % and does not print the second."""
MIDDLE = {NOISE: 0.1, FAULTS: 0.1}
SHARE, BETA, ALPHA = 0.1, 0.1, 0.3
"""Variation target of figure 7; β so small that both rankings meet at all; α of eq. 11."""
SEEDS: Mapping[Scale, int] = {"smoke": 2, "laptop": 3, "paper": 5}
DRAWS: Mapping[Scale, int] = {"smoke": 2, "laptop": 25, "paper": 100}
WIDTHS: Mapping[Scale, tuple[int, ...]] = {"smoke": (4, 8), "laptop": (8, 16, 32, 64), "paper": (16, 32, 64, 128)}
MEASURES = ("accuracy", "accuracy_gap", "worst_group_accuracy", "f1_macro", "equalized_odds_sum", "equal_opportunity_0")
BALANCED = {"name": "group_balanced_sampling"}
RULES: Mapping[str, tuple[Rule, Dose]] = {
    "FR only": ("fr", "share"),
    "F+A R": ("fr_and_ar", "share"),
    "random": ("random", "share"),
    "highest": ("highest", "share"),
    "FR, as many": ("fr", "count"),
    "FR, as much energy": ("fr", "energy"),
    "FR, as much F1 lost": ("fr", "f1"),
}
"""The paper's two rules, two controls of the ranking, and three of the dose."""
BARE = ("torchvision:vgg", "torchvision:alexnet")
"""Networks whose last layers have no normalisation: over its first epoch on Fitzpatrick17k the loss of VGG-11 is 7.5 at
0.001 and 1.0 at 0.0001; of VGG-11 with batch normalisation 43 and 3."""
VA, VFA, AWARE = "VA", "VFA", "noise-aware"
WITHOUT = {VA: "VA without errors", VFA: "VFA without errors"}
"""The same losses and epochs with no device in training."""
ARMS = (VA, VFA, *WITHOUT.values(), AWARE)

Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]
Variants = dict[str, tuple[Choice, ...]]


def fitted(at: Setting) -> Setting:
    """Return a setting with this paper's seeds, epochs and size of images."""
    seeds = tuple(range(SEEDS[at.scale]))
    if at.scale != "paper":
        return replace(at, seeds=seeds)
    data = {**at.data, "size": 128} if "size" in at.data else at.data
    return replace(at, seeds=seeds, epochs=200, tuning=20, data=data)


def rate_of(at: Setting) -> float:
    """Return the learning rate of Adam, which the paper does not say: 0.001, and 0.0001 for networks that are ``BARE``.

    Example:
        >>> from disparate.recipes.setting import setting
        >>> rate_of(setting("smoke", "fitzpatrick17k", network="torchvision:vgg11"))
        0.0001
    """
    return 1e-4 if at.model["name"].startswith(BARE) else 1e-3


def asked(at: Setting, name: str, variants: Variants, **more: Any) -> Audit:
    """Return the question of a figure: groups in equal shares, Adam, several chips."""
    training = TrainingConfig(epochs=at.epochs, optimizer="adam", learning_rate=rate_of(at), flip=True, crop=2)
    given = {"training": training, "objective": BALANCED, "draws": DRAWS[at.scale], "measures": MEASURES, **more}
    return at.audit(f"fairxbar-{name}", variants, **given)


def rates(at: Setting, error: str) -> tuple[float, ...]:
    """Return the rates of an error at a scale; the middle one is among them."""
    return (MIDDLE[error], max(RATES[error])) if at.scale == "smoke" else RATES[error]


def device(error: str, rate: float) -> dict[str, Any]:
    """Return a device with one of the paper's two errors, as a table."""
    return (
        {"preset": "fairxbar_noise", "programming": rate}
        if error == NOISE
        else {"preset": "fairxbar_flips", "flips": rate}
    )


def targeting(rule: str) -> Target:
    """Return the target of one of ``RULES``."""
    name, dose = RULES[rule]
    return Target(rule=name, share=SHARE, beta=BETA, dose=dose)


def named(rule: str, error: str, rate: float) -> str:
    """Return the name of a variant.

    Example:
        >>> named("FR only", "noise", 0.1)
        'FR only, noise 10 %'
    """
    return f"{rule}, {error} {round(100 * rate)} %"


def injected(rules: Sequence[str], error: str, rate: float) -> Variants:
    """Return variants whose errors fall on the weights that rules choose, at one rate."""
    return {named(rule, error, rate): (Crossbar(**device(error, rate), target=targeting(rule)),) for rule in rules}


def retrained(at: Setting, arm: str, error: str) -> Variants:
    """Return an arm of figure 8 that is trained on, then deployed with errors on what *F+A R* chooses."""
    gap: dict[str, Any] = {"name": "fairness_gap", "strength": ALPHA}
    if at.on == "synthetic":
        gap |= {"privileged": "tone 1", "unprivileged": "tone 6"}
    on = device(error, MIDDLE[error])
    training = CrossbarTraining(
        epochs=at.tuning,
        learning_rate=rate_of(at) / (10 if at.scale == "paper" else 1),
        objective=gap if arm in {VFA, WITHOUT[VFA]} else {"name": "erm"},
        device={} if arm in WITHOUT.values() else on,
        target=targeting("F+A R") if arm in {VA, VFA} else None,
    )
    return {named(arm, error, MIDDLE[error]): (training, Crossbar(**on, target=targeting("F+A R")))}


def ask_targets(at: Setting) -> Audit:
    """Ask figures 4 to 6: both errors at one rate, on what each rule chooses."""
    found: Variants = {}
    for error in ERRORS:
        found |= injected(tuple(RULES), error, MIDDLE[error])
    return asked(at, "targets", found)


def ask_rates(at: Setting) -> Audit:
    """Ask figure 7: both errors at several rates, on what the paper's two rules choose."""
    found: Variants = {}
    for error in ERRORS:
        for rate in rates(at, error):
            found |= injected(("FR only", "F+A R"), error, rate)
    return asked(at, "rates", found)


def ask_arms(at: Setting) -> Audit:
    """Ask figures 1 and 8: the paper's arms, its losses without errors, noise-aware training without a target."""
    found: Variants = {}
    for error in ERRORS:
        found |= injected(("FR only", "F+A R", "FR, as many"), error, MIDDLE[error])
        for arm in ARMS:
            found |= retrained(at, arm, error)
    return asked(at, "arms", found)


def ask_products(at: Setting) -> Audit:
    """Ask figure 3: tiled products between converters, at four rates of noise."""
    chains: Variants = {
        f"σ'_G {round(100 * rate)} %": (
            Crossbar(preset="fairxbar_noise", programming=rate, fidelity="mvm", rows=64, columns=64, adc_bits=8),
        )
        for rate in (0.0, *rates(at, NOISE)[-1 if at.scale == "smoke" else -3 :])
    }
    return asked(at, "products", chains, draws=min(DRAWS[at.scale], 3))


def ask_width(at: Setting, width: int | None = None) -> Audit:
    """Ask whether wider networks suffer less: noise everywhere, with and without training for it, at one width."""
    if at.network is not None:
        raise BadInput(
            f"--network {at.network}: fairxbar/width makes small CNNs, each of another width. Leave --network out."
        )
    own = width or WIDTHS[at.scale][0]
    chains: Variants = {}
    for rate in rates(at, NOISE):
        on = device(NOISE, rate)
        chains[named("plain", NOISE, rate)] = (Crossbar(**on),)
        training = CrossbarTraining(epochs=at.tuning, learning_rate=rate_of(at), device=on)
        chains[named(AWARE, NOISE, rate)] = (training, Crossbar(**on))
    return asked(replace(at, model={"name": "small_cnn", "width": own}), f"width{own}", chains)


def ask_wider(at: Setting) -> tuple[Audit, ...]:
    """Ask the same at all other widths."""
    return tuple(ask_width(at, width) for width in WIDTHS[at.scale][1:])


def read_awareness(answered: Answered) -> Read:
    """Read figure 1: no awareness, fairness alone, and both."""
    arms = (REFERENCE, named("FR only", NOISE, MIDDLE[NOISE]), named(VFA, NOISE, MIDDLE[NOISE]))
    return tables(answered, arms, title="No, poor and good fairness awareness"), (
        compared(
            answered, arms[1], REFERENCE, claim="fairness alone costs F1", paper="lower average F1", sign=-1, score=F1
        ),
        compared(answered, arms[2], REFERENCE, claim="both: groups come nearer", paper="smaller difference", sign=-1),
        compared(
            answered,
            arms[2],
            REFERENCE,
            claim="both: the worst group is answered better",
            paper="dark skin gains",
            sign=1,
            score=WORST,
        ),
    )


def read_products(answered: Answered) -> Read:
    """Read figure 3: products spread the more, the larger σ'_G."""
    names = (REFERENCE, *(variant.name for variant in answered.audit.variants))
    spreads = np.array([[spread_of_products(rate, chip) for chip in range(25)] for rate in (0.0, 0.1, 0.2, 0.3)])
    grid = pivot(
        Findings(tuple(_spread(rate, own) for rate, own in zip((0, 10, 20, 30), spreads, strict=True))),
        title="Error of a digitised product of 64 inputs, in steps of the converter",
        note="root of the mean square; mean over 25 chips",
        row=lambda item: item.variant,
        column=lambda item: "error",
    )
    rising = np.diff(spreads, axis=0).min(axis=0)
    said = ", ".join(f"{rate} %: {own.mean():.2f}" for rate, own in zip((0, 10, 20, 30), spreads, strict=True))
    told = Statement(
        claim="errors of products grow with σ'_G",
        paper="0, 10, 20, 30 %: growing",
        here=f"{said} steps",
        outcome=outcome(rising, sign=1),
    )
    return (grid, *tables(answered, names, title="Networks on such products")), (told,)


def spread_of_products(rate: float, chip: int) -> float:
    """Return the root mean square of the error of products with 64 random inputs of 8 bits, in steps of 8 bits.

    Args:
        rate: σ'_G.
        chip: Which chip.

    Returns:
        In steps of a converter whose range is that of the ideal products.
    """
    generator = torch.Generator().manual_seed(3)
    layer = torch.nn.Linear(64, 64, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(64, 64, generator=generator))
        inputs = torch.randint(256, (100, 64), generator=generator).float() / 255
        settings = device_of("fairxbar_noise", {"programming": rate})
        ideal = on_crossbars(
            layer, Placement(device=replace(settings, programming=0.0)), chip_of(0, chip), cycle_seed=0
        )
        found = on_crossbars(layer, Placement(device=settings), chip_of(0, chip), cycle_seed=0)
        exact = ideal(inputs)
        step = float(exact.abs().max()) / 127
        return float(((found(inputs) / step).round() - (exact / step).round()).square().mean().sqrt())


def _spread(rate: int, values: Array) -> Finding:
    return Finding(
        measure="error", variant=f"σ'_G {rate} %", value=float(values.mean()), unit="steps", draws=len(values)
    )


def _targets(answered: Answered, rule: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield seed, layer and what was chosen of it, under noise."""
    by_seed = answered.result.run["targets"][named(rule, NOISE, MIDDLE[NOISE])]
    for seed, told in by_seed.items():
        yield from ((seed, layer, own) for layer, own in told["layers"].items())


def read_ranks(answered: Answered) -> Read:
    """Read figure 4: are the two rankings one, layer by layer?"""
    found = [
        Finding(measure=f"seed {seed}", variant=layer or "the layer", value=own["agreement"], unit="correlation")
        for seed, layer, own in _targets(answered, "FR only")
        if own["agreement"] is not None
    ]
    grid = pivot(
        Findings(tuple(found)),
        title="Agreement of fairness and accuracy ranking (Spearman of s and a)",
        note="1: what costs both groups least also stands at the fairness ranking's top; −1: the contrary",
        corner="layer",
        row=lambda item: item.variant,
        column=lambda item: item.measure,
    )
    values = np.array([item.value for item in found], dtype=np.float64)
    parted = float(np.mean(np.abs(values) < LARGELY_ONE)) if len(values) else 0.0
    return (grid,), (
        Statement(
            claim="weights spread over both ranks: accuracy and fairness can be told apart",
            paper="a cloud, not a line, in first, middle and last layers",
            here=f"|Spearman| below {LARGELY_ONE} in {100 * parted:.0f} % of layers and seeds, from "
            f"{values.min():+.2f} to {values.max():+.2f}".replace("-", "−")
            if len(values)
            else "undefined",
            outcome="cannot be told" if not len(values) else "seen" if parted > 0.5 else "not seen",
        ),
    )


LARGELY_ONE = 0.9
"""Correlation of two rankings from which they are nearly a line."""


def read_shares(answered: Answered) -> Read:
    """Read figure 5: *FR only* takes the same share of every layer, *F+A R* fewer and unequally many."""
    found: list[Finding] = []
    spread: list[float] = []
    for rule in ("FR only", "F+A R"):
        shares: dict[str, list[float]] = {}
        for _, layer, own in _targets(answered, rule):
            shares.setdefault(layer or "the layer", []).append(own["selected"] / own["weights"])
        means = {layer: float(np.mean(own)) for layer, own in shares.items()}
        found += [Finding(measure=rule, variant=layer, value=value, unit="share") for layer, value in means.items()]
        spread.append(max(means.values()) - min(means.values()))
    grid = pivot(
        Findings(tuple(found)),
        title="Share of the weights of a layer that is targeted",
        note="points",
        corner="layer",
        row=lambda item: item.variant,
        column=lambda item: item.measure,
    )
    whole = {rule: _selected(answered, rule) for rule in RULES}
    kept = whole["F+A R"] / whole["FR only"]
    return (grid,), (
        Statement(
            claim="F+A R takes far fewer weights (less than half), unequally many from layer to layer",
            paper="far fewer in most layers",
            here=f"{100 * kept.mean():.0f} % of FR only; weights: "
            f"{', '.join(f'{rule} {own.mean():.0f}' for rule, own in whole.items())}; range over layers "
            f"{100 * spread[0]:.1f} points under FR only, {100 * spread[1]:.1f} under F+A R",
            outcome=outcome(kept - FAR_FEWER, sign=-1),
        ),
    )


FAR_FEWER = 0.5
"""Share of the weights of *FR only* below which *F+A R* takes far fewer; it never takes more."""


def _selected(answered: Answered, rule: str) -> Array:
    targets = answered.result.run["targets"][named(rule, NOISE, MIDDLE[NOISE])]
    return np.array([told["selected"] for told in targets.values()], dtype=np.float64)


def read_targets(answered: Answered) -> Read:
    """Read figure 6: FR only, F+A R and what the paper does not show, at the same and at equal dose."""
    grids: list[Grid] = []
    told: list[Statement] = []
    for error in ERRORS:
        names = {rule: named(rule, error, MIDDLE[error]) for rule in RULES}
        grids += tables(answered, (REFERENCE, *names.values()), title=f"{error} {round(100 * MIDDLE[error])} %")
        told += _ranking(answered, names, error)
        told += _trade_off(answered, names, error)
    return tuple(grids), tuple(told)


def _ranking(answered: Answered, names: Mapping[str, str], error: str) -> Iterator[Statement]:
    """Return claim 12: does s choose what matters to fairness?"""
    for rule, other, paper, sign in (
        ("FR only", REFERENCE, "EOdds falls", -1),
        ("FR only", "random", "not shown; lower than at random", -1),
        ("highest", "random", "not shown; higher than at random", 1),
    ):
        yield compared(
            answered,
            names[rule],
            names.get(other, other),
            claim=f"{error}: {rule} against {other} (claim 12)",
            paper=paper,
            sign=sign,
            relative=True,
        )


def _trade_off(answered: Answered, names: Mapping[str, str], error: str) -> Iterator[Statement]:
    """Return claim 13: is F+A R a better trade-off, or a smaller dose?"""
    both = names["F+A R"]
    yield compared(
        answered, both, names["FR only"], claim=f"{error}: F+A R keeps more F1 than FR only (claim 13)",
        paper="higher F1", sign=1, score=F1,
    )  # fmt: skip
    for rule in ("FR, as many", "FR, as much energy", "FR, as much F1 lost"):
        yield compared(
            answered, both, names[rule], claim=f"{error}: F+A R is fairer than {rule} (claim 13, equal dose)",
            paper="not shown", sign=-1,
        )  # fmt: skip


def read_rates(answered: Answered) -> Read:
    """Read figure 7: the larger the rate, the lower F1 and EOdds (claim 15)."""
    grids: list[Grid] = []
    told: list[Statement] = []
    for error, rule in product(ERRORS, ("FR only", "F+A R")):
        steps = rates(answered.setting, error)
        names = [REFERENCE, *(named(rule, error, rate) for rate in steps)]
        grids += tables(answered, names, title=f"{rule}, {error}")
        for score in (F1, ODDS, WORST):
            slopes = _slope(answered, names, (0.0, *steps), score)
            told.append(
                Statement(
                    claim=f"{rule}, {error}: {score} falls with the rate (claim 15)",
                    paper="falling" if score != WORST else "not shown: the worst group's F1 tells levelling down",
                    here=f"{interval_words(slopes / 10)} points per 10 % of rate".replace("-", "−"),
                    outcome=judged_by_seed(slopes, -1),
                )
            )
    return tuple(grids), tuple(told)


def _slope(answered: Answered, names: Sequence[str], steps: Sequence[float], score: str) -> Array:
    """Return the least-squares slope of a score over rates, shape (seeds, chips)."""
    found = [scores_of(answered, name).values[score] for name in names]
    chips = max(part.shape[1] for part in found)
    values = np.stack([np.broadcast_to(part, (len(part), chips)) for part in found])
    at = np.array(steps) - np.mean(steps)
    return np.tensordot(at, values, axes=1) / (at**2).sum()


def read_arms(answered: Answered) -> Read:
    """Read figure 8: five arms and three ablations, for either error (claims 13 and 14)."""
    grids: list[Grid] = []
    told: list[Statement] = []
    for error in ERRORS:
        rules = ("FR only", "F+A R", "FR, as many", *ARMS)
        names = {rule: named(rule, error, MIDDLE[error]) for rule in rules}
        grids += tables(answered, (REFERENCE, *names.values()), title=f"{error}: F1 against EOdds")
        told += _retraining(answered, names, error)
    return tuple(grids), tuple(told)


def _retraining(answered: Answered, names: Mapping[str, str], error: str) -> Iterator[Statement]:
    asked: tuple[tuple[str, str, str, str, int, str], ...] = (
        ("FR only", REFERENCE, ODDS, "FR only is fairer than the pre-trained network", -1, "EOdds falls"),
        ("F+A R", "FR, as many", ODDS, "F+A R is fairer than as many weights of FR (claim 13)", -1, "not shown"),
        (VA, "F+A R", ODDS, "VA is fairer than F+A R without training on", -1, "EOdds falls further"),
        (VA, WITHOUT[VA], ODDS, "VA is fairer than training on without errors (claim 14)", -1, "not shown"),
        (VFA, REFERENCE, ODDS, "VFA is fairer than the pre-trained network (claim 14)", -1, "by up to 32 %"),
        (VFA, REFERENCE, WORST, "VFA: the worst group is answered better", 1, "not shown"),
        (VFA, WITHOUT[VFA], ODDS, "VFA is fairer than the same loss without errors (claim 14)", -1, "not shown"),
        (VFA, AWARE, ODDS, "VFA is fairer than noise-aware training without a target", -1, "not shown"),
    )
    for arm, other, score, claim, sign, paper in asked:
        pair = names[arm], names.get(other, other)
        yield compared(
            answered, *pair, claim=f"{error}: {claim}", paper=paper, sign=sign, score=score, relative=score == ODDS
        )
    lost = scores_of(answered, names[VFA]).values[F1] - scores_of(answered, REFERENCE).values[F1]
    yield Statement(
        claim=f"{error}: VFA costs less than a point of F1 (claim 14)",
        paper="below 1 %",
        here=interval_words(lost).replace("-", "−"),
        outcome=judged_by_seed(lost + MOST_LOST, 1),
    )


MOST_LOST = 0.01
"""F1 that a mitigation may cost."""


def read_width(answered: Answered) -> Read:
    """Read claim 25: the gap by width, by σ, and with training for it."""
    every = (answered, *answered.others)
    widths = [int(one.audit.model["width"]) for one in every]
    steps = rates(answered.setting, NOISE)
    grids = [
        grid
        for one, width in zip(every, widths, strict=True)
        for grid in tables(one, _names_of_width(steps), title=f"width {width}")[:1]
    ]
    log = np.log2(widths) - np.mean(np.log2(widths))
    odds = {name: np.stack([scores_of(one, name).by_seed(ODDS) for one in every]) for name in _names_of_width(steps)}
    slopes = {name: log @ own / (log**2).sum() for name, own in odds.items()}
    told = [
        _over_widths(f"{name}: wider networks are fairer (claim 25)", "larger models are fairer", slopes[name], -1)
        for name in (REFERENCE, named("plain", NOISE, steps[-1]))
    ]
    rising = {kind: _over_rates(odds, kind, steps) for kind in ("plain", AWARE)}
    told += [
        _over_widths("unfairness grows with σ (claim 25)", "variability changes fairness", rising["plain"], 1),
        _over_widths("noise-aware training flattens that (claim 25)", "helps", rising[AWARE] - rising["plain"], -1),
    ]
    return tuple(grids), tuple(told)


def _names_of_width(steps: Sequence[float]) -> tuple[str, ...]:
    return (REFERENCE, *(named(kind, NOISE, rate) for kind in ("plain", AWARE) for rate in steps))


def _over_rates(odds: Mapping[str, Array], kind: str, steps: Sequence[float]) -> Array:
    """Return the slope of EOdds over σ from 0 on, the mean over widths, per seed."""
    names = (REFERENCE, *(named(kind, NOISE, rate) for rate in steps))
    at = np.array([0.0, *steps]) - np.mean([0.0, *steps])
    return np.tensordot(at, np.stack([odds[name] for name in names]), axes=1).mean(axis=0) / (at**2).sum()


def _over_widths(claim: str, paper: str, slopes: Array, sign: int) -> Statement:
    what = "per doubling of the width" if "wider" in claim else "per unit of σ, mean over widths"
    return Statement(
        claim=claim,
        paper=paper,
        here=f"EOdds {interval_words(slopes[:, None])} points {what}".replace("-", "−"),
        outcome=outcome(slopes, sign=sign),
    )


FIGURES = (
    *(
        Figure(name=f"{PAPER}/{name}", title=title, claims=claims, on=ON, ask=ask, read=read, fit=fitted)
        for name, title, claims, ask, read in (
            (
                "fig1",
                "F1 of groups without, with poor and with good fairness awareness",
                (14,),
                ask_arms,
                read_awareness,
            ),
            ("fig3", "Products on a crossbar under noise", (15,), ask_products, read_products),
            ("fig4", "Fairness rank against accuracy rank", (12, 13), ask_targets, read_ranks),
            ("fig5", "Targeted weights by layer", (13,), ask_targets, read_shares),
            ("fig6", "Accuracy and fairness over chips, by what is targeted", (12, 13), ask_targets, read_targets),
            ("fig7", "Accuracy and fairness against the rate of errors", (15,), ask_rates, read_rates),
            ("fig8", "Accuracy against fairness: targets and retraining", (13, 14), ask_arms, read_arms),
        )
    ),
    Figure(
        name=f"{PAPER}/width",
        title="Fairness by width and noise, with and without noise-aware training",
        claims=(25,),
        on=ON,
        ask=ask_width,
        ask_more=ask_wider,
        read=read_width,
        fit=fitted,
    ),
)
"""Every figure but the overview, and the sweep of guo2024 whose figures were not at hand."""
