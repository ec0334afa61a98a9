"""What makes inference fast on the machine at hand: device, precision, library, memory allocator."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from retquant.config import RunConfig
from retquant.errors import ModelError

RUNTIMES = ("torch", "openvino", "auto")


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


def pick_runtime(wanted: str, device: str = "auto") -> str:
    """`openvino` or `torch`: what multiplies. `auto` takes OpenVINO where it is installed and there is no GPU.

    Raises
    ------
    ModelError
        There is no such runtime; or OpenVINO is asked for and is not installed, or on a GPU.
    """
    if wanted == "torch":
        return wanted
    if wanted not in RUNTIMES:
        raise ModelError(f"there is no runtime {wanted!r}", remedy=f"--runtime {', '.join(RUNTIMES)}")
    is_installed, place = find_spec("openvino") is not None, pick_device(device)
    if wanted == "auto":
        return "openvino" if is_installed and place == "cpu" else "torch"
    if not is_installed:
        raise ModelError(
            "OpenVINO is not installed", remedy="pip install 'retquant[openvino]', or --runtime torch"
        )
    if place != "cpu":
        raise ModelError(
            f"OpenVINO runs on the CPU here, not on {place}", remedy="--device cpu, or --runtime torch"
        )
    return wanted


def with_runtime(config: RunConfig, device: str = "auto", wanted: str | None = None) -> RunConfig:
    """The configuration with the library named that will multiply on this machine, as `wanted` or as it says itself.

    Raises
    ------
    ModelError
        That library cannot be had.
    """
    runtime = pick_runtime(wanted or config.segmentation.runtime, device)
    segmentation = config.segmentation.model_copy(update={"runtime": runtime})
    return config.model_copy(update={"segmentation": segmentation})


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return frozenset()
    return frozenset(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))
