"""Telling: what a search found, in sentences."""

from collections import Counter
from collections.abc import Sequence

from disparate.predictions import REFERENCE
from disparate.report.glossary import term
from disparate.report.wording import counted, joined, plain, shortened
from disparate.search.aims import Aim
from disparate.search.outcome import Holds, Outcome, Point
from disparate.search.proposing import described

LONGEST = 60
MOST_NAMED = 3
STANDINGS = {
    "front": "on the front",
    "not distinguishable": "not distinguishable from the front",
    "dominated": "beaten",
    "undefined": "undefined",
}
"""Standing as the page says it."""
HOLDS: dict[Holds, str] = {
    "holds": "holds",
    "not seen": "not seen again",
    "reversed": "reversed",
    "nothing to hold": "nothing to hold",
    "undefined": "undefined",
}


def headline(outcome: Outcome) -> str:
    """Return the main thing in one sentence."""
    selected, _ = outcome.splits
    trials = [point for point in outcome.points if point.trial]
    better = [point for point in trials if point.name in _reference(outcome).dominated_by]
    if better:
        verb = "beats" if len(better) == 1 else "beat"
        return f"{len(better)} of {counted(len(trials), 'trial')} {verb} the reference on {selected}: {_listed(better)}"
    traded = [point for point in trials if point.on_front and REFERENCE not in point.alike]
    if traded:
        some = (
            f"{counted(len(traded), 'trial')} on the front trade{'s' if len(traded) == 1 else ''} one aim for another"
        )
        return f"No trial beats the reference on {selected}; {some}"
    return f"No trial can be told to be better than the reference on {selected}"


def summary(outcome: Outcome) -> list[str]:
    """Return what else has to be said, a sentence each."""
    return [text for text in (_front(outcome), _held(outcome), _levelled(outcome), _lost(outcome)) if text]


def facts(outcome: Outcome) -> list[tuple[str, str]]:
    """Return what was asked, as names and words."""
    search = outcome.search
    sizes = outcome.run["data"]["splits"]
    selected, reported = outcome.splits
    trials = len(outcome.points) - 1
    return [
        ("aims", "; ".join(f"{aim_words(aim)} ({aim.better} is better)" for aim in search.aims)),
        ("tried", f"{counted(trials, 'trial')} by {described(search.method)}, against the reference"),
        ("chosen on", f"{plain(selected)}, {sizes.get(selected, 0):,} examples"),
        ("reported on", f"{plain(reported)}, {sizes.get(reported, 0):,} examples that no choice was made by"),
        ("seeds", ", ".join(str(seed) for seed in search.audit.seeds)),
    ]


def aim_words(aim: Aim) -> str:
    """Return what an aim is about, in words.

    Example:
        >>> aim_words(Aim.parse("accuracy_gap", better="lower", groups=("race",)))
        'accuracy gap by race'
    """
    words = [term(aim.measure).inline]
    words += [f"of class {plain(aim.label)}"] if aim.label else []
    words += [f"of {plain(aim.group)}"] if aim.group else []
    return " ".join([*words, *([f"by {plain(aim.by)}"] if aim.by else [])])


def standing_words(point: Point) -> str:
    """Return where a point stands, in words."""
    return STANDINGS[point.standing]


def _front(outcome: Outcome) -> str:
    front = [point for point in outcome.front if point.standing == "front"]
    band = [point for point in outcome.front if point.standing != "front"]
    if not front:
        return ""
    more = f"; {counted(len(band), 'more cannot', 'more cannot')} be told from it" if band else ""
    return f"On the front: {_listed(front)}{more}."


def _held(outcome: Outcome) -> str:
    selected, reported = outcome.splits
    trials = [point for point in outcome.points if point.trial]
    counts = Counter(outcome.holds(point, aim) for point in trials for aim in outcome.search.aims)
    seen = counts["holds"] + counts["not seen"] + counts["reversed"]
    if not seen:
        return f"No change of an aim is distinguishable on {selected}, so there is nothing to hold on {reported}."
    if seen == 1:
        word = "holds" if counts["holds"] else "is reversed" if counts["reversed"] else "is not seen again"
        return f"The one change of an aim that is distinguishable on {selected} {word} on {reported}."
    tail = f", {counts['reversed']} reversed" if counts["reversed"] else ""
    held = f"{counts['holds'] or 'none'} hold{'s' if counts['holds'] < 2 else ''}"
    return f"Of {seen:,} changes of an aim that are distinguishable on {selected}, {held} on {reported}{tail}."


def _levelled(outcome: Outcome) -> str:
    found = [point for point in outcome.points if point.levelling_down]
    if not found:
        return ""
    return f"Levelling down: under {_listed(found)} the gap closes because the best group loses. Nobody is better off."


def _lost(outcome: Outcome) -> str:
    lost = [point for point in outcome.points if point.standing == "undefined"]
    return f"{counted(len(lost), 'trial has', 'trials have')} no place: {_listed(lost)}." if lost else ""


def _reference(outcome: Outcome) -> Point:
    return outcome.points[0]


def _listed(points: Sequence[Point]) -> str:
    names = [f"“{shortened(plain(point.name), LONGEST)}”" if point.trial else "the reference" for point in points]
    more = [counted(len(names) - MOST_NAMED, "other")] if len(names) > MOST_NAMED else []
    return joined([*names[:MOST_NAMED], *more])
