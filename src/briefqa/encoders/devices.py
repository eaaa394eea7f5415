"""Which of a machine's devices embeds: what torch finds, or what was asked for.

check_device("cuda:1")          # DeviceError where torch has none
chosen_device("")               # "cuda:0", "mps", …, else "cpu"; imports torch
"""

from __future__ import annotations

from typing import Any

from briefqa.errors import DeviceError


def check_device(device: str) -> None:
    """Do nothing if torch has the device; "" and "cpu" are always there, and import nothing. Raises DeviceError."""
    if device in ("", "cpu"):
        return
    import torch

    try:
        wanted = torch.device(device)
        there = _count(torch, wanted.type) > (wanted.index or 0)
    except RuntimeError:  # no name that torch knows
        there = False
    if not there:
        found = ", ".join(_found(torch))
        raise DeviceError(
            f"torch finds no device {device[:40]!r} on this machine, only {found}: leave the device out, name one of "
            "these, or install the torch that is made for it"
        )


def chosen_device(device: str) -> str:
    """Return the device that models run on: the one that was asked for, else the fastest that torch finds."""
    if device:
        return device
    from sentence_transformers.util import get_device_name

    return str(get_device_name())


def _count(torch: Any, kind: str) -> int:
    """Return how many devices there are of a kind."""
    if kind == "cpu":
        return 1
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    backend = getattr(torch, kind, None)
    available = getattr(backend, "is_available", None)
    return int(backend.device_count()) if available is not None and available() else 0  # type: ignore[union-attr]


def _found(torch: Any) -> list[str]:
    kinds = ("cpu", "cuda", "mps", "xpu")
    return [
        f"{kind}:{i}" if i or kind in ("cuda", "xpu") else kind for kind in kinds for i in range(_count(torch, kind))
    ]
