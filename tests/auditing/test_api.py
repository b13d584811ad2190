import functools

import numpy as np
import pytest
import torch
from torch import nn

import disparate
from disparate import Hardware, Prune, Quantize, TrainingConfig
from disparate.errors import BadInput, NotApplicable


class Faces(torch.utils.data.Dataset):
    def __len__(self):
        return 240

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(3, 8, 8, generator=generator) + index % 2, index % 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3)
        self.classifier = nn.Linear(4, 2)

    def forward(self, inputs):
        return self.classifier(self.features(inputs).relu().mean((2, 3)))


@pytest.fixture
def faces():
    return disparate.from_torch(
        Faces(), groups={"sex": ["f" if i % 3 else "m" for i in range(240)]}, target_names=["no", "yes"]
    )


def test_a_users_network_and_data_set(faces, tmp_path):
    result = disparate.audit(
        faces,
        model=lambda: Net(),
        variants={"pruned": Prune(rate=0.5), "small": (Prune(rate=0.5), Quantize(bits=8, mode="dynamic"))},
        groups=["sex"],
        seeds=[0, 1],
        training=TrainingConfig(epochs=1, batch_size=32),
        measures=["accuracy", "excessive_risk"],
        store=tmp_path,
    )
    risk = result.findings.where(measure="excessive_risk", variant="pruned", group="f", axis="both").items[0]
    assert (risk.reference, risk.seeds, risk.unit) == ("reference", 2, "nats")
    assert (tmp_path / "audit" / "report.html").exists()


def test_a_trained_network_is_deployed_as_it_is(faces, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    result = disparate.audit(
        faces, model=net, variants={"pruned": Prune(rate=0.9)}, groups=["sex"], measures=["accuracy"], store=tmp_path
    )
    rows = faces.rows("test")
    expected = (net(torch.from_numpy(faces.inputs[rows])).argmax(1).numpy() == faces.target[rows]).mean()
    found = result.findings.where(measure="accuracy", variant="reference", group=None, reference=None).items[0]
    assert found.value == pytest.approx(float(expected))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert "single seed" in " ".join(caution.title.lower() for caution in result.cautions) or found.seeds == 1


def test_a_profile_that_needs_a_new_process_is_refused_for_inline_code(faces, tmp_path):
    with pytest.raises(NotApplicable, match="MKL_CBWR"):
        disparate.audit(
            faces,
            model=lambda: Net(),
            variants={"compatible": Hardware(profile="mkl_compatible")},
            groups=["sex"],
            training=TrainingConfig(epochs=1),
            store=tmp_path,
        )


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"model": {"width": 8}}, "a table with the key 'name' was expected"),
        ({"variants": {"pruned": "prune"}}, "'prune' is no choice; an object such as disparate.Prune"),
        ({"name": "../outside"}, "name is '../outside'"),
    ],
)
def test_what_is_no_question_is_named(faces, tmp_path, changed, text):
    settings = {"model": Net, "variants": {"pruned": Prune(rate=0.5)}, "groups": ["sex"], "store": tmp_path}
    with pytest.raises(BadInput) as caught:
        disparate.audit(faces, **(settings | changed))
    assert text in str(caught.value)


def test_a_partial_is_a_function_that_makes_a_network(faces, tmp_path):
    result = disparate.audit(
        faces,
        model=functools.partial(Net),
        variants={"pruned": Prune(rate=0.5)},
        groups=["sex"],
        seeds=[0, 1],
        training=TrainingConfig(epochs=1),
        measures=["accuracy"],
        minima={"accuracy": 0.0},
        store=tmp_path,
    )
    assert result.run["audit"]["audit"]["seeds"] == [0, 1]


def test_the_frame_of_findings_is_pandas(faces, tmp_path):
    result = disparate.audit(
        faces,
        model=lambda: Net(),
        variants={"pruned": Prune(rate=0.5)},
        groups=["sex"],
        seeds=[0, 1],
        training=TrainingConfig(epochs=1),
        measures=["accuracy"],
        store=tmp_path,
    )
    frame = result.findings.to_pandas()
    assert {"measure", "group", "value", "null_name"} <= set(frame.columns)
    assert np.isfinite(frame["value"].dropna()).all()
