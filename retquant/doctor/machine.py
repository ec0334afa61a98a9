"""What the machine has: cores, memory, graphics cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retquant.cohort.cluster import ClusterSettings, local_workers
from retquant.doctor.finding import Finding, fine, note

_GIB = 1 << 30
LEAST_FILES = 1024  # open at once, that a scheduler with a few dozen workers needs


def check_processors() -> Iterator[Finding]:
    """Cores and memory as a container allows them, and how many workers that makes."""
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    settings = ClusterSettings()
    workers, memory = local_workers(settings), MEMORY_LIMIT / _GIB
    said = f"{CPU_COUNT} cores, {memory:.1f} GiB of memory: {workers} workers"
    if memory < settings.gib_a_worker:
        yield note("machine", f"{said}; photographs of 12 megapixels and more may not fit", "--workers 1")
    elif workers < CPU_COUNT:
        yield note("machine", f"{said}; memory limits them", "--workers N where images are small")
    else:
        yield fine("machine", said)


def check_open_files() -> Iterator[Finding]:
    """How many files a process may have open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < LEAST_FILES:
        yield note("machine", f"a process may have {soft} files open", f"ulimit -n {LEAST_FILES}")


def check_graphics() -> Iterator[Finding]:
    """The cards that torch can use, and whether there are any that it cannot."""
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            yield fine("graphics", f"cuda:{index} is {card.name}, {card.total_memory / _GIB:.0f} GiB")
    elif any(Path("/dev").glob("nvidia[0-9]*")):
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        yield note(
            "graphics",
            f"there is an NVIDIA card that torch {torch.__version__}, {built}, cannot use",
            "bring the driver up to date, or install the torch that https://pytorch.org names for it",
        )
    else:
        yield fine("graphics", "no NVIDIA card: segmentation runs on the processor")
