"""From the name of a model to the model, its initial weights decided by one seed."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from disparate.errors import BadInput, MissingExtra, NotApplicable, suggestion
from disparate.extras import require
from disparate.models import MODELS
from disparate.registry import import_object

FETCHING = (
    "pretrained",
    "checkpoint_path",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "weights_backbone",
    "cache_dir",
)
"""Settings of torchvision and timm that download files or read pickles; they are refused."""

Shape = tuple[int, ...]
Stem = Literal["imagenet", "cifar"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """Which model, and its settings.

    | name                 | what it is                                                                |
    | -------------------- | ------------------------------------------------------------------------- |
    | `small_cnn`          | :class:`~disparate.models.small.SmallCNN`, ``width``                      |
    | `small_mlp`          | :class:`~disparate.models.small.SmallMLP`, ``width``                      |
    | `torchvision:<name>` | a classifier of ``torchvision.models``                                    |
    | `timm:<name>`        | a model of timm                                                           |
    | `module:function`    | what a function of yours returns for ``num_classes``, ``input_shape`` |

    torchvision and timm models take two settings of ours beside their own: ``weights``, the path of a local
    safetensors file (nothing is ever downloaded), and ``stem="cifar"``, which gives a ResNet a 3×3 first convolution
    of stride 1 and no max-pooling, for images below 64 pixels.

    Args:
        name: Name of the model.
        settings: Settings of the model.
        trusted: Whether ``module:function`` may be imported and run. The command line sets it for what ``--trust``
            names; a recipe must not.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    name: str = "small_cnn"
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trusted: bool = False


