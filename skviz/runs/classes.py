"""The class output: which output a label is, what is right, and what is most probable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skviz.errors import CaptureError, UsageError
from skviz.names import escaped
from skviz.notes import Note

if TYPE_CHECKING:
    from torch import Tensor

# A number as a network's outputs are counted; 001 is a name.
_NUMBER = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)


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


def correctness(
    labels: NDArray[np.int32], predicted: NDArray[np.int32], class_map: NDArray[np.int64] | None
) -> NDArray[np.int8]:
    """Return 1, 0, or -1 for not known, (n, S).

    `class_map` says which output of the network a label is, -1 for none; None means that
    labels and outputs cannot be compared.
    """
    expected = expected_outputs(labels, class_map)[:, None]
    known = (expected >= 0) & (predicted >= 0)
    return np.where(known, predicted == expected, -1).astype(np.int8)


def ranks(
    labels: NDArray[np.int32], logits: Tensor, class_map: NDArray[np.int64] | None
) -> NDArray[np.int32]:
    """Return how many of K classes are more probable than the right one; -1 for not known.

    `logits` is of shape (n, S, K), the ranks (n, S).
    """
    import torch

    expected = expected_outputs(labels, class_map)[:, None]
    # A network may name more classes than it has outputs.
    expected = np.where(expected < logits.shape[2], expected, -1)
    # A class that is not known is looked up as the first one, and left out afterwards.
    index = torch.as_tensor(expected.clip(0), device=logits.device)[:, :, None]
    right = logits.gather(2, index.expand(-1, logits.shape[1], -1))
    above = (logits > right).sum(dim=2, dtype=torch.int32).cpu().numpy()
    return np.where(expected < 0, -1, above).astype(np.int32)


def expected_outputs(
    labels: NDArray[np.int32], class_map: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the output that each label is, (n,); -1 where it is not known."""
    if class_map is None or not len(class_map):
        return np.full(labels.shape, -1, np.int64)
    return np.where(labels < 0, -1, class_map[np.maximum(labels, 0)])


def class_map(
    names: Sequence[str], outputs: int | None, known: Sequence[str] | None
) -> tuple[str | None, NDArray[np.int64] | None]:
    """Say how labels are compared with the network's outputs, and which output each label is.

    "name" where every class of the data set is one of the network's; else "number" where all
    are called by numbers of outputs ("0", "10"); else, where there are as many classes as
    outputs, "number from 1" for the names 1 to their count, and "index" for others, which are
    taken in their order; else None: they cannot be compared.
    """
    if not names or outputs is None:
        return None, None
    # Networks that skviz trained have the names as they are stored, others as they were given.
    index = {escaped(name): number for number, name in enumerate(known or ())}
    index |= {name: number for number, name in enumerate(known or ())}
    if index and all(name in index for name in names):
        return "name", np.array([index[name] for name in names], np.int64)
    if all(_NUMBER.fullmatch(name) for name in names):
        numbers = np.array([int(name) for name in names], np.int64)
        if numbers.max() < outputs:
            return "number", numbers
        if len(names) == outputs == numbers.max() and numbers.min() == 1:
            return "number from 1", numbers - 1
    if len(names) == outputs:
        return "index", np.arange(outputs, dtype=np.int64)
    return None, None


def class_notes(compared: str | None, names: Sequence[str], outputs: int | None) -> list[Note]:
    """Say it where nothing but their count matches classes and outputs."""
    if compared == "number from 1":
        text = f"classes are numbered from 1: class 1 is the first of the {outputs} outputs"
    elif compared == "index":
        text = (
            f"classes and the {outputs} outputs are matched by order alone: the first class "
            f"('{names[0]}') is the first output, the last ('{names[-1]}') the last"
        )
    else:
        return []
    return [Note("assumed", f"{text}; `correct` depends on it")]
