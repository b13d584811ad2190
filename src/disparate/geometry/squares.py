"""Squared slopes of a network, summed over a batch: through the layers where that is right, else example by example."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from disparate.geometry.columns import off_target
from disparate.geometry.layers import has_rule, squares_rule

AGREEMENT = 1e-3
"""How far a layer's rule may be from direct differentiation, relative to the largest entry, on the first examples."""
Columns = Callable[[Tensor, Tensor], Tensor]
"""From logits and targets of a batch to columns, shape (passes, examples, classes)."""


def squared_slopes(
    model: nn.Module, inputs: Tensor, target: Tensor, columns: Columns, layers: Mapping[str, nn.Module]
) -> Iterator[tuple[int, str, Tensor]]:
    """Yield sums over a batch of squared slopes of column · logits, in pieces that are to be added.

    Args:
        model: The network, in evaluation mode.
        inputs: Of a batch.
        target: Of the batch.
        columns: What to differentiate.
        layers: Those to be treated by their rule, see :func:`trustworthy_layers`.

    Yields:
        The column's place, the parameter's name, and a sum of the parameter's shape.
    """
    with _heard(layers) as heard:
        logits = model(inputs)
    rules = [(name, squares_rule(layers[name], received)) for name, (received, _) in heard.items()]
    chosen = columns(logits.detach(), target).to(logits.dtype)
    for place, column in enumerate(chosen):
        slopes = _slopes(logits, [edge for _, edge in heard.values()], column)
        for (layer, rule), slope in zip(rules, slopes, strict=True):
            yield from ((place, f"{layer}.{name}".lstrip("."), found) for name, found in rule(slope).items())
    yield from _one_by_one(model, inputs, chosen, layers)


def _one_by_one(
    model: nn.Module, inputs: Tensor, columns: Tensor, layers: Mapping[str, nn.Module]
) -> Iterator[tuple[int, str, Tensor]]:
    """Yield the same for what does not belong to the layers, from one pass per example and column."""
    ruled = {id(value) for layer in layers.values() for value in layer.parameters(recurse=False)}
    rest = {name: value for name, value in model.named_parameters() if value.requires_grad and id(value) not in ruled}
    for row in range(len(inputs) if rest else 0):
        logits = model(inputs[row : row + 1])
        for place, column in enumerate(columns[:, row : row + 1]):
            slopes = _slopes(logits, list(rest.values()), column)
            yield from ((place, name, slope.square()) for name, slope in zip(rest, slopes, strict=True))


def _slopes(logits: Tensor, ends: Sequence[Tensor | GradientEdge], column: Tensor) -> Sequence[Tensor]:
    if not ends:
        return []
    ends_as_tensors = cast("Sequence[Tensor]", ends)  # what torch's types say of inputs leaves edges out
    found = torch.autograd.grad(logits, ends_as_tensors, column, retain_graph=True, materialize_grads=True)
    return cast("Sequence[Tensor]", found)


def trustworthy_layers(model: nn.Module, inputs: Tensor, target: Tensor) -> dict[str, nn.Module]:
    """Return the layers whose rule gives what direct differentiation gives on a few examples.

    Args:
        model: The network, in evaluation mode.
        inputs: Of a few examples.
        target: Of these examples.

    Returns:
        Layers by name.
    """
    layers = _ruled(model, inputs)

    def columns(logits: Tensor, _: Tensor) -> Tensor:
        return off_target(logits, logits.argmin(dim=1))[None]

    sure: dict[str, Tensor] = {}
    for _, name, squares in squared_slopes(model, inputs, target, columns, {}):
        sure[name] = sure[name].add_(squares) if name in sure else squares
    pieces = ((name, squares) for _, name, squares in squared_slopes(model, inputs, target, columns, layers))
    ruled = ((name.rpartition(".")[0], name, squares) for name, squares in pieces)
    wrong = {layer for layer, name, squares in ruled if layer in layers and not _agree(squares, sure[name])}
    return {layer: module for layer, module in layers.items() if layer not in wrong}


def _agree(fast: Tensor, sure: Tensor) -> bool:
    return float((fast - sure).abs().max()) <= AGREEMENT * float(sure.abs().max())


def _ruled(model: nn.Module, inputs: Tensor) -> dict[str, nn.Module]:
    """Return the layers with a rule, with parameters of their own, that get each batch once and example by example."""
    owners = Counter(id(value) for layer in model.modules() for value in layer.parameters(recurse=False))
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if has_rule(layer)
        and any(value.requires_grad for value in layer.parameters(recurse=False))
        and all(owners[id(value)] == 1 for value in layer.parameters(recurse=False))
    }
    with _calls(layers) as calls, torch.no_grad():
        model(inputs)
    return {name: layer for name, layer in layers.items() if calls[name] == [len(inputs)]}


@contextmanager
def _calls(layers: Mapping[str, nn.Module]) -> Generator[dict[str, list[int]]]:
    """Note how many examples every layer gets at every call; -1 where its first argument is no tensor."""
    found: dict[str, list[int]] = {name: [] for name in layers}

    def note(name: str, _: nn.Module, arguments: tuple[Any, ...]) -> None:
        received = arguments[0] if arguments else None
        found[name].append(len(received) if isinstance(received, Tensor) and received.ndim > 1 else -1)

    handles = [layer.register_forward_pre_hook(partial(note, name)) for name, layer in layers.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _heard(layers: Mapping[str, nn.Module]) -> Generator[dict[str, tuple[Tensor, GradientEdge]]]:
    """Hear what each layer gets, and where in the graph its output stands, whatever is done to it in place later."""
    heard: dict[str, tuple[Tensor, GradientEdge]] = {}

    def hear(name: str, _: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        heard[name] = (arguments[0].detach(), get_gradient_edge(output))

    handles = [layer.register_forward_hook(partial(hear, name)) for name, layer in layers.items()]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()
