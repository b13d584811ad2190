"""Every exception of disparate, by whose turn it is.

A message says, in this order: which thing, what was found, what was expected, what to do.
"""

import difflib
from collections.abc import Iterable


class DisparateError(Exception):
    """Base of every error that disparate raises on purpose; the command line prints it without a traceback."""


class BadInput(DisparateError):
    """A file, a column, a recipe or an argument is not what it has to be: the user's turn."""


class NotApplicable(DisparateError):
    """A choice, a measure or a profile cannot act on this model, data set or machine."""


class MissingExtra(DisparateError):
    """An optional dependency is not installed; the message is the command that installs it."""


class NotReproducible(DisparateError):
    """The same computation was run twice and gave two answers where one was promised."""


class NotEnoughData(DisparateError):
    """There is too little data for what was asked."""


class JobFailed(DisparateError):
    """A job of an audit stopped with an error; finished jobs are kept."""


def require(holds: bool, setting: str, expected: str) -> None:
    """Refuse a setting that is out of range.

    Args:
        holds: Whether it is in range; false for NaN where a comparison says so.
        setting: Whose setting it is, and its value.
        expected: What was expected.

    Raises:
        BadInput: It is out of range.

    Example:
        >>> require(False, "EqualLoss(step=-1.0)", "0 or more")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: EqualLoss(step=-1.0): 0 or more was expected.
    """
    if not holds:
        raise BadInput(f"{setting}: {expected} was expected.")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'prune'?"`` or, where nothing is near, the known words.

    Args:
        word: What was written.
        known: What may be written.

    Returns:
        A sentence with a leading blank, ready to be appended to a message.

    Example:
        >>> suggestion("prunne", ["prune", "quantize"])
        " Did you mean 'prune'?"
        >>> suggestion("x", ["prune", "quantize"])
        ' Known: prune, quantize.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(names)}."
