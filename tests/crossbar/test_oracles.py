"""Another simulator, where it defines the same thing: aihwkit's PCM-like noise. Skipped visibly without it."""

import pytest
import torch

from disparate.crossbar.presets import device_of
from disparate.crossbar.writing import written

MANY = 100_000


@pytest.mark.parametrize("conductance", [0.5, 2.0, 5.0, 12.5, 20.0, 25.0])
def test_programming_noise_of_pcm_is_that_of_aihwkit(conductance):
    pcm = pytest.importorskip("aihwkit.inference.noise.pcm", reason="aihwkit is not installed", exc_type=ImportError)
    torch.manual_seed(0)
    target = torch.full((MANY,), conductance)
    theirs = pcm.PCMLikeNoiseModel(g_max=25.0).apply_programming_noise_to_conductance(target)
    ours = written(target, torch.randn(MANY), device_of("pcm", {}))
    error = (2 / MANY) ** 0.5 * theirs.std()
    assert abs(theirs.mean() - ours.mean()) < 5 * error
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.02)
    assert (ours == 0).double().mean().item() == pytest.approx((theirs == 0).double().mean().item(), abs=0.005)
