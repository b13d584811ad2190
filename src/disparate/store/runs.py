"""The store: an index of jobs and audits in SQLite, and their files by content.

The layout of a store is ``runs.sqlite`` (the index), ``blobs/ab/<sha256>`` (the files) and ``logs/<key>.log`` (what a
job printed). A job is finished when its files lie on the disk *and* its row is committed, in this order; so a process
that is killed at any point leaves a job finished or not begun.
"""

import json
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from disparate.errors import BadInput, suggestion
from disparate.predictions import Predictions
from disparate.store.blobs import Blobs
from disparate.store.plain import plain
from disparate.store.records import AuditRecord, AuditState, JobRecord, now

SCHEMA = 1
"""Version of the index, kept in SQLite's ``user_version``."""

INDEX = "runs.sqlite"
PATIENCE_S = 60.0
"""How long one process waits for another that is writing to the same index."""

_TABLES = (
    """CREATE TABLE jobs (key TEXT PRIMARY KEY, name TEXT NOT NULL, function TEXT NOT NULL, arguments TEXT NOT NULL,
    environment TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('done', 'failed')), outputs TEXT NOT NULL,
    record TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL, wall_s REAL NOT NULL, peak_mib REAL,
    host TEXT NOT NULL, error TEXT) WITHOUT ROWID""",
    """CREATE TABLE audits (id TEXT PRIMARY KEY, name TEXT NOT NULL, recipe TEXT NOT NULL, created TEXT NOT NULL,
    finished TEXT, state TEXT NOT NULL, result TEXT, keys TEXT NOT NULL) WITHOUT ROWID""",
)
_TABULAR = frozenset({"arguments", "environment", "outputs", "record", "recipe", "keys"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """A folder that holds what jobs left behind; several audits and several processes may share it.

    Args:
        root: The folder; use ``Store.open``, which checks it.
    """

    root: Path

    @classmethod
    def open(cls, root: Path) -> "Store":
        """Open a store, or begin one.

        Args:
            root: The folder; created where it is absent.

        Returns:
            The store.

        Raises:
            BadInput: The folder is a file, cannot be written to, or holds an index of another version or of
                another program.
        """
        store = cls(root=root.expanduser().absolute())
        if store.root.exists() and not store.root.is_dir():
            raise BadInput(f"store {store.root} is a file; a folder was expected. Name another folder.")
        try:
            store.logs.mkdir(parents=True, exist_ok=True)
            store.blobs.root.mkdir(exist_ok=True)
            store._begin()
        except (OSError, sqlite3.Error) as error:
            raise BadInput(
                f"store {store.root} cannot be used: {error}. A folder that can be written to was expected; "
                "name another one or correct its permissions."
            ) from error
        return store

    @property
    def blobs(self) -> Blobs:
        """The files, by content."""
        return Blobs(root=self.root / "blobs")

    @property
    def logs(self) -> Path:
        """The folder of what jobs printed."""
        return self.root / "logs"

    def log(self, key: str) -> Path:
        """Return the file that holds what a job printed and, where it failed, the traceback."""
        return self.logs / f"{key}.log"

    def finished(self, key: str) -> JobRecord | None:
        """Return the record of a finished job.

        Args:
            key: The job's key.

        Returns:
            The record; None where the job failed, was never run, or one of its files is absent or damaged, which
            is logged as a warning.
        """
        record = self.job(key)
        if record is None or record.state != "done":
            return None
        for output, digest in record.outputs.items():
            if not self.blobs.intact(digest):
                _log.warning("job '%s': output '%s' (blob %s) is absent or damaged; it has to be run again.",
                             record.name, output, digest)  # fmt: skip
                return None
        return record

    def job(self, key: str) -> JobRecord | None:
        """Return what the index says about a job, done or failed; None where it says nothing."""
        with self._index() as index:
            row = index.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone()
        return None if row is None else JobRecord(**_values(row))

    def jobs(self) -> list[JobRecord]:
        """Return every job in the index, in the order in which they ended."""
        with self._index() as index:
            rows = index.execute("SELECT * FROM jobs ORDER BY finished, key").fetchall()
        return [JobRecord(**_values(row)) for row in rows]

    def finish(self, record: JobRecord) -> JobRecord:
        """Enter a finished job; the first to finish a key wins.

        Args:
            record: The job, whose files are among the blobs already.

        Returns:
            The record that holds from now on: the given one, or that of the process that was first.

        Raises:
            BadInput: A file of the record is not among the blobs, or a value is not plain.
        """
        for digest in record.outputs.values():
            self.blobs.get(digest)
        with self._writing() as index:
            earlier = self.finished(record.key)
            if earlier is None:
                _insert(index, "jobs", record)
        return earlier or record

    def fail(self, record: JobRecord) -> None:
        """Enter a job that failed, unless it is finished already.

        Args:
            record: The job, its ``state`` ``"failed"`` and its ``error`` what went wrong.
        """
        with self._writing() as index:
            if self.finished(record.key) is None:
                _insert(index, "jobs", record)

    def output(self, key: str, name: str) -> Path:
        """Return a file that a finished job left.

        Args:
            key: The job's key.
            name: Name of the output.

        Returns:
            The file, verified; it must not be written to.

        Raises:
            BadInput: The job is not finished, has no such output, or the file is absent or damaged.
        """
        record = self.job(key)
        if record is None or record.state != "done":
            raise BadInput(f"job {key} is not finished in store {self.root}. Run its audit first.")
        if name not in record.outputs:
            raise BadInput(f"job '{record.name}' has no output '{name}'.{suggestion(name, record.outputs)}")
        self.blobs.verify(record.outputs[name])
        return self.blobs.get(record.outputs[name])

    def predictions(self, key: str, *, output: str = "predictions") -> Predictions:
        """Return the predictions that a finished job left.

        Args:
            key: The job's key.
            output: Name of the output.

        Returns:
            The predictions.

        Raises:
            BadInput: The job is not finished, has no such output, or the file is absent or damaged.
        """
        from disparate.store.parquet import read_predictions  # pyarrow is slow to load

        return read_predictions(self.output(key, output))

    def audits(self) -> list[AuditRecord]:
        """Return every audit, the oldest first."""
        with self._index() as index:
            rows = index.execute("SELECT * FROM audits ORDER BY created, id").fetchall()
        return [AuditRecord(**_values(row)) for row in rows]

    def audit(self, id: str) -> AuditRecord:
        """Return one audit.

        Args:
            id: The audit's id.

        Returns:
            What the index says about it.

        Raises:
            BadInput: There is no such audit.
        """
        known = {audit.id: audit for audit in self.audits()}
        if id not in known:
            raise BadInput(f"store {self.root} has no audit '{id}'.{suggestion(id, known)}")
        return known[id]

    def add_audit(self, *, name: str, recipe: Mapping[str, Any], keys: Sequence[str]) -> AuditRecord:
        """Enter an audit that begins.

        Args:
            name: What the audit is called.
            recipe: The audit as resolved, plain values.
            keys: Keys of its jobs.

        Returns:
            The audit with its new id: the time and six random digits.

        Raises:
            BadInput: The recipe holds a value that is not plain.
        """
        created = now()
        id = f"{created[:19].replace('-', '').replace(':', '').replace('T', '-')}-{secrets.token_hex(3)}"
        audit = AuditRecord(id=id, name=name, recipe=recipe, created=created, keys=tuple(keys))
        with self._writing() as index:
            _insert(index, "audits", audit)
        return audit

    def finish_audit(
        self, id: str, *, state: AuditState = "finished", result: str | None = None, keys: Sequence[str] | None = None
    ) -> None:
        """Enter how an audit ended.

        Args:
            id: The audit's id.
            state: How it ended.
            result: Digest of its result.
            keys: Keys of the jobs whose predictions it rests on; those it began with where not given.

        Raises:
            BadInput: There is no such audit, or the result is not among the blobs.
        """
        self.audit(id)
        if result is not None:
            self.blobs.get(result)
        with self._writing() as index:
            index.execute(
                "UPDATE audits SET finished = ?, state = ?, result = ?, keys = coalesce(?, keys) WHERE id = ?",
                (now(), state, result, None if keys is None else _cell("keys", list(keys)), id),
            )

    def _begin(self) -> None:
        if not os.access(self.root, os.W_OK):
            raise PermissionError("it cannot be written to")
        with self._index() as index:
            _patiently(index, "PRAGMA journal_mode = WAL")
        with self._writing() as index:
            version = index.execute("PRAGMA user_version").fetchone()[0]
            tables = index.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
            if version != SCHEMA and (version or tables):
                raise BadInput(
                    f"store {self.root} has an index of version {version}; {SCHEMA} was expected. "
                    "It was made by another version of disparate (or is no store): name another folder."
                )
            if not tables:
                for statement in (*_TABLES, f"PRAGMA user_version = {SCHEMA}"):
                    index.execute(statement)

    @contextmanager
    def _index(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.root / INDEX, timeout=PATIENCE_S, isolation_level=None)) as index:
            index.row_factory = sqlite3.Row
            index.execute("PRAGMA synchronous = FULL")
            yield index

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._index() as index:
            index.execute("BEGIN IMMEDIATE")
            try:
                yield index
            except BaseException:
                index.execute("ROLLBACK")
                raise
            index.execute("COMMIT")


def _patiently(index: sqlite3.Connection, statement: str) -> None:
    # A change of the journal mode does not wait for other processes by itself.
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            index.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _insert(index: sqlite3.Connection, table: str, record: JobRecord | AuditRecord) -> None:
    values = {item.name: _cell(item.name, getattr(record, item.name)) for item in fields(record)}
    places = ", ".join(f":{name}" for name in values)
    index.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({places})", values)


def _cell(name: str, value: Any) -> Any:
    return json.dumps(plain(value, name)) if name in _TABULAR else value


def _values(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(zip(row.keys(), row, strict=True))
    return {name: json.loads(value) if name in _TABULAR else value for name, value in values.items()}
