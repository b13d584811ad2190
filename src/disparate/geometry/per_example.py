r"""Norms of per-example gradients of logits, without per-example gradients.

For a direction $v$ over the classes the gradient of $v^\top z(x_i; \theta)$ is wanted of every example $i$. One
backward pass of the sum over a batch gives every example's gradient by its input. By the parameters it gives, at every
layer, the input $a_t$ and the gradient by the output $g_t$ at each place $t$ of an example, and

$$ \Bigl\lVert \sum_t g_t a_t^\top \Bigr\rVert^2 = \sum_{t,t'} (a_t^\top a_{t'}) (g_t^\top g_{t'}) $$

needs neither the sum nor a matrix of its size (goodfellow2015, for one place). Networks with other trained layers than
those of ``RULES``, or with a layer that is used twice, are differentiated example by example.
"""

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from disparate.errors import BadInput, NotApplicable
from disparate.geometry.surface import Surface, evaluated

Wrt = Literal["inputs", "parameters"]
Directions = Callable[[Tensor], Tensor]
"""From logits (examples, classes), float64, to directions (passes, examples, classes)."""
Squares = Callable[[Tensor], Tensor]
"""From the gradient by a layer's output to the squared norm of the gradient by its parameters, per example."""
CHUNK_NUMBERS = 2**25
"""Largest number of float32 that one layer's unfolded inputs may hold at a time (128 MB)."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
ONE_BY_ONE = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}
AGREEMENT = 1e-2
"""How far the layers' norm may be from the direct one, relatively, in the check on the first examples."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BatchNorms:
    """Gradient norms of one batch.

    Args:
        logits: Shape (examples, classes), float64.
        directions: Shape (passes, examples, classes), float64.
        norms: By what was differentiated: shape (passes, examples), float64.
    """

    logits: Tensor
    directions: Tensor
    norms: Mapping[Wrt, Tensor]

    @property
    def values(self) -> Tensor:
        """The differentiated numbers v · z, shape (passes, examples)."""
        return (self.directions * self.logits).sum(dim=-1)


def gradient_norms(surface: Surface, directions: Directions, *, wrt: Sequence[Wrt]) -> Iterator[BatchNorms]:
    r"""Yield $\lVert \nabla (v^\top z(x_i)) \rVert_2$ of every example, batch by batch, in evaluation mode.

    A batch takes one forward pass, and one backward pass per direction that serves inputs and parameters alike.

    Args:
        surface: The network and its examples; targets are not used.
        directions: The directions v, from the logits.
        wrt: By what to differentiate.

    Yields:
        Norms of a batch, in the order of the surface's rows.

    Raises:
        BadInput: The network takes several inputs, inputs are not one tensor, or the answer is not finite logits of two
            or more classes.
        NotApplicable: An example's answer hangs on its batch, or inputs are integers and have no gradient.

    Example:
        >>> import numpy as np
        >>> model = nn.Linear(2, 2)
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.tensor([[3.0, 4.0]]), rows=rows, target=rows)
        >>> batch = next(gradient_norms(surface, lambda z: torch.eye(2)[:1, None].double(), wrt=["parameters"]))
        >>> round(float(batch.norms["parameters"]) ** 2, 3)  # 3² + 4², and 1 of the bias
        26.0
    """
    require_suitable(surface.model)
    with evaluated(surface.model), torch.enable_grad():
        measure: Callable[[Surface, Tensor, Directions, Sequence[Wrt]], BatchNorms] | None = None
        for inputs, _ in surface.batches():
            _require_differentiable(inputs, wrt)
            measure = measure or _way(surface, inputs, wrt)
            yield measure(surface, inputs, directions, wrt)


def logits_of(surface: Surface) -> NDArray[np.float64]:
    """Return the logits of every example, in evaluation mode.

    Args:
        surface: The network and its examples; targets are not used.

    Returns:
        Shape (rows, classes).

    Raises:
        BadInput: The network takes several inputs, or does not answer with finite logits of two or more classes.
        NotApplicable: An example's answer hangs on its batch.
    """
    require_suitable(surface.model)
    with evaluated(surface.model), torch.no_grad():
        parts = [answers(surface.model, inputs).double().cpu().numpy() for inputs, _ in surface.batches()]
    return np.concatenate(parts)


