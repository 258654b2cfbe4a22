"""The command line with one more network, "tiny", that a test can afford to run.

python tests/helpers/tiny.py analyze DATASET --model tiny --out RUN
"""

from __future__ import annotations

import os
import sys

import torch

from skviz.cli.main import main
from skviz.models.registry import CONFIGS
from skviz.models.sknet import Branch, SKNetConfig

CONFIG = SKNetConfig(
    units=(1, 1),
    widths=(8, 16),
    outputs=(16, 32),
    branches=(Branch(3, 1, group_width=4), Branch(3, 2, group_width=4)),
    classes=3,
    stem="cifar",
    input_size=16,
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    CONFIGS["tiny"] = CONFIG
    # Both set by a test that starts this file in a process which has loaded PyTorch already.
    os.environ.update(globals().get("ENVIRONMENT", {}))
    sys.argv[1:] = globals().get("ARGUMENTS") or sys.argv[1:]
    main()
