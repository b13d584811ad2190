"""Where the answers of each run are: files by name, ``{seed}`` patterns, parts of a table, frames."""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from disparate.comparing.opening import Frame, Opened, open_files, open_frame
from disparate.errors import BadInput
from disparate.predictions import REFERENCE, Run
from disparate.store.files import File, beside, is_remote, located, shown_as

SEED = "{seed}"
SEED_LIKE = re.compile(r"(seed|run|[_\-.]s)[_\-.]?#$", re.IGNORECASE)
NAMED = re.compile(r"(?P<name>[^=/\\]+)=(?P<path>.+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The table of one run.

    Args:
        run: Which run it is.
        files: Files that together are its table; empty for a frame.
        frame: The table, where it is in memory.
    """

    run: Run
    files: tuple[File, ...] = ()
    frame: Frame = None

    @property
    def called(self) -> str:
        """What messages call it."""
        if self.files:
            first, *more = self.files
            return f"file '{first}' and {len(more)} more" if more else f"file '{first}'"
        repeat = f", repeat {self.run.repeat}" if self.run.repeat else ""
        return f"table of '{self.run.variant}', seed {self.run.seed}{repeat}"

    def open(self) -> Opened:
        """Return its table, opened."""
        return open_files(self.files) if self.files else open_frame(self.frame, self.called)


def named(text: str) -> tuple[str, str]:
    """Return name and path of an argument ``NAME=PATH``; the name is the file's stem where none is given.

    Args:
        text: As written on the command line.

    Returns:
        Name and path.

    Example:
        >>> named("int8=runs/quantised.parquet"), named("runs/int8_seed{seed}.parquet")
        (('int8', 'runs/quantised.parquet'), ('int8', 'runs/int8_seed{seed}.parquet'))
    """
    found = NAMED.fullmatch(text)
    if found is None or Path(text).is_file():
        return name_of(text), text
    return found["name"], found["path"]


def name_of(path: str) -> str:
    """Return what a path is called: its stem, without the place of the seed."""
    plain = shown_as(path) if is_remote(path) else path
    stem = Path(plain).stem.replace(SEED, "").replace("*", "").rstrip("_-. ")
    return re.sub(r"[_\-. ]?seed$", "", stem) or Path(plain).stem


def sources_of(name: str, table: Any, *, repeat: int = 0) -> list[Source]:
    """Return the runs of one variant.

    Args:
        name: Name of the variant.
        table: A path, in which ``{seed}`` stands for the training seed and ``*`` joins parts of one table; a frame; or
            a mapping from seed to either.
        repeat: 0, or k for the k-th time the same computation was run again.

    Returns:
        One source per seed.

    Raises:
        BadInput: A pattern matches no file.
    """
    if isinstance(table, str | Path):
        found = files_of(str(table))
        return [
            Source(run=Run(variant=name, seed=seed, repeat=repeat), files=files)
            for seed, files in sorted(found.items())
        ]
    if isinstance(table, Mapping) and table and all(isinstance(key, int) for key in cast("Mapping[Any, Any]", table)):
        return [_of_seed(name, seed, one, repeat) for seed, one in sorted(cast("Mapping[int, Any]", table).items())]
    return [Source(run=Run(variant=name, repeat=repeat), frame=table)]


def files_of(pattern: str) -> dict[int, tuple[File, ...]]:
    """Return the files that a path means, by seed; seed 0 where the path has no ``{seed}``.

    Args:
        pattern: A path, in which ``{seed}`` stands for a number, ``*`` and ``?`` for parts of one table; or an address
            such as ``s3://bucket/x_{seed}.parquet``, where ``?`` begins a query.

    Returns:
        Seed to the files of its table, sorted.

    Raises:
        BadInput: Nothing matches, or two spellings of one seed do.
    """
    if is_remote(pattern):
        if SEED not in pattern and "*" not in pattern:
            return {0: (located(pattern),)}
        address, files = beside(pattern)
        return _by_seed(str(address), files)
    if SEED not in pattern and (Path(pattern).exists() or not re.search(r"[*?]", pattern)):
        return {0: (Path(pattern),)}
    return _by_seed(pattern, [Path(path) for path in sorted(glob.glob(_glob(pattern)))])


def _by_seed(pattern: str, files: Sequence[File]) -> dict[int, tuple[File, ...]]:
    found: dict[int, dict[str, list[File]]] = {}
    expression = _expression(pattern)
    for file in files:
        if match := expression.fullmatch(str(file)):
            written = match.groupdict().get("seed") or "0"
            found.setdefault(int(written), {}).setdefault(written, []).append(file)
    if not found:
        raise BadInput(f"pattern '{pattern}' matches no file; {SEED} stands for a number, * for parts of one table.")
    for seed, spellings in found.items():
        if len(spellings) > 1:
            raise BadInput(f"pattern '{pattern}' finds seed {seed} as {' and '.join(spellings)}; one was expected.")
    return {seed: tuple(next(iter(spellings.values()))) for seed, spellings in found.items()}


def require_names(names: Sequence[str], places: Sequence[str]) -> None:
    """Refuse names of variants that are taken.

    Args:
        names: Names of the variants.
        places: Where each comes from, for the message.

    Raises:
        BadInput: There is no variant, two have one name, or one is called as the reference is.
    """
    if not names:
        raise BadInput("no variant was given; the reference and at least one variant were expected.")
    for position, name in enumerate(names):
        if name in names[:position]:
            first = places[names.index(name)]
            raise BadInput(f"two variants are called '{name}': {first} and {places[position]}; name them NAME=PATH.")
        if name == REFERENCE or not name.strip():
            raise BadInput(f"a variant cannot be called '{name}' ({places[position]}); name it NAME=PATH.")


def numbered_alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names that differ from each other by the number of a seed or run alone.

    Example:
        >>> numbered_alike(["int8_seed0", "int8_seed1", "fp16"])
        [('int8_seed0', 'int8_seed1')]
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(re.sub(r"\d+(?!.*\d)", "#", name), []).append(name)
    return [tuple(found) for skeleton, found in alike.items() if len(found) > 1 and SEED_LIKE.search(skeleton)]


def _of_seed(name: str, seed: int, table: Any, repeat: int) -> Source:
    run = Run(variant=name, seed=seed, repeat=repeat)
    if isinstance(table, str | Path):
        return Source(run=run, files=(located(str(table)) if is_remote(str(table)) else Path(table),))
    return Source(run=run, frame=table)


def _glob(pattern: str) -> str:
    escaped = glob.escape(pattern).replace("[*]", "*").replace("[?]", "?")
    return escaped.replace(SEED, "[0-9]*")


def _expression(pattern: str) -> re.Pattern[str]:
    parts = [re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for part in pattern.split(SEED)]
    first = parts[0] + "".join(
        (r"(?P<seed>\d+)" if place == 0 else r"(?P=seed)") + part for place, part in enumerate(parts[1:])
    )
    return re.compile(first)
