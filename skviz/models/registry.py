"""The table of networks that skviz builds itself, and how a name becomes a network."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skviz.errors import SkvizError, UnknownModelError, WeightsError, did_you_mean
from skviz.hardware.devices import seeded
from skviz.models.checkpoints import read_checkpoint
from skviz.models.sknet import Branch, SKNet, SKNetConfig, sk_units
from skviz.models.weight_sets import find_weights, load_weights
from skviz.pictures.scaling import InputSpec

DEFAULT_MODEL = "sknet50_lite"

# A quarter of the width of SKNet-50 and 4 channels per group, as in its first stage.
_LITE = SKNetConfig(
    units=(3, 4, 6, 3),
    widths=(32, 64, 128, 256),
    outputs=(64, 128, 256, 512),
    branches=(Branch(3, 1, group_width=4), Branch(3, 2, group_width=4)),
    attention_init="he",
    stem_width=32,
    classes=112,
    input_size=128,
)

# ResNeXt-29, 16x32d, with SK[2, 16, 32] and a 1x1 in place of the 5x5 (paper, section 4.2).
_CIFAR = SKNetConfig(
    units=(3, 3, 3),
    widths=(512, 1024, 2048),
    outputs=(256, 512, 1024),
    branches=(Branch(3, 1, 16), Branch(1, 1, 16)),
    reduction=32,
    stem="cifar",
    classes=10,
    input_size=32,
)

CONFIGS: dict[str, SKNetConfig] = {
    "sknet26": SKNetConfig(units=(2, 2, 2, 2)),
    "sknet50": SKNetConfig(units=(3, 4, 6, 3)),
    "sknet101": SKNetConfig(units=(3, 4, 23, 3)),
    "sknet29": _CIFAR,
    "sknet29_100": _CIFAR.with_(classes=100),
    "sknet50_lite": _LITE,
}

DESCRIPTIONS = {
    "sknet26": "SKNet-26, ImageNet (figure 2)",
    "sknet50": "SKNet-50, ImageNet (table 1)",
    "sknet101": "SKNet-101, ImageNet (section 3.3)",
    "sknet29": "SKNet-29, CIFAR-10 (section 4.2)",
    "sknet29_100": "SKNet-29, CIFAR-100 (section 4.2)",
    "sknet50_lite": "units as in SKNet-50, a quarter of the width",
}


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a loaded network beside its layers; it hangs on it as `.skviz`.

    `weights` names where the weights come from, `sha256` is the file's checksum, `trained`
    whether all that decides the attention comes from training, `spec` what the network expects
    to see, `classes` the names of its K classes or None.

    `missing` are the tensors that were not loaded from the file (`allow_mismatch`). With any
    missing, `trained` is false until a probe has shown that none of them changes the attention
    (see `skviz.capture.trained`). `notes` are sentences that belong beside every result, and
    `example` the shapes of the inputs, where they were given.
    """

    name: str
    weights: str
    sha256: str | None
    trained: bool
    spec: InputSpec
    classes: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    example: tuple[tuple[int, ...], ...] | None = None

    @property
    def classifies(self) -> bool:
        """Whether the class output can mean anything: nothing in the network is random."""
        return self.trained and not self.missing


@dataclass(frozen=True)
class ModelCard:
    """One row of `skviz models`: sizes counted on the network itself, at `input_size` pixels."""

    name: str
    parameters: int
    macs: int
    input_size: int
    units: list[str]
    weights: str | None
    description: str


def model_info(model: nn.Module, name: str | None = None) -> ModelInfo:
    """Return what is known of a network; for any foreign one a plain ImageNet default.

    Wrappers that keep the network as their `module` (`nn.DataParallel`) are looked into.
    """
    inner: object = model
    while inner is not None:
        known = getattr(inner, "skviz", None)
        if isinstance(known, ModelInfo):
            return known
        inner = getattr(inner, "module", None)
    return ModelInfo(name or type(model).__name__, "as given", None, True, InputSpec())


def build(name: str, seed: int = 0, **changes: Any) -> SKNet:
    """Build an untrained network of the table, its weights drawn from the seed.

    `changes` replace fields of its `SKNetConfig`. The global random state stays as it was.
    Raises `UnknownModelError` for a name that is not in the table.
    """
    config = known_config(name).with_(**changes)
    with seeded(seed):
        return SKNet(config)


def known_config(name: str, expected: str = "") -> SKNetConfig:
    """Return an entry of the table; raises `UnknownModelError`, with what else was expected."""
    if name not in CONFIGS:
        known = ", ".join(CONFIGS)
        raise UnknownModelError(
            f"unknown network '{name}'.{did_you_mean(name, CONFIGS)} skviz knows: {known}{expected}"
        )
    return CONFIGS[name]


