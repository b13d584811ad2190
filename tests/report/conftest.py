"""A result as an audit gives it: five groups, ten variants, everything a run record can hold."""

import base64
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from disparate.findings import Caution, Finding, Findings, Null, Result
from disparate.report.cautions import cautions

RACES = {"White": 2014, "Black": 905, "Indian": 795, "Asian": 687, "Others": 338}
SEXES = {"male": 2478, "female": 2261}
# variant: (effect on the largest group, extra effect per group by falling size, share of answers that change)
VARIANTS = {
    "avx2": (0.0, 0.001, 0.021),
    "sse41": (0.001, 0.002, 0.024),
    "channels_last": (0.0, 0.002, 0.022),
    "one_thread": (0.0, 0.0, 0.0),
    "emulated_bf16": (0.002, 0.004, 0.034),
    "bf16": (0.0, 0.0004, 0.004),
    "int8": (0.001, 0.003, 0.013),
    "prune_0.5": (-0.002, 0.008, 0.048),
    "prune_0.9": (0.028, 0.028, 0.221),
    "prune_0.9 + int8": (0.031, 0.030, 0.229),
}
LABELS = ("White", "Black", "Asian", "Indian", "Others")
LEVEL = {
    "White": 0.861,
    "Black": 0.842,
    "Indian": 0.787,
    "Asian": 0.823,
    "Others": 0.418,
    "male": 0.797,
    "female": 0.771,
}


def _number(rng: np.random.Generator, value: float, se: float) -> dict[str, float]:
    spread = se * float(rng.uniform(1.8, 2.3))
    return {"value": value, "low": value - spread, "high": value + spread * 1.04}


def _levels(rng: np.random.Generator, by: str, variant: str, drops: dict[str | None, float], sizes: dict[Any, int]):
    shared = {
        "where": {"by": by},
        "variant": variant,
        "level": 0.95,
        "seeds": 5,
        "method": "paired, over seeds and examples",
    }
    for group, n in sizes.items():
        base = LEVEL.get(str(group), 0.784) - drops[group]
        se = 1.2 * float(np.sqrt(base * (1 - base) / n))
        yield Finding(measure="accuracy", group=group, n=n, unit="share", **_number(rng, base, se), **shared)
        yield Finding(measure="loss", group=group, n=n, unit="nats", **_number(rng, -np.log(base), 2 * se), **shared)
        yield Finding(measure="f1_macro", group=group, n=n, unit="share", **_number(rng, base - 0.02, se), **shared)
        for label in LABELS:
            if group == "Others" and label == "Indian":
                yield Finding(
                    measure="tpr",
                    group=group,
                    label=label,
                    n=0,
                    value=None,
                    unit="share",
                    **shared,
                    undefined="group 'Others' has no test example of class 'Indian'.",
                )
            else:
                yield Finding(
                    measure="tpr", group=group, label=label, n=n // 5, unit="share", **_number(rng, base, se), **shared
                )


def _disparities(
    rng: np.random.Generator, by: str, variant: str, drops: dict[str | None, float], sizes: dict[Any, int]
):
    found = {group: LEVEL.get(group, 0.8) - drops[group] for group in sizes if group is not None}
    gap, worst = max(found.values()) - min(found.values()), min(found.values())
    values = {
        "accuracy_gap": gap,
        "worst_group_accuracy": worst,
        "equalized_odds_sum": 3.1 * gap,
        "equal_opportunity_1": 1.9 * gap,
    }
    first = {group: LEVEL.get(group, 0.8) for group in found}
    before = {"accuracy_gap": max(first.values()) - min(first.values()), "worst_group_accuracy": min(first.values())}
    before |= {"equalized_odds_sum": 3.1 * before["accuracy_gap"], "equal_opportunity_1": 1.9 * before["accuracy_gap"]}
    for measure, value in values.items():
        unit = "share" if measure in {"accuracy_gap", "worst_group_accuracy"} else "sum of shares"
        yield Finding(
            measure=measure,
            where={"by": by},
            variant=variant,
            unit=unit,
            n=sizes[None],
            seeds=5,
            level=0.95,
            **_number(rng, value, 0.012),
        )
        if variant != "reference":
            change = value - before[measure]
            yield Finding(
                measure=measure,
                where={"by": by, "axis": "both"},
                variant=variant,
                reference="reference",
                unit=unit,
                n=sizes[None],
                seeds=5,
                level=0.95,
                null=Null(name="N2 seeds", value=0.019),
                p_value=0.01,
                effect_over_null=abs(change) / 0.019,
                distinguishable=bool(abs(change) > 0.03),
                **_number(rng, change, 0.011),
            )