def require_suitable(model: nn.Module) -> None:
    """Refuse a network whose examples cannot be looked at one by one.

    Args:
        model: The network.

    Raises:
        BadInput: It takes several inputs.
        NotApplicable: An example's answer hangs on its batch.
    """
    needed = [
        name
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.default is parameter.empty and parameter.kind in ONE_BY_ONE
    ]
    if len(needed) > 1:
        raise BadInput(
            f"{type(model).__name__} takes {len(needed)} inputs ({', '.join(needed)}); a network of one was expected. "
            "Wrap it in a module that takes one tensor."
        )
    for name, layer in model.named_modules():
        if isinstance(layer, BATCH_NORMS) and layer.running_mean is None:
            raise NotApplicable(
                f"layer '{name}' normalises by its batch, as it keeps no running statistics; an example has no answer "
                "of its own there. Use track_running_stats=True, or GroupNorm."
            )


def answers(model: nn.Module, inputs: Any) -> Tensor:
    """Return the logits of a batch.

    Args:
        model: The network.
        inputs: One tensor.

    Returns:
        Shape (examples, classes), with its graph.

    Raises:
        BadInput: Inputs are not one tensor, or the answer is not finite logits of two or more classes.
    """
    if not isinstance(inputs, Tensor):
        raise BadInput(f"inputs of the network are a {type(inputs).__name__}; one tensor (examples, ...) was expected.")
    found: Any = model(inputs)
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(inputs) or found.shape[1] < 2:
        shown = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise BadInput(
            f"{type(model).__name__} answers {shown} to {len(inputs)} examples; logits of shape "
            f"({len(inputs)}, classes) with 2 classes or more were expected."
        )
    if wrong := int((~torch.isfinite(found).all(dim=1)).sum()):
        raise BadInput(
            f"logits of {wrong} of {len(found)} examples of a batch are not finite; finite numbers were expected. "
            "The network diverged, or the choice broke it."
        )
    return found


def _way(surface: Surface, inputs: Tensor, wrt: Sequence[Wrt]) -> Callable[..., BatchNorms]:
    """Return how to differentiate: through the layers where that is possible and agrees with the direct way."""
    if "parameters" not in wrt or not _has_rules(surface.model):
        return _directly

    def widest(logits: Tensor) -> Tensor:
        return functional.one_hot(logits.argmax(dim=1), logits.shape[1])[None].double()

    first = inputs[:2]
    try:
        fast = _through_layers(surface, first, widest, ["parameters"]).norms["parameters"]
    except _Unheard:
        return _directly
    sure = _directly(surface, first, widest, ["parameters"]).norms["parameters"]
    return _through_layers if torch.allclose(fast, sure, rtol=AGREEMENT, atol=0) else _directly


def _through_layers(surface: Surface, inputs: Tensor, directions: Directions, wrt: Sequence[Wrt]) -> BatchNorms:
    """Differentiate a batch by what its layers got and gave."""
    leaf = inputs.detach().requires_grad_("inputs" in wrt)
    with _listening(_trained_layers(surface.model) if "parameters" in wrt else []) as heard:
        logits = answers(surface.model, leaf)
    wide = logits.detach().double()
    chosen = directions(wide)
    rules: dict[Wrt, list[tuple[Tensor, Squares]]] = {
        "inputs": [(leaf, _of_rows)],
        "parameters": [(output, RULES[type(layer)](layer, received)) for layer, (received, output) in heard.items()],
    }
    norms: dict[Wrt, Tensor] = {}
    for name in wrt:
        norms[name] = torch.zeros(chosen.shape[:2], dtype=torch.float64, device=wide.device)
    ends: list[tuple[Wrt, Tensor, Squares]] = [(name, *rule) for name in wrt for rule in rules[name]]
    for place, direction in enumerate(chosen if ends else ()):
        slopes = _slopes(logits, direction, [end for _, end, _ in ends])
        for (name, _, squares), slope in zip(ends, slopes, strict=True):
            if slope is not None:
                norms[name][place] += squares(slope).double()
    roots: dict[Wrt, Tensor] = {name: _root(found) for name, found in norms.items()}
    return BatchNorms(logits=wide, directions=chosen, norms=roots)


