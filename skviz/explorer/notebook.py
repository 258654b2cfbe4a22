"""`skviz.explore`: the explorer for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skviz.errors import SkvizError
from skviz.pictures.images import ImageSource

if TYPE_CHECKING:
    from torch import nn

    from skviz.explorer.widget import Explorer


def explore(model: nn.Module, *images: ImageSource) -> Explorer:
    """Show a picture, a box and a slider in a notebook; the attention moves with them.

    Parameters
    ----------
    model
        The network, left as it was.
    *images
        Anything that `read_image` takes; without any, the photograph that skviz ships. Others
        can be dropped on the widget.

    Returns
    -------
    Explorer
        The widget, to be the last line of a cell. Its `result`, `attention` and `figure()` are
        of what it shows: for the cells below.

    Raises
    ------
    SkvizError
        Where anywidget is not installed.
    ImageError, CaptureError
        Where a picture or the network cannot be used.

    Examples
    --------
    >>> explorer = skviz.explore(skviz.load_model(), skviz.example_photo())
    >>> explorer.attention["3_4"].shape  # 1.0x and 1.5x, two kernels, 64 channels
    (2, 2, 64)
    """
    try:
        from skviz.explorer.widget import Explorer
    except ImportError as error:
        raise SkvizError(
            "the explorer in a notebook needs anywidget: pip install 'skviz[notebook]'"
        ) from error
    return Explorer(model, *images)
