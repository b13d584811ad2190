"""A worker: a process that was started with the environment of a job, performs jobs, and stays warm for the next.

It is started by ``disparate.engine.pool`` as ``python -m disparate.engine.worker`` and speaks JSON, one value per
line. First it reads ``{"path": [...]}``, the import path of the engine; then an order per job, to which it answers
with any number of ``{"event": "progress", ...}`` and one ``"done"`` or ``"failed"``. It ends when its standard input
is closed or its parent is gone, whatever it is doing.
"""

import faulthandler
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from disparate.engine.perform import Failure, Order, perform
from disparate.registry import import_object

STDIN, STDOUT, STDERR = 0, 1, 2


class _Channel:
    """The way back to the engine, out of reach of whatever a job prints: that goes where errors go."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(STDOUT), "w", encoding="utf-8")
        self._lock = threading.Lock()
        os.dup2(STDERR, STDOUT)

    def send(self, event: str, message: Mapping[str, Any]) -> None:
        text = json.dumps({"event": event, **message})
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()

    def report(self, done: float, total: float, message: str = "") -> None:
        self.send("progress", {"done": float(done), "total": float(total), "message": str(message)})


def main() -> None:
    """Perform jobs until there is nobody left to perform them for."""
    faulthandler.enable()
    channel = _Channel()
    messages: SimpleQueue[dict[str, Any]] = SimpleQueue()
    orders_fd = _private_stdin()
    threading.Thread(target=_listen, args=(orders_fd, messages), daemon=True).start()
    sys.path[:] = messages.get()["path"]
    while True:
        order = Order.from_json(messages.get())
        event, answer = _answer(order, channel)
        channel.send(event, answer)


def _answer(order: Order, channel: _Channel) -> tuple[str, dict[str, Any]]:
    with _printing_to(order.log):
        try:
            performed = perform(import_object(order.function), order, channel.report)
        except BaseException as error:  # a job that calls sys.exit has failed too
            return "failed", asdict(Failure.of(error))
        return "done", asdict(performed)


def _private_stdin() -> int:
    private = os.dup(STDIN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, STDIN)
    os.close(nothing)
    return private


def _listen(descriptor: int, messages: "SimpleQueue[dict[str, Any]]") -> None:
    for line in _lines(descriptor, os.getppid()):
        messages.put(json.loads(line))
    _vanish()


def _lines(descriptor: int, parent: int) -> Iterator[bytes]:
    rest = b""
    while os.getppid() == parent:
        if not select.select([descriptor], [], [], 1.0)[0]:
            continue
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _vanish() -> None:
    # What a job has started goes too, where this process leads a group of its own.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


@contextmanager
def _printing_to(log: Path) -> Generator[None]:
    before = os.dup(STDERR)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    _point_output_at(target)
    os.close(target)
    try:
        yield
    finally:
        _point_output_at(before)
        os.close(before)
        with suppress(FileNotFoundError):
            _remove_empty(log)


def _remove_empty(log: Path) -> None:
    if log.stat().st_size == 0:
        log.unlink()


def _point_output_at(descriptor: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, STDOUT)
    os.dup2(descriptor, STDERR)


if __name__ == "__main__":
    main()
