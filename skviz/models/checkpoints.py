"""Reading checkpoints: the tensors of a file, never executing what is inside."""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from skviz.errors import WeightsError, first_line

# Stands between the keys of mappings in mappings: "state_dict/module.fc.weight".
INSIDE = "/"
_SHOWN = 5
# A file that stands for a whole program has these inside.
_PROGRAMS = {
    "/models/model.json": "an exported program (torch.export)",
    "serialized_exported_program.json": "an exported program (torch.export)",
    "/code/": "a scripted or traced network (TorchScript)",
}


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors and the metadata of a .safetensors, .pth or .pt file.

    The name of a tensor in nested mappings has all their keys, with a "/" between. Pickles load
    with `weights_only=True`: tensors and plain containers, no code. Raises `WeightsError` naming
    the file and the reason.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        missing = isinstance(error, FileNotFoundError)
        what = "found no such file" if missing else f"cannot look at it: {reason}"
        raise WeightsError(f"expected a checkpoint at {path}, {what}") from None
    if not stat.S_ISREG(mode):
        # Reading a pipe would wait for a writer.
        found = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise WeightsError(f"expected a checkpoint file at {path}, found {found}")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the file's making: what matters is said here.
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(_why_not(path, error)) from None
    try:
        return _tensors(content, path), {}
    except RecursionError:
        raise WeightsError(f"cannot read {path}: its mappings are nested too deep") from None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return state, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read {path} as safetensors: {printable(str(error))}") from None


def _check_archive(path: Path) -> None:
    """Refuse an archive that is a program, or claims to hold more than it does."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        size = path.stat().st_size
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # No archive, or a damaged one: what reads it says so.
    for mark, what in _PROGRAMS.items():
        if any(mark in member.filename for member in members):
            raise WeightsError(
                f"expected weights in {path}, it is {what}; save those of the network that it was "
                "made from, with torch.save(model.state_dict(), ...) or as safetensors"
            )
    claimed = sum(member.file_size for member in members)
    if claimed > size:  # torch.save compresses nothing.
        raise WeightsError(
            f"refused to read {path}: it has {size} bytes and claims to hold {claimed}; save it "
            "with torch.save or as safetensors"
        )


def _why_not(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError):
        return f"cannot read {path}: {error.strerror or error}"
    with path.open("rb") as file:
        # torch.save writes a zip, older files are bare pickles; nothing else is a checkpoint.
        checkpoint = file.read(4).startswith((b"PK\x03\x04", b"\x80"))
    if not checkpoint:
        return (
            f"cannot read {path} as a checkpoint: its content is neither a zip nor a pickle; "
            "expected a file of torch.save or safetensors"
        )
    if "weights_only" in text.lower() or "Unsupported" in text or "GLOBAL" in text:
        first = next((line for line in text.splitlines() if "GLOBAL" in line), "")
        first = printable(first.strip())
        return (
            f"refused to read {path}: it holds more than tensors and plain containers "
            f"({first or 'objects that would run code'}); save the state dict alone, "
            "with torch.save(model.state_dict(), ...) or as safetensors"
        )
    reason = printable(first_line(error))
    return f"cannot read {path} as a checkpoint: {reason}; is it a .pth, .pt or .safetensors file?"


def _tensors(content: object, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"expected a state dict in {path}, got {type(content).__name__}; save it with "
            "torch.save(model.state_dict(), ...)"
        )
    state = dict(_inside(content, ""))
    if not state:
        keys = ", ".join(printable(str(key)) for key in list(content)[:_SHOWN]) or "nothing"
        raise WeightsError(f"expected tensors by name in {path}, found {keys}")
    return state


def _inside(content: Mapping[object, object], where: str) -> Iterator[tuple[str, Tensor]]:
    for key, value in content.items():
        if isinstance(value, Tensor):
            _check_tensor(value, f"{where}{key}")
            yield f"{where}{key}", value
        elif isinstance(value, Mapping):
            yield from _inside(value, f"{where}{key}{INSIDE}")


def _check_tensor(tensor: Tensor, name: str) -> None:
    """Refuse a tensor whose values are not all in the file; a view may claim any number."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return  # Refused where they are wanted as weights.
    held = tensor.untyped_storage().nbytes() // tensor.element_size()
    if tensor.numel() > held:
        raise WeightsError(
            f"{printable(name)} claims {tensor.numel()} values, the file holds {held} of them; "
            "save the network's own tensors, not views (tensor.contiguous())"
        )


def printable(name: str) -> str:
    """Return a name from a file such that printing it does nothing to a terminal."""
    return name if name.isprintable() else ascii(name)[1:-1]
