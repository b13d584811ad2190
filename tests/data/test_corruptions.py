"""Corrupted images: what is refused always, what is done where the extra is installed."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from disparate.data.corruptions import KINDS, Corruption, corrupted
from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput, MissingExtra
from disparate.groups import Attribute

ALL = [kind for family in KINDS.values() for kind in family]
RANDOM = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "glass_blur",
    "motion_blur",
    "snow",
    "frost",
]
RANDOM += ["fog", "spatter", "elastic_transform"]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def images():
    axis = np.linspace(0, 255, 40)
    smooth = (axis[None, :, None, None] + axis[None, None, :, None]) / 2
    return np.clip(smooth + rng().normal(0, 12, (4, 40, 40, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def data(images):
    return GroupedDataset(
        name="toy",
        kind="image",
        inputs=images,
        target=np.array([0, 1, 0, 1]),
        label_names=("no", "yes"),
        target_name="y",
        example_id=np.array(list("abcd")),
        attributes={"g": Attribute.of(["u", "v", "u", "v"])},
        split=np.array(["train", "test", "test", "test"]),
    )


def installed():
    pytest.importorskip("imagecorruptions", reason="needs the extra 'corruptions'")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kind": "gausian_noise"}, "Did you mean 'gaussian_noise'?"),
        ({"kind": "fog", "severity": 0}, "severity is 0; a whole number from 1 to 5"),
        ({"kind": "fog", "severity": 6}, "severity is 6"),
        ({"kind": "fog", "severity": True}, "severity is True"),
        ({"kind": "fog", "severity": 2.5}, r"severity is 2\.5"),
    ],
)
def test_what_is_no_corruption_is_refused(settings, text):
    with pytest.raises(BadInput, match=text):
        Corruption(**settings)


def test_what_are_no_images_is_refused(images, data):
    fog = Corruption(kind="fog")
    with pytest.raises(BadInput, match="images are float64"):
        fog.apply(images / 255, rng())
    with pytest.raises(BadInput, match=r"of shape \(40, 40, 3\)"):
        fog.apply(images[0], rng())
    with pytest.raises(BadInput, match="20 × 40 pixels; at least 32 × 32"):
        fog.apply(images[:, :20], rng())
    with pytest.raises(BadInput, match="kind 'table'; corruptions are for images"):
        corrupted(replace(data, kind="table", inputs=np.zeros((4, 2), np.float32)), fog, split="test")


def test_without_the_extra_the_message_says_how_it_is_installed(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)
    with pytest.raises(MissingExtra, match=r"pip install 'disparate\[corruptions\]'"):
        Corruption(kind="fog").apply(images, rng())


@pytest.mark.parametrize("kind", ALL)
def test_every_kind_repeats_itself_and_leaves_the_rest_as_it_was(kind, images):
    installed()
    before, state = images.copy(), np.random.get_state()[1].copy()  # ruff: ignore[numpy-legacy-random]
    one = Corruption(kind=kind, severity=3)
    found, again = one.apply(images, rng()), one.apply(images, rng())
    assert np.array_equal(found, again)
    assert (found.shape, found.dtype) == (images.shape, np.uint8)
    assert not np.array_equal(found, images)
    assert np.array_equal(images, before)
    assert np.array_equal(np.random.get_state()[1], state)  # ruff: ignore[numpy-legacy-random]
    if kind in RANDOM:
        assert not np.array_equal(found, one.apply(images, rng(1)))


@pytest.mark.parametrize("kind", ["gaussian_noise", "impulse_noise", "glass_blur", "frost"])
def test_batches_give_what_all_images_at_once_do(kind, images):
    installed()
    one, generator = Corruption(kind=kind), rng()
    parts = [one.apply(images[:1], generator), one.apply(images[1:], generator)]
    assert np.array_equal(np.concatenate(parts), one.apply(images, rng()))


@pytest.mark.parametrize(
    "kind", ["gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "jpeg_compression", "contrast"]
)
def test_a_higher_severity_changes_more(kind, images):
    installed()
    moved = [
        np.abs(Corruption(kind=kind, severity=severity).apply(images, rng()).astype(int) - images).mean()
        for severity in (1, 3, 5)
    ]
    assert moved == sorted(moved)


def test_noise_has_the_published_strength(images):
    installed()
    grey = np.full((2, 64, 64, 3), 128, dtype=np.uint8)
    for severity, sd in ((1, 0.08), (2, 0.12), (3, 0.18)):  # the published table
        noise = Corruption(kind="gaussian_noise", severity=severity).apply(grey, rng()).astype(float) - 128
        assert noise.std() == pytest.approx(255 * sd, rel=0.05)


def test_one_channel_stays_one(images):
    installed()
    grey = images[:, :, :, :1]
    found = Corruption(kind="gaussian_noise", severity=1).apply(grey, rng())
    assert found.shape == grey.shape
    assert (found.astype(float) - grey).std() == pytest.approx(255 * 0.08, rel=0.2)


def test_a_split_is_corrupted_alike_for_everybody(data):
    installed()
    noise = Corruption(kind="gaussian_noise", severity=2)
    found = corrupted(data, noise, split="test")
    assert found.example_id.tolist() == ["b", "c", "d"]
    assert found.content == corrupted(data, noise, split="test").content
    assert found.content != corrupted(data, Corruption(kind="gaussian_noise", severity=3), split="test").content
    assert data.inputs[1].tolist() != found.inputs[0].tolist()
