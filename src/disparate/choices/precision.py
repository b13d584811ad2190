"""Precision: compute in a 16-bit floating-point format."""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from disparate.choice import At, DeployContext
from disparate.errors import NotApplicable
from disparate.training.config import TrainingConfig

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PROBED = 2
IMAGE_DIMENSIONS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Precision:
    """Train with mixed precision, or run the trained network in a 16-bit format, or both.

    Deployed, every floating-point parameter and buffer (the statistics of batch normalisation too) is rounded to the
    format, inputs are cast to it, every layer computes and answers in it, and the logits are cast back to float32.
    What accumulates inside a kernel is the kernel's affair, float32 on the processors we know.

    | format | mantissa bits | largest number | smallest normal number |
    | ------ | ------------- | -------------- | ---------------------- |
    | `bf16` | 7             | 3.4e38         | 1.2e-38                |
    | `fp16` | 10            | 65,504         | 6.1e-5                 |

    Args:
        format: The number format.
        at: ``"deploy"`` (run the trained network in it), ``"train"`` (mixed-precision training, deployed in float32)
            or ``"both"``.

    Example:
        >>> Precision(format="bf16", at="train").configure(TrainingConfig()).precision
        'bf16'
        >>> context = DeployContext(calibration=lambda n: torch.ones(n, 2), generator=torch.Generator())
        >>> deployed = Precision(format="fp16").apply(nn.Linear(2, 3), context)
        >>> deployed(torch.ones(1, 2)).dtype, deployed.model.weight.dtype
        (torch.float32, torch.float16)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    format: Literal["bf16", "fp16"] = "bf16"
    at: At = "deploy"

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with mixed precision; unchanged where the choice holds at deployment only."""
        return config if self.at == "deploy" else replace(config, precision=self.format)

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a copy that computes in the format; an equal copy where the choice holds in training only.

        Args:
            model: The network; it keeps its weights.
            context: Two calibration inputs are run through the copy, to see whether every layer can.

        Returns:
            The copy, in evaluation mode: inputs float32, logits float32.

        Raises:
            NotApplicable: There is no floating-point parameter, a weight does not fit into the format, or a layer
                cannot compute in it on this machine.
        """
        copied = deepcopy(model)
        if self.at == "train":
            return copied
        _require_parameters(copied, self.format)
        deployed = InFormat(copied.to(DTYPES[self.format]), DTYPES[self.format]).eval()
        _require_finite(model, deployed.model, self.format)
        _require_runs(deployed, context.calibration(PROBED), self.format)
        return deployed

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return what is held in which format.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            Parameters by number format; integer weights of a quantised network keep theirs.
        """
        held: Counter[str] = Counter()
        integers = [buffer for buffer in deployed.buffers() if buffer.dtype == torch.int8]
        for values in [*deployed.parameters(), *integers]:
            stored: Tensor = getattr(values, "qdata", values)
            held[str(stored.dtype).removeprefix("torch.")] += stored.numel()
        return {"format": self.format, "at": self.at, "parameters": dict(held)}


class InFormat(nn.Module):
    """A network that computes in another floating-point format: inputs are cast to it, outputs back to float32.

    Images in fp16 are laid out channels-last on a CPU, where the other layout has no fast kernel.

    Args:
        model: The network, its parameters already in the format.
        dtype: The format.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype

    def forward(self, inputs: Tensor) -> Tensor:
        """Return float32 answers; integer inputs, such as tokens, are passed on as they are."""
        cast = inputs.to(self.dtype) if inputs.is_floating_point() else inputs
        if self.dtype is torch.float16 and cast.device.type == "cpu" and cast.dim() == IMAGE_DIMENSIONS:
            cast = cast.contiguous(memory_format=torch.channels_last)
        outputs: Tensor = self.model(cast)
        return outputs.float()


def _require_parameters(model: nn.Module, number_format: str) -> None:
    if not any(parameter.is_floating_point() for parameter in model.parameters()):
        raise NotApplicable(
            f"Precision(format='{number_format}') on {type(model).__name__}: it has no floating-point parameter. "
            "Leave the choice out for this model."
        )


def _require_finite(model: nn.Module, cast: nn.Module, number_format: str) -> None:
    before = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    after = {**dict(cast.named_parameters()), **dict(cast.named_buffers())}
    for name, values in after.items():
        if type(values) in {Tensor, nn.Parameter} and values.isinf().any() and not before[name].isinf().any():
            raise NotApplicable(
                f"Precision(format='{number_format}'): '{name}' reaches {before[name].abs().max():g}; the largest "
                f"number of {number_format} is {torch.finfo(values.dtype).max:g}. Use format='bf16'."
            )


def _require_runs(deployed: InFormat, inputs: Tensor, number_format: str) -> None:
    """Run a few inputs and name the layer in which the format is not supported."""
    entered: list[str] = []
    hooks = [
        layer.register_forward_pre_hook(lambda *_, name=name: entered.append(name))
        for name, layer in deployed.model.named_modules()
    ]
    try:
        with torch.no_grad():
            deployed(inputs)
    except (RuntimeError, TypeError) as error:
        layer = f"layer '{entered[-1]}'" if entered and entered[-1] else "the network"
        raise NotApplicable(
            f"Precision(format='{number_format}'): {layer} cannot compute in {number_format} on this machine: "
            f"{error}. Use another format, or leave the choice out for this model."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
