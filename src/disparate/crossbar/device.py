"""Device: every setting of an analog crossbar, as one value with units. No torch is needed to handle devices."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from disparate.errors import BadInput

Fidelity = Literal["weights", "mvm"]
"""Disturbed weights in ordinary kernels, or tiled products between converters."""
Encoding = Literal["differential", "offset"]
"""A sign by the two cells of a pair, or levels shifted to be positive and a reference that is subtracted."""
Variation = Literal["constant", "state", "lognormal", "fairxbar", "swim"]
ReadVariation = Literal["constant", "state", "fairxbar", "swim"]
Verify = Literal["none", "all", "protected"]
"""Which weights are written until they are near their target."""

OF_WHOLE_WEIGHTS = frozenset({"fairxbar", "swim"})
"""Laws that state the deviation of a whole weight; the others state that of a cell."""
MOST_BITS = 16
GRID = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    r"""An analog crossbar. As it stands it is ideal: nothing is quantised, nothing deviates.

    A weight is quantised, cut into slices of some bits each, and every slice is the conductance of a cell or of a pair
    of cells. In this order a cell is written (with its deviation), may be stuck, drifts, loses voltage along the
    wires, and is read with noise.

    | law of a deviation | its standard deviation                                                                 |
    | ------------------ | ------------------------------------------------------------------------------------- |
    | ``constant``       | $\sigma (G_{max} - G_{min})$ of every cell                                             |
    | ``state``          | $\sigma (G_{max} - G_{min}) \sum_i c_i x^i$, $x$ the cell's place in the window         |
    | ``lognormal``      | $G \mapsto G e^{\sigma z}$: $\sigma$ of the natural logarithm                          |
    | ``fairxbar``       | $\sigma \sqrt{1 + 2^{2(N/M - 1)}} \max\lvert w\rvert$ of a weight (mugdho2025, eq. 5)  |
    | ``swim``           | $\sigma \sqrt{\sum_{i=1}^{M} 2^{-2iN/M}} \max\lvert w\rvert$ of a weight (yan2022)     |

    Departs from the paper: FairXbar leaves open of what $\sigma'_G$ is a fraction and what N and M are; here it is a
    fraction of the layer's largest weight, N are the bits of a weight and M its devices. A conductance is never
    negative: where a deviation would make it so, it is 0 (laws of cells only).

    Args:
        fidelity: ``"weights"`` (disturbed weights, ordinary kernels) or ``"mvm"`` (tiled products between converters).
        bits: N, bits of a weight, symmetric around zero, one scale per layer; None where conductances are continuous.
        slices: M, cells (or pairs of cells) that hold one weight.
        encoding: ``"differential"``: a pair per slice, the sign is which cell is written, so magnitudes have N - 1
            bits. ``"offset"``: a cell per slice holds the level plus 2^(N - 1), and a reference is subtracted.
        g_min: Lowest conductance that is written, µS.
        g_max: Highest conductance that is written, µS.
        stuck_on: Share of cells stuck at ``g_max``, low resistance: the *stuck-at-0* of papers that count resistance.
        stuck_off: Share of cells stuck at ``g_min``, high resistance: their *stuck-at-1*.
        flips: Share of stored bits that are inverted, zeros and ones alike, for good (FairXbar's form of a stuck cell).
        programming: σ of writing, differing from cell to cell and permanent; see the table for its unit.
        variation: Law of ``programming``.
        state: Coefficients $c_0, c_1, …$ of the law ``state``.
        verify: Which weights are written until they are near: none, all, or those that are protected by a mask.
        verify_tolerance: How near: a share of the window for laws of cells, of the layer's largest weight for laws of
            whole weights.
        verify_limit: Writes after which a cell is left as it came out.
        read: σ of reading, drawn anew from cycle to cycle and never part of a fault map.
        read_variation: Law of ``read``.
        drift: ν in $G(t) = G(t_0) (t / t_0)^{-\nu}$, its mean over cells.
        drift_spread: Standard deviation of ν from cell to cell; ν is at least 0.
        drift_time: t, seconds since writing.
        drift_start: $t_0$, seconds since writing.
        drift_compensation: Whether each array is scaled back by the ratio of its summed conductances.
        rows: Rows of an array (inputs); None for as many as needed.
        columns: Columns of an array (outputs); None for as many as needed.
        wire: Resistance of a wire from one cell to the next, Ω.
        dac_bits: Bits of the converters before an array; None for exact.
        adc_bits: Bits of the converters behind an array; None for exact.
        dac_offset: Standard deviation of the converters' offsets, a share of their range; permanent.
        adc_offset: The same behind the array.

    Raises:
        BadInput: A setting is out of its range or does not go with another; all of them are named.

    Example:
        >>> Device(bits=8, slices=4, programming=0.1, variation="fairxbar").is_random
        True
        >>> Device(programming=-0.1)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: crossbar: programming is -0.1; a σ of 0 or more was expected.
    """

    fidelity: Fidelity = "weights"
    bits: int | None = None
    slices: int = 1
    encoding: Encoding = "differential"
    g_min: float = 3.0
    g_max: float = 3000.0
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    flips: float = 0.0
    programming: float = 0.0
    variation: Variation = "constant"
    state: tuple[float, ...] = (0.0, 1.0)
    verify: Verify = "none"
    verify_tolerance: float = 0.01
    verify_limit: int = 100
    read: float = 0.0
    read_variation: ReadVariation = "constant"
    drift: float = 0.0
    drift_spread: float = 0.0
    drift_time: float = 20.0
    drift_start: float = 20.0
    drift_compensation: bool = False
    rows: int | None = None
    columns: int | None = None
    wire: float = 0.0
    dac_bits: int | None = None
    adc_bits: int | None = None
    dac_offset: float = 0.0
    adc_offset: float = 0.0

    def __post_init__(self) -> None:
        problems = [*_ranges(self), *_combinations(self)]
        if problems:
            raise BadInput("crossbar: " + " ".join(f"{problem}." for problem in problems))

    @property
    def window(self) -> float:
        """Width of the conductance window, µS."""
        return self.g_max - self.g_min

    @property
    def is_random(self) -> bool:
        """Whether another chip, or another reading, gives other answers."""
        return self.has_permanent_chance or self.read > 0

    @property
    def has_permanent_chance(self) -> bool:
        """Whether chips differ."""
        shares = (self.stuck_on, self.stuck_off, self.flips, self.programming, self.dac_offset, self.adc_offset)
        return any(shares) or (self.drifts and self.drift_spread > 0)

    @property
    def drifts(self) -> bool:
        """Whether conductances have decayed since they were written."""
        return (self.drift > 0 or self.drift_spread > 0) and self.drift_time > self.drift_start

    @property
    def writes_cells(self) -> bool:
        """Whether writing lets single cells deviate."""
        return self.programming > 0 and self.variation not in OF_WHOLE_WEIGHTS

    @property
    def writes_weights(self) -> bool:
        """Whether writing lets whole weights deviate, by a law that knows no cells."""
        return self.programming > 0 and self.variation in OF_WHOLE_WEIGHTS


def without_chance(device: Device) -> Device:
    """Return the device without anything random: what it does to every chip alike.

    Example:
        >>> without_chance(Device(bits=4, stuck_on=0.1, read=0.02)) == Device(bits=4)
        True
    """
    none = {"stuck_on": 0.0, "stuck_off": 0.0, "flips": 0.0, "programming": 0.0, "read": 0.0}
    return replace(device, **none, drift_spread=0.0, dac_offset=0.0, adc_offset=0.0)


SHARES = ("stuck_on", "stuck_off", "flips", "dac_offset", "adc_offset")
SIGMAS = {"programming": "a σ", "read": "a σ", "drift": "an exponent", "drift_spread": "a σ of the exponent"}
COUNTS = ("slices", "verify_limit", "rows", "columns")
CONVERTERS = ("dac_bits", "adc_bits", "dac_offset", "adc_offset")


def _ranges(device: Device) -> Iterator[str]:
    for name in SHARES:
        if not 0 <= (value := getattr(device, name)) <= 1:
            hint = f"; {value:g} % is {value / 100:g}" if 1 < value <= 100 else ""
            yield f"{name} is {value}; a share in [0, 1] was expected{hint}"
    for name, what in SIGMAS.items():
        if not 0 <= (value := getattr(device, name)) < math.inf:
            yield f"{name} is {value}; {what} of 0 or more was expected"
    yield from _whole_numbers(device)
    yield from _positive(device)


def _whole_numbers(device: Device) -> Iterator[str]:
    for name in COUNTS:
        if (value := getattr(device, name)) is not None and value < 1:
            yield f"{name} is {value}; 1 or more was expected"
    for name in ("bits", "dac_bits", "adc_bits"):
        if (value := getattr(device, name)) is not None and not 2 <= value <= MOST_BITS:
            yield f"{name} is {value}; 2 to {MOST_BITS} bits were expected, or none at all"


def _positive(device: Device) -> Iterator[str]:
    if not 0 <= device.g_min < device.g_max < math.inf:
        yield f"g_min is {device.g_min} and g_max is {device.g_max}; 0 ≤ g_min < g_max was expected, in µS"
    if not 0 <= device.wire < math.inf:
        yield f"wire is {device.wire}; a resistance of 0 Ω or more was expected"
    if not 0 < device.verify_tolerance < math.inf:
        yield f"verify_tolerance is {device.verify_tolerance}; a share above 0 was expected"
    if not 0 < device.drift_start <= device.drift_time < math.inf:
        yield (
            f"drift_time is {device.drift_time} s and drift_start {device.drift_start} s; "
            "0 < drift_start ≤ drift_time was expected"
        )
    if not _nowhere_negative(device.state):
        yield f"state is {list(device.state)}; coefficients of a deviation that is nowhere negative were expected"


def _nowhere_negative(coefficients: tuple[float, ...]) -> bool:
    places = [step / GRID for step in range(GRID + 1)]
    values = [sum(c * place**power for power, c in enumerate(coefficients)) for place in places]
    return bool(coefficients) and all(0 <= value < math.inf for value in values)


def _combinations(device: Device) -> Iterator[str]:
    if device.bits is None:
        yield from _needing_bits(device)
    elif device.slices > (held := device.bits - (device.encoding == "differential")):
        why = " (the sign is which cell of the pair is written)" if device.encoding == "differential" else ""
        yield f"slices is {device.slices} and bits is {device.bits}; at most {held} slices were expected{why}"
    if device.stuck_on + device.stuck_off > 1:
        yield f"stuck_on + stuck_off is {device.stuck_on + device.stuck_off:g}; at most 1 was expected"
    if device.fidelity == "weights":
        for name in CONVERTERS:
            if value := getattr(device, name):
                yield f"{name} is {value} and fidelity is 'weights', which has no converters. Use fidelity='mvm'"


def _needing_bits(device: Device) -> Iterator[str]:
    for name, wanted in (("slices", device.slices > 1), ("flips", device.flips > 0)):
        if wanted:
            yield f"{name} is {getattr(device, name)} and bits is not given; say how many bits a weight has"
    for name in ("programming", "read"):
        law = device.variation if name == "programming" else device.read_variation
        if getattr(device, name) > 0 and law in OF_WHOLE_WEIGHTS:
            yield f"{name} follows '{law}' and bits is not given; the law counts bits per device"
