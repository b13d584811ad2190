"""Models by name: shapes, seeds, and who is refused."""

import importlib
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from disparate.errors import BadInput, MissingExtra, NotApplicable
from disparate.models import MODELS, ModelSpec, build_model

IMAGE = (3, 32, 32)


def build(name: str = "small_cnn", *, input_shape=IMAGE, classes=5, seed=0, trusted=False, **settings) -> nn.Module:
    spec = ModelSpec(name=name, settings=settings, trusted=trusted)
    return build_model(spec, input_shape=input_shape, classes=classes, seed=seed)


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


NAMES = [
    ("small_cnn", IMAGE, {"width": 8}),
    ("small_mlp", (6,), {}),
    ("torchvision:resnet18", IMAGE, {"stem": "cifar"}),
    ("torchvision:mobilenet_v3_small", (3, 64, 64), {}),
    ("timm:resnet18", (1, 64, 64), {}),
]


@pytest.mark.parametrize(("name", "input_shape", "settings"), NAMES)
def test_shape_seed_and_mode(name, input_shape, settings):
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    first = build(name, input_shape=input_shape, seed=3, **settings)
    assert first.training
    assert first.eval()(torch.zeros(2, *input_shape)).shape == (2, 5)
    torch.manual_seed(99)
    assert same(first, build(name, input_shape=input_shape, seed=3, **settings))
    assert not same(first, build(name, input_shape=input_shape, seed=4, **settings))


def test_global_randomness_is_left_alone():
    before = torch.get_rng_state()
    build(seed=5)
    assert torch.equal(before, torch.get_rng_state())


def test_statistics_are_those_of_a_new_network():
    assert not any(buffer.any() for name, buffer in build().named_buffers() if name.endswith(("mean", "tracked")))


def test_cifar_stem_keeps_resolution():
    network = build("torchvision:resnet18", stem="cifar", input_shape=(1, 32, 32))
    assert network.conv1.stride == (1, 1)
    assert network.conv1.in_channels == 1
    assert isinstance(network.maxpool, nn.Identity)


def test_unknown_names():
    with pytest.raises(BadInput, match=r"^unknown name 'smal_cnn' among the models\. Did you mean 'small_cnn'\?$"):
        build("smal_cnn")
    with pytest.raises(
        BadInput, match=r"^model 'torchvision:resnt18': torchvision has no model 'resnt18'\. Did you mean 'resnet18'"
    ):
        build("torchvision:resnt18")
    with pytest.raises(BadInput, match=r"torchvision has no model 'zzz'\. It has \d+ others\."):
        build("torchvision:zzz")


def test_timm_names_are_not_addresses():
    pytest.importorskip("timm")
    with pytest.raises(BadInput, match="timm has no model 'hf_hub:some/where'"):
        build("timm:hf_hub:some/where")


def test_unknown_settings():
    with pytest.raises(BadInput, match=r"model 'small_cnn' does not take the settings \{'depth': 3\}: .*'depth'"):
        build(depth=3)
    with pytest.raises(BadInput, match=r"model 'torchvision:resnet18' does not take the settings \{'depth': 3\}"):
        build("torchvision:resnet18", depth=3)
    with pytest.raises(BadInput, match="stem is 'cifr'; 'imagenet' or 'cifar' was expected"):
        build("torchvision:resnet18", stem="cifr")
    with pytest.raises(BadInput, match=r"SmallCNN\(width=0\): at least 1 was expected"):
        build(width=0)


@pytest.mark.parametrize("setting", ["pretrained", "checkpoint_path", "weights_backbone"])
def test_nothing_is_downloaded_or_unpickled(setting):
    with pytest.raises(
        BadInput, match=f"setting '{setting}' would fetch or unpickle weights; none are ever downloaded"
    ):
        build("torchvision:resnet18", **{setting: "x"})


def test_models_that_do_not_fit_the_data():
    with pytest.raises(NotApplicable, match=r"model 'small_cnn': one input has shape \(7,\)"):
        build(input_shape=(7,))
    with pytest.raises(NotApplicable, match=r"model 'torchvision:resnet18' cannot take inputs of shape \(7,\)"):
        build("torchvision:resnet18", input_shape=(7,))
    with pytest.raises(NotApplicable, match="stem='cifar' is for ResNets"):
        build("torchvision:mobilenet_v3_small", stem="cifar")


