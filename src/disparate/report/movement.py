"""What moves a group's number between runs: the tables behind the figure, and what they say in words."""

from disparate.findings import Finding, Findings, Result
from disparate.report.glossary import term
from disparate.report.record import group_sizes
from disparate.report.selection import EVERYONE, Grid, Naming, group_name, groups, of_attribute, pivot, place
from disparate.report.wording import joined, plain, unit_words

COMPONENTS = {
    "device": "device",
    "mixed": "device × seed",
    "seed": "seed",
    "repeat": "repeat",
    "test set": "test set",
    "all": "all together",
}
"""What a component is called on screen."""
ONE_RUN = "one run moves by"
RATIOS = ("device_over_repeat", "device_over_seed", "device_label_p")
MOVEMENT = frozenset({"run_sd", "variance_share", *RATIOS, "device_range", "noise_floor"})
"""Measures that are shown here."""
NOT_SHOWN = (
    "It does not show how sure the model is about one person, how the numbers would be on another test set (every run "
    "answers the same one), or what machines would do that did not run; few devices give wide intervals."
)


def movement_grids(result: Result, by: str) -> tuple[Grid, ...]:
    """Return the tables of an attribute: parts of the whole, ratios, range, standard deviations, floors.

    Args:
        result: Findings and run record.
        by: The attribute.

    Returns:
        The tables that hold something; of accuracy first, then of loss.
    """
    own = of_attribute(result.findings, by)
    found = [grid for of in ("accuracy", "loss") for grid in _of(result, by, own.where(of=of), of)]
    floors = own.where(measure="noise_floor")
    return tuple(grid for grid in (*found, *_floors(result, by, floors)) if grid.cells)


def movement_words(result: Result, by: str) -> str:
    """Return in words what moves the accuracy of the groups of an attribute, and what that does not show."""
    shares = result.findings.where(measure="variance_share", of="accuracy", by=by)
    if not any(item.value is not None for item in shares):
        return "How far a number goes where nothing that matters was changed: the noise floors."
    return (
        "How far a group's accuracy moves from run to run, and what moves it: the device, the training seed, both "
        "together (a device that acts like another seed), a repeat of the same, and the finite test set, of which a "
        f"larger one would leave less. {_largest(shares)} {_one_way(result, by)} {NOT_SHOWN}"
    )


def _of(result: Result, by: str, found: Findings, of: str) -> list[Grid]:
    unit = _unit(found.where(measure="run_sd"))
    inline = f"{term(of).inline}{_by(by)}"
    whole = found.where(measure="run_sd", component="all")
    shares = found.where(measure="variance_share")
    return [
        _grid(
            result,
            by,
            shares + whole if len(shares) else Findings(),
            title=f"What moves the {inline}",
            note=f"Parts of the variance of one run, in hundredths; how far one run moves, in {unit}.",
            row=lambda item: ONE_RUN if item.measure == "run_sd" else _component(item),
        ),
        _grid(
            result,
            by,
            found.where(lambda item: item.measure in RATIOS),
            title=f"Device against repeat and seed, {inline}",
            note="Ratios of standard deviations; p of device labels permuted within seeds: small where a device moves "
            "all seeds one way.",
            row=lambda item: term(item.measure).title,
        ),
        _grid(
            result,
            by,
            found.where(measure="device_range"),
            title=f"Range over devices, {inline}",
            note=f"In {unit}. The floor is what pure noise gives: another seed (N2), a finite test set (N4).",
            row=lambda item: f"against {plain(place(item, 'floor') or 'noise')}",
        ),
        _grid(
            result,
            by,
            found.where(measure="run_sd"),
            title=f"Standard deviation of one run, {inline}",
            note=f"In {unit}. The test set is a part of all together, not one more.",
            row=_component,
        ),
    ]


def _floors(result: Result, by: str, floors: Findings) -> list[Grid]:
    return [
        _grid(
            result,
            by,
            floors.where(of=of),
            title=f"Noise floors of {term(str(of)).inline}{_by(by)}",
            note=f"In {_unit(floors.where(of=of))}. The difference of two single runs.",
            row=_floor_name,
        )
        for of in dict.fromkeys(place(item, "of") for item in floors)
    ]


def _grid(result: Result, by: str, found: Findings, *, title: str, note: str, row: Naming) -> Grid:
    return pivot(
        found,
        title=title,
        note=note,
        row=row,
        column=group_name,
        corner="",
        columns=(EVERYONE, *groups(result, by)),
        sizes=group_sizes(result.run).get(by, {}),
    )


def _by(by: str) -> str:
    return f" by {by}" if by else ""


def _unit(found: Findings) -> str:
    return next((unit_words(item.unit) for item in found), "")


def _component(finding: Finding) -> str:
    name = str(place(finding, "component") or "every part")
    return COMPONENTS.get(name, name)


def _floor_name(finding: Finding) -> str:
    acts = place(finding, "acts_on")
    named = finding.variant if place(finding, "of") in {"accuracy_gap", "fairness_violation"} else ""
    words = f"{acts}: {finding.variant}" if acts == "trained model" else acts or named
    return " · ".join(str(word) for word in (place(finding, "floor") or "any", words) if word)


def _largest(shares: Findings) -> str:
    named: dict[str, list[str]] = {}
    for group in dict.fromkeys(item.group for item in shares if item.group is not None):
        own = [item for item in shares.where(group=group) if item.value is not None]
        if own:
            named.setdefault(_component(max(own, key=lambda item: item.value or 0.0)), []).append(plain(group))
    told = [f"the {name} for {joined(names)}" for name, names in named.items()]
    return f"The largest part is {joined(told)}."


def _one_way(result: Result, by: str) -> str:
    labels = result.findings.where(measure="device_label_p", of="accuracy", by=by)
    told = [plain(item.group) for item in labels if item.distinguishable]
    if told:
        return f"Some device moves all seeds one way, distinguishably, for {joined(told)}."
    return "For no group does any device move all seeds one way, distinguishably from chance."