def _directly(surface: Surface, inputs: Tensor, directions: Directions, wrt: Sequence[Wrt]) -> BatchNorms:
    """Differentiate by the parameters example by example: any network, one backward pass per example and direction."""
    plain = _through_layers(surface, inputs, directions, [name for name in wrt if name == "inputs"])
    if "parameters" not in wrt:
        return plain
    found = torch.zeros(plain.directions.shape[:2], dtype=torch.float64, device=plain.logits.device)
    for row in range(len(inputs)):
        logits = answers(surface.model, inputs[row : row + 1])[0]
        for place, direction in enumerate(plain.directions[:, row]):
            found[place, row] = _square(surface, logits, direction)
    norms: dict[Wrt, Tensor] = {**plain.norms, "parameters": _root(found)}
    return BatchNorms(logits=plain.logits, directions=plain.directions, norms=norms)


def _root(squares: Tensor) -> Tensor:
    """Return square roots; a sum of products that rounding took below 0 is 0."""
    return squares.clamp(min=0).sqrt()


def _of_rows(slope: Tensor) -> Tensor:
    return slope.double().flatten(1).square().sum(dim=1)


def _square(surface: Surface, logits: Tensor, direction: Tensor) -> float:
    slopes = _slopes(logits, direction, surface.parameters)
    return sum(float(slope.double().square().sum()) for slope in slopes if slope is not None)


