"""Setting: on which data, with which network and at which scale a figure of a paper is made again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from disparate.auditing.audit import Audit
from disparate.choice import Choice, Variant
from disparate.errors import BadInput, suggestion
from disparate.training.config import TrainingConfig

Scale = Literal["smoke", "laptop", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "paper")
AGE_EDGES = (10, 15, 20, 25, 30, 40, 50, 60)
"""Nine bins, as in the code of hashemizadeh2024; tran2022 has nine and does not say which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Data that a figure can be made on.

    Args:
        data: The recipe's table.
        groups: Partitions to judge by; objectives and saliencies see the first.
        network: Name of the network of the paper.
        says: What it is, in a line.
        small: Name of the network at smaller scales.
        rounds: Times the epochs of a scale, for data that are few.
    """

    data: Mapping[str, Any]
    groups: tuple[str, ...]
    network: str
    says: str
    small: str = "small_cnn"
    rounds: int = 1


def _faces(target: str, **more: Any) -> dict[str, Any]:
    return {"source": "utkface", "root": "UTKFace", "target": target, **more}


MATERIALS: Mapping[str, Material] = {
    "utkface_ethnicity": Material(
        data=_faces("race"),
        groups=("race",),
        network="torchvision:resnet50",
        says="UTKFace, ethnicity is label and group",
    ),
    "utkface_age": Material(
        data=_faces("age", age_edges=list(AGE_EDGES)),
        groups=("age",),
        network="torchvision:resnet50",
        says="UTKFace, age in nine bins is label and group",
    ),
    "utkface_gender": Material(
        data=_faces("gender"),
        groups=("race", "gender"),
        network="torchvision:resnet50",
        says="UTKFace, gender is the label, judged by ethnicity",
    ),
    "cifar10": Material(
        data={"source": "cifar10", "root": "."},
        groups=("class",),
        network="torchvision:vgg19_bn",
        says="CIFAR-10, the class is label and group",
    ),
    "svhn": Material(
        data={"source": "svhn", "root": "SVHN"},
        groups=("digit",),
        network="torchvision:vgg19_bn",
        says="SVHN, the digit is label and group",
    ),
    "celeba": Material(
        data={"source": "celeba", "root": "celeba", "target": "Blond_Hair"},
        groups=("Male", "Male*Young"),
        network="torchvision:resnet18",
        says="CelebA, blond or not, judged by male and young",
    ),
    "ham10000": Material(
        data={"source": "ham10000", "root": "HAM10000", "balanced": "sex"},
        groups=("sex",),
        network="torchvision:resnet18",
        says="HAM10000, seven diagnoses, judged by sex, as many of either",
    ),
    "fitzpatrick17k": Material(
        data={
            "source": "fitzpatrick17k",
            "root": "fitzpatrick17k",
            "target": "three_partition_label",
            "balanced": "tone",
        },
        groups=("tone",),
        network="torchvision:vgg11",
        says="Fitzpatrick17k, malignant, benign or neither, judged by light and dark skin, as many of either",
    ),
    "digits": Material(
        data={"source": "digits"},
        groups=("digit",),
        network="small_cnn",
        says="scikit-learn's handwritten digits, 8 × 8 pixels, the digit is label and group",
        rounds=2,
    ),
    "adult": Material(
        data={
            "source": "tabular",
            "table": "tabular/adult.csv",
            "target": "income",
            "groups": ["sex", "race"],
            "split": "split",
            "leave_out": ["fnlwgt"],
        },
        groups=("sex*race", "sex", "race"),
        network="small_mlp",
        says="Adult, income above 50,000 or not, judged by sex and race",
        small="small_mlp",
    ),
    "synthetic": Material(
        data={"source": "synthetic"},
        groups=("tone",),
        network="torchvision:resnet18",
        says="pictures made by code, whose truth is known; no file is needed",
    ),
}
"""Data by the name that ``--on`` takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Everything that a figure's question needs beside its variants.

    Args:
        scale: How large.
        on: Name of the material.
        seeds: Training seeds.
        epochs: Epochs of a training.
        tuning: Epochs of fine-tuning, the same in every arm.
        rates: Pruning rates.
        model: The recipe's table.
        data: The recipe's table, as large as the scale has it.
        models: Networks of a population, for figures that compare populations.
        named: Name of all this in audits: data, scale, and what is asked for in place of the scale's.
        network: Name of the network that is asked for in place of the scale's.
    """

    scale: Scale
    on: str
    seeds: tuple[int, ...]
    epochs: int
    tuning: int
    rates: tuple[float, ...]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    models: int
    named: str
    network: str | None = None

    @property
    def material(self) -> Material:
        """The data."""
        return MATERIALS[self.on]

    @property
    def training(self) -> TrainingConfig:
        """How the reference is trained.

        At paper scale SGD with 0.01 and momentum 0.9 in batches of 128; the papers do not print theirs, so this is what
        hashemizadeh2024 fine-tunes with. Smaller ones keep every epoch: all figures share trainings.
        """
        augmented: dict[str, Any] = {} if self.data["source"] == "tabular" else {"flip": True, "crop": 2}
        if self.scale == "paper":
            return TrainingConfig(epochs=self.epochs, learning_rate=0.01, **augmented)
        kept = tuple(range(1, self.epochs))
        return TrainingConfig(epochs=self.epochs, learning_rate=0.05, keep_epochs=kept, **augmented)

    def populated(self) -> "Setting":
        """Return the setting with a seed for every network of a population.

        Raises:
            BadInput: One network is no population.
        """
        if self.models < FEWEST_MODELS:
            raise BadInput(
                f"--seeds {self.models}: one network is no population; at least {FEWEST_MODELS} are needed to compare "
                "two, 4 for anything to become distinguishable, and the papers have 30. Leave --seeds out for 30."
            )
        return replace(self, seeds=tuple(range(self.models)))

    def audit(self, name: str, variants: Mapping[str, tuple[Choice, ...]], **more: Any) -> Audit:
        """Return the question: the reference and these variants, under this setting.

        Args:
            name: What is asked, such as ``"tran2022-fig8"``; ``named`` is added to it.
            variants: Name of each variant to its chain.
            **more: Further fields of the audit.

        Returns:
            The audit.
        """
        return Audit(
            name=f"{name}-{self.named}",
            data=self.data,
            model=self.model,
            training=more.pop("training", self.training),
            variants=tuple(Variant(name=key, choices=chain) for key, chain in variants.items()),
            seeds=self.seeds,
            groups=self.material.groups,
            replicates=200 if self.scale == "smoke" else 1000,
            **more,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Size:
    seeds: int
    models: int
    epochs: int
    tuning: int
    rates: tuple[float, ...]
    width: int | None
    pixels: int
    shrunk: Mapping[str, Any] = field(default_factory=dict[str, Any])


SIZES: Mapping[Scale, _Size] = {
    "smoke": _Size(
        seeds=2, models=4, epochs=3, tuning=1, rates=(0.5, 0.9), width=8, pixels=32, shrunk={"examples": 1200}
    ),
    "laptop": _Size(seeds=5, models=30, epochs=8, tuning=4, rates=(0.5, 0.7, 0.9), width=32, pixels=32),
    "paper": _Size(
        seeds=10,
        models=30,
        epochs=50,
        tuning=25,
        rates=tuple(round(0.1 * tenth, 1) for tenth in range(1, 10)),
        width=None,
        pixels=64,
    ),
}
SIZED = frozenset({"utkface", "celeba", "ham10000", "fitzpatrick17k"})
"""Sources whose images are brought to a size."""
TABLE_WIDTHS: Mapping[Scale, int] = {"smoke": 8, "laptop": 64}
"""Width of the network for tables."""
FEWEST_MODELS = 2


def setting(
    scale: str, on: str, *, network: str | None = None, seeds: int | None = None, epochs: int | None = None
) -> Setting:
    """Return the setting of a scale on some data.

    | scale | seeds | population | epochs | network | what for |
    | --- | --- | --- | --- | --- | --- |
    | `smoke` | 2 | 4 | 3 | small CNN, width 8 | to see that it runs; says nothing about the claim |
    | `laptop` | 5 | 30 | 8 | small CNN, width 32, 32 × 32 pixels | under an hour on two cores |
    | `paper` | 10 | 30 | 50 | the paper's | a GPU |

    Tables have a small MLP instead.

    Args:
        scale: How large.
        on: Name of the material.
        network: Another network than the scale's, as a recipe names it.
        seeds: Another number of training seeds, and of networks in a population, than the scale's.
        epochs: Another number of epochs than the scale's, for networks that learn little in those.

    Returns:
        The setting.

    Raises:
        BadInput: There is no such scale or material, or no seed or epoch is left.

    Example:
        >>> setting("smoke", "synthetic").model
        {'name': 'small_cnn', 'width': 8}
        >>> setting("smoke", "synthetic", network="torchvision:resnet18", seeds=3).named
        'synthetic-smoke-torchvision_resnet18-3seeds'
        >>> setting("laptop", "cifar-10")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: --on 'cifar-10' is unknown. Did you mean 'cifar10'?
    """
    known: Mapping[str, Scale] = {name: name for name in SCALES}
    if scale not in known:
        raise BadInput(f"--scale '{scale}' is unknown.{suggestion(scale, SCALES)}")
    if on not in MATERIALS:
        raise BadInput(f"--on '{on}' is unknown.{suggestion(on, list(MATERIALS))}")
    if seeds is not None and seeds < 1:
        raise BadInput(f"--seeds {seeds}: at least 1 training seed was expected.")
    if epochs is not None and epochs < 1:
        raise BadInput(f"--epochs {epochs}: at least 1 epoch was expected.")
    chosen, material = known[scale], MATERIALS[on]
    size = SIZES[chosen]
    data = dict(material.data)
    if data["source"] in SIZED:
        data["size"] = size.pixels
    if data["source"] == "synthetic":
        data |= size.shrunk
    return Setting(
        scale=chosen,
        on=on,
        seeds=tuple(range(seeds or size.seeds)),
        epochs=epochs or size.epochs * material.rounds,
        tuning=size.tuning,
        rates=size.rates,
        model={"name": network} if network else _network(chosen, material),
        data=data,
        models=seeds or size.models,
        named="-".join([on, chosen, *_departures(network, seeds, epochs)]),
        network=network,
    )


def _departures(network: str | None, seeds: int | None, epochs: int | None) -> list[str]:
    """Return what is asked for in place of the scale's, in words that can stand in the name of a folder."""
    given = ((network, network), (seeds, f"{seeds}seeds"), (epochs, f"{epochs}epochs"))
    return [re.sub(r"[^\w.]+", "_", str(word)) for value, word in given if value is not None]


def _network(scale: Scale, material: Material) -> dict[str, Any]:
    width = SIZES[scale].width
    if width is None:
        return {"name": material.network}
    return {"name": material.small, "width": TABLE_WIDTHS[scale] if material.small == "small_mlp" else width}
