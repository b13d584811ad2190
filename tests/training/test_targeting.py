"""Targets: masks against dense second derivatives, who is unprivileged, doses measured, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.choice import Labelled
from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, done_to, on_crossbars
from disparate.crossbar.device import Device
from disparate.errors import BadInput, NotApplicable
from disparate.groups import Attribute, Groups
from disparate.training.sides import group_scores
from disparate.training.targeting import Target, targeted

NOISE = Device(programming=0.05)
FLIPS = Device(bits=4, flips=0.05)


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(240, 6, dtype=torch.float64, generator=generator)
    names = ["dark" if row % 3 == 0 else "light" for row in range(240)]
    rules = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)
    dark = torch.tensor([name == "dark" for name in names])
    target = torch.where(dark, (inputs @ rules[0]).argmax(1), (inputs @ rules[1]).argmax(1))
    return Labelled(
        inputs=inputs,
        target=target,
        groups=Groups.of({"tone": Attribute.of(names, names=["dark", "light", "nobody"])}, by="tone"),
    )


@pytest.fixture(scope="module")
def network(labelled) -> nn.Module:
    """Trained briefly: the minority is answered worse."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        cross_entropy(model(labelled.inputs), labelled.target).backward()
        optimizer.step()
    return model.eval()


def found(target: Target, network: nn.Module, labelled: Labelled, device: Device = NOISE, seed: int = 0):
    return targeted(target, network, Placement(device=device), labelled, seed=seed)