def _slopes(logits: Tensor, direction: Tensor, ends: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """Return the gradients of Σ v · z; None by what has no part in it."""
    total = (logits * direction.to(logits.dtype)).sum()
    found = torch.autograd.grad(total, ends, retain_graph=True, allow_unused=True)
    return cast("Sequence[Tensor | None]", found)


class _Unheard(Exception):
    """A layer was not called exactly once, with its input in first place, in a forward pass."""


@contextmanager
def _listening(layers: Sequence[nn.Module]) -> Generator[dict[nn.Module, tuple[Tensor, Tensor]]]:
    """Hear what each layer gets and gives in one forward pass; what it gives goes on as a copy, safe from changes."""
    heard: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def hear(layer: nn.Module, received: tuple[Any, ...], output: Tensor) -> Tensor:
        if layer in heard or not received:
            raise _Unheard
        heard[layer] = (received[0].detach(), output)
        return output.clone()

    handles = [layer.register_forward_hook(hear) for layer in layers]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()
    if len(heard) != len(layers):
        raise _Unheard


def _trained_layers(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if any(p.requires_grad for p in layer.parameters(recurse=False))]


def _has_rules(model: nn.Module) -> bool:
    layers = _trained_layers(model)
    owned = [p for layer in layers for p in layer.parameters(recurse=False)]
    shared = len({id(p) for p in owned}) < len(owned)
    return not shared and all(type(layer) in RULES and _is_plain(layer) for layer in layers)


def _is_plain(layer: nn.Module) -> bool:
    if not isinstance(layer, nn.Conv2d):
        return True
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _require_differentiable(inputs: Any, wrt: Sequence[Wrt]) -> None:
    if "inputs" in wrt and isinstance(inputs, Tensor) and not inputs.is_floating_point():
        raise NotApplicable(
            f"inputs are {inputs.dtype}: a gradient by the input needs real numbers. Ask for the distance in "
            "parameters, or feed embeddings."
        )


def _products(received: Tensor, weight: Tensor, bias: Tensor | None) -> Squares:
    """Return the rule of a layer that multiplies, received as (examples, blocks, places, features)."""
    by_weight = weight.requires_grad
    by_bias = bias is not None and bias.requires_grad
    gram = received @ received.mT * by_weight + by_bias
    return lambda slope: (gram * (slope @ slope.mT)).sum(dim=(1, 2, 3))


def _summed(unfold: Callable[[slice], Tensor], step: int, weight: Tensor, bias: Tensor | None) -> Squares:
    """Return the same for more places than features: the sum over places is made, some examples at a time."""
    by_weight = weight.requires_grad
    by_bias = bias is not None and bias.requires_grad

    def squares(slope: Tensor) -> Tensor:
        found = slope.sum(dim=2).square().sum(dim=(1, 2)) * by_bias
        if by_weight:
            parts = [slice(start, start + step) for start in range(0, len(slope), step)]
            found = found + torch.cat([(slope[x].mT @ unfold(x)).square().sum(dim=(1, 2, 3)) for x in parts])
        return found

    return squares


def _linear(layer: nn.Linear, received: Tensor) -> Squares:
    rows = received.flatten(1, -2) if received.ndim > 2 else received[:, None]
    inside = _multiplied(lambda part: rows[part][:, None], rows.shape, layer.weight, layer.bias)
    return lambda slope: inside(slope.reshape(len(rows), 1, -1, layer.out_features))


def _conv2d(layer: nn.Conv2d, received: Tensor) -> Squares:
    blocks, features = layer.groups, layer.weight[0].numel()
    geometry: dict[str, Any] = {name: getattr(layer, name) for name in ("dilation", "padding", "stride")}

    def unfold(part: slice) -> Tensor:
        columns = functional.unfold(received[part], layer.kernel_size, **geometry)
        return columns.unflatten(1, (blocks, features)).mT

    places = unfold(slice(0, 1)).shape[2]
    shape = torch.Size((len(received), places, features * blocks))
    inside = _multiplied(unfold, shape, layer.weight, layer.bias)
    return lambda slope: inside(slope.flatten(2).unflatten(1, (blocks, -1)).mT)


def _multiplied(unfold: Callable[[slice], Tensor], shape: torch.Size, weight: Tensor, bias: Tensor | None) -> Squares:
    """Choose between products over places and the sum over places, whichever is less work."""
    examples, places, features = shape
    step = max(1, CHUNK_NUMBERS // (places * features))
    if places > weight[0].numel():
        return _summed(unfold, step, weight, bias)
    parts = [slice(start, start + step) for start in range(0, examples, step)]
    rules = [_products(unfold(part), weight, bias) for part in parts]
    return lambda slope: torch.cat([rule(slope[part]) for rule, part in zip(rules, parts, strict=True)])


def _scaled(normalised: Tensor, layer: Any, places: Callable[[Tensor], Tensor]) -> Squares:
    """Return the rule of a normalisation: scaled and shifted per feature, summed over places."""

    def squares(slope: Tensor) -> Tensor:
        by_weight = places(slope * normalised).square().flatten(1).sum(dim=1) * layer.weight.requires_grad
        shifted = layer.bias is not None and layer.bias.requires_grad
        return by_weight + places(slope).square().flatten(1).sum(dim=1) * shifted

    return squares


def _over_channels(values: Tensor) -> Tensor:
    return values.flatten(2).sum(dim=2) if values.ndim > 2 else values


def _batch_norm(layer: nn.BatchNorm2d, received: Tensor) -> Squares:
    normalised = functional.batch_norm(received, layer.running_mean, layer.running_var, eps=layer.eps)
    return _scaled(normalised, layer, _over_channels)


def _group_norm(layer: nn.GroupNorm, received: Tensor) -> Squares:
    return _scaled(functional.group_norm(received, layer.num_groups, eps=layer.eps), layer, _over_channels)


def _layer_norm(layer: nn.LayerNorm, received: Tensor) -> Squares:
    last = len(layer.normalized_shape)

    def places(values: Tensor) -> Tensor:
        return values.reshape(len(values), -1, *layer.normalized_shape).sum(dim=1)

    normalised = functional.layer_norm(received, received.shape[-last:], eps=layer.eps)
    return _scaled(normalised, layer, places)


RULES: dict[type[nn.Module], Callable[..., Squares]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv2d,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    **dict.fromkeys(BATCH_NORMS, _batch_norm),
}
"""Layers whose per-example norms are known in closed form; of exactly these types, since a subclass may differ."""
