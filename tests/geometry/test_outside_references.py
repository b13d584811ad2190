"""Curvature against libraries that are no dependency: run where they are installed, skipped visibly elsewhere."""

import numpy as np
import pytest
from geometry_networks import surface, two_groups
from torch import nn

from disparate.geometry.spectrum import group_spectra


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["gelu", "convolutional", "residual"])
def test_top_eigenvalues_agree_with_pyhessian_within_its_tolerance(name):
    pyhessian = pytest.importorskip("pyhessian", reason="PyHessian is an opponent of the benchmarks, no dependency")
    on = surface(name, batch_size=12)
    batch = next(on.batches())
    theirs = pyhessian.hessian(on.model, nn.CrossEntropyLoss(), data=batch, cuda=False)
    (expected,), _ = theirs.eigenvalues(maxIter=500, tol=1e-5, top_n=1)
    found = group_spectra(on, everybody(), tolerance=1e-6, generator=np.random.default_rng(0))["all"]
    assert found.values[0] == pytest.approx(abs(expected), rel=1e-3)


def everybody():
    groups = two_groups()
    return groups.merge(groups.names, into="all")
