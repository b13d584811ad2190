"""``disparate.audit``: an audit of a user's own network and data, from Python."""

import copy
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

import torch
from safetensors.torch import save_file
from torch import nn

from disparate.auditing import steps
from disparate.auditing.audit import MEASURES, Audit, DrawsUntil
from disparate.auditing.code import code_of, code_of_network, code_of_trusted
from disparate.auditing.plan import STEPS
from disparate.auditing.run import Engine, perform
from disparate.choice import Choice, Variant, is_choice
from disparate.data.grouped import GroupedDataset
from disparate.data.saved import save_dataset
from disparate.engine.inline import InlineEngine
from disparate.engine.job import Outcome
from disparate.engine.local import LocalEngine
from disparate.errors import BadInput
from disparate.findings import Result
from disparate.predictions import REFERENCE
from disparate.profiles import profile_named
from disparate.store.runs import Store
from disparate.training.config import TrainingConfig

Model = str | Mapping[str, Any] | Callable[[], nn.Module] | nn.Module
STEPS_THAT_MAKE: tuple[Callable[..., Outcome], ...] = (
    steps.adopt_network,
    steps.train_network,
    steps.tune_network,
    steps.predict_split,
)


class Further(TypedDict, total=False):
    """Settings of :func:`audit` that are seldom changed; each as in :class:`disparate.auditing.audit.Audit`."""

    minima: Mapping[str, float]
    objective: Mapping[str, Any]
    draws: int
    draws_until: DrawsUntil
    antithetic: bool
    fused_draws: bool
    level: float
    margin: float
    replicates: int
    split: str
    keep_logits: bool


def audit(
    data: GroupedDataset,
    *,
    model: Model,
    variants: Mapping[str, Choice | Sequence[Choice]],
    groups: Sequence[str],
    reference: Choice | Sequence[Choice] = (),
    training: TrainingConfig | None = None,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    repeats: int = 2,
    profile: str = "native",
    name: str = "audit",
    store: str | Path = "runs",
    measures: Sequence[str] = MEASURES,
    reference_groups: Mapping[str, str] | None = None,
    maxima: Mapping[str, float] | None = None,
    progress: Callable[[Any], None] | None = None,
    **further: Unpack[Further],
) -> Result:
    """Audit choices on your own network and data.

    A function that makes a network is trained once per seed. A network that is handed in counts as trained: only
    choices that act on a trained network can be compared, and there is one seed. Functions that another process can
    import run in worker processes; others run in this one, where profiles that need variables at process start
    are refused.

    Args:
        data: The data set; :func:`disparate.from_torch` makes one from torch data sets.
        model: Name of a network (``"small_cnn"``, ``"torchvision:resnet18"``), a table with a ``name`` and settings,
            a function without arguments that returns a network, or a trained network.
        variants: Name of each variant to its choice, or to its chain of choices.
        groups: Partitions to judge by: attributes, and intersections such as ``"race*sex"``.
        reference: The choice or chain of choices behind the reference; they come before each variant's own.
        training: How the reference is trained.
        seeds: Training seeds.
        repeats: How often the reference is computed per seed; 2 or more give a repeat floor.
        profile: Profile of the reference.
        name: Name of the audit, and of its folder in the store.
        store: Folder of the store; a second audit reuses what it holds.
        measures: Names of measures.
        reference_groups: Partition to the name of its reference group; the largest where not given.
        maxima: Measure to the largest value that passes.
        progress: Called with the engine's events.
        **further: Seldom changed: ``minima``, ``objective``, ``draws``, ``draws_until``, ``antithetic``,
            ``fused_draws``, ``level``, ``margin``, ``replicates``, ``split``, ``keep_logits``.

    Returns:
        Findings, cautions, verdict and run record; ``result.json``, ``report.html`` and ``report.md`` are in the
        audit's folder.
    """
    opened = Store.open(Path(store))
    given = _given(model, opened.root)
    question = Audit(
        name=name,
        data={"source": "saved", "root": str(save_dataset(data, opened.root / "datasets"))},
        model=given.table,
        code=given.code,
        trust=(str(given.table["name"]),),
        training=training or TrainingConfig(),
        variants=tuple(Variant(name=key, choices=_chain(value)) for key, value in variants.items()),
        profile=profile_named(profile),
        seeds=(0,) if isinstance(model, nn.Module) else tuple(seeds),
        repeats=repeats,
        groups=tuple(groups),
        measures=tuple(measures),
        reference_groups=reference_groups or {},
        maxima=maxima or {},
        reference=Variant(name=REFERENCE, choices=_chain(reference)),
        **further,
    )
    return perform(question, store=opened, engine=_engine(given.make), data=data, progress=progress)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Given:
    """A model as the plan names it, and how this process makes it where no other can."""

    table: Mapping[str, Any]
    code: str | None = None
    make: Callable[[], nn.Module] | None = None


def _given(model: Model, root: Path) -> _Given:
    if isinstance(model, str | Mapping):
        table = {"name": model} if isinstance(model, str) else dict(model)
        if "name" not in table:
            raise BadInput(f"model is {table}; a table with the key 'name' was expected, such as 'small_cnn'.")
        return _Given(table=table, code=code_of_trusted(table, (table["name"],)))
    if isinstance(model, nn.Module):
        table = {"name": f"inline:{type(model).__name__}", "trained": str(_save_weights(model, root))}
        return _Given(table=table, code=code_of_network(model), make=lambda: copy.deepcopy(model))
    place = f"{getattr(model, '__module__', '__main__')}:{getattr(model, '__qualname__', '<made here>')}"
    if place.startswith("__main__:") or "<" in place:
        return _Given(table={"name": f"inline:{place}"}, code=code_of_network(model(), model), make=model)
    return _Given(table={"name": place}, code=code_of(sys.modules[model.__module__]))


def _save_weights(model: nn.Module, root: Path) -> Path:
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
    path = root / "trained" / f"{digest.hexdigest()[:16]}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(state, path)
    return path


def _chain(value: Choice | Sequence[Choice]) -> tuple[Choice, ...]:
    choices: tuple[object, ...] = tuple(value) if isinstance(value, list | tuple) else (value,)
    for choice in choices:
        if not is_choice(choice):
            raise BadInput(f"{choice!r} is no choice; an object such as disparate.Prune(rate=0.5) was expected.")
    return cast("tuple[Choice, ...]", choices)


def _engine(make: Callable[[], nn.Module] | None) -> Engine:
    if make is None:
        return LocalEngine()
    bound = {f"{STEPS}:{step.__name__}": partial(step, make=make) for step in STEPS_THAT_MAKE}
    return InlineEngine(functions=bound)
