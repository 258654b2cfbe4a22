"""How a name becomes a network: ours, timm's, or one that the user's own factory builds.

sknet50                         the table of skviz
timm:skresnext50_32x4d          timm, with its pretrained weights
package.module:factory          a function or class that can be imported
path/to/file.py:factory         a function or class in a file
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from skviz.errors import ModelError, UnknownModelError, UsageError, did_you_mean, first_line
from skviz.hardware.devices import seeded
from skviz.models import registry
from skviz.models.checkpoints import read_checkpoint
from skviz.models.closed import why_closed
from skviz.models.inputs import with_example
from skviz.models.registry import DEFAULT_MODEL, ModelInfo
from skviz.models.weight_sets import find_weights, load_weights
from skviz.pictures.scaling import InputSpec

TIMM = "timm:"
FORMS = "a name of `skviz models`, timm:NAME, package.module:factory or path/to/file.py:factory"


def load_model(
    name: str = DEFAULT_MODEL,
    weights: str | os.PathLike[str] | None = None,
    *,
    model_args: Mapping[str, Any] | None = None,
    pretrained: bool = True,
    seed: int = 0,
    allow_mismatch: bool = False,
    weights_key: str | None = None,
    example: str | Sequence[Sequence[int]] | None = None,
    input_size: int | None = None,
    crop: float | None = None,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> nn.Module:
    """Return a network in evaluation mode, with what is known of it as its `.skviz`.

    Parameters
    ----------
    name
        A network of the table (see `known_models`), `timm:NAME`, `package.module:factory` or
        `path/to/file.py:factory`.
    weights
        A checkpoint (.pth, .pt, .safetensors). Without it ours take the bundled weights and
        timm's networks their own pretrained ones.
    model_args
        The keyword arguments of timm's `create_model` or of the factory, which is the only foreign
        code that is called.
    pretrained
        False asks for random weights where no checkpoint is given.
    seed
        That of random weights.
    allow_mismatch
        Whether to load what fits of a checkpoint of another network; `.skviz.notes` says what did
        not.
    weights_key
        Chooses one of several sets of weights in a checkpoint (plain and averaged ones), a key
        such as "model_ema".
    example
        Shapes of the network's inputs, "1x3x64x64,1x10", where it needs certain ones or several
        (see `skviz.models.with_example`).
    input_size, crop, mean, std
        Replace what the network's own configuration says, `input_size` in pixels (see
        `InputSpec`).

    Returns
    -------
    torch.nn.Module
        The network; `.skviz` has its `name`, `weights`, `trained`, `spec` and `notes`.

    Raises
    ------
    UnknownModelError, ModelError
        Where there is no such network, or it cannot be built.
    WeightsError
        Where the checkpoint cannot be read or does not fit.

    Examples
    --------
    >>> model = skviz.load_model()
    >>> model.skviz.name, model.skviz.trained
    ('sknet50_lite', True)
    """
    name, arguments = str(name), dict(model_args or {})
    if weights_key is not None and weights is None:
        raise UsageError(
            f"expected a checkpoint with the key '{weights_key}', got none; pass it with --weights"
        )
    if name.startswith(TIMM):
        network, info = _from_timm(name, arguments, pretrained and weights is None, seed)
    elif ":" in name:
        network, info = _from_factory(name, arguments, seed)
    else:
        registry.known_config(name, f"; expected {FORMS}")
        if arguments:
            raise UsageError(
                f"expected no model arguments for '{name}', got {', '.join(arguments)}; they are "
                "for timm's networks and for factories"
            )
        network = registry.load_model(
            name,
            weights,
            pretrained=pretrained,
            seed=seed,
            allow_mismatch=allow_mismatch,
            weights_key=weights_key,
        )
        info, weights = registry.model_info(network), None
    if weights is not None:
        path = Path(weights)
        state, _ = read_checkpoint(path)
        found = find_weights(network.state_dict(), state, path, weights_key)
        loaded = load_weights(network, found, allow_mismatch=allow_mismatch)
        info = replace(
            info,
            weights=path.name,
            sha256=registry.sha256_of(path),
            trained=not loaded.missing,
            missing=loaded.missing,
            notes=(*info.notes, *loaded.notes),
        )
    given = {"size": input_size, "crop": crop, "mean": mean, "std": std}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    network.skviz = replace(info, spec=replace(info.spec, **changes))  # type: ignore[assignment]
    if example is not None:
        with_example(network, example, keep_size=input_size is not None)
    return network.eval()


def _from_timm(
    name: str, arguments: dict[str, Any], pretrained: bool, seed: int
) -> tuple[nn.Module, ModelInfo]:
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ImportError:
        raise ModelError(
            f'expected timm to be installed for {name}, it is not; pip install "skviz[timm]"'
        ) from None
    own = name.removeprefix(TIMM)
    if not timm.is_model(own):
        hint = did_you_mean(own.split(".")[0], timm.list_models())
        raise UnknownModelError(f"unknown network '{name}': timm has no '{own}'.{hint}")
    with seeded(seed):
        try:
            network: nn.Module = timm.create_model(own, pretrained=pretrained, **arguments)
        except Exception as error:
            reason = first_line(error)
            if not pretrained:
                raise ModelError(f"timm cannot build {name}: {reason}") from None
            raise ModelError(
                f"cannot get the pretrained weights of {name}: {reason}; without a connection, "
                "pass a checkpoint with --weights FILE, or --no-pretrained for random weights"
            ) from None
    config: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    spec = InputSpec(
        int(config["input_size"][-1]),
        float(config["crop_pct"]),
        tuple(config["mean"]),
        tuple(config["std"]),
    )
    tag = getattr(network, "pretrained_cfg", {}).get("tag") or "default"
    label = f"timm ({tag})" if pretrained else f"untrained (seed {seed})"
    return network, ModelInfo(name, label, None, pretrained, spec)


def _from_factory(name: str, arguments: dict[str, Any], seed: int) -> tuple[nn.Module, ModelInfo]:
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise UsageError(f"expected {FORMS}, got '{name}'")
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    factory: Any = module
    for part in attribute.split("."):
        factory = getattr(factory, part, None)
    if not callable(factory):
        public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise ModelError(
            f"expected a function or class '{attribute}' in {place}, found none."
            f"{did_you_mean(attribute, public)}"
        )
    network = _call(factory, name, arguments, seed)
    reason = why_closed(network)
    if reason:
        raise ModelError(
            f"cannot look inside what {name} returns: {reason}; return the network it was made from"
        )
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"expected {name} to return a torch.nn.Module, it returned {type(network).__name__}"
        )
    known = getattr(network, "skviz", None)
    spec = known.spec if isinstance(known, ModelInfo) else InputSpec()
    return network, ModelInfo(name, f"as built by {attribute}", None, True, spec)


def _call(factory: Callable[..., Any], name: str, arguments: dict[str, Any], seed: int) -> Any:
    with seeded(seed):
        try:
            return factory(**arguments)
        except Exception as error:
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items()) or "none"
            raise ModelError(
                f"{name} failed: {type(error).__name__}: {first_line(error)}; model arguments "
                f"given: {given} (pass them with --model-args '{{\"NAME\": VALUE}}')"
            ) from error


def _import_module(place: str) -> ModuleType:
    # A user's own package lies in the working folder, as with `python -m`.
    here = os.getcwd()
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise ModelError(
            f"cannot import '{place}': {first_line(error)}; expected {FORMS}"
        ) from error
    except Exception as error:
        raise ModelError(
            f"importing '{place}' failed: {type(error).__name__}: {first_line(error)}"
        ) from error
    finally:
        if added:
            sys.path.remove(here)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"expected a Python file at {path}, found none")
    spec = importlib.util.spec_from_file_location(f"_skviz_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Registered, as dataclasses and pickling look modules up by name.
    sys.modules[spec.name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # Its neighbours can be imported, as when it is run.
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(spec.name, None)
        raise ModelError(
            f"importing {path} failed: {type(error).__name__}: {first_line(error)}"
        ) from error
    finally:
        sys.path.remove(folder)
    return module
