"""What the reader of a comparison has to know, beside what holds for every report."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from disparate.comparing.sources import numbered_alike
from disparate.findings import Caution
from disparate.predictions import REFERENCE, Predictions
from disparate.report.cautions import TITLES
from disparate.report.wording import counted, joined, plain


def remarks(
    runs: Sequence[Predictions],
    *,
    left_out: Mapping[str, int],
    spelled_alike: Sequence[str],
    zeros: Mapping[str, int],
    paired: bool = True,
) -> tuple[Caution, ...]:
    """Return the cautions of a comparison of files.

    Args:
        runs: What is compared.
        left_out: Table to how many of its rows have no partner.
        spelled_alike: Ids that differ from another by leading zeros alone.
        zeros: Table to how many targets had a probability of exactly 0.
        paired: Whether seeds of variants belong to those of the reference.

    Returns:
        The cautions, ordered by code.
    """
    return (
        *_spelling(spelled_alike),
        *_partial(runs, left_out),
        *_numbered(runs),
        *(_unpaired(runs) if paired else ()),
        *_constant(runs),
        *_never_right(runs),
        *_zeros(zeros),
        *_single(runs[0]),
        *_unlabelled(runs[0]),
    )


def _caution(code: str, text: str, variant: str | None = None) -> Caution:
    return Caution(code=code, title=TITLES[code], text=text, variant=variant)


def _spelling(spelled_alike: Sequence[str]) -> Iterator[Caution]:
    if spelled_alike:
        shown = joined([f"'{plain(text)}'" for text in spelled_alike])
        yield _caution(
            "D201", f"{shown} also occurs without leading zeros. Ids compare as text: these are two examples."
        )


def _partial(runs: Sequence[Predictions], left_out: Mapping[str, int]) -> Iterator[Caution]:
    if left_out:
        told = joined([f"{rows:,} of {plain(called)}" for called, rows in left_out.items()])
        yield _caution(
            "D202",
            f"Left out, as their id is not in every table: {told}. {runs[0].examples:,} examples are compared.",
        )


def _numbered(runs: Sequence[Predictions]) -> Iterator[Caution]:
    for names in numbered_alike(dict.fromkeys(item.run.variant for item in runs)):
        stem = plain(names[0]).rstrip("0123456789")
        yield _caution(
            "D203",
            f"Variants {joined([plain(name) for name in names])} differ by a number alone and are judged one by one, "
            f"each as a variant of its own. If they are training seeds, quote the path: 'NAME={stem}{{seed}}…'.",
        )


def _unpaired(runs: Sequence[Predictions]) -> Iterator[Caution]:
    seeds: dict[str, set[int]] = {}
    for item in runs:
        seeds.setdefault(item.run.variant, set()).add(item.run.seed)
    own = seeds.pop(REFERENCE, set())
    for variant, found in seeds.items():
        parts = [("the reference", own - found), (f"'{plain(variant)}'", found - own)]
        lost = [f"{_listed(odd)} of {name} only" for name, odd in parts if odd]
        if lost:
            yield _caution(
                "D204",
                f"Unpaired: {joined(lost)}. Differences of '{plain(variant)}' rest on "
                f"{counted(len(own & found), 'seed')}, which both have.",
                variant,
            )


def _listed(seeds: set[int]) -> str:
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{word} {joined([str(seed) for seed in sorted(seeds)])}"


def _constant(runs: Sequence[Predictions]) -> Iterator[Caution]:
    for item in runs:
        answer = item.predicted[0]
        if (item.predicted == answer).all() and (len(np.unique(item.target)) > 1 or not item.labelled):
            yield _caution(
                "D205",
                f"'{plain(item.run.variant)}' (seed {item.run.seed}) answers '{plain(item.label_names[answer])}' for "
                f"each of {item.examples:,} examples.",
                item.run.variant,
            )


def _never_right(runs: Sequence[Predictions]) -> Iterator[Caution]:
    if runs[0].answers == "sets" or not runs[0].labelled:  # a set that is no example's is ordinary
        return
    targets = set(np.unique(runs[0].target).tolist())
    for item in runs:
        odd = sorted(set(np.unique(item.predicted).tolist()) - targets)
        if odd:
            names = joined([f"'{plain(item.label_names[label])}'" for label in odd[:5]])
            yield _caution(
                "D206",
                f"'{plain(item.run.variant)}' (seed {item.run.seed}) answers {names}, which is no example's target.",
                item.run.variant,
            )


def _zeros(zeros: Mapping[str, int]) -> Iterator[Caution]:
    for called, rows in zeros.items():
        yield _caution("D207", f"{plain(called)}: the target of {rows:,} examples has a probability of exactly 0.")


def _single(first: Predictions) -> Iterator[Caution]:
    has_target = first.labelled and first.answers != "numbers"
    columns = [("The target", first.label_names, first.target)] if has_target else []
    columns += [(f"Group column '{plain(name)}'", one.names, one.codes) for name, one in first.attributes.items()]
    for called, names, codes in columns:
        seen = np.unique(codes)
        if len(seen) == 1:
            yield _caution("D208", f"{called} is '{plain(names[seen[0]])}' for each of {first.examples:,} examples.")


def _unlabelled(first: Predictions) -> Iterator[Caution]:
    if not first.labelled:
        yield _caution(
            "D209",
            "The reference's table has no column 'target'. What can be said is whose answers a choice changes, not "
            "whether they become worse: an exemplar may be a gain as well as a harm. Name the column with --target if "
            "there is one.",
        )
