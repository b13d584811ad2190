import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.groups import Groups
from disparate.training.batches import Source, normalisation_of
from disparate.training.levels import group_levels


def test_levels_are_the_plain_means_of_each_group(pictures):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.Dropout(0.5)).train()
    rows = pictures.rows("train")
    source = Source(data=pictures, normalisation=normalisation_of(pictures, rows), device=torch.device("cpu"))
    groups = Groups.of(pictures.attributes, by="side")
    found = group_levels(network, source, rows, groups.codes, groups=len(groups) + 1)
    assert network.training
    with torch.no_grad():
        outputs = network.eval()(source.inputs(rows))
    for code in range(len(groups)):
        own = torch.from_numpy(groups.codes[rows] == code)
        target = source.target(rows)[own]
        assert found.count[code] == int(own.sum())
        torch.testing.assert_close(found.loss[code], cross_entropy(outputs[own].double(), target), rtol=1e-6, atol=0)
        torch.testing.assert_close(found.accuracy[code], (outputs[own].argmax(1) == target).double().mean())
    assert found.count[len(groups)] == 0
    assert np.isnan(float(found.loss[len(groups)]))


def test_the_whole_is_over_examples_not_over_groups(pictures):
    torch.manual_seed(0)
    network, rows = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), pictures.rows("train")
    source = Source(data=pictures, normalisation=normalisation_of(pictures, rows), device=torch.device("cpu"))
    groups = Groups.of(pictures.attributes, by="side")
    found = group_levels(network, source, rows, groups.codes, groups=len(groups))
    with torch.no_grad():
        whole = cross_entropy(network(source.inputs(rows)).double(), source.target(rows))
    assert abs(found.whole_loss - float(whole)) < 1e-6