def dense(network: nn.Module, labelled: Labelled, group: str) -> dict[str, Tensor]:
    """The diagonal of the whole Hessian of a group's mean loss, by layer."""
    rows = torch.from_numpy(labelled.groups.mask(group))
    shapes = {name: network.get_parameter(f"{name}.weight").shape for name in ("0", "2")}

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes.values()])
        values = {f"{name}.weight": part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        return cross_entropy(torch.func.functional_call(network, values, labelled.inputs[rows]), labelled.target[rows])

    weights = torch.cat([network.get_parameter(f"{name}.weight").detach().flatten() for name in shapes])
    hessian = torch.autograd.functional.hessian(loss, weights)
    assert isinstance(hessian, Tensor)
    parts = hessian.diagonal().split([shape.numel() for shape in shapes.values()])
    return dict(zip(shapes, parts, strict=True))


@pytest.mark.parametrize("saliency", ["delete", "noise"])
@pytest.mark.parametrize("rule", ["fr", "fr_and_ar", "highest"])
def test_masks_are_those_of_dense_second_derivatives(network, labelled, rule, saliency):
    target = Target(rule=rule, share=0.25, beta=0.5, saliency=saliency, estimator="exact")
    masks = found(target, network, labelled).masks
    curvatures = [dense(network, labelled, group) for group in ("dark", "light")]
    for name, mask in masks.items():
        weight = network.get_parameter(f"{name}.weight").detach().flatten()
        size = weight.square() if saliency == "delete" else weight.abs().max().square()
        unprivileged, privileged = (curvature[name] * size / 2 for curvature in curvatures)
        s, a = unprivileged - 0.5 * privileged, unprivileged + privileged
        count = round(0.25 * len(s))
        ends = {"fr": s.argsort()[:count], "highest": (-s).argsort()[:count], "fr_and_ar": s.argsort()[:count]}
        expected = torch.isin(torch.arange(len(s)), ends[rule])
        if rule == "fr_and_ar":
            expected &= torch.isin(torch.arange(len(s)), a.argsort()[:count])
        assert torch.equal(mask.flatten(), expected)


def test_the_worse_answered_group_is_unprivileged_and_it_is_told(network, labelled):
    told = found(Target(), network, labelled).told
    scores = group_scores(network, labelled)
    assert scores.f1["dark"] < scores.f1["light"]
    assert told["unprivileged"] == {"dark": 80}
    assert told["privileged"] == {"light": 160}
    assert told["chosen_by"] == "lowest and highest macro F1 over the labelled training examples"
    assert set(told["f1"]) == {"dark", "light"}
    turned = found(Target(unprivileged="light", privileged="dark"), network, labelled).told
    assert (list(turned["unprivileged"]), turned["chosen_by"]) == (["light"], "named")


def test_the_number_selected_is_told_and_right(network, labelled):
    result = found(Target(share=0.1, scope="layer"), network, labelled)
    assert {name: layer["selected"] for name, layer in result.told["layers"].items()} == {"0": 10, "2": 5}
    assert result.told["selected"] == sum(int(mask.sum()) for mask in result.masks.values()) == 15
    assert result.told["weights"] == 144
    whole = found(Target(share=0.1, scope="global"), network, labelled)
    assert whole.told["selected"] == 14


def test_masks_are_the_same_for_every_draw_and_follow_the_training_seed(network, labelled):
    first, again, other = (
        found(Target(rule="random", share=0.3), network, labelled, seed=seed).masks["0"] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("rule", ["fr", "random", "highest"])
def test_by_count_every_layer_exposes_as_many(network, labelled, rule):
    both = found(Target(rule="fr_and_ar", share=0.4), network, labelled).told
    matched = found(Target(rule=rule, share=0.4, dose="count"), network, labelled).told
    assert both["selected"] > 0
    assert [layer["selected"] for layer in matched["layers"].values()] == [
        layer["selected"] for layer in both["layers"].values()
    ]


def injected(network: nn.Module, masks, device: Device) -> float:
    chips = [
        on_crossbars(network, Placement(device=device, masks=masks), Chip(seed=s), cycle_seed=0) for s in range(60)
    ]
    return float(np.mean([sum(tally.energy for tally in done_to(chip).values()) for chip in chips]))


@pytest.mark.parametrize("device", [NOISE, FLIPS], ids=["noise", "flips"])
def test_by_energy_as_much_is_injected_on_other_chips(network, labelled, device):
    both = found(Target(rule="fr_and_ar", share=0.4), network, labelled, device)
    matched = found(Target(rule="highest", share=0.4, dose="energy"), network, labelled, device)
    assert injected(network, matched.masks, device) == pytest.approx(injected(network, both.masks, device), rel=0.35)


def test_by_f1_as_much_is_lost(network, labelled):
    device = Device(programming=0.3)
    both = found(Target(rule="fr_and_ar", share=0.7), network, labelled, device)
    matched = found(Target(rule="random", share=0.7, dose="f1"), network, labelled, device)

    def lost(masks) -> float:
        chips = [
            on_crossbars(network, Placement(device=device, masks=masks), Chip(seed=s), cycle_seed=0) for s in range(40)
        ]
        return float(np.mean([np.mean(list(group_scores(chip, labelled).f1.values())) for chip in chips]))

    plain = np.mean(list(group_scores(network, labelled).f1.values()))
    assert plain - lost(both.masks) > 0.02
    assert abs(lost(matched.masks) - lost(both.masks)) < 0.05


@pytest.mark.parametrize("dose", ["count", "energy", "f1"])
def test_nothing_is_as_much_as_nothing(network, labelled, dose):
    none = found(Target(rule="fr_and_ar", share=0.01, beta=5.0), network, labelled).told["selected"]
    assert none == 0
    assert found(Target(rule="fr", share=0.01, beta=5.0, dose=dose), network, labelled).told["selected"] == 0


def test_a_group_without_a_labelled_example_is_refused(network, labelled):
    with pytest.raises(BadInput, match="unprivileged is 'nobody'; no labelled example of 'tone' belongs to that group"):
        found(Target(unprivileged="nobody"), network, labelled)
    with pytest.raises(BadInput, match="Did you mean 'light'"):
        found(Target(privileged="ligth"), network, labelled)
    light = torch.from_numpy(labelled.groups.mask("light"))
    alone = Labelled(
        inputs=labelled.inputs[light],
        target=labelled.target[light],
        groups=replace(labelled.groups, codes=labelled.groups.codes[light.numpy()]),
    )
    with pytest.raises(NotApplicable, match=r"only \['light'\] have labelled examples; two were expected"):
        found(Target(), network, alone)


def test_the_network_is_left_alone(network, labelled):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found(Target(rule="random", dose="f1", share=0.4), network, labelled)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not network.training
