"""Live progress of an audit on the terminal."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from disparate.engine.events import (
    Blocked,
    Event,
    Failed,
    Finished,
    Listener,
    Planned,
    Progressed,
    Retried,
    Reused,
    Started,
    time_left,
    wall_times,
)
from disparate.engine.job import Job
from disparate.provenance import cores
from disparate.store.runs import Store


@contextmanager
def shown(store: Store, *, slots: int | None, quiet: bool) -> Generator[Listener | None]:
    """Show events on standard error while the block runs: a live line on a terminal, a line per job elsewhere.

    Args:
        store: The store, whose finished jobs tell how long such jobs take.
        slots: Cores in use.
        quiet: Whether to show nothing.

    Yields:
        What to hand the engine's events to; None where nothing is shown.
    """
    if quiet:
        yield None
        return
    console = Console(stderr=True)
    board = Board(store, slots or cores())
    if not console.is_terminal:
        yield lambda event: _print_line(console, board, event)
        return
    with Live(console=console, get_renderable=board.text, refresh_per_second=4, transient=True):
        yield board.take


class Board:
    """What runs now and how much is left.

    Args:
        store: The store, whose finished jobs tell how long such jobs take.
        slots: Cores in use.
    """

    def __init__(self, store: Store, slots: int) -> None:
        self._before = wall_times(store.jobs())
        self._now: dict[str, list[float]] = {}
        self._slots = slots
        self._running: dict[str, tuple[Job, float, str]] = {}
        self._waiting: dict[str, Job] = {}
        self._done = self._reused = self._failed = 0

    def take(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Planned):
            self._waiting |= {job.key: job for job in event.jobs}
            return
        key = event.job.key
        self._waiting.pop(key, None)
        if isinstance(event, Started):
            self._running[key] = (event.job, time.monotonic(), "")
        elif isinstance(event, Progressed):
            job, since, _ = self._running.get(key, (event.job, time.monotonic(), ""))
            self._running[key] = (job, since, f"{event.message}, {100 * event.done / max(event.total, 1):.0f} %")
        else:
            self._running.pop(key, None)
            self._count(event)

    def text(self) -> Text:
        """Return the board as a few lines."""
        lines = [self.line()]
        lines += [f"  {job.name}: {message or 'starting'}" for job, _, message in self._running.values()]
        return Text("\n".join(lines))

    def line(self) -> str:
        """Return the board's first line: counts and the time left."""
        ahead = len(self._waiting) + len(self._running)
        parts = [f"{self._done} jobs done", f"{ahead} to do"]
        parts += [f"{self._reused} reused"] if self._reused else []
        parts += [f"{self._failed} failed"] if self._failed else []
        return ", ".join(parts) + self._left()

    def _left(self) -> str:
        now = time.monotonic()
        running = [(job, now - since) for job, since, _ in self._running.values()]
        times = self._before | self._now  # jobs of this run tell more than those of other networks
        left = time_left(waiting=list(self._waiting.values()), running=running, wall_times=times, slots=self._slots)
        return "" if not left else f"; about {left / 60:.0f} min left" if left > 90 else f"; about {left:.0f} s left"

    def _count(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._done += 1
            self._now.setdefault(event.job.function, []).append(event.record.wall_s)
        elif isinstance(event, Reused):
            self._reused += 1
        elif isinstance(event, Failed | Blocked):
            self._failed += 1


def _print_line(console: Console, board: Board, event: Event) -> None:
    board.take(event)
    if isinstance(event, Finished):
        console.print(
            f"{event.job.name}: {event.record.wall_s:.1f} s ({board.line()})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    elif isinstance(event, Failed | Retried):
        why = event.error if isinstance(event, Failed) else event.reason
        console.print(f"{event.job.name}: {why}", markup=False, highlight=False, soft_wrap=True)
