"""Findings: numbers with group, interval, n, seeds and null, or the reason why there is none."""

import json
import math
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disparate.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
DEEPEST = 64
"""Most levels of tables within tables that a result file may have."""
OUTCOMES = ("pass", "fail", "inconclusive", "not asked")
"""What a gate can conclude."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Null:
    """A noise floor that a finding is held against.

    Args:
        name: Which floor: ``"N1 repeat"``, ``"N2 seeds"``, ``"N3 permuted groups"``, ``"N4 test set"``.
        value: Its size, in the unit of the finding.
    """

    name: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One number of an audit.

    Args:
        measure: Name of the measure.
        group: Name of the group; None for the whole.
        label: Name of the class; None where the number is not about one class.
        where: What else places the number: ``by`` (the group attribute), ``axis``, ``form``, ``of``, ``layer`` …
        variant: Name of the variant.
        reference: What it is compared with: the value is variant minus reference. None for a plain level.
        value: The number; None where it is undefined.
        low: Lower end of the interval, None without one.
        high: Upper end of the interval, None without one.
        level: Level of the interval.
        method: How interval and p-value were made, and over which axis of chance.
        n: Number of examples behind the number.
        seeds: Number of training seeds behind it.
        draws: Number of device draws behind it.
        p_value: Two-sided, before correction; None without a test.
        effect_over_null: |value| over the null's value; None where the null is zero or absent.
        null: The noise floor.
        distinguishable: Whether the number clears its nulls after correction; None where that cannot be said.
        unit: ``"share"``, ``"nats"``, ``"ratio"``, ``"count"`` …; shares lie in [0, 1].
        undefined: Why there is no value.
    """

    measure: str
    group: str | None = None
    label: str | None = None
    where: Mapping[str, Any] | None = None
    variant: str
    reference: str | None = None
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    method: str | None = None
    n: int | None = None
    seeds: int | None = None
    draws: int | None = None
    p_value: float | None = None
    effect_over_null: float | None = None
    null: Null | None = None
    distinguishable: bool | None = None
    unit: str
    undefined: str | None = None

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in NUMBERS}
        numbers["null.value"] = None if self.null is None else self.null.value
        for name, number in numbers.items():
            if number is not None and not _is_finite(number):
                shown = reprlib.repr(number)
                raise BadInput(f"finding '{self.measure}' of '{self.variant}': {name} is {shown}; a number or None.")
        if (self.value is None) == (self.undefined is None):
            raise BadInput(
                f"finding '{self.measure}' of '{self.variant}' has value {self.value} and undefined "
                f"{self.undefined!r}; exactly one of them was expected."
            )

    def to_json(self) -> dict[str, Any]:
        """Return the finding as an object with exactly the keys of schema 1."""
        return asdict(self)

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> "Finding":
        """Read a finding back.

        Args:
            item: An object as :meth:`to_json` gives it.

        Returns:
            The finding.

        Raises:
            BadInput: A key is missing or unknown, or holds a value of another type.
        """
        values = _parts("finding", item)
        if values["null"] is not None:
            values["null"] = Null(**_parts("null", values["null"]))
        return cls(**values)


NUMBERS = ("value", "low", "high", "level", "p_value", "effect_over_null")
NONE = type(None)
TYPES: dict[str, dict[tuple[type, ...], tuple[str, ...]]] = {
    "finding": {
        (str,): ("measure", "variant", "unit"),
        (str, NONE): ("group", "label", "reference", "method", "undefined"),
        (int, float, NONE): NUMBERS,
        (int, NONE): ("n", "seeds", "draws"),
        (bool, NONE): ("distinguishable",),
        (Mapping, NONE): ("where", "null"),
    },
    "null": {(str,): ("name",), (int, float): ("value",)},
    "caution": {(str,): ("code", "title", "text"), (str, NONE): ("variant", "group")},
    "verdict": {(str,): ("outcome",), (list,): ("reasons",)},
}
"""What each part of a result file may hold under each key."""


