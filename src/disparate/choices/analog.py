"""Analog: weights as measured memory cells keep them, by the models that aihwkit fitted to measurements."""

import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from disparate.choice import DeployContext
from disparate.crossbar.chips import number_of
from disparate.crossbar.layers import left_digital, mappable
from disparate.errors import BadInput
from disparate.extras import require

Cells = Literal["pcm", "reram_wan2022", "reram_cmo"]
DAY = 86400.0
MEASURED: Mapping[str, tuple[float, ...]] = {"reram_wan2022": (0.0, 1.0, DAY, 2 * DAY)}
"""Times at which cells were measured, where nothing is known of others; 0 is right after writing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A model of aihwkit.

    Args:
        module: Where it is.
        name: Its class.
        fixed: Settings of the class that are not left at its defaults.
        scales: Settings of the class that multiply its deviations.
    """

    module: str
    name: str
    fixed: Mapping[str, float]
    scales: tuple[str, ...] = ("prog_noise_scale", "read_noise_scale")


MODELS: Mapping[str, Fitted] = {
    "pcm": Fitted(module="pcm", name="PCMLikeNoiseModel", fixed={"g_max": 25.0}),
    "reram_wan2022": Fitted(
        module="reram", name="ReRamWan2022NoiseModel", fixed={"g_max": 40.0}, scales=("noise_scale",)
    ),
    "reram_cmo": Fitted(module="reram", name="ReRamCMONoiseModel", fixed={}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Analog:
    """Keep the weights of linear layers and convolutions in memory cells as aihwkit's noise models have them.

    Every weight is a pair of cells or a cell, scaled so that the layer's largest weight has the highest conductance;
    biases, normalisation and other layers stay digital and exact, and so does a layer of zeros, which has no scale. One
    draw is one chip, read once: what writing, drift and reading do to it is drawn together and stays for the whole
    draw. Draw k takes the same random numbers at every time and for every network, layer by layer.

    ``crossbar`` is our own model of a device, with faults, slices, converters and saved chips. This choice is somebody
    else's, fitted to measured cells, for the same audit; of aihwkit it uses the noise models alone, not the tiles.

    Departs from aihwkit: its ``reram_wan2022`` at default settings states deviations of 40 µS cells in a window of
    25 µS, 1.6 times too large a share; here the window is 40 µS, as it was measured.

    Args:
        cells: ``"pcm"`` (phase change, nandakumar2019), ``"reram_wan2022"`` (wan2022), ``"reram_cmo"`` (a metal oxide,
            characterised by the makers of aihwkit).
        seconds: Time from writing to reading. 0 is right after writing: deviations of writing alone.
        noise: What the fitted deviations are multiplied by; drift stays as it is. 0 at 0 seconds leaves every answer
            bit for bit as it is.
        compensate: Whether every layer is scaled so that its mean magnitude is that of the weights that were written.
        layers: Names of the layers that go into such cells; all that can where empty.

    Raises:
        BadInput: A setting is out of range, or nothing was measured at that time.

    Example:
        >>> Analog(cells="pcm", seconds=3600.0).stochastic
        True
        >>> Analog(cells="reram_wan2022", seconds=5.0)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: Analog(cells='reram_wan2022', seconds=5.0): 0, 1, 86400 or 172800 was expected, the \
times of measurement.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}
    in_memory: ClassVar[bool] = True

    cells: Cells
    seconds: float = 0.0
    noise: float = 1.0
    compensate: bool = False
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("seconds", "noise"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                raise BadInput(f"Analog({name}={value}): a finite number, 0 or more, was expected.")
        times = MEASURED.get(self.cells, (self.seconds,))
        if self.seconds not in times:
            *others, last = (f"{time:g}" for time in times)
            raise BadInput(
                f"Analog(cells='{self.cells}', seconds={self.seconds}): {', '.join(others)} or {last} was expected, "
                "the times of measurement."
            )

    @property
    def stochastic(self) -> bool:
        """Whether another draw is another chip; drift differs from cell to cell even without noise."""
        return self.noise > 0 or self.seconds > 0

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a copy of the network as such cells hold it.

        Args:
            model: The network; it keeps its weights.
            context: Its generator names the chip.

        Returns:
            The copy, in evaluation mode.

        Raises:
            NotApplicable: No layer can be held, or a named one cannot.
            BadInput: A name is no layer of the model.
            MissingExtra: aihwkit is not installed.
        """
        chip = int(torch.randint(2**62, (1,), generator=context.generator, device=context.generator.device))
        deployed = deepcopy(model).eval()
        held = mappable(deployed, only=self.layers)
        cells, errors = self._model(), {}
        for name, layer in held.items():
            wanted = layer.weight.detach()
            acts = self.stochastic and bool(wanted.any())
            found = self._kept(cells, wanted, number_of(chip, name, self.cells)) if acts else wanted
            errors[name] = float((found - wanted).square().sum() / wanted.square().sum().clamp_min(1e-30))
            layer.weight = nn.Parameter(found.clone(), requires_grad=layer.weight.requires_grad)
        done = {"chip": chip, "relative_squared_error": errors, "left_digital": left_digital(model, held)}
        deployed.analog = done  # pyright: ignore[reportArgumentType]
        return deployed

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return what was really done.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            ``model``, aihwkit's own description; ``aihwkit``, its version; ``chip``; ``relative_squared_error``, by
            layer, Σ(w' - w)² / Σ w²; ``left_digital``, other layers with weights, by type.
        """
        return {"model": str(self._model()), "aihwkit": version("aihwkit"), **vars(deployed)["analog"]}

    def _model(self) -> Any:
        fitted = MODELS[self.cells]
        wanted_for = f"choice 'analog' with cells = '{self.cells}'"
        module = require(f"aihwkit.inference.noise.{fitted.module}", wanted_for=wanted_for)
        return getattr(module, fitted.name)(**fitted.fixed, **dict.fromkeys(fitted.scales, self.noise))

    def _kept(self, cells: Any, wanted: Tensor, seed: int) -> Tensor:
        weight = wanted.detach().float().cpu()
        with _seeded(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # aihwkit calls numpy in a way of the past
            if self.seconds > 0:
                found: Tensor = cells.apply_noise(weight.flatten(1), self.seconds)
            else:
                found, _ = cells.apply_programming_noise(weight.flatten(1))
        if self.compensate:
            found = found * (weight.abs().mean() / found.abs().mean().clamp_min(1e-30))
        return found.reshape(wanted.shape).to(wanted)


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Seed the generator that aihwkit draws from, the processor's own, and put it back afterwards."""
    before = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(before)
