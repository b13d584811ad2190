"""Runs of pretended networks: each example has its own difficulty, each training its own mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from disparate.groups import Attribute
from disparate.predictions import Predictions, Run


@dataclass
class World:
    """Examples of several groups with a chance of a wrong answer each."""

    generator: np.random.Generator
    target: np.ndarray
    attributes: dict[str, Attribute]
    error: np.ndarray
    classes: int

    def train(self, run: Run, harm: Sequence[float] = (), **more) -> Predictions:
        """Return the answers of a fresh training; ``harm`` adds to the error of each group of ``race``."""
        n = len(self.target)
        extra = np.asarray(harm)[self.attributes["race"].codes] if len(harm) else 0.0
        wrong = self.generator.random(n) < self.error + extra
        shift = self.generator.integers(1, self.classes, n)
        predicted = np.where(wrong, (self.target + shift) % self.classes, self.target)
        noise = self.generator.exponential(0.1, n)
        return Predictions(
            example_id=np.array([f"x{place}" for place in range(n)]),
            target=self.target,
            predicted=predicted.astype(np.int64),
            loss=(noise + 2.0 * wrong).astype(np.float32),
            margin=np.where(wrong, -1.0, 1.0).astype(np.float32),
            label_names=tuple("abcdefghij"[: self.classes]),
            attributes=self.attributes,
            run=run,
            **more,
        )

    def flip(self, answers: Predictions, run: Run, share: float) -> Predictions:
        """Return the same answers with a share of them changed, as a compressed model would."""
        flipped = self.generator.random(len(answers)) < share
        other = (answers.predicted + self.generator.integers(1, self.classes, len(answers))) % self.classes
        predicted = np.where(flipped, other, answers.predicted)
        wrong = predicted != self.target
        loss = answers.loss + np.where(flipped, np.where(wrong, 1.0, -0.1), 0.0)
        return replace(answers, predicted=predicted, loss=np.maximum(loss, 0).astype(np.float32), run=run)


def make_world(
    seed: int, sizes: Sequence[int] = (400, 200, 100), errors: Sequence[float] = (0.1, 0.2, 0.3), classes: int = 3
) -> World:
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(["large", "middle", "small", "other", "last"][: len(sizes)])
    n = len(codes)
    sex = Attribute(names=("f", "m"), codes=generator.integers(0, 2, n).astype(np.int32))
    mean = np.asarray(errors)[codes]
    return World(
        generator=generator,
        target=generator.integers(0, classes, n),
        attributes={"race": Attribute(names=names, codes=codes.astype(np.int32)), "sex": sex},
        error=generator.beta(mean * 2, (1 - mean) * 2),
        classes=classes,
    )


@pytest.fixture
def world() -> Callable[..., World]:
    return make_world


@pytest.fixture
def answers() -> Callable[..., Predictions]:
    """Predictions from plain lists."""

    def make(target, predicted, race, *, loss=None, labels=("no", "yes"), sex=None, run=None, **more) -> Predictions:
        n = len(target)
        target, predicted = np.asarray(target, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
        attributes = {"race": race if isinstance(race, Attribute) else Attribute.of(race)}
        if sex is not None:
            attributes["sex"] = Attribute.of(sex)
        return Predictions(
            example_id=np.array([str(place) for place in range(n)]),
            target=target,
            predicted=predicted,
            loss=np.zeros(n, dtype=np.float32) if loss is None else np.asarray(loss, dtype=np.float32),
            margin=np.where(target == predicted, 1.0, -1.0).astype(np.float32),
            label_names=tuple(labels),
            attributes=attributes,
            run=run or Run(),
            **more,
        )

    return make