def _differences(
    rng: np.random.Generator, by: str, variant: str, drops: dict[str | None, float], sizes: dict[Any, int]
):
    churn = VARIANTS[variant][2]
    for group, n in sizes.items():
        floor = 0.9 / float(np.sqrt(n)) * 0.55
        change = -drops[group] + (float(rng.normal(0, floor / 3)) if churn else 0.0)
        se = floor / 2.4 if churn else 0.0
        shared = {"group": group, "variant": variant, "reference": "reference", "n": n, "seeds": 5, "level": 0.95}
        clear = bool(abs(change) > 1.25 * floor)
        for axis, scale in (("seeds", 0.8), ("examples", 0.7), ("both", 1.0)):
            yield Finding(
                measure="accuracy",
                where={"by": by, "axis": axis},
                unit="share",
                p_value=0.004 if clear else 0.4,
                distinguishable=clear,
                effect_over_null=abs(change) / floor,
                null=Null(name="N2 seeds", value=floor),
                method=f"t over {axis}; test: paired t over seeds",
                **_number(rng, change, se * scale),
                **shared,
            )
        yield Finding(
            measure="accuracy",
            where={"by": by, "axis": "interaction"},
            unit="share",
            value=change,
            low=change - se,
            high=change + se,
            **shared,
        )
        risk = -change * 3.4
        yield Finding(
            measure="excessive_risk",
            where={"by": by, "axis": "both"},
            unit="nats",
            distinguishable=clear,
            p_value=0.01,
            effect_over_null=abs(risk) / (3 * floor),
            null=Null(name="N2 seeds", value=3 * floor),
            **_number(rng, risk, 3 * se),
            **shared,
        )
        moved = churn * (1 + 6 * abs(drops[group]) + 10 / float(np.sqrt(n))) if churn else 0.0
        yield Finding(
            measure="churn",
            where={"by": by},
            unit="share",
            distinguishable=bool(moved > 0.24),
            null=Null(name="N2 seeds", value=0.21 + floor),
            effect_over_null=moved / (0.21 + floor),
            **_number(rng, moved, se),
            **shared,
        )
    yield Finding(
        measure="fairness_violation",
        where={"by": by},
        variant=variant,
        reference="reference",
        n=sizes[None],
        seeds=5,
        level=0.95,
        unit="nats",
        distinguishable=churn > 0.1,
        null=Null(name="N2 seeds", value=0.06),
        **_number(rng, 3 * churn, 0.03),
    )


def _hardware(rng: np.random.Generator, by: str, sizes: dict[Any, int]):
    for of, unit, scale in (("accuracy", "share", 1.0), ("loss", "nats", 2.6)):
        for form in ("absmax", "signed", "range"):
            for group, n in sizes.items():
                floor = scale * 0.5 / float(np.sqrt(n))
                value = floor * float(rng.uniform(0.7, 1.3)) * (-1 if form == "signed" else 1)
                yield Finding(
                    measure="hardware_sensitivity",
                    group=group,
                    where={"by": by, "form": form, "of": of},
                    variant="hardware",
                    reference="reference",
                    n=n,
                    seeds=5,
                    level=0.95,
                    unit=unit,
                    null=Null(name="N2 another seed", value=floor),
                    effect_over_null=abs(value) / floor,
                    distinguishable=False,
                    **_number(rng, value, floor / 5),
                )


