"""What the network believes it sees: its most probable classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skviz.errors import CaptureError, UsageError


def finite_output(logits: ArrayLike) -> bool:
    """Whether logits (..., K) give probabilities: no nan, no inf; some may be -inf."""
    largest: NDArray[np.float64] = np.asarray(logits, dtype=np.float64).max(axis=-1)
    return bool(np.isfinite(largest).all())


def check_output(largest: ArrayLike) -> None:
    """Raise `CaptureError` unless the largest logit of every view is a finite number.

    A prediction made of nan would be class 0, and would count as right or wrong.
    """
    bad = ~np.isfinite(np.asarray(largest, dtype=np.float64))
    if bad.any():
        raise CaptureError(
            f"expected a finite class output, got nan or infinite values for {bad.sum()} of "
            f"{bad.size} views; check the weights of the classifier and the precision, or leave "
            "the class output out (skviz analyze --no-predictions)"
        )


def top_classes(
    logits: ArrayLike, classes: Sequence[str] | None = None, k: int = 3
) -> list[list[tuple[str, float]]]:
    """Return the k most probable classes per view, the best first, each with its probability.

    `logits` has shape (V, K), `classes` names the K classes ("class 17" without names);
    probabilities are in [0, 1] and sum to 1 over all classes. Of fewer than k classes all are
    returned.

    Raises `UsageError` for logits of another shape or that are not finite, names of another
    number, or k below 1.
    """
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 1:
        raise UsageError(f"expected logits of shape (views, classes), got {values.shape}")
    if classes is not None and len(classes) != values.shape[1]:
        raise UsageError(f"expected {values.shape[1]} class names, got {len(classes)}")
    if not finite_output(values):
        raise UsageError("expected finite logits, got nan or infinite values")
    if k < 1:
        raise UsageError(f"expected at least 1 class to name, got {k}")
    exponents = np.exp(values - values.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return [
        [(classes[i] if classes is not None else f"class {i}", float(row[i])) for i in best]
        for row, best in zip(probabilities, order.tolist(), strict=True)
    ]
