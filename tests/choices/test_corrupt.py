"""Corrupt: bytes that reach the library, and what is no picture."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from disparate.choices.corrupt import UNDRAWN, Corrupt
from disparate.data.corruptions import KINDS
from disparate.errors import BadInput, MissingExtra, NotApplicable


@pytest.fixture
def pixels(pixels):
    """Large enough to be corrupted."""
    return pixels.repeat(1, 1, 3, 3)


@pytest.fixture
def given(monkeypatch):
    """A library that keeps what it is asked and answers with the pictures turned dark."""
    asked = []

    def corrupt(image, **settings):
        asked.append((image.copy(), settings))
        return 255 - image

    stub = ModuleType("imagecorruptions")
    stub.corrupt = corrupt
    monkeypatch.setitem(sys.modules, "imagecorruptions", stub)
    return asked


def test_the_library_meets_the_stored_bytes_and_its_answer_comes_back(given, pixels, input_context_of):
    stored = (255 * pixels).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    moved = Corrupt(kind="contrast", severity=2).alter(pixels, input_context_of())
    assert np.array_equal(np.stack([image for image, _ in given]), stored)
    assert all(settings == {"severity": 2, "corruption_name": "contrast"} for _, settings in given)
    assert torch.equal((255 * moved).round(), 255 - (255 * pixels).round())
    assert moved.is_contiguous()


def test_grey_pictures_stay_grey(given, pixels, input_context_of):
    assert Corrupt(kind="fog").alter(pixels[:, :1], input_context_of()).shape == (40, 1, 36, 36)


def test_tables_are_refused(pixels, input_context_of):
    context = replace(input_context_of(), span=None)
    for inputs in (torch.zeros(40, 7), pixels):
        with pytest.raises(NotApplicable, match=r"Corrupt\(kind='fog'\): inputs are no pictures"):
            Corrupt(kind="fog").alter(inputs, context)


def test_small_pictures_are_refused(pixels, input_context_of):
    with pytest.raises(BadInput, match="12 × 12 pixels; at least 32 × 32"):
        Corrupt(kind="fog").alter(pixels[:, :, :12, :12], input_context_of())


def test_the_missing_extra_is_named(monkeypatch, pixels, input_context_of):
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)
    with pytest.raises(MissingExtra, match=r"pip install 'disparate\[corruptions\]'$"):
        Corrupt(kind="fog").alter(pixels, input_context_of())


def test_no_strength_needs_no_extra(monkeypatch, pixels, input_context_of):
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)
    assert Corrupt(kind="fog", severity=0).alter(pixels, input_context_of()) is pixels


@pytest.mark.parametrize("kind", [kind for family in KINDS.values() for kind in family])
def test_kinds_that_do_the_same_every_time_are_not_drawn_again(kind, pixels, input_context_of, monkeypatch):
    monkeypatch.undo()  # the library itself
    pytest.importorskip("imagecorruptions", reason="needs the extra 'corruptions'")
    first, second = (Corrupt(kind=kind).alter(pixels[:2], input_context_of(seed)) for seed in (1, 2))
    assert torch.equal(first, second) == (kind in UNDRAWN)
    assert Corrupt(kind=kind).stochastic == (kind not in UNDRAWN)