def test_local_weights(tmp_path):
    source = build("torchvision:resnet18", seed=1, classes=7, stem="cifar")
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    again = build("torchvision:resnet18", seed=2, classes=7, stem="cifar", weights=str(tmp_path / "w.safetensors"))
    assert same(source, again)
    other = build("torchvision:resnet18", seed=2, classes=3, stem="cifar", weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(other.conv1.weight, source.conv1.weight)
    assert other.fc.weight.shape == (3, 512)


def test_local_weights_that_do_not_fit(tmp_path):
    save_file({"other": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match=r"do not fit; \d+ names differ, first 'bn1\.bias'\. Give the file of this very"):
        build("torchvision:resnet18", weights=str(tmp_path / "w.safetensors"))
    (tmp_path / "w.pt").write_bytes(b"no safetensors at all")
    for path in ("w.pt", "absent.safetensors"):
        with pytest.raises(BadInput, match=r"cannot be read: .* A safetensors file was expected\."):
            build("torchvision:resnet18", weights=str(tmp_path / path))


USERS = """
from torch import nn
def with_both(num_classes, input_shape, hidden=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], hidden), nn.Linear(hidden, num_classes))
def with_classes(num_classes):
    return nn.LazyLinear(num_classes)
def open_ended(**settings):
    return nn.LazyLinear(settings["num_classes"])
def wrong_width(num_classes):
    return nn.LazyLinear(num_classes + 1)
def no_module(num_classes):
    return "a network"
"""


@pytest.fixture
def users(tmp_path, monkeypatch):
    (tmp_path / "users_models.py").write_text(USERS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("users_models", None)


@pytest.mark.usefixtures("users")
def test_code_of_the_user_runs_only_with_trust():
    with pytest.raises(
        BadInput, match=r"it is not run unless you say so\. Read it, then add --trust users_models:with_both"
    ):
        build("users_models:with_both", input_shape=(4,))
    assert "users_models" not in sys.modules
    network = build("users_models:with_both", input_shape=(4,), trusted=True, hidden=2)
    assert network[1].out_features == 2
    assert same(network, build("users_models:with_both", input_shape=(4,), trusted=True, hidden=2))


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("function", ["with_classes", "open_ended"])
def test_code_of_the_user_that_takes_less(function):
    assert build(f"users_models:{function}", input_shape=(4,), trusted=True)(torch.zeros(2, 4)).shape == (2, 5)


@pytest.mark.usefixtures("users")
def test_code_of_the_user_that_gives_something_else():
    with pytest.raises(
        BadInput, match=r"answers two inputs with \(2, 6\); one logit per class, \(2, 5\), was expected"
    ):
        build("users_models:wrong_width", input_shape=(4,), trusted=True)
    with pytest.raises(
        BadInput, match=r"model 'users_models:no_module' is a str; .* has to return a torch\.nn\.Module"
    ):
        build("users_models:no_module", input_shape=(4,), trusted=True)
    with pytest.raises(BadInput, match=r"'users_models:absent' cannot be loaded"):
        build("users_models:absent", input_shape=(4,), trusted=True)


def forbid(monkeypatch, library: str, error: Exception) -> None:
    real = importlib.import_module

    def fail(name, package=None):
        if name.partition(".")[0] == library:
            raise error
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", fail)


def test_broken_torchvision_says_what_to_do(monkeypatch):
    forbid(monkeypatch, "torchvision", RuntimeError("operator torchvision::nms does not exist"))
    with pytest.raises(MissingExtra) as caught:
        build("torchvision:resnet18")
    assert str(caught.value) == (
        "models of torchvision: it could not be imported (operator torchvision::nms does not exist). "
        f"It has to fit torch {torch.__version__}. Install it with: pip install --upgrade torchvision"
    )
    assert build(width=8) is not None  # models that do not need it are still built


def test_absent_libraries_say_what_to_install(monkeypatch):
    forbid(monkeypatch, "timm", ImportError("No module named 'timm'"))
    with pytest.raises(MissingExtra, match=r"Install it with: pip install 'disparate\[hub\]'$"):
        build("timm:resnet18", input_shape=(3, 64, 64))


def test_importing_models_imports_no_library():
    code = (
        "import sys; sys.modules['torchvision'] = None; sys.modules['timm'] = None\n"
        "import disparate.models, disparate.choices\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "from disparate.models import ModelSpec, build_model\n"
        "build_model(ModelSpec(), input_shape=(3, 8, 8), classes=2, seed=0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_attribute():
    import disparate.models

    with pytest.raises(AttributeError, match=r"module 'disparate\.models' has no attribute 'BigCNN'"):
        _ = disparate.models.BigCNN


def test_every_name_is_built():
    shapes = {"small_cnn": IMAGE, "small_mlp": (4,)}
    assert sorted(shapes) == sorted(MODELS.entries)
    for name, shape in shapes.items():
        assert build(name, input_shape=shape)(torch.zeros(2, *shape)).shape == (2, 5)
