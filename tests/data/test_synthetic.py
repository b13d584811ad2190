import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from disparate.data.synthetic import planted, synthetic
from disparate.errors import BadInput


@pytest.fixture(scope="module")
def data():
    return synthetic()


def test_group_sizes_are_those_planted(data):
    truth = planted()
    assert data.groups("tone").counts() == {name: round(6000 * group.share) for name, group in truth.items()}
    assert sum(group.share for group in truth.values()) == pytest.approx(1)
    shares = data.sizes("tone")
    for name, group in truth.items():
        assert shares["test"][name] == pytest.approx(1200 * group.share, abs=3)


def test_sex_is_independent_of_everything_planted(data):
    sex, tone = data.attributes["sex"].codes, data.attributes["tone"].codes
    for code in range(6):
        for label in range(3):
            cell = (tone == code) & (data.target == label)
            assert abs(int((sex[cell] == 0).sum()) - int((sex[cell] == 1).sum())) <= 1
    means = [data.inputs[sex == code].mean() for code in (0, 1)]
    assert means[0] == pytest.approx(means[1], abs=1.0)


def test_darker_tones_are_darker_and_their_lesions_clearer_by_less(data):
    tone = data.attributes["tone"].codes
    level, contrast = [], []
    for code in range(6):
        images = data.inputs[tone == code].astype(float).mean(axis=-1)
        skin = np.concatenate([images[:, :3].reshape(-1), images[:, -3:].reshape(-1)]).mean()
        level.append(skin)
        contrast.append(skin - images[:, 13:19, 13:19].mean())
    assert level == sorted(level, reverse=True)
    assert contrast == sorted(contrast, reverse=True)
    assert contrast[0] > 3 * contrast[5] > 15


def test_difficulty_rises_as_sizes_fall():
    groups = list(planted().values())
    for bigger, smaller in pairwise(groups):
        assert bigger.share > smaller.share
        assert bigger.contrast > smaller.contrast
        assert bigger.ceiling >= smaller.ceiling


def test_the_bytes_do_not_depend_on_the_vector_unit():
    code = "from disparate.data.synthetic import synthetic; print(synthetic(examples=600).content)"
    here = synthetic(examples=600).content
    for features in ("X86_V4 AVX512_ICL AVX512_SPR AVX512F", "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX2 FMA3 AVX512F"):
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": features}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here


def test_a_seed_gives_the_same_bytes_everywhere_and_for_all_time():
    data = synthetic(examples=300, seed=1)
    assert (
        hashlib.sha256(data.inputs.tobytes()).hexdigest()
        == "f14c464611f940ee05cd82587869da56cf75314cd2b84590313f5cf82056b67a"
    )


def test_another_seed_gives_other_pictures_and_another_split_seed_only_another_split():
    first, second = synthetic(examples=300), synthetic(examples=300, seed=1)
    assert not np.array_equal(first.inputs, second.inputs)
    third = synthetic(examples=300, split_seed=1)
    assert np.array_equal(first.inputs, third.inputs)
    assert not np.array_equal(first.split, third.split)


def test_two_classes_and_another_size():
    data = synthetic(examples=300, classes=2, size=24)
    assert data.label_names == ("round", "irregular")
    assert data.inputs.shape == (300, 24, 24, 3)
    assert set(data.target.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": 4}, "synthetic: classes=4; 2 or 3 was expected"),
        ({"size": 4}, "synthetic: size=4; at least 8 pixels"),
        ({"examples": 0}, "synthetic: examples=0; at least 1"),
        ({"examples": 30}, "group 'tone .' of 'tone' has no example in split 'test'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        synthetic(**settings)
