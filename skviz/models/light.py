"""SK convolutions in light networks: MobileNet, ShuffleNet (paper, section 4.2, table 4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import nn

from skviz.errors import ModelError
from skviz.models.sknet import Branch, SKConv

# One group per channel: 3x3, and 5x5 as a 3x3 with dilation 2.
DEPTHWISE = (Branch(3, 1, group_width=1), Branch(3, 2, group_width=1))


def with_selective_kernels(
    network: nn.Module,
    branches: Sequence[Branch] = DEPTHWISE,
    *,
    reduction: int = 4,
    min_width: int = 32,
    unit_stride_only: bool = False,
) -> nn.Module:
    """Return a copy of a network whose depthwise k x k convolutions are SK convolutions.

    Every convolution with as many groups as input and output channels and a kernel above 1x1
    becomes an `SKConv` of the same stride and width. The batch norm and activation that follow
    stay.

    Parameters
    ----------
    network
        Left as it is; weights other than the replaced ones are kept.
    branches
        The branches of every unit: 3x3 and a dilated 3x3, as in the paper's light networks.
    reduction, min_width
        r and L of section 3.1; with r = 4 the parameters are those of table 4 within 1 %.
    unit_stride_only
        Whether convolutions that halve the resolution stay as they are.

    Returns
    -------
    torch.nn.Module
        The changed copy, untrained where it is new.

    Raises
    ------
    ModelError
        For a network without depthwise convolutions.

    Examples
    --------
    >>> from torch import nn
    >>> light = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8))
    >>> [unit.channels for unit in skviz.Probe(skviz.with_selective_kernels(light)).units]
    [8]
    """
    changed = copy.deepcopy(network)
    replaced = 0
    for parent in list(changed.modules()):
        if isinstance(parent, SKConv):
            continue
        for name, child in list(parent.named_children()):
            if not isinstance(child, nn.Conv2d) or not _is_depthwise(child):
                continue
            if unit_stride_only and max(child.stride) > 1:
                continue
            unit = SKConv(child.in_channels, branches, child.stride[0], reduction, min_width)
            weight = child.weight
            setattr(parent, name, unit.to(weight.device, weight.dtype).train(child.training))
            replaced += 1
    if not replaced:
        raise ModelError(
            "expected a network with depthwise convolutions (one group per channel, kernel above "
            f"1x1), found none in {type(network).__name__}; MobileNet and ShuffleNet have them"
        )
    return changed


def _is_depthwise(module: nn.Conv2d) -> bool:
    return (
        module.groups == module.in_channels == module.out_channels > 1
        and max(module.kernel_size) > 1
        and module.stride[0] == module.stride[1]
    )
