"""The one door for optional dependencies."""

import importlib
from types import ModuleType

from disparate.errors import MissingExtra

EXTRAS: dict[str, tuple[str, ...]] = {
    "privacy": ("opacus",),
    "curvature": ("curvlinops",),
    "cluster": ("ray",),
    "hub": ("timm", "datasets"),
    "onnx": ("onnx", "onnxruntime"),
    "analog": ("aihwkit",),
    "tracking": ("mlflow",),
    "lightning": ("lightning",),
    "remote": ("fsspec", "aiohttp"),
    "corruptions": ("imagecorruptions",),
    "structured": ("torch_pruning",),
    "search": ("optuna",),
    "digits": ("sklearn",),
}
"""Extra of ``pip install disparate[...]`` to the modules it brings."""


def require(module: str, *, wanted_for: str) -> ModuleType:
    """Import an optional dependency, or say how to install it.

    Args:
        module: Name of the module, such as ``"timm"``.
        wanted_for: What asks for it, such as ``"model 'timm:resnet18'"``.

    Returns:
        The imported module.

    Raises:
        MissingExtra: It is not installed; the message ends with the command that installs it.

    Example:
        >>> require("json", wanted_for="this example").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{wanted_for}: module '{module}' could not be imported ({error}). {install_hint(module)}"
        ) from error


def install_hint(module: str) -> str:
    """Return the sentence that says how ``module`` is installed."""
    package = module.partition(".")[0]
    extra = next((name for name, modules in EXTRAS.items() if package in modules), None)
    target = f"'disparate[{extra}]'" if extra else package
    return f"Install it with: pip install {target}"
