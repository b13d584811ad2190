"""Corrupted images: the kinds and severities of ImageNet-C, so that damage under noise and blur is seen by group.

The corruptions are those of the package ``imagecorruptions-imaug`` (extra ``corruptions``), a maintained copy of the
published ones (hendrycks2019). It draws from numpy's global generator; here every image has a seed of its own, drawn
from the generator that is handed in, and the global one is left as it was.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput, suggestion
from disparate.extras import require

KINDS: Mapping[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"),
    "weather": ("snow", "frost", "fog", "spatter"),
    "digital": (
        "brightness",
        "contrast",
        "elastic_transform",
        "pixelate",
        "jpeg_compression",
        "saturate",
    ),
}
"""Kinds by family. ``speckle_noise``, ``gaussian_blur``, ``spatter`` and ``saturate`` are the four held-out ones."""
SEEDED = frozenset({"impulse_noise", "glass_blur"})
"""Kinds that do not draw from the global generator and take a seed."""
SEVERITIES = range(1, 6)
SMALLEST = 32
"""Smallest height and width that the corruptions are made for."""
CORRUPTION_SEED = 20190328


@dataclass(frozen=True, kw_only=True, slots=True)
class Corruption:
    """One kind of corruption at one severity.

    Severities were set for pictures of 224 × 224 pixels; at 32 × 32 the same severity destroys more. Compare groups at
    one severity, not severities between data sets.

    Args:
        kind: One of :data:`KINDS`.
        severity: From 1, slight, to 5, strong.

    Raises:
        BadInput: The kind is unknown, or the severity no whole number from 1 to 5.

    Example:
        >>> Corruption(kind="fog", severity=3)
        Corruption(kind='fog', severity=3)
    """

    kind: str
    severity: int = 3

    def __post_init__(self) -> None:
        known = [kind for kinds in KINDS.values() for kind in kinds]
        if self.kind not in known:
            raise BadInput(f"corruption '{self.kind}' is unknown.{suggestion(self.kind, known)}")
        if isinstance(self.severity, bool) or self.severity not in SEVERITIES:
            raise BadInput(
                f"corruption '{self.kind}': severity is {self.severity!r}; a whole number from 1 to 5 was expected."
            )

    def apply(self, images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
        """Return the images corrupted; those given are left as they are.

        Of one channel the picture is corrupted as grey in three, and the first of these is kept.

        Args:
            images: Shape (images, height, width, channels), 1 or 3 channels, at least 32 × 32.
            generator: Source of randomness: one number per image, so that batches give what all images at once do.

        Returns:
            The same shape.

        Raises:
            BadInput: The images are of another type or shape.
            MissingExtra: The package is not installed.
        """
        _require_images(images, self)
        library = _library(self)
        seeds = generator.integers(2**63, size=len(images)) % 2**32
        found = np.empty_like(images)
        with _global_state_kept():
            for place, (image, seed) in enumerate(zip(images, seeds.tolist(), strict=True)):
                found[place] = self._corrupted(image, seed, library)[:, :, : images.shape[3]]
        return found

    def _corrupted(self, image: NDArray[np.uint8], seed: int, library: ModuleType) -> NDArray[np.uint8]:
        np.random.seed(seed)  # ruff: ignore[numpy-legacy-random] - the library draws from it
        more: dict[str, Any] = {"seed": seed} if self.kind in SEEDED else {}
        return library.corrupt(image, severity=self.severity, corruption_name=self.kind, **more)


def corrupted(data: GroupedDataset, corruption: Corruption, *, split: str) -> GroupedDataset:
    """Return the examples of a split with their images corrupted.

    The same data and corruption give the same images for every model, so that what is paired by example stays paired.

    Args:
        data: Images.
        corruption: What is done to them.
        split: The split; examples of others are left out.

    Returns:
        The examples of the split, in their order.

    Raises:
        BadInput: The data are no images, or images that are too small.
    """
    if data.kind != "image":
        raise BadInput(f"data set '{data.name}' is of kind '{data.kind}'; corruptions are for images.")
    own = data.take(data.rows(split))
    kinds = [kind for family in KINDS.values() for kind in family]
    generator = np.random.default_rng([CORRUPTION_SEED, kinds.index(corruption.kind), corruption.severity])
    return replace(own, inputs=corruption.apply(np.asarray(own.inputs), generator))


def _library(corruption: Corruption) -> ModuleType:
    return require("imagecorruptions", wanted_for=f"corruption '{corruption.kind}'")


def _require_images(images: NDArray[np.uint8], corruption: Corruption) -> None:
    shape = images.shape
    if images.dtype != np.uint8 or images.ndim != 4 or shape[3] not in {1, 3}:
        raise BadInput(
            f"corruption '{corruption.kind}': images are {images.dtype} of shape {shape}; uint8 of shape (images, "
            "height, width, 1 or 3) was expected."
        )
    if min(shape[1:3]) < SMALLEST:
        raise BadInput(
            f"corruption '{corruption.kind}': images are {shape[1]} × {shape[2]} pixels; at least {SMALLEST} × "
            f"{SMALLEST} were expected. Load them larger."
        )


@contextmanager
def _global_state_kept() -> Generator[None]:
    state = np.random.get_state()  # ruff: ignore[numpy-legacy-random] - given back as it was
    try:
        yield
    finally:
        np.random.set_state(state)  # ruff: ignore[numpy-legacy-random] - given back as it was
