"""The tiny network and what is made with it."""

from tests.helpers.tiny_runs import picture, pictures, start, tiny, tiny_weights

__all__ = ["picture", "pictures", "start", "tiny", "tiny_weights"]
