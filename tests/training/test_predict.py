import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.predictions import Run
from disparate.profiles import Profile
from disparate.training.batches import normalisation_of
from disparate.training.predict import predict, predictions_of


class Constant(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, inputs):
        return self.logits.expand(len(inputs), -1)


def answers(model, data, **kwargs):
    return predict(
        model,
        data,
        split="test",
        normalisation=normalisation_of(data, data.rows("train")),
        profile=Profile(),
        run=Run(seed=3),
        **kwargs,
    )


def test_losses_are_torchs_cross_entropy(pictures):
    rng = np.random.default_rng(0)
    rows = pictures.rows("test")
    logits = rng.normal(0, 30, (len(rows), 2)).astype(np.float32)
    found = predictions_of(logits, pictures, rows, run=Run())
    expected = cross_entropy(
        torch.from_numpy(logits).double(), torch.from_numpy(pictures.target[rows]), reduction="none"
    )
    np.testing.assert_allclose(found.loss, expected.numpy(), rtol=1e-6, atol=1e-12)
    assert (found.margin > 0).tolist() == (found.predicted == found.target).tolist()


def test_rows_keep_ids_groups_and_split(pictures):
    found = answers(Constant([0.0, 1.0]), pictures)
    assert found.example_id.tolist() == [f"p{i}" for i in range(64, 96)]
    assert set(found.predicted.tolist()) == {1}
    assert found.groups("side").counts() == {"left": 22, "right": 10}
    assert set(found.split.tolist()) == {"test"}
    assert found.run == Run(seed=3)


def test_logits_are_kept_when_asked_for(pictures):
    assert answers(Constant([0.0, 1.0]), pictures).logits is None
    assert answers(Constant([0.0, 1.0]), pictures, keep_logits=True).logits.shape == (32, 2)


def test_emulated_operands_are_rounded_when_predicting_too(pictures):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))

    def logits(operands):
        return predict(
            model,
            pictures,
            split="test",
            normalisation=normalisation_of(pictures, pictures.rows("train")),
            profile=Profile(name=operands, operands=operands),
            run=Run(),
            keep_logits=True,
        ).logits

    found = [logits(operands) for operands in ("float32", "tf32", "bf16", "fp16")]
    assert all(not np.array_equal(found[0], other) for other in found[1:])


def test_nan_answers_are_refused(pictures):
    with pytest.raises(BadInput, match=r"loss of Run\(.*seed=3.*\) is NaN for 32 of 32 examples, first in row 0"):
        answers(Constant([float("nan"), 1.0]), pictures)


def test_a_wrong_number_of_classes_is_named(pictures):
    with pytest.raises(BadInput, match=r"logits of shape \(32, 3\).*\(32, 2\) was expected"):
        answers(Constant([0.0, 1.0, 2.0]), pictures)


def test_an_empty_split_is_named(pictures):
    with pytest.raises(BadInput, match="no example in the split 'validation'"):
        predict(
            Constant([0.0, 1.0]),
            pictures,
            split="validation",
            normalisation=normalisation_of(pictures, pictures.rows("train")),
            profile=Profile(),
            run=Run(),
        )


def test_the_mode_of_the_network_is_restored(pictures):
    model = Constant([0.0, 1.0]).train()
    answers(model, pictures)
    assert model.training
