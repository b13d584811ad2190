"""Models by name. Nothing is imported before it is named: torchvision and timm may be broken or absent."""

from typing import TYPE_CHECKING, Any

from disparate.registry import Registry

if TYPE_CHECKING:
    from disparate.models.factory import ModelSpec, build_model
    from disparate.models.small import SmallCNN, SmallMLP

__all__ = ["MODELS", "ModelSpec", "SmallCNN", "SmallMLP", "build_model"]

MODELS = Registry(
    family="models",
    entries={
        "small_cnn": "disparate.models.small:small_cnn",
        "small_mlp": "disparate.models.small:small_mlp",
    },
)
"""Names that need no prefix. Each stands for a function of ``input_shape``, ``num_classes`` and settings."""

_LAZY = {
    "ModelSpec": "disparate.models.factory",
    "build_model": "disparate.models.factory",
    "SmallCNN": "disparate.models.small",
    "SmallMLP": "disparate.models.small",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'disparate.models' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
