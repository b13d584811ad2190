"""Normalisation: batch normalisation replaced by one that looks at one example alone."""

from torch import nn

from disparate.errors import NotApplicable, require

MOST_GROUPS = 32
"""Groups of channels, as wu2018 have them."""
FEWEST_CHANNELS = 4
"""Channels that a group has at least, where there are as many: one channel at one place is normalised to nothing."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def groups_of(channels: int, *, most: int = MOST_GROUPS) -> int:
    """Return the number of groups that channels are normalised in: the largest that divides them evenly.

    Args:
        channels: Of the layer.
        most: Most groups.

    Returns:
        At most ``most`` groups of at least 4 channels, or 1.

    Example:
        >>> groups_of(64), groups_of(64, most=8), groups_of(12), groups_of(3)
        (16, 8, 3, 1)
    """
    fit = (count for count in range(min(most, channels // FEWEST_CHANNELS), 0, -1) if channels % count == 0)
    return next(fit, 1)


def with_group_norm(model: nn.Module, *, most: int = MOST_GROUPS) -> nn.Module:
    """Return the model with every batch normalisation replaced by group normalisation (wu2018), in place.

    Scale and shift start at 1 and 0 as before, and all other weights stay as they are, so that two networks of one
    seed differ in nothing else. Each layer has the largest number of groups that leaves at least four channels in
    each: opacus' own replacement makes groups of one channel, which at one place per channel erases what it sees.

    Args:
        model: The network.
        most: Most groups of a layer.

    Returns:
        The same network.

    Raises:
        BadInput: There are to be no groups.
        NotApplicable: The network has no batch normalisation, or one of a single channel.

    Example:
        >>> layers = with_group_norm(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
        >>> [layer.num_groups for layer in layers.modules() if isinstance(layer, nn.GroupNorm)]
        [2]
    """
    require(most >= 1, f"normalisation(groups={most})", "1 or more")
    places = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, BATCH_NORMS)
    ]
    if not places:
        raise NotApplicable(
            f"normalisation on {type(model).__name__}: it has no batch normalisation to replace. Leave the choice out "
            "for this model."
        )
    for parent, name, layer in places:
        if layer.num_features == 1:
            raise NotApplicable(f"normalisation: layer '{name}' has one channel, which a group cannot be made of.")
        count = groups_of(layer.num_features, most=most)
        replaced = nn.GroupNorm(count, layer.num_features, eps=layer.eps, affine=layer.affine)
        setattr(parent, name, replaced)
    return model
