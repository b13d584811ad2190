"""Two small networks that train in minutes on a laptop's processor."""

from collections import OrderedDict

from torch import Tensor, nn

from disparate.errors import BadInput, NotApplicable

IMAGE_DIMENSIONS = 3


class SmallCNN(nn.Module):
    """A convolutional network for small images: four blocks of convolution, batch normalisation and ReLU.

    | block | kernel       | channels  | 32×32 becomes |
    | ----- | ------------ | --------- | ------------- |
    | 1     | 5×5 stride 2 | width     | 16×16, pooled to 8×8 |
    | 2     | 3×3          | 2 × width | 8×8           |
    | 3     | 3×3          | 4 × width | 8×8, pooled to 4×4 |
    | 4     | 3×3          | 4 × width | 4×4, averaged |

    The average over all places before the classifier makes any image size work. With ``width=32`` it has 0.24 million
    parameters; resolution is given up early, which is what makes an epoch of twenty thousand faces at 32×32 a matter
    of seconds on one core.

    Args:
        classes: Number of outputs, 2 or more.
        channels: Channels of an image.
        width: Channels of the first block.

    Example:
        >>> import torch
        >>> SmallCNN(5)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 5])
    """

    def __init__(self, classes: int, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        _require_at_least(2, "SmallCNN", classes=classes)
        _require_at_least(1, "SmallCNN", channels=channels, width=width)
        self.features = nn.Sequential(
            OrderedDict(
                block1=_block(channels, width, kernel=5, stride=2),
                pool1=nn.MaxPool2d(2, ceil_mode=True),
                block2=_block(width, 2 * width),
                block3=_block(2 * width, 4 * width),
                pool2=nn.MaxPool2d(2, ceil_mode=True),
                block4=_block(4 * width, 4 * width),
                average=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
            )
        )
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, shape (examples, classes), of images of shape (examples, channels, height, width)."""
        return self.classifier(self.features(images))


class SmallMLP(nn.Module):
    """A network for tables: two hidden layers with ReLU.

    Args:
        features: Columns of the table.
        classes: Number of outputs, 2 or more.
        width: Units of each hidden layer.

    Example:
        >>> import torch
        >>> SmallMLP(4, 2)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(self, features: int, classes: int, width: int = 64) -> None:
        super().__init__()
        _require_at_least(2, "SmallMLP", classes=classes)
        _require_at_least(1, "SmallMLP", features=features, width=width)
        self.hidden = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, rows: Tensor) -> Tensor:
        """Return logits, shape (examples, classes), of rows of shape (examples, features)."""
        return self.classifier(self.hidden(rows))


def small_cnn(*, input_shape: tuple[int, ...], num_classes: int, width: int = 32) -> SmallCNN:
    """Return a :class:`SmallCNN` for images.

    Args:
        input_shape: (channels, height, width) of one image.
        num_classes: Number of outputs.
        width: Channels of the first block.

    Returns:
        The network.

    Raises:
        NotApplicable: One input is not an image.
    """
    if len(input_shape) != IMAGE_DIMENSIONS:
        raise NotApplicable(
            f"model 'small_cnn': one input has shape {input_shape}; an image (channels, height, width) was expected. "
            "Use model 'small_mlp' for tables."
        )
    return SmallCNN(num_classes, channels=input_shape[0], width=width)


def small_mlp(*, input_shape: tuple[int, ...], num_classes: int, width: int = 64) -> SmallMLP:
    """Return a :class:`SmallMLP` for rows of a table.

    Args:
        input_shape: (features,) of one row.
        num_classes: Number of outputs.
        width: Units of each hidden layer.

    Returns:
        The network.

    Raises:
        NotApplicable: One input is not a row of a table.
    """
    if len(input_shape) != 1:
        raise NotApplicable(
            f"model 'small_mlp': one input has shape {input_shape}; a row (features,) was expected. "
            "Use model 'small_cnn' for images."
        )
    return SmallMLP(input_shape[0], num_classes, width=width)


def _block(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            convolution=nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
            normalisation=nn.BatchNorm2d(outputs),
            activation=nn.ReLU(),
        )
    )


def _require_at_least(least: int, model: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < least:
            raise BadInput(f"{model}({name}={size}): at least {least} was expected.")