def load_model(
    name: str = DEFAULT_MODEL,
    weights: str | os.PathLike[str] | None = None,
    *,
    pretrained: bool = True,
    seed: int = 0,
    allow_mismatch: bool = False,
    weights_key: str | None = None,
) -> nn.Module:
    """Return a network in evaluation mode, with what is known of it as its `.skviz`.

    Without `weights` it takes the bundled ones where there are any (unless `pretrained` is
    false), else it is untrained with a fixed seed and says so in `.skviz.trained`. Raises
    `UnknownModelError` or `WeightsError`.
    """
    # An unknown name must not be taken for one without bundled weights.
    config = known_config(name)
    if weights is None and pretrained:
        weights = bundled_weights(name)
    if weights is None:
        label = f"untrained (seed {seed})"
        info = ModelInfo(name, label, None, False, input_spec(config))
        return _finish(build(name, seed), info)
    path = Path(weights)
    state, metadata = read_checkpoint(path)
    digest = sha256_of(path)
    expected = bundled_digest(path)
    if expected is not None and digest != expected:
        raise WeightsError(
            f"expected the bundled weights {path.name} to have the checksum {expected}, got "
            f"{digest}; the file is damaged, install skviz again"
        )
    known = described(metadata, path)
    with torch.device("meta"):
        shapes = SKNet(config).state_dict()
    found = find_weights(shapes, state, path, weights_key)
    # The file knows how many classes there are.
    classifier = found.tensors.get("fc.weight")
    changes: dict[str, Any] = {}
    if classifier is not None and classifier.ndim == 2 and len(classifier) > 0:
        changes["classes"] = len(classifier)
    network = build(name, seed, **changes)
    loaded = load_weights(network, found, allow_mismatch=allow_mismatch)
    spec = input_spec(network.config)
    if "spec" in known:
        size, crop, mean, std = (known["spec"][key] for key in ("size", "crop", "mean", "std"))
        spec = InputSpec(int(size), float(crop), tuple(mean), tuple(std))
    classes = tuple(known["classes"]) or None
    label = "bundled" if expected is not None else path.name
    missing = loaded.missing
    info = ModelInfo(name, label, digest, not missing, spec, classes, missing, loaded.notes)
    return _finish(network, info)


# What JSON of any kind raises where an object of a certain form was expected.
_ODD = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)


def described(metadata: dict[str, str], path: Path) -> dict[str, Any]:
    """What the weights say of themselves: classes and what the network expects to see."""
    try:
        known = json.loads(metadata.get("skviz", "{}"))
        spec = known.get("spec")
        if spec is not None:
            InputSpec(spec["size"], spec["crop"], tuple(spec["mean"]), tuple(spec["std"]))
        return {**known, "classes": [str(name) for name in known.get("classes", [])]}
    except (*_ODD, SkvizError) as error:
        raise WeightsError(
            f"expected {path} to describe itself as skviz writes it, its metadata is damaged: "
            f"{error!r}"
        ) from None


def input_spec(config: SKNetConfig, size: int | None = None) -> InputSpec:
    """What a network of skviz expects to see, at `size` pixels or its configuration's own.

    ImageNet's evaluation crop, 224 of 256 pixels; the small CIFAR pictures are seen whole.
    """
    return InputSpec(size or config.input_size, crop=1.0 if config.stem == "cifar" else 0.875)


def _finish(network: SKNet, info: ModelInfo) -> nn.Module:
    network.skviz = info  # type: ignore[assignment]
    return network.eval()


def bundled_weights(name: str) -> Path | None:
    """Path of the weights that ship with skviz for a network, or None."""
    path = Path(str(files("skviz.assets").joinpath(f"{name}.safetensors")))
    return path if path.is_file() else None


def bundled_digest(path: Path) -> str | None:
    """The checksum that a bundled file must have, or None for any other file."""
    checksum = path.with_suffix(".sha256")
    if path != bundled_weights(path.stem) or not checksum.is_file():
        return None
    return checksum.read_text().split()[0]


def sha256_of(path: Path) -> str:
    """Checksum of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_parameters(network: nn.Module) -> int:
    """Number of learnable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def count_macs(make: Callable[[], nn.Module], size: int) -> int:
    """Multiply-adds of one forward pass over (1, 3, size, size), by PyTorch's own counter.

    `make` builds the network; nothing is computed: it runs on shapes alone.
    """
    # Importing the counter takes a second, and only counting needs it.
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        make().eval()(torch.empty(1, 3, size, size))
    return int(counter.get_total_flops()) // 2


def known_models() -> list[ModelCard]:
    """Describe every network of the table.

    Returns
    -------
    list of ModelCard
        With parameters, multiply-adds, units and weights.

    Examples
    --------
    >>> "sknet50" in [card.name for card in skviz.known_models()]
    True
    """
    cards = []
    for name, config in CONFIGS.items():
        with torch.device("meta"):
            network = SKNet(config)
        cards.append(
            ModelCard(
                name=name,
                parameters=count_parameters(network),
                macs=count_macs(partial(SKNet, config), config.input_size),
                input_size=config.input_size,
                units=[unit.name for unit in sk_units(network)],
                weights="bundled" if bundled_weights(name) else None,
                description=DESCRIPTIONS[name],
            )
        )
    return cards
