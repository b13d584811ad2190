"""Fair prune: the saliency against dense second derivatives, who is on which side, rounds that stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.choice import DeployContext, Labelled
from disparate.choices.fair_prune import FairPrune
from disparate.errors import BadInput, NotApplicable
from disparate.groups import Attribute, Groups


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()


def seen(groups: Groups | None = None, examples: int = 30) -> Labelled:
    inputs = torch.randn(examples, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    names = [("a", "b", "b", "c", "b")[row % 5] for row in range(examples)]
    own = Groups.of({"race": Attribute.of(names, names=["a", "b", "c", "none"])}, by="race")
    return Labelled(
        inputs=inputs, target=(inputs @ torch.arange(12.0).double().view(4, 3)).argmax(1), groups=groups or own
    )


def context(labelled: Labelled, seed: int = 0) -> DeployContext:
    generator = torch.Generator().manual_seed(seed)
    return DeployContext(calibration=torch.zeros, generator=generator, labelled=lambda most: labelled)


def dense_costs(model: nn.Module, labelled: Labelled, group: str) -> Tensor:
    """½ h θ² of both weights from the whole Hessian of the group's mean loss, flat."""
    rows = torch.from_numpy(labelled.groups.mask(group))
    sizes = [model[0].weight.numel(), model[2].weight.numel()]

    def loss(flat: Tensor) -> Tensor:
        first, last = flat.split(sizes)
        values = {"0.weight": first.view(6, 4), "2.weight": last.view(3, 6)}
        outputs = torch.func.functional_call(model, values, (labelled.inputs[rows],))
        return cross_entropy(outputs, labelled.target[rows])

    weights = torch.cat([model[0].weight.detach().flatten(), model[2].weight.detach().flatten()])
    hessian = torch.autograd.functional.hessian(loss, weights)
    assert isinstance(hessian, Tensor)
    return hessian.diagonal() * weights**2 / 2


def zeros(model: nn.Module) -> Tensor:
    return torch.cat([model[0].weight.detach().flatten(), model[2].weight.detach().flatten()]) == 0


def smallest(saliency: Tensor, count: int) -> Tensor:
    return torch.isin(torch.arange(len(saliency)), saliency.argsort()[:count])


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, -1.0])
@pytest.mark.parametrize("rate", [0.1, 0.35, 0.8])
def test_what_goes_is_smallest_by_dense_second_derivatives(network, beta, rate):
    labelled = seen()
    choice = FairPrune(rate=rate, beta=beta, privileged="b", unprivileged="c", estimator="exact")
    pruned = choice.apply(network, context(labelled))
    privileged, unprivileged = (dense_costs(network, labelled, group) for group in ("b", "c"))
    saliency, gone = unprivileged - beta * privileged, zeros(pruned)
    torch.testing.assert_close(saliency[gone].sort().values, saliency.sort().values[: round(rate * 42)])
    told = choice.effective(pruned)["costs"]
    assert told["privileged"] == pytest.approx(float(privileged[gone].sum()))
    assert told["unprivileged"] == pytest.approx(float(unprivileged[gone].sum()))


def test_everyone_but_the_reference_is_unprivileged_whatever_the_sizes(network):
    labelled = seen()
    choice = FairPrune(rate=0.4, estimator="exact")
    pruned = choice.apply(network, context(labelled))
    costs = {group: dense_costs(network, labelled, group) for group in "abc"}
    assert torch.equal(zeros(pruned), smallest((costs["a"] + costs["c"]) / 2 - 0.3 * costs["b"], round(0.4 * 42)))
    done = choice.effective(pruned)
    assert done["privileged"] == {"b": 18}
    assert done["unprivileged"] == {"a": 6, "c": 6}


def test_scope_layer_takes_the_share_of_every_layer(network):
    choice = FairPrune(rate=0.5, scope="layer", estimator="exact")
    assert choice.effective(choice.apply(network, context(seen())))["layers"] == {"0": 0.5, "2": 0.5}


def test_biases_stay(network):
    pruned = FairPrune(rate=0.9).apply(network, context(seen()))
    assert torch.equal(pruned[0].bias, network[0].bias)
    assert torch.equal(pruned[2].bias, network[2].bias)