PARTS = {"device": 0.3, "mixed": 0.6, "seed": 0.5, "repeat": 0.0, "all": 0.9, "test set": 0.8}


def _movement(rng: np.random.Generator, by: str, sizes: dict[Any, int]):
    for of, unit, scale in (("accuracy", "share", 1.0), ("loss", "nats", 2.6)):
        for group, n in sizes.items():
            placed = {"by": by, "of": of} if group is not None else {"of": of}
            sd = scale * 0.5 / float(np.sqrt(n))
            yield from _components(rng, sd, {"group": group, "n": n}, placed, unit)
            yield from _ranges_and_floors(rng, sd, {"group": group, "n": n, "unit": unit}, placed)


def _components(rng: np.random.Generator, sd: float, about: dict[str, Any], placed: dict[str, str], unit: str):
    shared = {"variant": "hardware", "seeds": 5, "method": "analysis of variance; shown, not judged", **about}
    total = float(np.square([PARTS["device"], PARTS["mixed"], PARTS["seed"]]).sum())
    for name, part in PARTS.items():
        where = {**placed, "component": name}
        value = sd * part * float(rng.uniform(0.8, 1.2))
        ends = {"low": value / 2, "high": value * 3, "level": 0.95} if name != "test set" else {}
        yield Finding(measure="run_sd", where=where, unit=unit, value=value, **ends, **shared)
        share = 0.5 * part**2 / total if name != "test set" else 0.5
        if name != "all":
            yield Finding(measure="variance_share", where=where, unit="share", value=share, **shared)
    reason = "deterministic: the reference, run again, gives the same"
    yield Finding(measure="device_over_repeat", where=placed, unit="ratio", value=None, undefined=reason, **shared)
    ratio = _number(rng, 1.1, 0.1)
    yield Finding(measure="device_over_seed", where=placed, unit="ratio", level=0.95, **ratio, **shared)
    p, told = float(rng.uniform(0, 1)), about["group"] == "Others"
    judged = {**shared, "method": "test: 4,000 permutations within seeds", "distinguishable": told}
    yield Finding(measure="device_label_p", where=placed, unit="p", value=p, p_value=p, **judged)


def _ranges_and_floors(rng: np.random.Generator, sd: float, about: dict[str, Any], placed: dict[str, str]):
    shared = {"seeds": 5, "method": "shown, not judged", **about}
    for floor in ("N2 seeds", "N4 test set"):
        held = {"value": 2.2 * sd, "null": Null(name=floor, value=2.1 * sd), "effect_over_null": 2.2 / 2.1}
        yield Finding(measure="device_range", where={**placed, "floor": floor}, variant="hardware", **held, **shared)
    for floor, acts in (("N1 repeat", None), ("N2 seeds", "training"), ("N4 test set", "training")):
        where = {**placed, "floor": floor, **({"acts_on": acts} if acts else {})}
        value = 1.4 * sd * float(rng.uniform(0.8, 1.2)) if acts else 0.0
        yield Finding(measure="noise_floor", where=where, variant="reference", value=value, **shared)


def _split(rng: np.random.Generator, by: str, groups: dict[str, int], variants: Sequence[str]):
    sizes: dict[Any, int] = {None: sum(groups.values()), **groups}
    order = sorted(groups, key=lambda name: -groups[name])
    for variant in ("reference", *variants):
        base, extra, churn = VARIANTS.get(variant, (0.0, 0.0, 0.0))
        drops: dict[str | None, float] = {group: base + extra * place for place, group in enumerate(order)}
        if not churn or len(groups) == 2:
            drops = dict.fromkeys(order, base) if churn else dict.fromkeys(order, 0.0)
        drops[None] = sum(drops[group] * n for group, n in groups.items()) / sum(groups.values())
        yield from _levels(rng, by, variant, drops, sizes)
        yield from _disparities(rng, by, variant, drops, sizes)
        if variant != "reference":
            yield from _differences(rng, by, variant, drops, sizes)
    if variants:
        yield from _hardware(rng, by, sizes)
        yield from _movement(np.random.default_rng(11), by, sizes)


