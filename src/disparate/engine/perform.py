"""One job performed in the process that calls: the function run, its files kept, its record checked."""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disparate.engine.job import Inputs, JobFunction, Outcome, Report
from disparate.errors import BadInput
from disparate.provenance import peak_memory
from disparate.store.blobs import Blobs
from disparate.store.plain import plain
from disparate.store.records import now

REPORT_EVERY_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """All that a process needs to perform a job.

    Args:
        name: What the job is called.
        function: What it runs.
        arguments: Given to the function.
        inputs: Files of the jobs it needs, by key and output.
        workspace: An empty folder to write to.
        blobs: The folder its files go to.
        log: The file that takes what it prints.
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    inputs: Inputs
    workspace: Path
    blobs: Path
    log: Path

    def to_json(self) -> dict[str, Any]:
        """Return the order as plain values."""
        inputs = {key: {name: str(path) for name, path in files.items()} for key, files in self.inputs.items()}
        paths = {"workspace": str(self.workspace), "blobs": str(self.blobs), "log": str(self.log)}
        return {"name": self.name, "function": self.function, "arguments": self.arguments, "inputs": inputs, **paths}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> "Order":
        """Read an order back from plain values."""
        inputs = {key: {name: Path(path) for name, path in files.items()} for key, files in item["inputs"].items()}
        paths = {name: Path(item[name]) for name in ("workspace", "blobs", "log")}
        settings: dict[str, Any] = {**item, **paths, "inputs": inputs}
        return cls(**settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Performed:
    """A job that is done.

    Args:
        outputs: Digest of each file, by the output's name.
        record: What the function returned, plain values.
        started: When it began, ISO 8601 in UTC.
        finished: When it ended.
        wall_s: How long the function ran, seconds.
        peak_mib: Largest resident memory of the process meanwhile, MiB.
    """

    outputs: Mapping[str, str]
    record: Mapping[str, Any]
    started: str
    finished: str
    wall_s: float
    peak_mib: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A job that stopped with an error.

    Args:
        message: What went wrong, with the class of the exception where there was one.
        trace: The traceback; empty without one.
    """

    message: str
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Return the failure that an exception stands for."""
        message, trace = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
        return cls(message=_utf8(message), trace=_utf8(trace))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def perform(function: JobFunction, order: Order, report: Report) -> Performed:
    """Run a job's function and keep what it leaves.

    Args:
        function: What to run.
        order: What to run it with.
        report: Where it tells how far it is; called at most ten times a second.

    Returns:
        The job as done, its files among the blobs.

    Raises:
        BadInput: The function returned no ``Outcome``, a record that is not plain, or a file that does not exist.
    """
    _forget_peak_memory()
    started, begin = now(), time.perf_counter()
    returned = function(order.arguments, order.workspace, order.inputs, _seldom(report))
    wall_s = time.perf_counter() - begin
    outcome = _checked(returned, order)
    record = plain(dict(outcome.record), f"record of job '{order.name}'")
    outputs = {name: _kept(name, path, order) for name, path in outcome.files.items()}
    return Performed(
        outputs=outputs, record=record, started=started, finished=now(), wall_s=wall_s, peak_mib=_peak_memory()
    )


def _checked(outcome: object, order: Order) -> Outcome:
    if not isinstance(outcome, Outcome):
        raise BadInput(
            f"job '{order.name}': {order.function} returned a {type(outcome).__name__}; Outcome was expected."
        )
    return outcome


def _kept(name: str, path: Path, order: Order) -> str:
    if not path.is_file():
        raise BadInput(
            f"job '{order.name}': output '{name}' is {path}, which is no file; write it before returning it."
        )
    return Blobs(root=order.blobs).put(path)


def _seldom(report: Report) -> Report:
    last = float("-inf")

    def reported(done: float, total: float, message: str = "") -> None:
        nonlocal last
        if done >= total or time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            report(done, total, message)

    return reported


def _forget_peak_memory() -> None:
    # Linux can begin anew, so that a warm process does not pass on the peak of its last job.
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_memory() -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return peak_memory()
    peak = next((line for line in lines if line.startswith("VmHWM:")), None)
    return int(peak.split()[1]) / 1024 if peak else peak_memory()
