from dataclasses import replace

import numpy as np
import pytest
import torch

from disparate.training.batches import Augmentation, Source, normalisation_of, shuffled


def source(data):
    return Source(data=data, normalisation=normalisation_of(data, data.rows("train")), device=torch.device("cpu"))


def test_training_images_have_mean_zero_and_deviation_one(pictures):
    inputs = source(pictures).inputs(pictures.rows("train")).double()
    assert torch.allclose(inputs.mean(dim=(0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-5)
    assert torch.allclose(inputs.std(dim=(0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64), atol=1e-5)


def test_no_augmentation_changes_nothing(pictures):
    images = torch.from_numpy(pictures.inputs[:4])
    assert torch.equal(Augmentation().apply(images, torch.Generator()), images)


def test_a_flip_mirrors_or_leaves_each_image(pictures):
    images = torch.from_numpy(pictures.inputs[:40])
    changed = Augmentation(flip=True).apply(images, torch.Generator().manual_seed(0))
    mirrored = [bool((changed[i] == images[i].flip(1)).all()) for i in range(40)]
    left = [bool((changed[i] == images[i]).all()) for i in range(40)]
    assert all(a != b for a, b in zip(mirrored, left, strict=True))
    assert 8 < sum(mirrored) < 32


def test_a_crop_is_a_window_of_the_padded_image(pictures):
    images = torch.from_numpy(pictures.inputs[:10])
    changed = Augmentation(crop=2).apply(images, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, (0, 0, 2, 2, 2, 2))
    for image, found in zip(padded, changed, strict=True):
        windows = [image[y : y + 8, x : x + 8] for y in range(5) for x in range(5)]
        assert any(torch.equal(window, found) for window in windows)


def test_an_epoch_shows_every_row_once():
    rows = np.arange(50, 83)
    batches = list(shuffled(rows, 8, torch.Generator().manual_seed(1)))
    assert sorted(np.concatenate(batches).tolist()) == rows.tolist()
    assert [len(batch) for batch in batches] == [8, 8, 8, 9]


def test_images_keep_the_asked_layout(pictures):
    wanted = Source(
        data=pictures,
        normalisation=normalisation_of(pictures, pictures.rows("train")),
        device=torch.device("cpu"),
        memory_format=torch.channels_last,
    )
    assert wanted.inputs(np.arange(3)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_inputs_are_the_normalised_plain_ones_bit_for_bit(pictures, layout):
    wanted = replace(source(pictures), memory_format=layout)
    rows, augmentation = np.arange(20), Augmentation(flip=True, crop=2)
    fast = wanted.inputs(rows, augmentation, torch.Generator().manual_seed(0))
    plain = wanted.plain(rows, augmentation, torch.Generator().manual_seed(0))
    assert torch.equal(fast, wanted.normalised(plain))
    assert fast.stride() == wanted.normalised(plain).stride()


def test_augmentation_is_the_window_and_the_mirror_that_its_generator_draws(pictures):
    images = torch.from_numpy(pictures.inputs[:30])
    changed = Augmentation(flip=True, crop=2).apply(images, torch.Generator().manual_seed(5))
    again = torch.Generator().manual_seed(5)
    down, right = (torch.randint(0, 5, (30, 1), generator=again)[:, 0].tolist() for _ in range(2))
    mirrored = (torch.rand(30, generator=again) < 0.5).tolist()
    padded = torch.nn.functional.pad(images, (0, 0, 2, 2, 2, 2))
    for place, (y, x, mirror) in enumerate(zip(down, right, mirrored, strict=True)):
        window = padded[place, y : y + 8, x : x + 8]
        assert torch.equal(changed[place], window.flip(1) if mirror else window)
