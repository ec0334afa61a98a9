"""What one image may take of a worker's memory, so that a monster fails by itself and takes nobody with it.

An allocation beyond the limit fails at once, as an error of that image. Dask's nanny, which ends a worker by
its resident size, looks ten times a second: it comes too late for one large allocation, and then the system
may end the driver instead.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_UNTOUCHED = (
    2 << 30
)  # bytes that libraries set aside and never use: 1.1 GiB more data than resident, torch loaded


def limit_memory(limit: int | None) -> None:
    """Let this process have so many bytes of data, and what libraries set aside; where the system can (Linux)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if not limit:
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = limit + _UNTOUCHED
    resource.setrlimit(
        resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most)
    )


def peak_gib() -> float:
    """Most resident memory that this process has had so far; 0 where the system does not tell."""
    try:  # a process inherits what `getrusage` counts from the one that started it
        found = re.search(
            r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii", "replace"), re.M
        )
        if found is not None:
            return round(int(found[1]) / (1 << 20), 3)
        import resource
    except (OSError, ImportError):  # Windows
        import psutil  # type: ignore[import-untyped]  # comes with distributed

        return round(getattr(psutil.Process().memory_info(), "peak_wset", 0) / (1 << 30), 3)
    unit = 1 if sys.platform == "darwin" else 1 << 10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 30), 3)
