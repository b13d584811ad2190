"""The handwritten digits that come with scikit-learn: 1,797 pictures of 8 × 8 pixels, without a file of their own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset, checked
from disparate.data.split import NO_SHARES, assign_splits
from disparate.errors import require
from disparate.extras import require as require_extra
from disparate.groups import Attribute

DIGITS = tuple(map(str, range(10)))
LEVELS = 16


def digits(*, enlarge: int = 1, split_seed: int = 0, shares: Mapping[str, float] = NO_SHARES) -> GroupedDataset:
    """Return the digits with the digit as target and as group; ids are positions in scikit-learn's table.

    The 17 levels of grey become bytes, ``round(255 v / 16)``.

    Known problems of the data: label and group are one, so that every group holds one class and measures that
    need both labels within a group are undefined. Several digits are by the same writer, who is not recorded, so that
    the split parts pictures and not writers.

    Args:
        enlarge: Times that every pixel is repeated in either direction, 1 or more; 4 gives 32 × 32.
        split_seed: Seed of the split, which keeps the shares within every digit.
        shares: Shares of ``"test"`` (0.2 where not given) and ``"validation"`` (0).

    Returns:
        The data set.

    Raises:
        BadInput: A setting is out of range.
        MissingExtra: scikit-learn is not installed.
    """
    require(enlarge >= 1, f"digits(enlarge={enlarge})", "1 or more")
    datasets: Any = require_extra("sklearn.datasets", wanted_for="data source 'digits'")
    found: Any = datasets.load_digits()
    target: NDArray[np.int64] = found.target.astype(np.int64)
    example_id = np.array([f"{row:04d}" for row in range(len(target))])
    data = GroupedDataset(
        name="digits",
        kind="image",
        inputs=_pictures(found.images, enlarge),
        target=target,
        label_names=DIGITS,
        target_name="digit",
        example_id=example_id,
        attributes={"digit": Attribute(names=DIGITS, codes=target.astype(np.int32))},
        split=assign_splits(example_id, strata=target, shares=shares, seed=split_seed),
    )
    return checked(data)


def _pictures(images: NDArray[np.float64], enlarge: int) -> NDArray[np.uint8]:
    grey = np.rint(images * (255 / LEVELS)).astype(np.uint8)
    return np.repeat(np.repeat(grey, enlarge, axis=1), enlarge, axis=2)[..., None]
