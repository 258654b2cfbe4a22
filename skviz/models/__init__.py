"""SKNet itself, the table of known networks, and reading checkpoints."""

from skviz.models.inputs import with_example
from skviz.models.light import with_selective_kernels
from skviz.models.naming import load_model
from skviz.models.registry import (
    CONFIGS,
    DEFAULT_MODEL,
    ModelCard,
    ModelInfo,
    build,
    count_macs,
    count_parameters,
    known_models,
    model_info,
)
from skviz.models.sknet import Branch, SKConv, SKNet, SKNetConfig, SKUnit, sk_units

__all__ = [
    "CONFIGS",
    "DEFAULT_MODEL",
    "Branch",
    "ModelCard",
    "ModelInfo",
    "SKConv",
    "SKNet",
    "SKNetConfig",
    "SKUnit",
    "build",
    "count_macs",
    "count_parameters",
    "known_models",
    "load_model",
    "model_info",
    "sk_units",
    "with_example",
    "with_selective_kernels",
]
