"""What makes inference fast on the machine at hand: device, precision, memory allocator."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path


@cache
def keep_large_blocks() -> None:
    """Tell glibc to keep large freed blocks: by default each tensor is mapped and unmapped, 1.3 to 1.7 times slower."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library (musl): it has no such setting
        return
    mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def pick_device(wanted: str = "auto") -> str:
    """`cuda` where a device is there (or asked for), else `cpu`."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def pick_precision(wanted: str, device: str) -> str:
    """`bfloat16` where the hardware multiplies it natively, else `float32`; an explicit wish is kept."""
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if _cpu_flags() & {"avx512_bf16", "amx_bf16"} else "float32"


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return frozenset()
    return frozenset(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))
