"""Whether retquant can work here: installation, machine, models, folders, workers, and one eye measured.

Each check is a leaf that yields findings; `examine` asks them in order. Nothing is changed but for files that are
written and removed again, to see whether that works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from retquant.config import RunConfig
from retquant.doctor.finding import Finding, fault

__all__ = ["Finding", "examine"]


def examine(
    config: RunConfig, *, out: Path, scheduler: str | None = None, device: str = "auto"
) -> Iterator[Finding]:
    """Findings one after the other, as they are made.

    Parameters
    ----------
    out : path
        Folder in which results would be written; it need not be there yet.
    scheduler : str, optional
        Address of a Dask scheduler that a run would use; one worker of this machine is tried otherwise.
    """
    from retquant.doctor.installation import check_packages, check_python

    yield from check_python()
    packages = list(check_packages())
    yield from packages
    if any(one.state == "fault" for one in packages):
        return  # what follows needs them
    from retquant.doctor.cluster import check_cluster
    from retquant.doctor.folders import check_cache, check_output, check_temporary
    from retquant.doctor.machine import check_graphics, check_open_files, check_processors
    from retquant.doctor.models import check_models
    from retquant.doctor.trial import check_trial

    yield from _asked("machine", check_processors)
    yield from _asked("machine", check_open_files)
    yield from _asked("graphics", check_graphics)
    yield from _asked("results", lambda: check_output(out))
    yield from _asked("cache", check_cache)
    yield from _asked("temporary files", check_temporary)
    yield from _asked("models", lambda: check_models(config))
    yield from _asked("trial", lambda: check_trial(config, device=device))
    yield from _asked("workers", lambda: check_cluster(scheduler, out))


def _asked(about: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The check's findings; a check that breaks down is a finding too, and the others go on."""
    try:
        yield from check()
    except Exception as error:  # a broken library may raise anything here
        said = f"this check broke down: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        yield fault(about, said, "pip install --force-reinstall retquant, in a new environment")