def _parts(what: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise BadInput(f"a {what} is {reprlib.repr(item)}; a table was expected. Is the file damaged?")
    kinds = {key: kind for kind, keys in TYPES[what].items() for key in keys}
    if wrong := sorted(map(str, set(item) ^ set(kinds))):
        raise BadInput(f"a {what} has missing or unknown keys {wrong}; schema {SCHEMA} was expected.")
    for key, kind in kinds.items():
        value = item[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            shown = reprlib.repr(value)
            raise BadInput(f"a {what} has {key} {shown}, which is of the wrong type; is the file damaged?")
    return dict(item)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float can hold
        return False


@dataclass(frozen=True, slots=True)
class Findings:
    """A list of findings that can be filtered, framed and written."""

    items: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __add__(self, other: "Findings") -> "Findings":
        return Findings((*self.items, *other.items))

    def where(self, keep: Callable[[Finding], bool] | None = None, **equal: Any) -> "Findings":
        """Return those whose fields equal the given values and that ``keep`` accepts.

        Args:
            keep: A further test on the finding.
            **equal: Field name to value; ``by=`` and other names that are no field are looked up in ``where``.

        Returns:
            The findings that match, in order.

        Example:
            >>> a = Finding(measure="accuracy", variant="dense", value=0.5, unit="share", where={"by": "race"})
            >>> len(Findings((a,)).where(measure="accuracy", by="race"))
            1
        """
        return Findings(
            tuple(
                item
                for item in self.items
                if all(_field(item, name) == value for name, value in equal.items()) and (keep is None or keep(item))
            )
        )

    def only(self, **equal: Any) -> Finding:
        """Return the single finding that matches.

        Args:
            **equal: As for :meth:`where`.

        Returns:
            The finding.

        Raises:
            BadInput: None matches, or several do.
        """
        found = self.where(**equal)
        if len(found) != 1:
            raise BadInput(f"{len(found)} findings match {equal}; exactly one was expected.")
        return found.items[0]

    def map(self, change: Callable[[Finding], Finding]) -> "Findings":
        """Return the findings, each one changed."""
        return Findings(tuple(change(item) for item in self.items))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the findings as a list of objects."""
        return [item.to_json() for item in self.items]

    @classmethod
    def from_json(cls, items: Iterable[Mapping[str, Any]]) -> "Findings":
        """Read findings back from a list of objects."""
        return cls(tuple(Finding.from_json(item) for item in items))

    def to_pandas(self) -> "pd.DataFrame":
        """Return a frame, a row per finding; ``null`` becomes ``null_name`` and ``null_value``."""
        import pandas as pd

        rows = [item.to_json() for item in self.items]
        for row in rows:
            null = row.pop("null") or {"name": None, "value": None}
            row |= {"null_name": null["name"], "null_value": null["value"]}
        return pd.DataFrame(rows)


def _field(item: Finding, name: str) -> Any:
    if name in Finding.__dataclass_fields__:
        return getattr(item, name)
    return (item.where or {}).get(name)


def undefined(finding: Finding, reason: str) -> Finding:
    """Return the finding without a value, and with the reason."""
    return replace(
        finding,
        value=None,
        low=None,
        high=None,
        p_value=None,
        effect_over_null=None,
        distinguishable=None,
        undefined=reason,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Caution:
    """Something the reader has to know before believing a number.

    Args:
        code: Stable code such as ``"D101"``.
        title: One line.
        text: What was found, with the values, and what to do.
        variant: The variant concerned; None for the whole audit.
        group: The group concerned; None for all.
    """

    code: str
    title: str
    text: str
    variant: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a gate concludes.

    Args:
        outcome: ``"pass"``, ``"fail"``, ``"inconclusive"``, or ``"not asked"`` where no threshold was given.
        reasons: One sentence per threshold.
    """

    outcome: str = "not asked"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Everything an audit or a comparison concludes; what ``--json`` prints and a report is made of.

    Args:
        findings: The numbers.
        cautions: What to know before believing them.
        verdict: What the gate concludes.
        run: The run record: the audit as resolved, versions, profiles, time, memory, exemplars.
    """

    findings: Findings
    cautions: tuple[Caution, ...] = ()
    verdict: Verdict = Verdict()
    run: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "schema": SCHEMA,
            "findings": self.findings.to_json(),
            "cautions": [asdict(caution) for caution in self.cautions],
            "verdict": asdict(self.verdict),
            "run": dict(self.run),
        }

    def to_text(self) -> str:
        """Return the result as JSON, a line break at its end; NaN and infinity are refused, never written."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the result as JSON, the text of :meth:`to_text`."""
        path.write_text(self.to_text(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read a result back.

        Args:
            path: A file that :meth:`write` wrote.

        Returns:
            The result.

        Raises:
            BadInput: The file is missing or cannot be read, is not JSON, is of another schema, lacks a part, or holds a
                part of another type.
        """
        item = _json(path)
        if not isinstance(item, dict) or item.get("schema") != SCHEMA:
            raise BadInput(f"result file '{path}' is not of schema {SCHEMA}; write it again with this version.")
        if lost := [part for part, _ in PARTS if part not in item]:
            raise BadInput(f"result file '{path}' lacks a part: '{lost[0]}'; write it again.")
        try:
            return _result(item)
        except BadInput as error:
            raise BadInput(f"result file '{path}': {error}") from None


PARTS: tuple[tuple[str, type], ...] = (("findings", list), ("cautions", list), ("verdict", dict), ("run", dict))
"""Parts of a result file."""


def _result(item: Mapping[str, Any]) -> Result:
    for part, kind in PARTS:
        if not isinstance(item[part], kind):
            shown = reprlib.repr(item[part])
            raise BadInput(f"{part} is {shown}; a {'list' if kind is list else 'table'} was expected.")
    return Result(
        findings=Findings.from_json(item["findings"]),
        cautions=tuple(Caution(**_parts("caution", caution)) for caution in item["cautions"]),
        verdict=_verdict(item["verdict"]),
        run=item["run"],
    )


def _verdict(item: Any) -> Verdict:
    outcome, reasons = (_parts("verdict", item)[key] for key in ("outcome", "reasons"))
    if outcome not in OUTCOMES:
        raise BadInput(f"the verdict is {reprlib.repr(outcome)}; one of {', '.join(OUTCOMES)} was expected.")
    if wrong := [reason for reason in reasons if not isinstance(reason, str)]:
        raise BadInput(f"the verdict has the reason {reprlib.repr(wrong[0])}; a text was expected.")
    return Verdict(outcome=outcome, reasons=tuple(reasons))


def _json(path: Path) -> Any:
    """Return what a JSON file holds that anybody may have written: numbers are finite, texts whole, tables shallow."""
    try:
        text = path.read_text(encoding="utf-8")
        item = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        _require_plain(item)
    except FileNotFoundError as error:
        raise BadInput(f"result file '{path}' does not exist; 'disparate runs' lists what there is.") from error
    except OSError as error:
        raise BadInput(f"result file '{path}' cannot be read: {error.strerror or error}.") from error
    except RecursionError:
        raise BadInput(f"result file '{path}' is nested deeper than {DEEPEST} levels; write it again.") from None
    except ValueError as error:
        raise BadInput(f"result file '{path}' is not JSON: {error}.") from error
    return item


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(reprlib.repr(text))


def _whole(text: str) -> int:
    number = int(text)
    if not _is_finite(number):
        raise ValueError(f"a whole number of {len(text)} digits is too large")
    return number


def _require_plain(item: Any) -> None:
    level = [item]
    for _ in range(DEEPEST):
        if not level:
            return
        for value in level:
            if isinstance(value, str):
                value.encode()  # half a character, as "\\ud800" alone, cannot be written again
        tables = [value for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)]
        level = [child for table in tables for pair in table.items() for child in pair]
        level += [child for values in lists for child in values]
    raise RecursionError
