"""SKNet itself, the table of known networks, and reading checkpoints."""

from skviz.models.inputs import with_example as with_example
from skviz.models.light import with_selective_kernels as with_selective_kernels
from skviz.models.naming import load_model as load_model
from skviz.models.registry import (
    CONFIGS as CONFIGS,
    DEFAULT_MODEL as DEFAULT_MODEL,
    ModelCard as ModelCard,
    ModelInfo as ModelInfo,
    build as build,
    count_macs as count_macs,
    count_parameters as count_parameters,
    known_models as known_models,
    model_info as model_info,
)
from skviz.models.sknet import (
    Branch as Branch,
    SKConv as SKConv,
    SKNet as SKNet,
    SKNetConfig as SKNetConfig,
    SKUnit as SKUnit,
    sk_units as sk_units,
)
