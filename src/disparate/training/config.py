"""How a network is trained, as one frozen value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.training.privacy import PrivateSteps
from disparate.training.thinning import Thinning

if TYPE_CHECKING:
    from disparate.data.grouped import GroupedDataset

Optimizer = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "step", "one_cycle"]
Format = Literal["float32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Everything that decides a training but the data, the model and the profile.

    Args:
        epochs: Passes over the training split; the schedule is laid out over these.
        stop_after: Epoch after which training stops, with the schedule unchanged; None runs all epochs.
        batch_size: Examples per step; a last smaller batch is kept.
        optimizer: ``"sgd"`` (with momentum), ``"adam"`` or ``"adamw"``.
        learning_rate: Peak learning rate.
        momentum: Momentum of SGD, in [0, 1).
        weight_decay: L2 penalty; decoupled with AdamW.
        schedule: ``"constant"``, ``"cosine"``, ``"step"`` (× 0.1 at 60, 80 and 90 % of the steps) or ``"one_cycle"``.
        warmup_epochs: Epochs of linear warm-up from 0.
        label_smoothing: In [0, 1).
        flip: Whether images are mirrored at random.
        crop: Pixels of padding for random crops; 0 for none.
        precision: ``"float32"``, or mixed precision in ``"bf16"`` / ``"fp16"``.
        init_seed: Seed of the initial weights.
        order_seed: Seed of the order of examples.
        augment_seed: Seed of augmentation and dropout.
        keep_epochs: Epochs whose weights are kept beside the last ones.
        subset: Share of the training split that is trained on, in (0, 1], drawn at random; normalisation too.
        subset_seed: Seed of that draw.
        thinned: Groups of which fewer examples are trained on.
        privacy: Steps of DP-SGD; None for plain ones.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    epochs: int = 10
    stop_after: int | None = None
    batch_size: int = 128
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup_epochs: float = 0.0
    label_smoothing: float = 0.0
    flip: bool = False
    crop: int = 0
    precision: Format = "float32"
    init_seed: int = 0
    order_seed: int = 0
    augment_seed: int = 0
    keep_epochs: tuple[int, ...] = ()
    subset: float = 1.0
    subset_seed: int = 0
    thinned: tuple[Thinning, ...] = ()
    privacy: PrivateSteps | None = None

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a positive number")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "a number in [0, 1)")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "a number in [0, 1)")
        _require(0 <= self.warmup_epochs < self.epochs, "warmup_epochs", self.warmup_epochs, "less than epochs")
        _require(self.crop >= 0, "crop", self.crop, "0 or more")
        _require(0 < self.subset <= 1, "subset", self.subset, "a share in (0, 1]")
        stop = self.stop_after
        _require(stop is None or 1 <= stop <= self.epochs, "stop_after", stop, f"an epoch from 1 to {self.epochs}")
        late = [epoch for epoch in self.keep_epochs if not 1 <= epoch <= self.epochs]
        _require(not late, "keep_epochs", late, f"epochs from 1 to {self.epochs}")
        plain = self.privacy is None or self.precision == "float32"
        _require(plain, "precision", f"'{self.precision}' with privacy", "'float32'; norms are clipped there")

    @property
    def last_epoch(self) -> int:
        """The epoch after which training ends."""
        return self.stop_after or self.epochs

    def seeded(self, seed: int) -> "TrainingConfig":
        """Return the configuration under one training seed: initial weights, order and augmentation."""
        return replace(self, init_seed=seed, order_seed=seed, augment_seed=seed)

    def trained_on(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of the training split that are trained on, in their order.

        Args:
            rows: Positions of the training split.

        Returns:
            All of them, or the random share that ``subset`` asks for.

        Example:
            >>> len(TrainingConfig(subset=0.7).trained_on(np.arange(10)))
            7
        """
        if self.subset == 1:
            return rows
        chosen = np.random.default_rng(self.subset_seed).permutation(len(rows))[
            : max(1, round(self.subset * len(rows)))
        ]
        return rows[np.sort(chosen)]

    def training_rows(self, data: "GroupedDataset") -> NDArray[np.intp]:
        """Return the rows of a data set that are trained on: its training split, thinned, and the subset of that.

        Args:
            data: The data set.

        Returns:
            Positions.

        Raises:
            BadInput: A group that is to be thinned is not there.
        """
        rows = data.rows("train")
        for thinning in self.thinned:
            rows = thinning.kept(rows, data)
        return self.trained_on(rows)

    def continued(
        self, *, epochs: int, learning_rate: float, optimizer: Optimizer | None, schedule: Schedule
    ) -> "TrainingConfig":
        """Return how to train a trained network on: with the same batches and augmentation, all epochs, no warm-up.

        Args:
            epochs: Passes over the training split.
            learning_rate: Peak learning rate.
            optimizer: Another one than here, where given.
            schedule: How the rate moves.

        Returns:
            The configuration.
        """
        return replace(
            self,
            epochs=epochs,
            stop_after=None,
            keep_epochs=(),
            learning_rate=learning_rate,
            optimizer=optimizer or self.optimizer,
            schedule=schedule,
            warmup_epochs=0.0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as plain values; newer settings only where they are given, so that old keys hold."""
        absent = {"subset", "subset_seed"} if self.subset == 1 else set[str]()
        absent |= {name for name in ("thinned", "privacy") if not getattr(self, name)}
        given = {name: value for name, value in asdict(self).items() if name not in absent}
        return given | ({"privacy": self.privacy.to_json()} if self.privacy else {})

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> "TrainingConfig":
        """Read a configuration back from plain values."""
        settings: dict[str, Any] = {**item, "keep_epochs": tuple(item["keep_epochs"])}
        settings["thinned"] = tuple(Thinning(**own) for own in item.get("thinned", ()))
        settings["privacy"] = PrivateSteps(**item["privacy"]) if item.get("privacy") else None
        return cls(**settings)


def _require(holds: bool, name: str, found: object, expected: str) -> None:
    if not holds:
        raise BadInput(f"training {name} is {found}; {expected} was expected.")
