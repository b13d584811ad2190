"""Part: some tables of a report under one heading."""

from dataclasses import dataclass

from disparate.report.selection import Grid


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a report: some tables under a heading.

    Args:
        slug: Stable short name, such as ``"who-pays"``.
        title: The heading, a question where one is answered.
        short: What a list of contents calls it.
        words: What it is about, in a sentence or two.
        grids: The tables; none is empty.
        folded: Tables of detail.
    """

    slug: str
    title: str
    short: str
    words: str
    grids: tuple[Grid, ...]
    folded: tuple[Grid, ...] = ()
