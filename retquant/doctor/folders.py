"""Whether files can be written where a run writes them, and how much room there is."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from retquant.doctor.finding import Finding, fault, fine, note
from retquant.resources import cache_base

_GIB = 1 << 30
LEAST_ROOM_GIB = 5.0  # about 40,000 images' tables; overlays take twenty times as much
LEAST_SPARE_GIB = 0.5


def check_output(out: Path) -> Iterator[Finding]:
    """The folder of results: it takes files, renames them into place as a commit does, and has room."""
    yield from _writable("results", out, "name another folder: --out DIR", least_gib=LEAST_ROOM_GIB)


def check_cache() -> Iterator[Finding]:
    """The folder of what was compiled, and of foundation models."""
    remedy = "set RETQUANT_CACHE to a folder that can be written"
    try:
        folder = cache_base()
    except OSError as error:
        yield note("cache", f"there is no place for it ({error}): each process compiles anew", remedy)
        return
    for finding in _writable("cache", folder, remedy, least_gib=LEAST_SPARE_GIB):
        yield note("cache", finding.said, finding.remedy) if finding.state == "fault" else finding


def check_temporary() -> Iterator[Finding]:
    """The folder of temporary files, into which Dask's workers write."""
    remedy = "set TMPDIR to a folder with room"
    yield from _writable("temporary files", Path(tempfile.gettempdir()), remedy, least_gib=LEAST_SPARE_GIB)


def _writable(about: str, folder: Path, remedy: str, *, least_gib: float) -> Iterator[Finding]:
    made = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not made.is_dir():
        yield fault(about, f"{made} is a file, where a folder should be", remedy)
        return
    token = made / f".retquant-{uuid.uuid4().hex}"
    try:
        token.write_bytes(b"retquant")
        with token.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(token, other := token.with_suffix(".renamed"))
        other.unlink()
    except OSError as error:
        token.unlink(missing_ok=True)
        yield fault(about, f"{made} cannot be written: {error.strerror or error}", remedy)
        return
    free = shutil.disk_usage(made).free / _GIB
    if free < least_gib:
        yield note(about, f"{folder} has {free:.1f} GiB free, and {least_gib:g} are advised", remedy)
    else:
        yield fine(about, f"{folder} can be written; {free:.0f} GiB free")