def build_model(spec: ModelSpec, *, input_shape: Shape, classes: int, seed: int) -> nn.Module:
    """Return the model on the CPU, with weights that depend on the seed alone.

    The model is tried on two blank inputs before it is returned. torch's global generator is left as it was; what
    other generators (numpy's, Python's) draw in a function of yours is yours to seed.

    Args:
        spec: Which model.
        input_shape: Shape of one input: (channels, height, width) or (features,).
        classes: Number of outputs.
        seed: Seed of the initial weights.

    Returns:
        The model, in training mode.

    Raises:
        BadInput: There is no such model, a setting is wrong, or ``module:function`` is not trusted.
        NotApplicable: The model cannot take inputs of this shape.
        MissingExtra: The library it stands in cannot be imported.

    Example:
        >>> build_model(ModelSpec(name="small_mlp"), input_shape=(4,), classes=2, seed=0).classifier
        Linear(in_features=64, out_features=2, bias=True)
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _built(spec, input_shape, classes)
        if not isinstance(model, nn.Module):
            raise BadInput(
                f"model '{spec.name}' is a {type(model).__name__}; the function has to return a torch.nn.Module."
            )
        _require_shape(model, spec.name, input_shape, classes)
    return model


def _built(spec: ModelSpec, input_shape: Shape, classes: int) -> object:
    prefix, colon, rest = spec.name.partition(":")
    if not colon:
        return _called(MODELS.load(spec.name), spec, {"input_shape": input_shape, "num_classes": classes})
    if prefix in {"torchvision", "timm"}:
        return _library_model(spec, prefix, rest, input_shape, classes)
    return _users_model(spec, input_shape, classes)


def _users_model(spec: ModelSpec, input_shape: Shape, classes: int) -> object:
    if not spec.trusted:
        raise BadInput(
            f"model '{spec.name}' is code of its own, and a recipe may come from anybody: it is not run unless you say "
            f"so. Read it, then add --trust {spec.name} (in Python: ModelSpec(trusted=True), or pass the model itself)."
        )
    function = import_object(spec.name)
    offered = {"num_classes": classes, "input_shape": input_shape}
    return _called(function, spec, {key: offered[key] for key in _accepted(function, offered)})


def _accepted(function: Callable[..., Any], names: Iterable[str]) -> list[str]:
    parameters = inspect.signature(function).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return [name for name in names if name in parameters or (open_ended and name == "num_classes")]


def _called(function: Callable[..., Any], spec: ModelSpec, given: Mapping[str, Any]) -> object:
    try:
        return function(**given, **spec.settings)
    except (TypeError, ValueError) as error:
        raise BadInput(f"model '{spec.name}' does not take the settings {dict(spec.settings)}: {error}.") from error


def _library_model(spec: ModelSpec, library: str, name: str, input_shape: Shape, classes: int) -> nn.Module:
    settings = dict(spec.settings)
    if fetching := sorted(set(settings) & set(FETCHING)):
        raise BadInput(
            f"model '{spec.name}': setting '{fetching[0]}' would fetch or unpickle weights; none are ever downloaded. "
            "Give the path of a local safetensors file: weights = 'file.safetensors'."
        )
    weights, stem = settings.pop("weights", None), settings.pop("stem", "imagenet")
    make, known, given = _torchvision() if library == "torchvision" else _timm(input_shape)
    if name not in known:
        raise BadInput(f"model '{spec.name}': {library} has no model '{name}'.{_near(name, known)}")
    bare = ModelSpec(name=spec.name, settings=settings)
    model = _called(lambda **rest: make(name, **rest), bare, {"num_classes": classes, **given})
    if not isinstance(model, nn.Module):
        raise BadInput(f"model '{spec.name}' is a {type(model).__name__}; a torch.nn.Module was expected.")
    _set_stem(model, spec.name, stem, input_shape)
    if weights is not None:
        _load_weights(model, spec.name, Path(weights))
    return model


def _torchvision() -> tuple[Callable[..., Any], list[str], dict[str, Any]]:
    torchvision: Any = _library("torchvision")
    known = torchvision.models.list_models(module=torchvision.models)
    return torchvision.models.get_model, known, {"weights": None}


def _timm(input_shape: Shape) -> tuple[Callable[..., Any], list[str], dict[str, Any]]:
    timm: Any = _library("timm")
    return timm.create_model, timm.list_models(), {"pretrained": False, "in_chans": input_shape[0]}


def _library(name: str) -> object:
    try:
        return require(name, wanted_for=f"models of {name}")
    except RuntimeError as error:  # a torchvision built for another torch fails while it registers its operators
        raise MissingExtra(
            f"models of {name}: it could not be imported ({error}). It has to fit torch {torch.__version__}. "
            f"Install it with: pip install --upgrade {name}"
        ) from error


def _near(name: str, known: list[str]) -> str:
    sentence = suggestion(name, known)
    return sentence if sentence.startswith(" Did") else f" It has {len(known)} others."


def _set_stem(model: nn.Module, name: str, stem: object, input_shape: Shape) -> None:
    if stem == "imagenet":
        return
    if stem != "cifar":
        raise BadInput(f"model '{name}': stem is {stem!r}; 'imagenet' or 'cifar' was expected.")
    first = getattr(model, "conv1", None)
    if not (isinstance(first, nn.Conv2d) and hasattr(model, "maxpool")):
        raise NotApplicable(f"model '{name}': stem='cifar' is for ResNets, which begin with conv1 and maxpool.")
    model.conv1 = nn.Conv2d(input_shape[0], first.out_channels, 3, padding=1, bias=first.bias is not None)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = nn.Identity()


def _load_weights(model: nn.Module, name: str, path: Path) -> None:
    """Load every tensor of the file; only the last layer may have another number of classes and then stays fresh."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(
            f"model '{name}': weights '{path}' cannot be read: {error}. A safetensors file was expected."
        ) from error
    expected = model.state_dict()
    head = [layer for layer, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    fresh = {
        key
        for key in found
        if key.startswith(f"{head}.") and key in expected and found[key].shape != expected[key].shape
    }
    kept = {key: value for key, value in found.items() if key not in fresh}
    try:
        missing, unexpected = model.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise BadInput(f"model '{name}': weights '{path}' do not fit: {error}") from error
    wrong = sorted([*set(missing) - fresh, *unexpected])
    if wrong:
        raise BadInput(
            f"model '{name}': weights '{path}' do not fit; {len(wrong)} names differ, first '{wrong[0]}'. "
            "Give the file of this very architecture."
        )


def _require_shape(model: nn.Module, name: str, input_shape: Shape, classes: int) -> None:
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(torch.zeros(2, *input_shape))
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise NotApplicable(
            f"model '{name}' cannot take inputs of shape {input_shape}: {error}. "
            "Choose a model that fits the data, or another image size."
        ) from error
    shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if shape != (2, classes):
        raise BadInput(
            f"model '{name}' answers two inputs with {shape}; one logit per class, (2, {classes}), was expected."
        )
    model.train()