def png(rng: np.random.Generator, size: int = 32) -> str:
    """Return a picture of smooth colours as a data address."""
    axis = np.linspace(-1, 1, size)
    bump = np.exp(-3 * (axis[None, :] ** 2 + axis[:, None] ** 2))[..., None]
    tone, back = rng.integers(90, 230, 3), rng.integers(20, 120, 3)
    pixels = (back + bump * (tone - back) + rng.normal(0, 6, (size, size, 3))).clip(0, 255).astype(np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _exemplars(rng: np.random.Generator, variants: Sequence[str], groups: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "example_id": f"{rng.integers(10**8)}.jpg.chip.jpg",
            "group": group,
            "target": group,
            "variant": variant,
            "reference_predicted": [group] * 4 + ["White"],
            "variant_predicted": ["White", *rng.choice(LABELS, 4).tolist()],
            "thumbnail": png(rng),
        }
        for variant in variants[-3:]
        for group in groups
    ]


def _profile(
    name: str, fingerprint: str, same_as: str | None, environment: dict[str, str], **more: Any
) -> dict[str, Any]:
    settings = {"threads": 1, "cpu_capability": "AVX512", "onednn": True, "mkl": True, "device": "cpu"}
    return {
        "name": name,
        "fingerprint": fingerprint,
        "same_as": same_as,
        **settings,
        "environment": environment,
        **more,
    }


