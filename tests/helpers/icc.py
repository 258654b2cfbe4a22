"""Colour profiles made for tests (ICC.1:2001): matrices with a gamma, grey, and inks by a table."""

from __future__ import annotations

import struct

import numpy as np

# Colorants adapted to D50, columns of the matrix from linear RGB to XYZ.
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE_GAMMA = 563 / 256
_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(colorants: tuple[tuple[float, ...], ...], gamma: float | None) -> bytes:
    """A monitor's profile; without a gamma its curve is that of sRGB."""
    tags = {f"{name}XYZ": _xyz(column) for name, column in zip("rgb", colorants, strict=True)}
    curve = _srgb_curve() if gamma is None else _gamma(gamma)
    return _profile("mntr", "RGB ", "XYZ ", tags | dict.fromkeys(("rTRC", "gTRC", "bTRC"), curve))


def grey_profile(gamma: float) -> bytes:
    """A grey profile."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _gamma(gamma)})


def ink_profile() -> bytes:
    """Inks that print in odd colours: cyan prints red, so that whoever reads it can tell."""
    lab = np.zeros((2, 2, 2, 2, 3), np.uint8)
    lab[...] = (0, 128, 128)
    lab[0, 0, 0, 0] = (255, 128, 128)  # Paper.
    lab[1, 0, 0, 0] = (136, 208, 195)  # Cyan: about sRGB's red.
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + 4 * ramp + lab.tobytes() + 3 * ramp
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": table, "A2B1": table})


def srgb_values(values: np.ndarray, colorants: tuple[tuple[float, ...], ...], gamma: float | None):
    """What sRGB values (n, 3) in 0 to 255 are the colours (n, 3) of a profile, by the formulas."""
    shares = values / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    linear = linear if gamma is None else shares**gamma
    other = linear @ np.array(colorants) @ np.linalg.inv(np.array(SRGB))
    other = np.clip(other, 0, 1)
    curved = np.where(other <= 0.0031308, 12.92 * other, 1.055 * other ** (1 / 2.4) - 0.055)
    return 255 * curved


def _profile(kind: str, space: str, pcs: str, tags: dict[str, bytes]) -> bytes:
    tags = {"wtpt": _xyz(_D50), **tags}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name.encode() + struct.pack(">2I", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI", start + len(body), b"\0" * 4, 0x02400000)
    head += kind.encode() + space.encode() + pcs.encode()
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += struct.pack(">3i", *(round(65536 * value) for value in _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in values))


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma))


def _srgb_curve() -> bytes:
    steps = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    words = struct.pack(">5i", *(round(65536 * step) for step in steps))
    return b"para\0\0\0\0" + struct.pack(">2H", 3, 0) + words
