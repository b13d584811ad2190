"""Synthetic lesions on skin of six tones: procedural images whose group sizes and difficulty are planted.

Drawn with uniform numbers, ``+ - * /`` and square roots only, which IEEE 754 rounds one way everywhere, so that a seed
gives the same bytes on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset, checked
from disparate.data.split import NO_SHARES, assign_splits
from disparate.errors import BadInput
from disparate.groups import Attribute

SHAPES = ("round", "irregular", "streaked")
SEXES = ("f", "m")
CHUNK = 250
COARSE = 5
NOISE = 7.0
"""Half the width of the triangular pixel noise, grey levels of 255."""

Field = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedGroup:
    """What was planted for one skin tone.

    Args:
        name: Name of the group.
        share: Share of the examples, in (0, 1).
        skin: Colour of the skin, red, green, blue, 0 to 255.
        contrast: How dark the lesion is against the skin, in (0, 1]; 1 is the clearest.
        label_noise: Share of examples whose label was replaced by another, in [0, 1), in every split.
    """

    name: str
    share: float
    skin: tuple[int, int, int]
    contrast: float
    label_noise: float

    @property
    def ceiling(self) -> float:
        """Accuracy that nobody can pass in this group, since this share of its labels is right."""
        return 1.0 - self.label_noise


TONES = (
    PlantedGroup(name="tone 1", share=0.40, skin=(236, 198, 172), contrast=1.00, label_noise=0.01),
    PlantedGroup(name="tone 2", share=0.24, skin=(220, 174, 140), contrast=0.92, label_noise=0.01),
    PlantedGroup(name="tone 3", share=0.15, skin=(194, 144, 108), contrast=0.82, label_noise=0.02),
    PlantedGroup(name="tone 4", share=0.10, skin=(156, 108, 78), contrast=0.72, label_noise=0.03),
    PlantedGroup(name="tone 5", share=0.07, skin=(126, 84, 60), contrast=0.68, label_noise=0.04),
    PlantedGroup(name="tone 6", share=0.04, skin=(98, 66, 49), contrast=0.64, label_noise=0.06),
)


def planted() -> dict[str, PlantedGroup]:
    """Return what was planted, by tone: the truth that an audit of this data set should find.

    Tones fall in size and rise in difficulty together: the lesion's contrast falls while the pixel noise stays, and
    more labels are wrong. The attribute ``sex`` is dealt out evenly within every tone and label and by chance beyond
    that, so no true difference exists.

    Returns:
        Six groups, the largest first.

    Example:
        >>> [group.share for group in planted().values()]
        [0.4, 0.24, 0.15, 0.1, 0.07, 0.04]
        >>> planted()["tone 6"].ceiling
        0.94
    """
    return {tone.name: tone for tone in TONES}


def synthetic(
    *,
    examples: int = 6000,
    classes: int = 3,
    size: int = 32,
    seed: int = 0,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
) -> GroupedDataset:
    """Return images of lesions on skin: target ``shape``, attributes ``tone`` (six) and ``sex`` (a negative control).

    A lesion is round, irregular, or streaked at its border. What differs between groups is known, see ``planted``.

    Known problems: the pictures are drawn, not photographed, and say nothing about real skin or real diagnoses.

    Args:
        examples: How many examples; group sizes are exact to one example.
        classes: 2 (round, irregular) or 3 (and streaked).
        size: Side of the images, pixels; at least 8.
        seed: Seed of the pictures and labels.
        split_seed: Seed of the split, which keeps the shares within every tone and shape.
        shares: Shares of ``"test"`` (0.2 where not given) and ``"validation"`` (0).

    Returns:
        The data set.

    Raises:
        BadInput: A setting is out of range, or there are too few examples for every tone to be in every split.

    Example:
        >>> data = synthetic(examples=300)
        >>> data.sizes("tone")["train"]["tone 1"], data.sizes("tone")["test"]["tone 6"]
        (96, 3)
    """
    _require_settings(examples, classes, size)
    generator = np.random.Generator(np.random.PCG64(seed))
    tone = generator.permutation(_codes(examples))
    shape = generator.permutation(np.arange(examples) % classes)
    wrong = generator.random(examples) < np.array([group.label_noise for group in TONES])[tone]
    target = np.where(wrong, (shape + generator.integers(1, classes, examples)) % classes, shape)
    sex = np.empty(examples, dtype=np.int32)
    sex[np.lexsort((generator.random(examples), target, tone))] = np.arange(examples) % len(SEXES)
    example_id = np.array([f"{index:06d}" for index in range(examples)])
    data = GroupedDataset(
        name="synthetic",
        kind="image",
        inputs=_draw(tone, shape, size, seed),
        target=target.astype(np.int64),
        label_names=SHAPES[:classes],
        target_name="shape",
        example_id=example_id,
        attributes={
            "tone": Attribute(names=tuple(group.name for group in TONES), codes=tone.astype(np.int32)),
            "sex": Attribute(names=SEXES, codes=sex),
        },
        split=assign_splits(example_id, strata=tone * classes + target, shares=shares, seed=split_seed),
    )
    return checked(data)


def _require_settings(examples: int, classes: int, size: int) -> None:
    if classes not in {2, 3}:
        raise BadInput(f"synthetic: classes={classes}; 2 or 3 was expected.")
    if size < 8:
        raise BadInput(f"synthetic: size={size}; at least 8 pixels were expected.")
    if examples < 1:
        raise BadInput(f"synthetic: examples={examples}; at least 1 was expected.")


def _codes(examples: int) -> NDArray[np.int64]:
    """Return tone codes of exactly the planted shares."""
    ends = np.cumsum([round(group.share * 100) for group in TONES])
    return np.searchsorted(ends, (np.arange(examples) * 100) // examples, side="right")


def _draw(tone: NDArray[np.int64], shape: NDArray[np.int64], size: int, seed: int) -> NDArray[np.uint8]:
    images = np.empty((len(tone), size, size, 3), dtype=np.uint8)
    starts = range(0, len(tone), CHUNK)
    for start, child in zip(starts, np.random.SeedSequence(seed).spawn(len(starts)), strict=True):
        rows = slice(start, start + CHUNK)
        brush = _Brush(np.random.Generator(np.random.PCG64(child)), len(tone[rows]), size)
        images[rows] = _picture(brush, tone[rows], shape[rows])
    return images


class _Brush:
    """Random numbers and coordinates for a handful of pictures; x and y run from -1 to 1."""

    def __init__(self, generator: np.random.Generator, count: int, size: int) -> None:
        self.generator, self.count, self.size = generator, count, size
        self.axis = ((np.arange(size, dtype=np.float32) * 2 + 1) / size - 1).astype(np.float32)
        self.x, self.y = self.axis[None, None, :], self.axis[None, :, None]

    def uniform(self, low: float, high: float) -> Field:
        """Return one number per picture, shape (pictures, 1, 1)."""
        drawn = self.generator.random((self.count, 1, 1), dtype=np.float32)
        return np.float32(low) + np.float32(high - low) * drawn

    def direction(self) -> tuple[Field, Field]:
        """Return cosine and sine of a random angle, by the rational parametrisation of the circle."""
        t = self.uniform(-1, 1)
        sign = np.where(self.generator.random((self.count, 1, 1)) < 0.5, np.float32(-1), np.float32(1))
        norm = 1 + t * t
        return sign * (1 - t * t) / norm, sign * 2 * t / norm

    def mottle(self) -> Field:
        """Return a smooth random field in [-1, 1], shape (pictures, size, size)."""
        coarse = self.generator.random((self.count, COARSE, COARSE), dtype=np.float32) * 2 - 1
        place = (self.axis + 1) / 2 * (COARSE - 1)
        low = np.minimum(place.astype(np.intp), COARSE - 2)
        part = _smooth(place - low)
        rows = coarse[:, low] + (coarse[:, low + 1] - coarse[:, low]) * part[None, :, None]
        return rows[:, :, low] + (rows[:, :, low + 1] - rows[:, :, low]) * part[None, None, :]

    def noise(self) -> Field:
        """Return triangular noise in (-1, 1), shape (pictures, size, size, 3)."""
        shape = (self.count, self.size, self.size, 3)
        return self.generator.random(shape, dtype=np.float32) - self.generator.random(shape, dtype=np.float32)


def _picture(brush: _Brush, tone: NDArray[np.int64], shape: NDArray[np.int64]) -> NDArray[np.uint8]:
    light, dark = _skin(brush), _lesion(brush, shape)
    contrast = np.array([group.contrast for group in TONES], dtype=np.float32)[tone][:, None, None]
    colour = np.array([group.skin for group in TONES], dtype=np.float32)[tone][:, None, None, :]
    depth = dark * contrast * brush.uniform(0.75, 1.0)
    hair = _hairs(brush)
    absorbed = np.array([0.42, 0.62, 0.66], dtype=np.float32)
    reflected = (light * (1 - 0.55 * hair))[..., None] * (1 - depth[..., None] * absorbed)
    pixels = colour * reflected + np.float32(NOISE) * brush.noise()
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _skin(brush: _Brush) -> Field:
    """Return the light the skin sends back: uneven lighting, mottled skin, darker corners; about 1."""
    across, down = brush.uniform(-0.09, 0.09), brush.uniform(-0.09, 0.09)
    corners = 0.07 * (brush.x * brush.x + brush.y * brush.y)
    return brush.uniform(0.93, 1.05) + across * brush.x + down * brush.y - corners + 0.035 * brush.mottle()


def _lesion(brush: _Brush, shape: NDArray[np.int64]) -> Field:
    """Return how much of the lesion lies on each pixel, in [0, 1]."""
    cosine, sine = brush.direction()
    across, down = brush.x - brush.uniform(-0.22, 0.22), brush.y - brush.uniform(-0.22, 0.22)
    u = cosine * across + sine * down
    v = (cosine * down - sine * across) * brush.uniform(1.0, 1.3)
    radius = np.sqrt(u * u + v * v + np.float32(1e-6))
    edge = brush.uniform(0.36, 0.58) * (1 + _border(brush, u / radius, v / radius, shape))
    inside = _smooth((edge - radius) / brush.uniform(0.12, 0.22) + 0.5)
    patches = np.where(shape == SHAPES.index("irregular"), 0.30, 0.14).astype(np.float32)[:, None, None]
    return inside * (0.84 + patches * brush.mottle())


def _border(brush: _Brush, c1: Field, s1: Field, shape: NDArray[np.int64]) -> Field:
    """Return the relative bulge of the border in each direction: slow waves, and rays where it is streaked."""
    c2, s2 = _times(c1, s1, c1, s1)
    c3, s3 = _times(c2, s2, c1, s1)
    c4, s4 = _times(c2, s2, c2, s2)
    c7, s7 = _times(c4, s4, c3, s3)
    slow = np.where(shape == SHAPES.index("irregular"), 1.0, 0.30).astype(np.float32)[:, None, None]
    rays = np.where(shape == SHAPES.index("streaked"), 1.0, 0.0).astype(np.float32)[:, None, None]
    waves = _wave(brush, c2, s2, 0.18) + _wave(brush, c3, s3, 0.18) + _wave(brush, c4, s4, 0.08)
    uneven = 0.75 + _wave(brush, c1, s1, 0.35)
    return slow * waves + rays * uneven * (_wave(brush, c7, s7, 0.27) + _wave(brush, c4, s4, 0.08))


def _wave(brush: _Brush, cosine: Field, sine: Field, height: float) -> Field:
    phase_cosine, phase_sine = brush.direction()
    return brush.uniform(0.6 * height, height) * (cosine * phase_cosine + sine * phase_sine)


def _times(cosine: Field, sine: Field, other_cosine: Field, other_sine: Field) -> tuple[Field, Field]:
    """Return cosine and sine of the sum of two angles."""
    return cosine * other_cosine - sine * other_sine, sine * other_cosine + cosine * other_sine


def _hairs(brush: _Brush) -> Field:
    """Return how much of a hair lies on each pixel, in [0, 1]; most pictures have none or one."""
    covered = np.zeros((brush.count, brush.size, brush.size), dtype=np.float32)
    width = np.float32(1.6 / brush.size)
    for chance in (0.35, 0.15):
        cosine, sine = brush.direction()
        along = cosine * brush.x + sine * brush.y
        bend, place = brush.uniform(-0.3, 0.3), brush.uniform(-0.9, 0.9)
        distance = np.abs(cosine * brush.y - sine * brush.x - place + bend * along * along)
        there = brush.uniform(0, 1) < chance
        covered = np.maximum(covered, np.where(there, np.clip(1.5 - distance / width, 0, 1), np.float32(0)))
    return covered


def _smooth(value: Field) -> Field:
    """Return the smooth step 3 t^2 - 2 t^3 of a value cut to [0, 1]."""
    t = np.clip(value, 0, 1)
    return t * t * (3 - 2 * t)