def trained(network: nn.Module, labelled: Labelled) -> nn.Module:
    """Train to a minimum, where the second order is what there is."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02, weight_decay=0.01)
    for _ in range(400):
        optimizer.zero_grad()
        cross_entropy(network(labelled.inputs), labelled.target).backward()
        optimizer.step()
    return network


def group_loss(network: nn.Module, labelled: Labelled, group: str) -> float:
    rows = torch.from_numpy(labelled.groups.mask(group))
    return float(cross_entropy(network(labelled.inputs[rows]), labelled.target[rows]).detach())


def test_who_is_privileged_pays(network):
    labelled = seen(examples=200)
    trained(network, labelled)
    added = {}
    for privileged, unprivileged in (("b", "c"), ("c", "b")):
        choice = FairPrune(rate=0.2, beta=1, privileged=privileged, unprivileged=unprivileged, estimator="exact")
        pruned = choice.apply(network, context(labelled))
        own, other = (
            group_loss(pruned, labelled, group) - group_loss(network, labelled, group)
            for group in (privileged, unprivileged)
        )
        added[privileged] = own - other
    assert all(excess > 0 for excess in added.values()), added


def test_weights_that_nobody_reaches_go_in_an_order_that_is_drawn(network):
    labelled = seen()
    labelled.inputs[:, :2] = 0
    gone = set()
    for seed in range(6):
        pruned = FairPrune(rate=6 / 42, beta=0, estimator="exact").apply(network, context(labelled, seed))
        gone.add(tuple(torch.nonzero(zeros(pruned)).flatten().tolist()))
    unreached = {row * 4 + column for row in range(6) for column in (0, 1)}
    dead = [unit for unit in range(6) if not (network[1](network[0](labelled.inputs))[:, unit]).any()]
    unreached |= {unit * 4 + column for unit in dead for column in range(4)}
    unreached |= {24 + row * 6 + unit for unit in dead for row in range(3)}
    assert len(gone) > 1
    assert all(set(places) <= unreached for places in gone)


def test_zeros_count_and_stay(network):
    network[2].weight.data[0] = 0
    pruned = FairPrune(rate=10 / 42, estimator="exact").apply(network, context(seen()))
    assert not pruned[2].weight[0].any()
    assert int(zeros(pruned).sum()) == 10


def test_rounds_find_the_saliency_anew(network):
    labelled, settings = seen(), {"beta": 0.3, "privileged": "b", "unprivileged": "c", "estimator": "exact"}
    choice = FairPrune(rate=0.8, max_rounds=2, **settings)
    pruned = choice.apply(network, context(labelled))
    by_hand = FairPrune(rate=0.4, **settings).apply(network, context(labelled))
    by_hand = FairPrune(rate=0.8, **settings).apply(by_hand, context(labelled))
    assert torch.equal(zeros(pruned), zeros(by_hand))
    assert choice.effective(pruned)["rounds"] == 2
    assert len(choice.effective(pruned)["gaps"]) == 3


def accuracy_gap(model: nn.Module, labelled: Labelled) -> float:
    right = (model(labelled.inputs).argmax(dim=1) == labelled.target).double()
    rates = [float(right[torch.from_numpy(labelled.groups.mask(group))].mean()) for group in "abc"]
    return max(rates) - min(rates)


@pytest.mark.parametrize("patience", [1, 3])
def test_with_patience_the_network_of_the_smallest_gap_is_returned(network, patience):
    labelled = seen()
    choice = FairPrune(rate=0.9, max_rounds=9, patience=patience, estimator="exact")
    pruned = choice.apply(network, context(labelled))
    done = choice.effective(pruned)
    assert done["gaps"][done["rounds"]] == min(done["gaps"]) == pytest.approx(accuracy_gap(pruned, labelled))
    assert done["gaps"][0] == pytest.approx(accuracy_gap(network, labelled))
    assert done["gaps"].index(min(done["gaps"])) == done["rounds"]
    assert len(done["gaps"]) == min(1 + 9, 1 + done["rounds"] + patience)
    assert done["zeros"] == round(0.9 * done["rounds"] / 9 * 42)


def test_names_that_nobody_has_are_refused(network):
    with pytest.raises(BadInput, match=r"FairPrune\(privileged='none'\): no labelled example of 'race' belongs to"):
        FairPrune(rate=0.5, privileged="none").apply(network, context(seen()))
    with pytest.raises(BadInput, match=r"FairPrune\(unprivileged='d'\).*Known: a, b, c\."):
        FairPrune(rate=0.5, unprivileged="d").apply(network, context(seen()))


def test_one_group_has_no_other_side(network):
    alone = Groups.of({"sex": Attribute.of(["f"] * 30)}, by="sex")
    with pytest.raises(NotApplicable, match=r"is 'f', the unprivileged ones are \[\]; two different groups with"):
        FairPrune(rate=0.5).apply(network, context(seen(alone)))
    with pytest.raises(NotApplicable, match=r"is 'b', the unprivileged ones are \['b'\]; two different groups"):
        FairPrune(rate=0.5, unprivileged="b").apply(network, context(seen()))


def test_the_named_reference_group_is_the_privileged_one(network):
    labelled = seen()
    named = replace(labelled, groups=replace(labelled.groups, reference="a"))
    choice = FairPrune(rate=0.5)
    assert choice.effective(choice.apply(network, context(named)))["privileged"] == {"a": 6}


def test_outside_an_audit_there_are_no_labelled_examples(network):
    bare = DeployContext(calibration=torch.zeros, generator=torch.Generator())
    with pytest.raises(NotApplicable, match=r"^labelled examples were asked for \(256 of each group\)"):
        FairPrune(rate=0.5).apply(network, bare)


def test_signs_take_nearly_what_exact_takes(network):
    labelled = seen(examples=200)
    exact, drawn = (
        zeros(FairPrune(rate=0.5, estimator=kind).apply(network, context(labelled))) for kind in ("exact", "signs")
    )
    assert np.mean((exact == drawn).numpy()) > 0.8
