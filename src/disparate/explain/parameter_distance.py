"""How far two trained networks are apart: as a whole, per layer, and in which direction."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from disparate.errors import BadInput
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Findings
from disparate.predictions import REFERENCE

Array = NDArray[np.float64]
FORMS = {"l2": "l2 norm", "relative": "ratio", "cosine": "cosine"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    r"""How far two vectors of weights are apart.

    Args:
        size: Number of weights.
        l2: $\lVert \theta - \theta' \rVert_2$.
        relative: The same over $\lVert \theta' \rVert_2$; None where the reference's weights are all 0.
        cosine: $\theta^\top \theta' / (\lVert \theta \rVert \lVert \theta' \rVert)$, in [−1, 1]; None where one is 0.
    """

    size: int
    l2: float
    relative: float | None
    cosine: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterDistance:
    """How far a network is from the reference, over trained parameters; running statistics do not count.

    Args:
        whole: Over all parameters; its ``l2`` is ρ of one pair (nelaturu2024, theorem 4.1).
        layers: Over the parameters of each layer, by the layer's name, in the network's order.
    """

    whole: Apart
    layers: Mapping[str, Apart]

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> "ParameterDistance":
        """Read a distance back from plain values, as ``dataclasses.asdict`` gives them."""
        return cls(
            whole=Apart(**item["whole"]), layers={layer: Apart(**part) for layer, part in item["layers"].items()}
        )


def parameter_distance(left: Path, right: Path) -> ParameterDistance:
    """Return how far two trained networks are apart, as a whole and per layer.

    Args:
        left: Checkpoint of the variant.
        right: Checkpoint of the reference.

    Returns:
        The distances. Squares of the layers' ``l2`` sum up to the square of the whole's.

    Raises:
        BadInput: The two do not hold the same parameters.
    """
    return distance_of((name, here, there) for name, (here, there) in _paired(left, right))


def distance_of(pairs: Iterable[tuple[str, Array, Array]]) -> ParameterDistance:
    """Return how far two vectors of weights are apart, as a whole and per layer.

    Args:
        pairs: Name of every parameter, its value, and its value in the reference, in the network's order.

    Returns:
        The distances.

    Raises:
        BadInput: There is no parameter.

    Example:
        >>> found = distance_of([("layer.weight", np.array([3.0, 0.0]), np.array([0.0, 4.0]))])
        >>> found.whole.l2, found.layers["layer"].relative, found.whole.cosine
        (5.0, 1.25, 0.0)
    """
    rows = [(name, _moments(here, there)) for name, here, there in pairs]
    if not rows:
        raise BadInput("distance of weights: 0 parameters given; at least 1 was expected.")
    by_layer = groupby(rows, key=lambda row: _layer(row[0]))
    layers = {layer: np.sum([moments for _, moments in part], axis=0) for layer, part in by_layer}
    whole = np.sum([moments for _, moments in rows], axis=0)
    return ParameterDistance(whole=_apart(whole), layers={layer: _apart(part) for layer, part in layers.items()})


def displacement_cosine(left: Path, right: Path, *, origin: Path) -> float | None:
    r"""Return the cosine between two displacements from one network.

    $$ \frac{d^\top d'}{\lVert d \rVert \lVert d' \rVert}, \qquad d = \theta - \theta_0, \; d' = \theta' - \theta_0 $$

    1: both moved the same way; 0: unrelated, as independent directions in many dimensions are. Undefined when either
    did not move.

    Args:
        left: Checkpoint of one variant.
        right: Checkpoint of another.
        origin: Checkpoint from which both are looked at, such as the reference.

    Returns:
        In [−1, 1]; None where it is undefined.

    Raises:
        BadInput: The three do not hold the same parameters.
    """
    parts = [_moments(here - start, there - start) for _, (start, here, there) in _paired(origin, left, right)]
    return _apart(np.sum(parts, axis=0)).cosine


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterSpread:
    """ρ(m): the largest distance of the reference's weights to those of any other profile.

    Args:
        value: The distance, an l2 norm.
        profile: Name of the profile that attains it.
    """

    value: float
    profile: str


def parameter_spread(reference: Path, others: Mapping[str, Path]) -> ParameterSpread:
    r"""Return $\rho(m) = \max_{m'} \lVert \theta_m - \theta_{m'} \rVert_2$ (nelaturu2024, theorem 4.1).

    *Departs from the paper*, whose printed maximum runs over m, the reference itself; its figure's caption has m′.

    Args:
        reference: Checkpoint of the reference profile m.
        others: Profile to its checkpoint, of the same seed.

    Returns:
        The distance and where it is attained.

    Raises:
        BadInput: There is no other profile, or the parameters differ.
    """
    if not others:
        raise BadInput("parameter spread: 0 other profiles given; at least 1 was expected.")
    distances = {name: parameter_distance(path, reference).whole.l2 for name, path in others.items()}
    farthest = max(distances, key=lambda name: distances[name])
    return ParameterSpread(value=distances[farthest], profile=farthest)


def apart_findings(
    seeds: Sequence[ParameterDistance | None],
    *,
    variant: str,
    forms: Sequence[str] = tuple(FORMS),
    level: float = 0.95,
    why: str = "",
) -> Findings:
    """Return how far a variant's weights are from the reference's, whole and per layer, over seeds.

    Args:
        seeds: What was found under every seed; None where there is no distance.
        variant: Name of the variant.
        forms: Which of ``l2``, ``relative`` and ``cosine`` are given of the whole; layers have all.
        level: Level of the intervals.
        why: Why a seed has no distance.

    Returns:
        A finding per form and layer; ``where`` names form and layer. One undefined finding where no seed has any.
    """
    known = [found for found in seeds if found is not None]
    if not known:
        about = _about(variant, "l2", None)
        return Findings((mean_over_seeds([None] * len(seeds), about, level=level, why=why),))
    places = [(None, form) for form in forms] + [(layer, form) for layer in known[0].layers for form in FORMS]
    return Findings(
        tuple(
            mean_over_seeds(
                [None if found is None else getattr(_part(found, layer), form) for found in seeds],
                _about(variant, form, layer),
                level=level,
                why=why or "all weights are 0",
            )
            for layer, form in places
        )
    )


def _part(found: ParameterDistance, layer: str | None) -> Apart:
    return found.whole if layer is None else found.layers[layer]


def _about(variant: str, form: str, layer: str | None) -> About:
    return About(
        measure="parameter_distance",
        variant=variant,
        reference=REFERENCE,
        unit=FORMS[form],
        where={"form": form} if layer is None else {"form": form, "layer": layer},
        least=-1.0 if form == "cosine" else 0.0,
    )


def spread_finding(
    seeds: Sequence[tuple[Path, Mapping[str, Path]]], *, variant: str = REFERENCE, level: float = 0.95
) -> Findings:
    """Return ρ(m), the mean over seeds of the largest distance to any other profile.

    Args:
        seeds: Per seed, the checkpoint of the reference profile and those of the others, by name.
        variant: Whose distance it is.
        level: Level of the interval.

    Returns:
        One finding; ``where`` names the profiles that attain it.
    """
    spreads = [parameter_spread(reference, others) for reference, others in seeds]
    at = sorted({spread.profile for spread in spreads})
    about = About(measure="parameter_spread", variant=variant, unit="l2 norm", where={"profiles": at}, least=0.0)
    return Findings((mean_over_seeds([spread.value for spread in spreads], about, level=level, why="no seed"),))


def _paired(*paths: Path) -> Iterator[tuple[str, tuple[Array, ...]]]:
    """Yield every trained parameter as float64, from each of the files, in the order of the last."""
    with ExitStack() as stack:
        files = [stack.enter_context(safe_open(path, framework="pt")) for path in paths]
        names: list[str] = json.loads((files[-1].metadata() or {})["parameters"])
        held = [set(file.keys()) for file in files]
        for name in names:
            for path, keys in zip(paths, held, strict=True):
                if name not in keys:
                    raise BadInput(
                        f"parameter '{name}' of '{paths[-1]}' is not in '{path}'; the same network was expected."
                    )
            values = tuple(file.get_tensor(name).double().numpy() for file in files)
            if len(shapes := {value.shape for value in values}) > 1:
                raise BadInput(f"parameter '{name}' has shapes {sorted(shapes)}; the same network was expected.")
            yield name, values


def _moments(here: Array, there: Array) -> Array:
    """Return size, ‖θ − θ′‖², θ · θ′, ‖θ‖² and ‖θ′‖²."""
    gap = here - there
    return np.array([here.size, (gap**2).sum(), (here * there).sum(), (here**2).sum(), (there**2).sum()])


def _apart(moments: Array) -> Apart:
    size, gap, product, here, there = moments.tolist()
    return Apart(
        size=int(size),
        l2=gap**0.5,
        relative=(gap / there) ** 0.5 if there else None,
        cosine=float(np.clip(product / (here * there) ** 0.5, -1, 1)) if here and there else None,
    )


def _layer(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter
