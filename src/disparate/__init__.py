"""disparate shows which groups of people pay for a choice everybody calls neutral.

Public names are loaded when they are first used, so that ``import disparate`` loads neither torch nor pandas.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from disparate.auditing.api import audit
    from disparate.choice import Variant
    from disparate.choices.analog import Analog
    from disparate.choices.attack import Attack
    from disparate.choices.corrupt import Corrupt
    from disparate.choices.crossbar import Crossbar
    from disparate.choices.fair_grape import FairGrape
    from disparate.choices.fair_prune import FairPrune
    from disparate.choices.fine_tune import FineTune
    from disparate.choices.hardware import Hardware
    from disparate.choices.kernels import Kernels
    from disparate.choices.learning_rate import LearningRate
    from disparate.choices.normalisation import Normalisation
    from disparate.choices.objective import Objective
    from disparate.choices.precision import Precision
    from disparate.choices.privacy import Privacy
    from disparate.choices.prune import Prune
    from disparate.choices.prune_channels import PruneChannels
    from disparate.choices.quantize import Quantize
    from disparate.choices.seed import Seed
    from disparate.choices.stopping import Stopping
    from disparate.choices.thin import Thin
    from disparate.comparing.api import compare
    from disparate.comparing.columns import Columns
    from disparate.data.grouped import GroupedDataset
    from disparate.data.torch_adapter import from_torch
    from disparate.errors import DisparateError
    from disparate.findings import Finding, Findings, Result
    from disparate.groups import Attribute, Groups
    from disparate.measures.frame import by_group
    from disparate.predictions import Predictions, Run
    from disparate.profiles import Profile
    from disparate.report.html import page
    from disparate.training.config import TrainingConfig

_HOMES = {
    "Analog": "disparate.choices.analog",
    "Attack": "disparate.choices.attack",
    "Attribute": "disparate.groups",
    "Columns": "disparate.comparing.columns",
    "Corrupt": "disparate.choices.corrupt",
    "Crossbar": "disparate.choices.crossbar",
    "DisparateError": "disparate.errors",
    "FairGrape": "disparate.choices.fair_grape",
    "FairPrune": "disparate.choices.fair_prune",
    "FineTune": "disparate.choices.fine_tune",
    "Finding": "disparate.findings",
    "Findings": "disparate.findings",
    "GroupedDataset": "disparate.data.grouped",
    "Groups": "disparate.groups",
    "Hardware": "disparate.choices.hardware",
    "Kernels": "disparate.choices.kernels",
    "LearningRate": "disparate.choices.learning_rate",
    "Normalisation": "disparate.choices.normalisation",
    "Objective": "disparate.choices.objective",
    "Precision": "disparate.choices.precision",
    "Predictions": "disparate.predictions",
    "Privacy": "disparate.choices.privacy",
    "Profile": "disparate.profiles",
    "Prune": "disparate.choices.prune",
    "PruneChannels": "disparate.choices.prune_channels",
    "Quantize": "disparate.choices.quantize",
    "Result": "disparate.findings",
    "Run": "disparate.predictions",
    "Seed": "disparate.choices.seed",
    "Stopping": "disparate.choices.stopping",
    "Thin": "disparate.choices.thin",
    "TrainingConfig": "disparate.training.config",
    "Variant": "disparate.choice",
    "audit": "disparate.auditing.api",
    "by_group": "disparate.measures.frame",
    "compare": "disparate.comparing.api",
    "from_torch": "disparate.data.torch_adapter",
    "page": "disparate.report.html",
}

__all__ = [
    "Analog",
    "Attack",
    "Attribute",
    "Columns",
    "Corrupt",
    "Crossbar",
    "DisparateError",
    "FairGrape",
    "FairPrune",
    "Finding",
    "Findings",
    "FineTune",
    "GroupedDataset",
    "Groups",
    "Hardware",
    "Kernels",
    "LearningRate",
    "Normalisation",
    "Objective",
    "Precision",
    "Predictions",
    "Privacy",
    "Profile",
    "Prune",
    "PruneChannels",
    "Quantize",
    "Result",
    "Run",
    "Seed",
    "Stopping",
    "Thin",
    "TrainingConfig",
    "Variant",
    "audit",
    "by_group",
    "compare",
    "from_torch",
    "page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'disparate' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
