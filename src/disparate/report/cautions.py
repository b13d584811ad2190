"""What the reader has to know before believing a number: a pure function of findings and run record."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from disparate.findings import Caution, Finding, Findings, Result
from disparate.measures.statements import table_of
from disparate.report import record
from disparate.report.glossary import term
from disparate.report.headline import outcomes
from disparate.report.selection import (
    attributes,
    by_of,
    groups,
    is_change,
    is_level,
    main_axis,
    main_measure,
    of_attribute,
)
from disparate.report.sight import sentence
from disparate.report.wording import counted, joined, number, plain
from disparate.stats.multiplicity import benjamini_hochberg

FEW_EXAMPLES = 30
"""Fewest test examples of a group for which an interval says something."""
FEW_SEEDS = 5
"""Fewest training seeds with which a test over seeds can tell anything."""
EXECUTION = ("threads", "onednn", "memory_format", "operands")
"""Settings of a profile beside its environment."""

MOST_NAMED = 5
"""Most findings that a caution names."""
SEEDS = (
    "give a file per seed, with {seed} in the quoted path ('int8=runs/int8_seed{seed}.parquet'), or a mapping from "
    "seed to table",
    "set seeds in the recipe",
)
"""How there come to be more seeds: with files, and with a recipe."""
REPEATS = (
    "give the predictions of a second run of the reference, with --repeat or repeats=",
    "set repeats = 2 in the recipe",
)
"""How there comes to be a repeat floor."""
TITLES: dict[str, str] = {
    "D101": "A single training seed",
    "D102": "Few training seeds",
    "D103": "A group is too small",
    "D104": "No repeat floor",
    "D105": "The label is the group",
    "D106": "A class is absent in a group",
    "D107": "Two names, one fingerprint",
    "D108": "A setting took no effect",
    "D109": "Levelling down",
    "D110": "The reference was trained elsewhere",
    "D111": "Examples were set aside",
    "D112": "Nothing is distinguishable",
    "D113": "Corrected table by table",
    "D114": "Nothing was targeted",
    "D201": "Ids differ by leading zeros alone",
    "D202": "Examples are on one side only",
    "D203": "Seeds were given as variants",
    "D204": "Seeds have no partner",
    "D205": "One answer for everything",
    "D206": "Answers that are never right",
    "D207": "A probability of exactly zero",
    "D208": "A column that never varies",
    "D209": "No right answers",
}
"""Every caution by its code."""
PAGES: dict[str, str] = {code: f"docs/cautions/{code}.md" for code in TITLES}
"""Where a caution is explained, in the documentation of disparate."""


def cautions(findings: Findings, run: Mapping[str, Any]) -> tuple[Caution, ...]:
    """Return what the reader has to know before believing the numbers, ordered by code.

    Args:
        findings: All findings of the audit.
        run: The run record; every part may be absent.

    Returns:
        The cautions, each with a code that has a page in ``docs/cautions``.

    Example:
        >>> level = Finding(measure="accuracy", group="f", where={"by": "sex"}, variant="reference", value=0.5,
        ...                 unit="share", n=12, seeds=1)
        >>> [caution.code for caution in cautions(Findings((level,)), {})]
        ['D101', 'D103', 'D104']
    """
    result = Result(findings=findings, run=run)
    return (
        *_seeds(result),
        *_small_groups(result),
        *_no_repeat_floor(result),
        *_label_is_group(result),
        *_absent_classes(result),
        *_same_fingerprints(result),
        *_no_effect(result),
        *_levelling_down(result),
        *_trained_elsewhere(result),
        *_set_aside(result),
        *_nothing_distinguishable(result),
        *_table_by_table(result),
        *_empty_targets(result),
    )


def _caution(code: str, text: str, *, variant: str | None = None, group: str | None = None) -> Caution:
    return Caution(code=code, title=TITLES[code], text=text, variant=variant, group=group)


def _seeds(result: Result) -> Iterable[Caution]:
    seeds = max((item.seeds for item in result.findings if item.seeds is not None), default=None)
    if seeds == 1:
        yield _caution(
            "D101",
            "There is one training seed, so how much a number moves between seeds is not known. "
            f"At least {FEW_SEEDS} seeds are needed to tell a choice that acts on training from chance: "
            f"{_way(result, SEEDS)}.",
        )
    elif seeds is not None and seeds < FEW_SEEDS:
        yield _caution(
            "D102",
            f"There are {counted(seeds, 'training seed')}; a sign test over {seeds} seeds cannot give a p-value below "
            f"{0.5 ** (seeds - 1):.2g}. At least {FEW_SEEDS} seeds are needed: {_way(result, SEEDS)}.",
        )


def _way(result: Result, ways: tuple[str, str]) -> str:
    """Return what to do: with files the one, with a recipe the other."""
    files, recipe = ways
    return files if record.is_of_files(result.run) else recipe


def _small_groups(result: Result) -> Iterable[Caution]:
    for by in attributes(result):
        sizes = record.group_sizes(result.run).get(by, {}) or _sizes(result.findings, by)
        for name, n in sizes.items():
            if n < FEW_EXAMPLES:
                yield _caution(
                    "D103",
                    f"Group '{plain(name)}' of '{plain(by)}' has {counted(n, 'test example')}; an interval needs "
                    f"{FEW_EXAMPLES}. Merge groups, or collect more examples.",
                    group=name,
                )


def _sizes(findings: Findings, by: str) -> dict[str, int]:
    found = findings.where(is_level, by=by, label=None)
    return {item.group: item.n for item in found if item.group is not None and item.n is not None}


def _no_repeat_floor(result: Result) -> Iterable[Caution]:
    if len(result.findings) and not _has_repeats(result):
        yield _caution(
            "D104",
            "The reference was not run a second time with nothing changed, so it is not known whether the program "
            f"repeats itself: {_way(result, REPEATS)}.",
        )


def _has_repeats(result: Result) -> bool:
    repeats = record.recipe(result.run, "audit").get("repeats")
    if isinstance(repeats, int) and repeats >= 2:
        return True
    return any(_speaks_of_repeats(item) for item in result.findings)


def _speaks_of_repeats(finding: Finding) -> bool:
    words = (finding.null.name if finding.null else "", finding.method or "", finding.undefined or "", finding.variant)
    return any("repeat" in word.replace("never repeated", "") or "deterministic" in word for word in words)


def _label_is_group(result: Result) -> Iterable[Caution]:
    for by in attributes(result):
        odds = _odds(result.findings, by)
        if _is_the_label(result, by, odds):
            yield _caution(
                "D105",
                f"Equalised odds by '{plain(by)}' are undefined: {plain(odds.items[0].undefined).rstrip('.')}. "
                "Where the label is the group, each group holds one class; judge accuracy, or take another label.",
            )


def _is_the_label(result: Result, by: str, odds: Findings) -> bool:
    target = record.mapping(result.run.get("data")).get("target")
    named = target is None or target in by.split("*")
    return named and len(odds) > 0 and all(item.undefined for item in odds)


def _odds(findings: Findings, by: str) -> Findings:
    return findings.where(lambda item: item.measure.startswith(("equalized_odds", "equal_opportunity")), by=by)


def _absent_classes(result: Result) -> Iterable[Caution]:
    for by in attributes(result):
        odds = _odds(result.findings, by)
        if _is_the_label(result, by, odds):
            continue
        lost = result.findings.where(is_level, by=by, measure="tpr", value=None)
        missing: dict[str, list[str]] = {}
        for item in lost.where(lambda item: item.group is not None and item.label is not None):
            labels = missing.setdefault(str(item.group), [])
            labels.extend([label] if (label := str(item.label)) not in labels else [])
        for group, labels in missing.items():
            yield _caution(
                "D106",
                f"Group '{plain(group)}' of '{plain(by)}' has no test example of {_classes(labels)}; rates of these "
                "are undefined there and left out of sums over classes.",
                group=group,
            )


def _classes(labels: list[str]) -> str:
    shown = [f"'{plain(label)}'" for label in labels[:5]]
    more = [counted(len(labels) - 5, "further class", "further classes")] if len(labels) > 5 else []
    return f"class {joined([*shown, *more])}" if len(labels) == 1 else f"classes {joined([*shown, *more])}"


def _same_fingerprints(result: Result) -> Iterable[Caution]:
    for profile in record.profiles(result.run):
        other = profile.get("same_as")
        if not other:
            continue
        others = joined([plain(name) for name in other] if isinstance(other, list) else [plain(other)])
        yield _caution(
            "D107",
            f"Profile '{plain(profile['name'])}' gives the same weights, bit for bit, as {others} on this machine: "
            "they are one profile under two names, and a difference of zero between them says nothing about hardware.",
        )


def _no_effect(result: Result) -> Iterable[Caution]:
    listed = {profile["name"]: profile for profile in record.profiles(result.run) if isinstance(profile["name"], str)}
    for name, profile in listed.items():
        other = profile.get("same_as")
        settings = _settings_beyond(profile, listed.get(other, {}) if isinstance(other, str) else {}) if other else []
        if settings:
            yield _caution(
                "D108",
                f"Profile '{plain(name)}' asks for {joined(settings)}, which changed nothing on this machine: its "
                f"weights are those of '{plain(other)}'. The profile is what its fingerprint says, not its name.",
            )


def _settings_beyond(profile: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    asked, known = record.mapping(profile.get("environment")), record.mapping(other.get("environment"))
    pairs = [(key, value) for key, value in asked.items() if known.get(key) != value]
    pairs += [(key, profile[key]) for key in EXECUTION if key in profile and profile[key] != other.get(key)]
    return [plain(f"{key}={value}") for key, value in pairs]


def _levelling_down(result: Result) -> Iterable[Caution]:
    gaps = main_axis(result.findings.where(is_change, measure="accuracy_gap", group=None))
    for gap in gaps:
        if gap.value is None or gap.value >= 0 or gap.distinguishable is False:
            continue
        changes = _group_changes(result.findings, gap)
        best = _best_group(result.findings, gap)
        if best not in changes or not _lost(changes[best]) or any(_gained(item) for item in changes.values()):
            continue
        amount = number(abs(changes[best].value or 0.0), changes[best].unit)
        yield _caution(
            "D109",
            f"Under '{plain(gap.variant)}' the accuracy gap by '{plain(by_of(gap))}' closes because group "
            f"'{plain(best)}', the best one, loses {amount} points and no group gains. Nobody is better off.",
            variant=gap.variant,
            group=best,
        )


def _group_changes(findings: Findings, gap: Finding) -> dict[str, Finding]:
    found = findings.where(is_change, measure="accuracy", variant=gap.variant, by=by_of(gap), label=None)
    return {item.group: item for item in main_axis(found) if item.group is not None}


def _best_group(findings: Findings, gap: Finding) -> str:
    levels = findings.where(is_level, measure="accuracy", variant=gap.reference, by=by_of(gap), label=None)
    known = {item.group: item.value for item in levels if item.group is not None and item.value is not None}
    return max(known, key=lambda name: known[name], default="")


def _lost(finding: Finding) -> bool:
    return bool(finding.distinguishable) and (finding.value or 0.0) < 0


def _gained(finding: Finding) -> bool:
    return bool(finding.distinguishable) and (finding.value or 0.0) > 0


def _trained_elsewhere(result: Result) -> Iterable[Caution]:
    if weights := record.recipe(result.run, "model").get("trained"):
        yield _caution(
            "D110",
            f"The weights of the reference ('{plain(weights)}') were trained under a profile that this audit does not "
            "know. What training there did to the groups stands in the reference, and in no difference to it.",
        )
    moved = [_settings(choice) for choice in _choices(record.recipe(result.run, "reference"), {"train", "deploy"})]
    if moved:
        yield _caution(
            "D110",
            f"The reference is not run under the profile it was trained under ({joined(moved)}). What moving it cost "
            "the groups stands in the reference, and in no difference to it. Let it train where it runs, or add a "
            "variant that does.",
        )
    yield from _mixed(result)


def _choices(table: Mapping[str, Any], at: Set[str]) -> list[Mapping[str, Any]]:
    return [choice for choice in record.tables(table.get("choices")) if choice.get("at") in at]


def _settings(choice: Mapping[str, Any]) -> str:
    settings = [f"{key}={value}" for key, value in choice.items() if key != "choice" and value not in (None, {}, [])]
    return plain(" ".join([str(choice.get("choice", "")), *settings]))


def _mixed(result: Result) -> Iterable[Caution]:
    home = record.recipe(result.run, "reference").get("profile")
    for variant in record.tables(record.mapping(result.run.get("audit")).get("variant")):
        moved = _choices(variant, {"train", "both"})
        if moved and len(record.tables(variant.get("choices"))) > len(moved):
            name = plain(variant.get("name", ""))
            where = joined([plain(choice.get("choice", "")) for choice in moved])
            yield _caution(
                "D110",
                f"Variant '{name}' was trained under another execution ({where}) than the reference"
                f"{f' (profile {plain(home)})' if home else ''}, and holds further choices. Its differences are those "
                f"of both; add a variant with {where} alone to tell them apart.",
                variant=name,
            )


def _set_aside(result: Result) -> Iterable[Caution]:
    problems = record.problems(result.run)
    aside = [what for what, _, action in problems if action == "set aside"]
    if problems:
        kept = len(problems) - len(aside)
        yield _caution(
            "D111",
            f"{counted(len(aside), 'file or row', 'files or rows')} set aside and {kept:,} kept with a remark while "
            f"loading{': ' + ', '.join(aside[:3]) if aside else ''}{' …' if len(aside) > 3 else ''}. "
            "The report lists them.",
        )


def _nothing_distinguishable(result: Result) -> Iterable[Caution]:
    measure = main_measure(result.findings)
    for by in attributes(result):
        found = main_axis(of_attribute(result.findings, by).where(is_change, measure=measure, label=None))
        split = found.where(lambda item: item.group is not None)
        judged = [item for item in split if item.distinguishable is not None]
        moved = not all(outcome.identical for outcome in outcomes(result, by))
        safe = all(outcome.harmless or outcome.identical for outcome in outcomes(result, by))
        if judged and moved and not safe and not any(item.distinguishable for item in judged):
            seen = sentence(result, by) or "With more seeds or more test examples a smaller harm could be seen."
            yield _caution(
                "D112",
                f"No change of any of the {counted(len(groups(result, by)), 'group')} by '{plain(by)}' is larger than "
                f"noise. This is not a proof that no group pays. {seen}",
            )


def _table_by_table(result: Result) -> Iterable[Caution]:
    judged = result.findings.where(lambda item: item.p_value is not None and item.distinguishable is not None)
    tables = len({table_of(item) for item in judged})
    shown = judged.where(distinguishable=True)
    lost = _lost_in_all(judged)
    if tables < 2 or not lost:
        return
    rate = _rate(judged)
    named = [_place(item) for item in lost[:MOST_NAMED]]
    more = [counted(len(lost) - MOST_NAMED, "further one", "further ones")] if len(lost) > MOST_NAMED else []
    yield _caution(
        "D113",
        f"{counted(len(judged), 'test')} stand in {tables:,} tables (one measure of one partition each), and each is "
        f"corrected by itself. Of {counted(len(shown), 'number')} marked as distinguishable up to about "
        f"{rate * len(shown):.1f} are to be expected by chance; were there nothing to find, about {rate * tables:.1f} "
        f"of the tables would still hold one. Corrected over the whole report, {len(lost):,} would not be marked: "
        f"{'; '.join([*named, *more])}. Repeat these before building on them.",
    )


def _lost_in_all(judged: Findings) -> list[Finding]:
    """Return what is marked within its table and would not be among all tests of the report, the weakest first."""
    adjusted = benjamini_hochberg(np.array([item.p_value for item in judged], dtype=np.float64))
    limit = _rate(judged)
    found = [
        (float(p), place)
        for place, (item, p) in enumerate(zip(judged, adjusted, strict=True))
        if item.distinguishable and p > limit
    ]
    return [judged.items[place] for _, place in sorted(found, reverse=True)]


def _empty_targets(result: Result) -> Iterable[Caution]:
    for variant, by_seed in record.mapping(result.run.get("targets")).items():
        targets = {seed: record.mapping(told) for seed, told in record.mapping(by_seed).items()}
        empty = [seed for seed, told in targets.items() if told.get("selected") == 0]
        if empty:
            told = targets[empty[0]]
            yield _caution(
                "D114",
                f"Under '{plain(variant)}' no weight was left to be disturbed (seed {joined([*map(plain, empty)])}, of "
                f"{len(targets)}): {_ruled(told)} names none of {told.get('weights')} weights. What such a run shows "
                "is the device without its errors, not a better trade-off. Raise share, or lower beta.",
                variant=str(variant),
            )
    yield from _empty_in_training(result)


def _empty_in_training(result: Result) -> Iterable[Caution]:
    for trained in record.tables(result.run.get("training")):
        for told in record.tables(trained.get("rules")):
            selected = told.get("selected")
            if isinstance(selected, list) and 0 in selected:
                yield _caution(
                    "D114",
                    f"In '{plain(trained.get('job'))}' no weight was left to be disturbed in {selected.count(0)} of "
                    f"{len(selected)} targets: {_ruled(record.mapping(told.get('target')))} named none. There it "
                    "trained without errors. Raise share, or lower beta.",
                )


def _ruled(told: Mapping[str, Any]) -> str:
    return plain(f"rule {told.get('rule')} with share {told.get('share')} and beta {told.get('beta')}")


def _rate(judged: Findings) -> float:
    return 1 - next((item.level for item in judged if item.level is not None), 0.95)


def _place(finding: Finding) -> str:
    words = [term(finding.measure).inline]
    words += [f"of class '{plain(finding.label)}'"] if finding.label is not None else []
    words += [f"of '{plain(finding.group)}'"] if finding.group is not None else []
    words += [f"by '{plain(by_of(finding))}'"] if finding.group is None and by_of(finding) is not None else []
    return f"{' '.join(words)} under '{plain(finding.variant)}'"
