import numpy as np
import pytest

from disparate.data.grouped import GroupedDataset
from disparate.groups import Attribute


@pytest.fixture
def pictures() -> GroupedDataset:
    """96 tiny images in two classes that brightness tells apart, two groups, 64 to train on."""
    rng = np.random.default_rng(7)
    target = np.arange(96) % 2
    inputs = rng.integers(0, 120, (96, 8, 8, 3)) + 100 * target[:, None, None, None]
    return GroupedDataset(
        name="pictures",
        kind="image",
        inputs=inputs.astype(np.uint8),
        target=target.astype(np.int64),
        label_names=("dark", "bright"),
        target_name="brightness",
        example_id=np.array([f"p{i}" for i in range(96)]),
        attributes={"side": Attribute.of(["left" if i % 3 else "right" for i in range(96)])},
        split=np.array(["train"] * 64 + ["test"] * 32),
    )
