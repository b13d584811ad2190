"""Term: one measure in words."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["level", "disparity", "comparison"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One measure in words.

    Args:
        title: How it is called on screen.
        words: What it says, in one sentence.
        formula: How it is computed; empty for an unknown measure.
        kind: A level of one variant, a disparity between groups of one variant, or a comparison with the reference.
        better: Which direction is good for the group; None where neither is.
        signed: For a comparison: whether it goes either way, so that its sign says who is better off.
    """

    title: str
    words: str
    formula: str = ""
    kind: Kind = "level"
    better: Better | None = None
    signed: bool = False

    @property
    def inline(self) -> str:
        """The title as it stands inside a sentence; an abbreviation such as F1 or VoG keeps its capital.

        Example:
            >>> Term(title="VoG, early", words="").inline, Term(title="Error rate", words="").inline
            ('VoG, early', 'error rate')
        """
        first = re.split(r"\W", self.title, maxsplit=1)[0]
        return self.title[:1].lower() + self.title[1:] if first[1:].islower() else self.title