def _record(rng: np.random.Generator, groups: dict[str, dict[str, int]], variants: Sequence[str]) -> dict[str, Any]:
    names = list(next(iter(groups.values()), {}))
    return {
        "audit": {
            "audit": {
                "name": "utkface-ethnicity",
                "groups": list(groups),
                "seeds": [0, 1, 2, 3, 4],
                "repeats": 2,
                "level": 0.95,
            },
            "data": {"source": "utkface", "target": "race"},
            "model": {"name": "small_cnn"},
            "training": {"epochs": 8, "batch_size": 128, "learning_rate": 0.05},
            "reference": {"profile": "native", "choices": []},
            "variant": [{"name": name, "choices": [{"choice": "prune", "rate": 0.9}]} for name in variants],
        },
        "data": {"name": "UTKFace", "target": "race", "labels": list(LABELS), "splits": {"test": 4739, "train": 18966}},
        "groups": groups,
        "reference_groups": {by: max(sizes, key=lambda name: sizes[name]) for by, sizes in groups.items()},
        "problems": [
            {
                "what": "61_1_20170109142408075.jpg",
                "found": "name has three parts; four were expected",
                "action": "set aside",
            },
            {
                "what": "39_1_20170116174525125.jpg",
                "found": "name has three parts; four were expected",
                "action": "set aside",
            },
            {
                "what": "26_0_3_20170119184745.jpg",
                "found": "same pixels as 26_0_3_20170119184751.jpg",
                "action": "kept",
            },
        ],
        "profiles": [
            _profile("native", "9f2c41d07b6e", None, {}),
            _profile(
                "avx2",
                "51be09aa37c2",
                None,
                {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
            ),
            _profile("mkl_compatible", "9f2c41d07b6e", "native", {"MKL_CBWR": "COMPATIBLE"}),
        ],
        "training": [
            {
                "job": f"train {name} seed {seed}",
                "profile": name,
                "epochs": 8,
                "loss": 0.51234,
                "accuracy": 0.8123,
                "wall_s": 41.2,
            }
            for name in ("native", "avx2")
            for seed in range(5)
        ],
        "effective": {"prune_0.9": [{"choice": "Prune", "asked": 0.9, "achieved": 0.90002}]},
        "predictions": [{"variant": "reference", "seed": 0, "key": "ab" * 32}],
        "examples": 4739,
        "versions": {"python": "3.11.9", "disparate": "0.1.0", "torch": "2.9.1", "numpy": "2.3.0"},
        "machine": {"system": "Linux", "processor": "Intel(R) Xeon(R) Platinum 8481C", "cores": 2},
        "cores": 2,
        "wall_s": 1512.4,
        "peak_mib": 1312.7,
        "exemplars": _exemplars(rng, variants, names),
    }


def synthetic(*, groups: dict[str, dict[str, int]] | None = None, variants: Sequence[str] = tuple(VARIANTS)) -> Result:
    """Return a result with everything a report can show."""
    rng = np.random.default_rng(7)
    groups = {"race": RACES} if groups is None else groups
    findings = Findings(tuple(item for by, sizes in groups.items() for item in _split(rng, by, sizes, variants)))
    distances = tuple(
        Finding(
            measure="parameter_distance",
            where={"form": form},
            variant=variant,
            reference="reference",
            unit=unit,
            seeds=5,
            null=Null(name="N2 between seeds", value=floor),
            effect_over_null=0.9,
            **_number(rng, floor * 0.9, floor / 20),
        )
        for variant in variants[:3]
        for form, unit, floor in (("l2", "l2 norm", 31.2), ("relative", "ratio", 1.31))
    )
    record = _record(rng, groups, variants)
    findings += Findings(distances)
    return Result(findings=findings, cautions=cautions(findings, record), run=record)


@pytest.fixture(scope="session")
def make() -> Callable[..., Result]:
    """Return the maker of synthetic results."""
    return synthetic


@pytest.fixture(scope="session")
def result() -> Result:
    """Return the full synthetic result."""
    return synthetic()


@pytest.fixture(scope="session")
def caution() -> Caution:
    """Return a caution."""
    return Caution(code="D103", title="A group is too small", text="Group 'x' has 3 test examples.")


FIVE = {"White": 8000, "Black": 3600, "Indian": 3200, "Asian": 2700, "Others": 1350}


def _of(measure: str, group: str | None, value: float | None, unit: str, where: dict[str, Any], **more: Any) -> Finding:
    settings = {
        "variant": "reference",
        "seeds": 5,
        "n": 100,
        "undefined": None if value is not None else "no such number",
    }
    return Finding(measure=measure, group=group, value=value, unit=unit, where=where, **{**settings, **more})


def _properties(groups: dict[str, int], by: str):
    train, test = {"by": by, "split": "train"}, {"by": by, "split": "test"}
    for place, (group, n) in enumerate(groups.items()):
        yield _of("group_size", group, float(n), "count", train, seeds=None)
        norm = 0.1 * (place + 1)
        floor = {"null": Null(name="N3 permuted groups", value=0.09), "effect_over_null": norm / 0.09, "p_value": 0.004}
        interval = {"low": 0.8 * norm, "high": 1.3 * norm, "level": 0.95}
        yield _of("gradient_norm", group, norm, "nats per weight", train, **floor, **interval)
        yield _of("gradient_norm", group, 0.5 * norm, "nats per weight", {**train, "layer": "conv"})
        for epoch in (1, 2, 3):
            yield _of("gradient_norm", group, norm * epoch, "nats per weight", {**train, "epoch": epoch}, **floor)
        yield _of("gradient_norm", group, 2 * norm, "nats per weight", test, **floor)
        unit = "nats per squared weight"
        yield _of("hessian_eigenvalue", group, 10.0 * (place + 1), unit, train, low=5.0, high=99.0, level=0.95)
        yield _of("hessian_eigenvalue", group, 4.0, unit, {**train, "rank": 2})
        yield _of("hessian_trace", group, 30.0, unit, train)
        yield _of(
            "ggn_diagonal", group, 0.96, "correlation", {**train, "form": "ranking_quality", "estimator": "signs"}
        )
        for split in (train, test):
            yield _of("closeness_gini", group, 0.3 + 0.01 * place, "closeness", split)
            yield _of("vog", group, 0.004, "logits per input unit", split)
        yield _of("closeness_gini", group, 0.2, "closeness", {**test, "form": "quantile", "share": 0.25})
        yield _of("vog", group, 0.14, "share", {**test, "form": "hardest_tenth"})
        for term, value in (("first", 50.0), ("second", 5.0), ("sum", 55.0), ("eigenvalue", 10.0), ("tightness", 0.2)):
            yield _of("closeness_bound", group, value, unit, {**train, "term": term})


def _payments(groups: dict[str, int], by: str, variants: Sequence[str]):
    paid = {"by": by, "axis": "both"}
    for strength, variant in enumerate(variants):
        own = {"variant": variant, "reference": "reference"}
        for place, group in enumerate(groups):
            yield _of("excessive_risk", group, 0.01 * strength * place, "nats", paid, distinguishable=False, **own)
            happened = 0.01 * (place - 1)
            for term, value in (("sum", 0.1 * 10**strength), ("change", happened), ("range", 1.6), ("vacuous", 1.0)):
                where = {"by": by, "split": "train", "form": "signed", "term": term}
                yield _of("taylor_bound", group, value, "nats", where, **own)
            yield _of("loss_barrier", group, 0.2, "nats", {"by": by, "split": "test", "t": 0.5}, **own)
            yield _of("loss_along_line", group, 0.9, "nats", {"by": by, "split": "test", "t": 0.5}, variant=variant)
        yield _of("flip_separation", None, 0.8, "share", {"by": by, "split": "test", "near": "vog"}, variant=variant)
        for cause in ("group_size", "gradient_norm", "vog"):
            where = {"by": by, "cause": cause, "effect": "excessive_risk", "of": "harm"}
            value = None if strength == 0 else -0.9
            yield _of(
                "explanation_correlation", None, value, "correlation", where, variant=variant, n=len(groups),
                p_value=None if value is None else 0.083,
            )  # fmt: skip
    where = {"by": by, "cause": "group_size", "effect": "gradient_norm", "of": "property"}
    yield _of("explanation_correlation", None, -1.0, "correlation", where, n=len(groups), p_value=0.017)


def explained(groups: dict[str, int], variants: Sequence[str] = ("avx2", "prune 50 %", "prune 90 %")) -> Result:
    """Return a result as an explanation gives it, small."""
    by = "race"
    findings = [*_properties(groups, by), *_payments(groups, by, variants)]
    findings += [
        _of("error_by_difficulty", None, 0.02 * k, "share", {"split": "test", "near": "vog", "decile": k})
        for k in range(1, 11)
    ]
    findings += [
        _of("parameter_distance", None, 3.0, "l2 norm", {"form": "l2"}, variant=variant, reference="reference")
        for variant in variants
    ]
    spectra = {group: {"nodes": [-3.0, 0.0, 0.2, 40.0], "weights": [0.01, 0.9, 0.08, 0.01]} for group in groups}
    counts = {group: [5, 3, 1] for group in groups}
    histogram = {"unit": "l2 norm", "edges": [0.0, 1.0, 2.0, 9.0], "counts": counts, "left_out": {}}
    run = {
        "groups": {by: {group: n // 4 for group, n in groups.items()}},
        "explanation": {"curvature": 256},
        "curves": {by: {"spectra": spectra, "histograms": {"distance_parameters": histogram}}},
    }
    return Result(findings=Findings(tuple(findings)), run=run)


@pytest.fixture(scope="session")
def explain_five() -> Result:
    return explained(FIVE)


@pytest.fixture(scope="session")
def explain_groups() -> Callable[..., Result]:
    return explained
