"""Makes ``geometry_networks`` importable: tests are imported without their folder on the path."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("geometry_networks", Path(__file__).with_name("geometry_networks.py"))
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
sys.modules["geometry_networks"] = _module
_spec.loader.exec_module(_module)
