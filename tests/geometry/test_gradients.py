"""Group gradients: full-batch norms against plain differentiation, the identity of two groups, and the null."""

import numpy as np
import pytest
import torch
from geometry_networks import NETWORKS, dense_hessian, flat, surface, two_groups
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.gradients import blocks, gradient, gradient_flow, group_gradients
from disparate.geometry.surface import Surface
from disparate.groups import Attribute, Groups


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def plain(on: Surface, rows: np.ndarray) -> list[torch.Tensor]:
    loss = cross_entropy(on.model.eval()(on.inputs(rows)), torch.from_numpy(on.target[rows]))
    return list(torch.autograd.grad(loss, on.parameters))


def per_example(on: Surface) -> np.ndarray:
    rows = [torch.cat([slope.reshape(-1) for slope in plain(on, on.rows[[row]])]) for row in range(len(on.rows))]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("name", list(NETWORKS))
def test_norms_are_those_of_the_whole_group(name):
    on = surface(name, batch_size=3)
    found = group_gradients(on, two_groups(), generator=seeded())
    assert list(found) == ["f", "m"]
    for group, part in on.by_group(two_groups()).items():
        slopes = plain(on, part.rows)
        assert found[group].n == len(part.rows)
        assert found[group].norm == pytest.approx(float(torch.cat([s.reshape(-1) for s in slopes]).norm()), rel=1e-10)
        for layer, norm in found[group].by_layer.items():
            own = [s for s, key in zip(slopes, on.names, strict=True) if key.rpartition(".")[0] == layer]
            assert norm == pytest.approx(float(torch.cat([s.reshape(-1) for s in own]).norm()), rel=1e-10)
        torch.testing.assert_close(gradient(part), torch.cat([s.reshape(-1) for s in slopes]))


def two_sizes(large: int, small: int) -> tuple[Surface, Groups]:
    """Return a logistic regression at the minimum of its training loss."""
    generator = torch.Generator().manual_seed(0)
    n = large + small
    inputs = torch.randn(n, 3, dtype=torch.float64, generator=generator)
    inputs[large:] += 1
    target = (inputs[:, 0] + torch.randn(n, dtype=torch.float64, generator=generator) > 0).long().numpy()
    target[large:] = 1 - target[large:]
    model = nn.Linear(3, 2).double()
    groups = Groups.of({"sex": Attribute.of(["m"] * large + ["f"] * small)}, by="sex")
    on = Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        target=target,
        rows=np.arange(n),
        batch_size=256,
    )
    for _ in range(12):  # Newton's method; both outputs shifted alike change nothing, hence the pseudo-inverse
        step = torch.linalg.pinv(dense_hessian(on), rtol=1e-10) @ gradient(on)
        nn.utils.vector_to_parameters(flat(on) - step, on.parameters)
    return on, groups


def test_at_a_stationary_point_two_groups_have_gradients_as_the_inverse_of_their_sizes():
    on, groups = two_sizes(900, 100)
    found = group_gradients(on, groups, generator=seeded())
    assert found["f"].norm > 0.1
    assert found["f"].norm / found["m"].norm == pytest.approx(9.0, abs=1e-9)


@pytest.mark.parametrize("name", ["gelu", "convolutional"])
def test_chance_is_the_mean_square_over_groups_dealt_at_random(name):
    on = surface(name, examples=24)
    each = per_example(on)
    rng = seeded(1)
    found = [group_gradients(on, two_groups(24), generator=seeded(seed)) for seed in range(30)]
    for group, n in {"f": 8, "m": 16}.items():
        dealt = [np.linalg.norm(each[rng.permutation(24)[:n]].mean(axis=0)) for _ in range(4000)]
        estimates = [item[group].chance ** 2 for item in found]
        assert np.mean(estimates) == pytest.approx(np.mean(np.square(dealt)), rel=0.05)


def test_chance_by_layer_adds_up():
    found = group_gradients(surface("gelu"), two_groups(), generator=seeded())["f"]
    assert sum(value**2 for value in found.chance_by_layer.values()) == pytest.approx(found.chance**2)
    assert list(found.by_layer) == ["0", "2", "3"]


def test_blocks_of_one_example_give_the_exact_scatter():
    on = surface("linear", batch_size=1)
    each = per_example(on)
    scatter = each.var(axis=0, ddof=1).sum()
    found = group_gradients(on, two_groups(), generator=seeded())["f"]
    expected = (each.mean(axis=0) ** 2).sum() + (1 / 4 - 1 / 12) * scatter
    assert found.chance == pytest.approx(expected**0.5, rel=1e-10)


def test_a_group_of_everybody_is_what_chance_gives():
    everybody = Groups.of({"all": Attribute.of(["a"] * 12)}, by="all")
    found = group_gradients(surface("linear"), everybody, generator=seeded())["a"]
    assert found.chance == pytest.approx(found.norm)
    single = group_gradients(surface("linear").over(np.array([3])), everybody, generator=seeded())["a"]
    assert single.chance == pytest.approx(single.norm)


def test_the_flow_is_what_each_checkpoint_has():
    on = surface("linear")
    before = {key: value.clone() for key, value in on.model.state_dict().items()}
    moved = {key: 2 * value for key, value in before.items()}
    found = gradient_flow(on, [("start", before), ("end", moved)], two_groups(), generator=seeded())
    assert found["start"]["f"].norm == group_gradients(on, two_groups(), generator=seeded())["f"].norm
    assert torch.equal(on.model.weight, before["weight"])
    on.model.load_state_dict(moved)
    assert found["end"]["m"].norm == pytest.approx(group_gradients(on, two_groups(), generator=seeded())["m"].norm)
    with pytest.raises(BadInput, match="'start' occurs twice"):
        gradient_flow(on, [("start", before), ("start", moved)], two_groups(), generator=seeded())
    with pytest.raises(BadInput, match="'x' does not fit Linear"):
        gradient_flow(on, [("x", {})], two_groups(), generator=seeded())


def test_a_diverged_network_is_refused():
    on = surface("linear")
    on.model.weight.data[0, 0] = torch.nan
    with pytest.raises(BadInput, match="is nan"):
        gradient(on)


@pytest.mark.parametrize(("n", "most", "fewest"), [(1, 8, 4), (3, 8, 4), (100, 8, 4), (100, 1000, 4), (9, 2, 1)])
def test_blocks_share_out_every_row_once(n, most, fewest):
    dealt = blocks(np.arange(n), most=most, fewest=fewest, generator=seeded())
    assert sorted(np.concatenate(dealt).tolist()) == list(range(n))
    sizes = [len(block) for block in dealt]
    assert min(sizes) >= 1
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(dealt) >= min(fewest, n)
