"""What is damaged: small valid pictures, data sets, networks and checkpoints."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, features

CLASSES = ("ant", "bee")


def picture(seed: int = 0, width: int = 60, height: int = 45) -> Image.Image:
    """A small colour picture that differs from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded() -> dict[str, bytes]:
    """The same picture in every format and mode that users have, by a name with its suffix."""
    colour = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = _profile()
    wide = Image.fromarray(np.arange(60 * 45, dtype=np.uint16).reshape(45, 60) * 20)
    frames = [picture(seed) for seed in (1, 2)]
    ways: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "plain.jpg": (colour, {}),
        "progressive.jpg": (colour, {"progressive": True, "exif": exif, "icc_profile": profile}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "grey.jpg": (colour.convert("L"), {}),
        "plain.png": (colour, {"icc_profile": profile, "exif": exif}),
        "palette.png": (colour.convert("P"), {"transparency": 3}),
        "alpha.png": (colour.convert("RGBA"), {}),
        "wide.png": (wide, {}),
        "moving.gif": (frames[0], {"save_all": True, "append_images": frames[1:]}),
        "plain.bmp": (colour, {}),
        "plain.ppm": (colour, {}),
        "plain.tif": (colour, {"exif": exif}),
        "lzw.tif": (colour, {"compression": "tiff_lzw"}),
        "jpeg.tif": (colour, {"compression": "jpeg"}),
    }
    if features.check("webp"):
        ways["plain.webp"] = (colour, {"exif": exif})
        ways["lossless.webp"] = (colour.convert("RGBA"), {"lossless": True})
    if features.check("avif"):
        ways["plain.avif"] = (colour, {})
    found = {}
    for name, (image, options) in ways.items():
        stream = io.BytesIO()
        image.save(stream, Image.registered_extensions()[Path(name).suffix], **options)
        found[name] = stream.getvalue()
    return found


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def dataset(folder: Path, each: int = 3) -> Path:
    """Write a folder of two classes with small pictures."""
    for place, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(each):
            picture(10 * place + index).save(folder / name / f"{index}.png")
    return folder


def know_tiny() -> None:
    """Add the network "tiny" to those that skviz knows in this process and its children."""
    from skviz.models.registry import CONFIGS
    from tests.helpers.tiny import CONFIG

    CONFIGS["tiny"] = CONFIG


def checkpoints(folder: Path) -> dict[str, bytes]:
    """The weights of "tiny" in every kind of file."""
    import torch

    from skviz.models import build
    from skviz.models.registry import input_spec
    from skviz.training.export import describe, export_weights

    network = build("tiny")
    state = network.state_dict()
    said = describe("tiny", input_spec(network.config), ["a", "b", "c"], {}, credits=["me"])
    export_weights(network, folder / "own.safetensors", said, overwrite=True)
    torch.save(state, folder / "plain.pth")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}},
               folder / "wrapped.pt")  # fmt: skip
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def odd_state(rng: Random) -> dict[str, Any]:
    """The weights of "tiny" with one tensor of a kind that no network has."""
    import torch

    from skviz.models import build

    state = dict(build("tiny").state_dict())
    name = rng.choice(list(state))
    usual = state[name]
    ways = [
        lambda: torch.empty(1).expand(2_000_000_000, *usual.shape[1:]),
        lambda: torch.empty_strided((1 << 40,), (0,)),
        lambda: usual.to("meta"),
        lambda: usual.float().to_sparse(),
        lambda: usual.to(torch.complex64),
        lambda: usual.to(torch.int64),
        lambda: usual.to(torch.float8_e4m3fn),
        lambda: torch.full_like(usual.float(), float("nan")),
        lambda: usual.bool(),
        lambda: "text",
        lambda: {"nested": {"deep": usual}},
        lambda: torch.empty(0),
        lambda: usual[None, None],
    ]
    state[name] = rng.choice(ways)()
    return state
