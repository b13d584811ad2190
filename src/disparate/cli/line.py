"""One line on standard error that says what is being done, for work that takes longer than a moment."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import typer

PATIENCE_S = 1.0
"""Nothing is said before that."""
CLEAR = "\r\x1b[K"


@contextmanager
def progress_line(*, silent: bool) -> Generator[Callable[[str, float], None]]:
    """Show what is being done while the block runs, and nothing of it afterwards.

    Args:
        silent: Whether to show nothing.

    Yields:
        What to call with what is being done and its share.
    """
    if silent:
        yield lambda doing, share: None
        return
    line = Line(terminal=typer.get_text_stream("stderr").isatty())
    try:
        yield line
    finally:
        line.end()


class Line:
    """The line: written over on a terminal, one for each thing that is done elsewhere.

    Args:
        terminal: Whether it can be written over.
    """

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._begun = time.monotonic()
        self._doing = self._shown = ""

    def __call__(self, doing: str, share: float) -> None:
        """Show what is being done.

        Args:
            doing: What.
            share: How much of it is done, in [0, 1]; 0 where that is not known.
        """
        text = f"{doing}: {100 * share:.0f} %" if share else f"{doing} …"
        if time.monotonic() - self._begun < PATIENCE_S or text == self._shown:
            return
        if self._terminal:
            typer.echo(CLEAR + text, err=True, nl=False, color=True)
        elif doing != self._doing:
            typer.echo(doing, err=True)
        self._doing, self._shown = doing, text

    def end(self) -> None:
        """Take the line away."""
        if self._terminal and self._shown:
            typer.echo(CLEAR, err=True, nl=False, color=True)
