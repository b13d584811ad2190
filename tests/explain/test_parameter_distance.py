"""How far networks are apart: parts add up, signs and scales are what they say."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from disparate.errors import BadInput
from disparate.explain.parameter_distance import (
    ParameterDistance,
    apart_findings,
    displacement_cosine,
    distance_of,
    parameter_distance,
    parameter_spread,
    spread_finding,
)
from disparate.training.batches import Normalisation
from disparate.training.checkpoints import Checkpoint, parameter_names, write_checkpoint


def network(value=None, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 3)).to(dtype)
    if value is not None:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)
    return model


@pytest.fixture
def written(tmp_path):
    def write(model, name):
        path = tmp_path / name
        write_checkpoint(
            Checkpoint(
                state=model.state_dict(),
                normalisation=Normalisation(),
                parameters=parameter_names(model),
                provenance={},
            ),
            path,
        )
        return path

    return write


def flat(model):
    return torch.cat([p.detach().double().flatten() for p in model.parameters()]).numpy()


def test_distance_counts_parameters_and_not_running_statistics(written):
    left, right = network(3.0), network(1.0)
    left[1].running_mean.fill_(100.0)
    found = parameter_distance(written(left, "l"), written(right, "r"))
    assert found.whole.size == 4 + 2 + 2 + 2 + 6 + 3
    assert found.whole.l2 == pytest.approx((19 * 4) ** 0.5)
    assert found.whole.relative == pytest.approx(2.0)
    assert found.whole.cosine == pytest.approx(1.0)


def test_it_is_the_distance_of_the_flat_vectors(written):
    left, right = network(seed=1), network(seed=2)
    found = parameter_distance(written(left, "l"), written(right, "r")).whole
    a, b = flat(left), flat(right)
    assert found.l2 == pytest.approx(np.linalg.norm(a - b), rel=1e-12)
    assert found.relative == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(b), rel=1e-12)
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12)


def test_layers_add_up_and_keep_their_order(written):
    found = parameter_distance(written(network(seed=1), "l"), written(network(seed=2), "r"))
    assert list(found.layers) == ["0", "1", "2"]
    assert sum(layer.l2**2 for layer in found.layers.values()) == pytest.approx(found.whole.l2**2)
    assert sum(layer.size for layer in found.layers.values()) == found.whole.size


def test_a_network_is_at_no_distance_from_itself_and_opposite_to_its_negative(written):
    model = network(seed=1)
    same = parameter_distance(written(model, "l"), written(model, "r")).whole
    assert (same.l2, same.relative) == (0.0, 0.0)
    assert same.cosine == pytest.approx(1.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.neg_()
    assert parameter_distance(written(model, "n"), written(network(seed=1), "r")).whole.cosine == pytest.approx(-1.0)


def test_weights_of_0_have_no_direction(written):
    found = parameter_distance(written(network(1.0), "l"), written(network(0.0), "r")).whole
    assert (found.relative, found.cosine) == (None, None)
    assert found.l2 == pytest.approx(19**0.5)
    zero = written(network(0.0), "z")
    [l2, relative, cosine] = apart_findings([parameter_distance(zero, zero)], variant="x").where(layer="1").items
    assert [l2.value] == [0.0]
    assert relative.undefined == cosine.undefined == "all weights are 0 (1 of 1 seeds)"


def test_cosine_of_displacements_knows_same_opposite_and_none(written):
    origin, left, right = (written(network(value), str(value)) for value in (1.0, 3.0, 0.5))
    assert displacement_cosine(left, left, origin=origin) == pytest.approx(1.0)
    assert displacement_cosine(left, right, origin=origin) == pytest.approx(-1.0)
    assert displacement_cosine(left, origin, origin=origin) is None
    a, b, c = (written(network(seed=seed), f"s{seed}") for seed in (1, 2, 3))
    x, y, z = (flat(network(seed=seed)) for seed in (1, 2, 3))
    expected = (x - z) @ (y - z) / np.linalg.norm(x - z) / np.linalg.norm(y - z)
    assert displacement_cosine(a, b, origin=c) == pytest.approx(expected, rel=1e-12)


def test_spread_is_the_farthest_profile(written):
    reference = written(network(1.0), "r")
    others = {"avx2": written(network(1.5), "a"), "one thread": written(network(4.0), "b")}
    found = parameter_spread(reference, others)
    assert found.profile == "one thread"
    assert found.value == pytest.approx(3 * 19**0.5)
    [finding] = spread_finding([(reference, others), (reference, {"avx2": others["avx2"]})])
    assert finding.value == pytest.approx(1.75 * 19**0.5)
    assert finding.where == {"profiles": ["avx2", "one thread"]}
    assert not finding.low  # t interval of two seeds, cut at what a distance can be
    assert finding.high > finding.value


def test_findings_are_means_over_seeds_whole_and_by_layer(written):
    pairs = [(written(network(seed=s), f"l{s}"), written(network(seed=s + 9), f"r{s}")) for s in (1, 2, 3)]
    measured = [parameter_distance(*pair) for pair in pairs]
    found = apart_findings(measured, variant="other", forms=("cosine",))
    assert len(found) == 1 + 9
    one = found.only(layer="2", form="l2")
    values = [item.layers["2"].l2 for item in measured]
    assert one.value == pytest.approx(np.mean(values))
    assert one.low < one.value < one.high
    assert one.seeds == 3
    (whole,) = found.where(lambda item: "layer" not in item.where)
    assert whole.value == pytest.approx(np.mean([item.whole.cosine for item in measured]))


def test_without_weights_of_the_same_kind_the_reason_is_said(written):
    (found,) = apart_findings([None, None], variant="int8", why="integers have no distance")
    assert found.value is None
    assert found.undefined == "integers have no distance (2 of 2 seeds)"


def test_a_distance_survives_its_way_through_a_file(written):
    found = parameter_distance(written(network(seed=1), "l"), written(network(seed=2), "r"))
    assert ParameterDistance.from_json(json.loads(json.dumps(asdict(found)))) == found


def test_no_parameter_at_all_is_refused():
    with pytest.raises(BadInput, match="0 parameters given"):
        distance_of([])


def test_half_precision_is_read(written):
    model = network(seed=1, dtype=torch.bfloat16)
    assert parameter_distance(written(model, "l"), written(model.float(), "r")).whole.l2 <= 0


def test_another_network_is_refused(written):
    path = written(network(1.0), "r")
    with pytest.raises(BadInput, match=r"parameter '1.weight' of '.*r' is not in '.*l'"):
        parameter_distance(written(nn.Sequential(nn.Linear(2, 2)), "l"), path)
    wide = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 4))
    with pytest.raises(BadInput, match=r"parameter '2.weight' has shapes \[\(3, 2\), \(4, 2\)\]"):
        parameter_distance(written(wide, "w"), path)


def test_no_other_profile_is_refused(written):
    with pytest.raises(BadInput, match="0 other profiles given"):
        parameter_spread(written(network(1.0), "r"), {})
