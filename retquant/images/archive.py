"""Files within archives, read without unpacking: each archive is opened and listed once a process.

What is read stays in memory. Nothing is ever written under a name that an archive gives, so that no such name can reach
a place on the disk.
"""

from __future__ import annotations

import difflib
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from retquant.errors import ImageError
from retquant.images.tar_archive import TarArchive
from retquant.images.zip_archive import ZipArchive
from retquant.manifest.members import MARK, member_problem, tidy

MAX_MEMBER = 1 << 30  # bytes of a file unpacked; the largest picture that the settings allow has 720 million
_OPEN = 16  # archives that a process keeps open
_KEPT_FILES, _KEPT_BYTES = 8, 1 << 26  # of what was read last: an image is hashed, and then read

_SEARCHED = 20_000  # files among which one of a like name is looked for

_lock = threading.Lock()
_archives: OrderedDict[str, tuple[tuple[int, ...], Archive]] = OrderedDict()
_last: OrderedDict[tuple[str, tuple[int, ...], str], bytes] = OrderedDict()


class Archive(Protocol):
    """An open archive; `names` are tidied, in the order in which reading is cheapest."""

    names: Collection[str]

    def read(self, name: str, *, most: int) -> bytes: ...


def read_member(archive: Path, member: str) -> bytes:
    """All bytes of a file in a .zip, .tar or .tar.gz.

    Raises
    ------
    ImageError
        There is no such archive or member, the name leaves the archive, or the member is encrypted, packed in a way
        that is not read, damaged, a link, or larger than `MAX_MEMBER`.
    """
    where = f"{archive}{MARK}{member}"
    if (problem := member_problem(member)) is not None:
        raise ImageError(f"the name {problem[0]}", where=where, remedy=problem[1])
    name, stamp = tidy(member), _stamp(archive)
    key = (str(archive), stamp, name)
    with _lock:
        if key in _last:
            _last.move_to_end(key)
            return _last[key]
    opened = _opened(archive, stamp)
    if name not in opened.names:
        raise _missing(name, opened.names, where)
    try:
        data = opened.read(name, most=MAX_MEMBER)
    except ImageError as error:
        raise ImageError(error.problem, where=where, remedy=error.remedy) from None
    with _lock:
        _last[key] = data
        while len(_last) > _KEPT_FILES or sum(map(len, _last.values())) > _KEPT_BYTES:
            _last.popitem(last=False)
    return data


def member_names(archive: Path) -> Sequence[str]:
    """Names of the files in an archive, in the order in which reading them is cheapest.

    Raises
    ------
    ImageError
        There is no such archive, or it cannot be listed.
    """
    return tuple(_opened(archive, _stamp(archive)).names)


def _stamp(archive: Path) -> tuple[int, ...]:
    """What tells this file from one that takes its place; and whose open files these are, after a fork."""
    try:
        state = archive.stat()
    except OSError as error:
        problem = (
            "there is no such archive"
            if isinstance(error, FileNotFoundError | NotADirectoryError)
            else f"the archive cannot be read ({error.strerror})"
        )
        raise ImageError(problem, where=str(archive), remedy="mend the path in the manifest") from None
    if not stat.S_ISREG(state.st_mode):
        raise ImageError(
            "this is a folder or device, not an archive",
            where=str(archive),
            remedy="name a file in a folder by its path, as eyes/left/1.png",
        )
    return os.getpid(), state.st_ino, state.st_size, state.st_mtime_ns


def _opened(archive: Path, stamp: tuple[int, ...]) -> Archive:
    place = str(archive)
    with _lock:  # also while it is listed: another thread that wants it waits instead of listing it again
        known = _archives.get(place)
        if known is None or known[0] != stamp:
            known = stamp, _open(archive)
            _archives[place] = known
        _archives.move_to_end(place)
        while len(_archives) > _OPEN:
            _archives.popitem(last=False)  # it closes when nobody reads in it any more
        return known[1]


def _open(archive: Path) -> Archive:
    kind: type[ZipArchive | TarArchive] = ZipArchive if archive.name.lower().endswith(".zip") else TarArchive
    try:
        return kind(archive)
    except OSError as error:
        raise ImageError(
            f"the archive cannot be read ({error.strerror or 'input/output error'})",
            where=str(archive),
            remedy="check its permissions and the disk",
        ) from None


def _short(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _missing(name: str, names: Collection[str], where: str) -> ImageError:
    alike: list[str] = []
    if len(names) <= _SEARCHED:
        short = _short(name)
        alike = [other for other in names if _short(other) == short][:3]
        alike = alike or difflib.get_close_matches(name, list(names), 3, 0.8)
    remedy = (
        f"there is {', '.join(alike)}" if alike else "list the archive, and mend the name in the manifest"
    )
    return ImageError(f"the archive has no {name}, of {len(names):,} files", where=where, remedy=remedy)
